/* What the files of build's options share: options.c has the table and small values, options-values.c the values that have
 * fields. Nobody else includes this. */
#ifndef CLI_OPTIONS_INTERNAL_H
#define CLI_OPTIONS_INTERNAL_H

#include "builder/cli/option.h"
#include "builder/session/request.h"

cli_set_fn cli_set_build_arg; /* struct cb_strv */
/* These set fields of the whole request. */
cli_set_fn cli_set_secret, cli_set_ssh, cli_set_output, cli_set_push, cli_set_load, cli_set_call, cli_set_check;

#endif
