/* The command line of `cbuild build`: one table that parsing, --help and "did you mean" read. */
#ifndef BUILD_OPTIONS_H
#define BUILD_OPTIONS_H

#include "builder/session/request.h"

/* Fills *ret (build_request_done also after a failure). 0, or -1 with CB_E_USAGE naming the option. */
int build_options_parse(int argc, char **argv, struct build_request *ret, struct cb_error *err);
/* The help text of `build`, grouped, one line an option. */
void build_options_help(struct cb_buf *out);

#endif
