/* nameless PROGRAM: runs PROGRAM as a file in memory, then as a file that was removed. */
#include "attack.h"

#include <sys/mman.h>
#include <sys/wait.h>

static int copy(const char *from, int to)
{
    char piece[65536];
    int fd = open(from, O_RDONLY);
    for (ssize_t n; fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0;)
        if (write(to, piece, (size_t)n) != n)
            return -1;
    return fd < 0 ? -1 : close(fd);
}

static void run(int fd)
{
    static char *const argv[] = {"nameless", NULL}, *const envp[] = {NULL};
    if (fork() == 0) {
        fexecve(fd, argv, envp);
        _exit(setup_failed("fexecve"));
    }
    wait(NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    int memory = memfd_create("attack", 0);
    if (memory < 0 || copy(argv[1], memory) < 0)
        return setup_failed("memfd_create");
    run(memory);
    int file = open("/removed", O_CREAT | O_WRONLY, 0755);
    if (file < 0 || copy(argv[1], file) < 0)
        return setup_failed("a copy");
    close(file);
    file = open("/removed", O_RDONLY);
    unlink("/removed");
    run(file);
    return 0;
}
