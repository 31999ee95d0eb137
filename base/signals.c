#include "base/signals.h"
#include "base/mem.h"

#include <unistd.h>

static sigset_t ignored; /* all zero: none, as sigemptyset makes it */

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

static void note(int sig)
{
    struct sigaction now;
    if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
        sigaddset(&ignored, sig);
}

void cb_signals_note(void)
{
    sigemptyset(&ignored);
    for (size_t i = 0; i < CB_LEN(ends); i++)
        note(ends[i]);
    note(SIGTSTP);
}

bool cb_signal_ignored(int sig)
{
    return sigismember(&ignored, sig) == 1;
}

void cb_end_signals(sigset_t *s)
{
    sigemptyset(s);
    for (size_t i = 0; i < CB_LEN(ends); i++)
        if (!cb_signal_ignored(ends[i]))
            sigaddset(s, ends[i]);
}

bool cb_stop_signal_watched(void)
{
    return !cb_signal_ignored(SIGTSTP);
}

void cb_stop_now(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    (void)kill(getpid(), SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here we stop */
    sigprocmask(SIG_BLOCK, &stop, NULL);
}
