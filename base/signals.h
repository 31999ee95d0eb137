/* The signals that ask cbuild to end: SIGINT, SIGTERM, SIGHUP. Whoever started us may have set some to be ignored (nohup, a
 * shell's `&`): those stay ignored, in us, in our helpers and in the programs that we start. A command of RUN begins with the
 * defaults, as it would under a daemon. */
#ifndef CB_SIGNALS_H
#define CB_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

void cb_signals_note(void);       /* at the start, before any is changed */
bool cb_signal_ignored(int sig);  /* by whoever started us; false when nobody took note */
void cb_end_signals(sigset_t *s); /* those that are not ignored */

#endif
