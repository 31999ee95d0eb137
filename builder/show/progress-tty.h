/* The live display: running steps with their last log lines, times and byte counts. */
#ifndef BUILD_PROGRESS_TTY_H
#define BUILD_PROGRESS_TTY_H

#include "builder/session/events.h"

struct build_renderer *build_progress_tty_new(void);

#endif
