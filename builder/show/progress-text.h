/* What the plain and the live display share. A text is shortened when it is very long, and ends its line. */
#ifndef BUILD_PROGRESS_TEXT_H
#define BUILD_PROGRESS_TEXT_H

#include "base/buf.h"
#include "builder/session/events.h"

/* Standard error is a terminal that knows colours, and nobody has asked for none (NO_COLOR). */
bool build_progress_colours(void);
/* It can move its cursor. */
bool build_progress_terminal(void);

void build_progress_text(struct cb_buf *out, const char *text);
void build_progress_lint(const struct build_event *e, struct cb_buf *out);

#endif
