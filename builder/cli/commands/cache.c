/* cache: what is done with the store as a cache. A file a subcommand (cache-NAME.c), whose name is "cache NAME". */
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/help.h"
#include "base/text.h"

#include <stdio.h>

static const struct cli_command *const commands[] = {
    &cli_cache_advise, &cli_cache_bench, &cli_cache_mounts, &cli_cache_reset, &cli_cache_verify, NULL,
};

/* The last word of a subcommand's name. */
static const char *word_of(const struct cli_command *c)
{
    return strrchr(c->name, ' ') + 1;
}

static int no_subcommand(const struct cli_command *group, const char *word, struct cb_error *err)
{
    const char **words = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; group->group[i]; i++)
        CB_PUSH(words, n, cap) = word_of(group->group[i]);
    const char *near = cb_did_you_mean(word, words, n, false);
    free(words);
    cb_fail(err, CB_E_USAGE, "there is no 'cbuild %s %s'", group->name, word);
    if (near && strcmp(near, word) == 0)
        return cb_hint(err, "options go behind its name: cbuild %s %s [OPTIONS]", group->name, near);
    if (near)
        return cb_hint(err, "did you mean 'cbuild %s %s'?", group->name, near);
    return cb_hint(err, "'cbuild %s --help' shows what there is", group->name);
}

int cli_run_group(const struct cli_command *group, struct cli_invocation *v, struct cb_error *err)
{
    if (v->args.n)
        return no_subcommand(group, v->args.items[0], err);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_command(group, &out);
    fputs(out.data, stdout);
    return 2;
}

static int cache(void *filled, struct cb_error *err)
{
    return cli_run_group(&cli_cache, filled, err);
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
