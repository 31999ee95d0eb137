/* Which command a command line means: ours by name, ours by the words that docker, buildah and podman have for it, or none. */
#ifndef CLI_CHOOSE_H
#define CLI_CHOOSE_H

#include "builder/cli/commands/commands.h"

/* All commands, in the order of --help; NULL ends them. The first is what cbuild does when no command is named. */
extern const struct cli_command *const cli_commands[];

/* The command that the first words of `argv` name, and how many words that took (two for `buildx build`
 * and for `cache reset`). NULL: none. */
const struct cli_command *cli_choose_command(int argc, char **argv, int *ret_words);

/* Is `word` more likely a command that does not exist than a build context? What is there, or not on this machine, is a
 * context. Then err says what is wrong with it. */
bool cli_is_no_command(const char *word, struct cb_error *err);
/* Fills err: there is no such command, and what may be meant instead; `what` begins the message. Always -1. */
int cli_no_command(const char *word, const char *what, struct cb_error *err);

#endif
