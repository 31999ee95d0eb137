/* --help: texts made from the tables of commands and options, one line each. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "builder/cli/options/command.h"

/* One command with its options. */
void cli_help_command(const struct cli_command *c, struct cb_buf *out);
/* All commands (the list ends with NULL; the first is what cbuild does without a command's name), and the options of the
 * first. */
void cli_help_program(const struct cli_command *const *commands, struct cb_buf *out);

#endif
