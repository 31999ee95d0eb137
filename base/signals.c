#include "base/signals.h"
#include "base/mem.h"

static sigset_t ignored; /* all zero: none, as sigemptyset makes it */

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

void cb_signals_note(void)
{
    struct sigaction now;
    sigemptyset(&ignored);
    for (size_t i = 0; i < CB_LEN(ends); i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            sigaddset(&ignored, ends[i]);
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
