/* noise KIND: what a hostile command may write to whoever reads its output. */
#include "attack.h"

#include <signal.h>
#include <sys/ioctl.h>

static void fill(char c, size_t n)
{
    char piece[4096];
    memset(piece, c, sizeof(piece));
    for (; n > 0; n -= n < sizeof(piece) ? n : sizeof(piece))
        if (write(1, piece, n < sizeof(piece) ? n : sizeof(piece)) < 0)
            return;
}

static void forge(void)
{
    /* Packed messages as jobs and sandboxes write them: a kind, lengths, texts; on every descriptor there may be. */
    static const unsigned char message[] = {1, 0,   0,   0,   0,   5,    0, 0,   0,   0,   0,  0,
                                            0, 'o', 'k', 'o', 'k', '\n', 2, 255, 255, 255, 255};
    for (int fd = 0; fd < 4096; fd++) {
        (void)!write(fd, message, sizeof(message));
        if (fd > 2 && fcntl(fd, F_GETFD) >= 0)
            reached("a descriptor of the builder is open");
    }
}

/* The pipes themselves: their flags, size and end are what a reader must not depend on. */
static void spoil(void)
{
    for (int fd = 0; fd < 3; fd++) {
        fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND | O_ASYNC | O_DIRECT);
        fcntl(fd, F_SETPIPE_SZ, 4096);
        fcntl(fd, F_SETSIG, SIGKILL);
        fcntl(fd, F_SETOWN, -1);
        fcntl(fd, F_SETLEASE, F_WRLCK);
    }
    int again = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK); /* the other end of our own pipe */
    if (again >= 0)
        fcntl(again, F_SETFL, O_NONBLOCK);
    fill('.', 300000);
}

int main(int argc, char **argv)
{
    const char *kind = argc == 2 ? argv[1] : "";
    if (strcmp(kind, "line") == 0)
        fill('x', 20u << 20);
    else if (strcmp(kind, "nul") == 0)
        (void)!write(1, "before\0after-the-nul\n\0\0\n", 24);
    else if (strcmp(kind, "lines") == 0)
        for (int i = 0; i < 1000000; i++)
            puts("l");
    else if (strcmp(kind, "escapes") == 0)
        puts("\033]0;title\a\033[2J\033[1;1H\033[31mred\033]52;c;ZXZpbA==\a\x9b"
             "5n\033[6n\b\b\r\x7f\xc2\x9b"
             "5n");
    else if (strcmp(kind, "forge") == 0)
        forge();
    else if (strcmp(kind, "spoil") == 0)
        spoil();
    else if (strcmp(kind, "close") == 0)
        close(1), close(2);
    fprintf(stderr, "\nHELD: noise %s\n", kind);
    return 0;
}
