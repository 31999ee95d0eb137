/* straggle bomb | hop: goes on when the command that started it has ended, and does what it can not to be ended. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* As many as there may be, which start others, wake each other up and begin sessions of their own. */
static void bomb(void)
{
    for (;;) {
        if (fork() == 0)
            setsid();
        kill(-1, SIGCONT);
    }
}

/* Never the same process for long. */
static void hop(void)
{
    for (;;) {
        setsid();
        if (fork() > 0)
            _exit(0);
    }
}

int main(int argc, char **argv)
{
    const struct rlimit few = {60, 60}; /* root is not bound by it, and hops */
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_IGN);
    if (argc != 2 || fork() > 0) {
        usleep(100000);
        return argc != 2;
    }
    setrlimit(RLIMIT_NPROC, &few); /* others of the same user may have used it up already: not before the fork above */
    if (strcmp(argv[1], "bomb") == 0)
        bomb();
    hop();
}
