/* What the programs share: every attempt is one line of output, which tests/attack/lib.sh reads.
 *   HELD: what: ERRNO       the attempt was refused
 *   REACHED: what           it was not: the test fails
 *   SEEN dev:ino size what  a file as it shows itself, compared with the files of the host */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void held(const char *what)
{
    const char *name = errno ? strerrorname_np(errno) : NULL;
    printf("HELD: %s: %s\n", what, name ? name : "by design");
    fflush(stdout);
}

static inline void reached(const char *what)
{
    printf("REACHED: %s\n", what);
    fflush(stdout);
}

/* The result of a system call that must fail. Returns whether it did. */
static inline bool must_fail(const char *what, long result)
{
    if (result < 0)
        held(what);
    else
        reached(what);
    return result < 0;
}

static inline void seen(const char *what)
{
    struct stat st;
    if (stat(what, &st) == 0)
        printf("SEEN %llu:%llu %lld %s\n", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (long long)st.st_size,
               what);
    fflush(stdout);
}

/* Waits until the file exists; false after half a minute: the other side has failed, which its own test says. */
static inline bool wait_for_file(const char *path)
{
    for (int i = 0; i < 3000; i++) {
        if (access(path, F_OK) == 0)
            return true;
        usleep(10000);
    }
    return false;
}

static inline void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0666);
    if (fd >= 0)
        close(fd);
}

static inline int setup_failed(const char *what)
{
    printf("SETUP FAILED: %s: %s\n", what, strerror(errno));
    return 1;
}

#endif
