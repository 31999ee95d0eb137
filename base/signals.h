/* The signals that ask cbuild to end, SIGINT, SIGTERM, SIGHUP, and the one that asks it to stop. Whoever started us may have set
 * some to be ignored (nohup, a shell's `&`): those stay ignored, in us, in our helpers and in the programs that we start. A
 * command of RUN begins with the defaults, as it would under a daemon. */
#ifndef CB_SIGNALS_H
#define CB_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

void cb_signals_note(void);       /* at the start, before any is changed */
bool cb_signal_ignored(int sig);  /* by whoever started us; false when nobody took note */
void cb_end_signals(sigset_t *s); /* those that are not ignored */
/* Those that are for a command of which we are the outside: SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, where they are not ignored. */
void cb_other_signals(sigset_t *s);

/* SIGTSTP (Ctrl-Z) is taken like these, because what cbuild has started elsewhere has to stop too. */
bool cb_stop_signal_watched(void); /* false: whoever started us has it ignored */
/* Stops this process, as the signal does by default, and comes back when it is continued. The signal is blocked afterwards. Where
 * nobody could continue us the kernel does not stop us. */
void cb_stop_now(void);

#endif
