/* What is said of a command that has run: nothing when it succeeded, else how it ended and which limit it met. */
#ifndef BUILD_VERDICT_H
#define BUILD_VERDICT_H

#include "builder/plan/plan.h"
#include "builder/session/request.h"

/* The command as BuildKit names it in errors: words joined by blanks, in Go's quotes. Caller frees. */
char *build_command_text(const struct build_run *run);
/* 0, or -1 with CB_E_RUN. */
int build_verdict(const struct build_request *q, const struct build_run *run, const struct rt_result *res, struct cb_error *err);

#endif
