#include "base/signals.h"
#include "base/mem.h"

#include <unistd.h>

static sigset_t ignored; /* all zero: none, as sigemptyset makes it */

static const int ends[] = {SIGINT, SIGTERM, SIGHUP}, others[] = {SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

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
    for (size_t i = 0; i < CB_LEN(others); i++)
        note(others[i]);
    note(SIGTSTP);
}

bool cb_signal_ignored(int sig)
{
    return sigismember(&ignored, sig) == 1;
}

static void add_heeded(const int *list, size_t n, sigset_t *s)
{
    sigemptyset(s);
    for (size_t i = 0; i < n; i++)
        if (!cb_signal_ignored(list[i]))
            sigaddset(s, list[i]);
}

void cb_end_signals(sigset_t *s)
{
    add_heeded(ends, CB_LEN(ends), s);
}

void cb_other_signals(sigset_t *s)
{
    add_heeded(others, CB_LEN(others), s);
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
