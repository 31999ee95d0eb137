/* `--call`: questions about a Dockerfile that are answered on standard output without building (check, targets,
 * outline), as docker buildx has them: lint-rules.md "Output forms", dockerfile.md §1 "Doc comments". */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "base/error.h"

struct build;

/* Answers request->call, which is not BUILD_CALL_BUILD, for the build `b` that build_open opened. Gives the exit status
 * (1 when a check found something), or -1 with err: the Dockerfile could not be evaluated. */
int cli_call(struct build *b, struct cb_error *err);

#endif
