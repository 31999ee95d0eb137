/* How long something takes, by a clock that nobody can set, and that stands still while cbuild is stopped (Ctrl-Z). */
#ifndef CB_CLOCK_H
#define CB_CLOCK_H

#include <time.h>

struct timespec cb_clock_now(void);
double cb_seconds_since(const struct timespec *then);

/* What passed since cb_clock_now gave `then` did not pass, in this process and those that it forks from now on. */
void cb_clock_skip(const struct timespec *then);
double cb_clock_skipped(void); /* seconds, of all of them */

#endif
