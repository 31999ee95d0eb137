/* The renderers of a build's events: live display on a terminal, plain text, JSON lines, nothing. */
#ifndef BUILD_PROGRESS_H
#define BUILD_PROGRESS_H

#include "builder/session/events.h"
#include "builder/session/request.h"

/* BUILD_PROGRESS_AUTO: the live display when standard error is a terminal, else plain text. Never NULL; the caller
 * ends it with r->free(r). */
struct build_renderer *build_renderer_new(enum build_progress kind);

#endif
