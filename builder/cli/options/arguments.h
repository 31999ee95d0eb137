/* The one parser of command lines: options of a command's tables, long and short, and plain arguments between them.
 *
 *     --name VALUE   --name=VALUE   --switch   --switch=BOOL
 *     -n VALUE       -nVALUE        -n=VALUE   -sn VALUE (switches in one word with what follows)   -- (only arguments follow) */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "builder/cli/options/command.h"

/* Fills `ret`, which is zero and of the command's size. 0; with ret->help set the arguments were not counted. Or -1 with
 * CB_E_USAGE, naming the option. */
int cli_parse(const struct cli_command *c, int argc, char **argv, struct cli_invocation *ret, struct cb_error *err);

/* How many words at the start are options that every command has, with their values. */
int cli_leading_options(int argc, char **argv);

#endif
