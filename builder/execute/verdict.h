/* What is said of a command that has run: nothing when it succeeded, else how it ended and which limit it met. */
#ifndef BUILD_VERDICT_H
#define BUILD_VERDICT_H

#include "builder/plan/plan.h"
#include "builder/session/request.h"

/* The command as BuildKit names it in errors: words joined by blanks, in Go's quotes. Caller frees. */
char *build_command_text(const struct build_run *run);
/* What is to be said of how it ended besides its status: a limit that it met, or why it could not be started. NULL: nothing.
 * Caller frees. */
char *build_verdict_cause(const struct build_request *q, const struct rt_result *res);
/* 0, or -1 with CB_E_RUN. */
int build_verdict(const struct build_request *q, const struct build_run *run, const struct rt_result *res, struct cb_error *err);

#endif
