#include "builder/output/out-file.h"
#include "base/fd.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/named.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 40 /* as the kernel */

/* What writing to `dest` makes or replaces: links are followed, also one that leads to nothing yet. Caller frees; NULL: errno. */
static char *resolve(const char *dest)
{
    CB_AUTO(free) char *path = cb_strdup(dest);
    for (int i = 0; i < MAX_LINKS; i++) {
        char target[PATH_MAX], *real = realpath(path, NULL);
        if (real || errno != ENOENT)
            return real;
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
            return CB_TAKE(path);
        target[n] = 0;
        CB_AUTO(free) char *dir = cb_path_dir(path);
        free(path);
        path = *target == '/' ? cb_strdup(target) : cb_path_join(dir, target);
    }
    errno = ELOOP;
    return NULL;
}

/* A stream of ours under another name, as /dev/stdout, shares its position with what is written to it otherwise. */
static int same_stream(const struct stat *st)
{
    struct stat own;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
            return fd;
    return -1;
}

int build_out_check(const char *dest, struct cb_error *err)
{
    struct stat st;
    bool exists = stat(dest, &st) == 0;
    if (strcmp(dest, "-") == 0 || (exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 0;
    if (exists && S_ISDIR(st.st_mode))
        return cb_fail_sys(err, EISDIR, "write '%s'", dest);
    CB_AUTO(free) char *real = resolve(dest), *dir = cb_path_dir(real ? real : dest);
    return access(dir, W_OK | X_OK) < 0 ? cb_fail_sys(err, errno, "create '%s'", dest) : 0;
}

int build_out_check_directory(const char *dest, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_strdup(dest);
    struct stat st;
    while (stat(path, &st) < 0) {
        if (errno != ENOENT)
            return cb_fail_sys(err, errno, "open output directory '%s'", dest);
        char *last = strrchr(path, '/');
        if (!last || last == path)
            return 0;
        *last = 0;
    }
    return S_ISDIR(st.st_mode) ? 0 : cb_fail_sys(err, ENOTDIR, "open output directory '%s'", dest);
}

void build_out_forget(const char *dest)
{
    struct stat st;
    CB_AUTO(free) char *path = resolve(dest);
    if (path && stat(dest, &st) == 0 && S_ISREG(st.st_mode) && same_stream(&st) < 0)
        (void)unlink(path); /* what cannot be removed cannot be replaced either: the build says so */
}

static int open_stream(struct build_out_file *f, int stream, struct cb_error *err)
{
    f->fd = fcntl(stream, F_DUPFD_CLOEXEC, 3);
    return f->fd < 0 ? cb_fail_sys(err, errno, "write to '%s'", f->dest) : 0;
}

int build_out_open(struct build_out_file *ret, const char *dest, struct cb_error *err)
{
    struct stat st;
    *ret = (struct build_out_file){.fd = -1, .dest = dest};
    if (strcmp(dest, "-") == 0)
        return open_stream(ret, STDOUT_FILENO, err);
    bool exists = stat(dest, &st) == 0;
    int stream = exists ? same_stream(&st) : -1;
    if (stream >= 0)
        return open_stream(ret, stream, err);
    if (exists && S_ISDIR(st.st_mode))
        return cb_fail_sys(err, EISDIR, "write '%s'", dest);
    if (exists && !S_ISREG(st.st_mode)) {
        ret->fd = cb_open_to_write(dest);
        if (ret->fd == -ECANCELED && cb_check_signals(err) < 0)
            return -1;
        return ret->fd < 0 ? cb_fail_sys(err, ret->fd, "write '%s'", dest) : 0;
    }
    ret->path = resolve(dest);
    if (!ret->path)
        return cb_fail_sys(err, errno, "write '%s'", dest);
    ret->tmp = cb_printf("%s.cbuild-%d", ret->path, (int)getpid());
    ret->fd = open(ret->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return ret->fd < 0 ? cb_fail_sys(err, errno, "create '%s'", dest) : 0;
}

int build_out_close(struct build_out_file *f, int result, struct cb_error *err)
{
    bool made = f->fd >= 0 && f->tmp;
    if (f->fd >= 0 && close(f->fd) < 0 && result == 0)
        result = cb_fail_sys(err, errno, "write '%s'", f->dest);
    if (made && result == 0 && rename(f->tmp, f->path) < 0)
        result = cb_fail_sys(err, errno, "rename to '%s'", f->dest);
    if (made && result < 0)
        unlink(f->tmp);
    free(f->tmp);
    free(f->path);
    *f = (struct build_out_file){.fd = -1};
    return result;
}

int build_out_put(const char *dest, const void *p, size_t n, struct cb_error *err)
{
    struct build_out_file f;
    int r = build_out_open(&f, dest, err);
    int e = r == 0 ? cb_write_full(f.fd, p, n) : 0;
    if (e < 0)
        r = cb_fail_sys(err, e, "write '%s'", dest);
    return build_out_close(&f, r, err);
}
