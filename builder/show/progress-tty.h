/* The live display: running steps with their last log lines, times and byte counts. */
#ifndef BUILD_PROGRESS_TTY_H
#define BUILD_PROGRESS_TTY_H

#include "builder/session/events.h"

bool progress_tty_possible(void); /* standard error is a terminal that can move its cursor */
struct build_renderer *progress_tty_new(void);

/* Of progress.c: text that plain and live display show alike. A text is shortened when it is very long, and ends its line. */
void progress_text(struct cb_buf *out, const char *text);
void progress_lint(const struct build_event *e, struct cb_buf *out);
void progress_summary(const struct build_summary *s, struct cb_buf *out);

#endif
