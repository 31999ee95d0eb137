/* cache: what is done with the store as a cache. A file a subcommand (cache-NAME.c), whose name is "cache NAME". */
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/help.h"
#include "base/text.h"

#include <stdio.h>

static const struct cli_command *const commands[] = {
    &cli_cache_reset,
    &cli_cache_verify,
    NULL,
};

/* The last word of a subcommand's name. */
static const char *word_of(const struct cli_command *c)
{
    return strrchr(c->name, ' ') + 1;
}

static int no_subcommand(const char *word, struct cb_error *err)
{
    const char *words[CB_LEN(commands)];
    size_t n = 0;
    for (; commands[n]; n++)
        words[n] = word_of(commands[n]);
    const char *near = cb_did_you_mean(word, words, n, false);
    cb_fail(err, CB_E_USAGE, "there is no 'cbuild cache %s'", word);
    if (near && strcmp(near, word) == 0)
        return cb_hint(err, "options go behind its name: cbuild cache %s [OPTIONS]", near);
    return cb_hint(err, near ? "did you mean 'cbuild cache %s'?" : "'cbuild cache --help' shows what there is", near);
}

/* Only called with what names no subcommand. */
static int cache(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    if (v->args.n)
        return no_subcommand(v->args.items[0], err);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_command(&cli_cache, &out);
    fputs(out.data, stdout);
    return 2;
}

const struct cli_command cli_cache = {
    .name = "cache",
    .arguments = "COMMAND",
    .help = "look after the store: 'cbuild cache --help'",
    .max = SIZE_MAX,
    .command_line = true,
    .size = sizeof(struct cli_invocation),
    .group = commands,
    .run = cache,
};
