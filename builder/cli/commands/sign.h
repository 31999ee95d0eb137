/* Signing what was pushed, by the program cosign. */
#ifndef CLI_SIGN_H
#define CLI_SIGN_H

#include "builder/output/output.h"

/* Before anything is built: whether what --sign asks for can be done. */
int cli_sign_check(const struct build_request *q, struct cb_error *err);
/* Signs what the output has just pushed, by its digest, under each of its names; nothing, if it was not asked for. */
int cli_sign(struct build_session *s, const struct build_output *o, const struct build_result *r, struct cb_error *err);

#endif
