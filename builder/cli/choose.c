#include "builder/cli/choose.h"
#include "base/text.h"

#include <unistd.h>

const struct cli_command *const cli_commands[] = {
    &cli_build,       &cli_explain_command,
    &cli_run_command, &cli_images,
    &cli_inspect,     &cli_history,
    &cli_diff,        &cli_tag,
    &cli_rmi,         &cli_push,
    &cli_pull,        &cli_load,
    &cli_save,        &cli_import,
    &cli_export,      &cli_copy,
    &cli_login,       &cli_logout,
    &cli_du,          &cli_prune,
    &cli_cache,       &cli_doctor,
    &cli_kaniko,      &cli_sbom,
    &cli_manifest,    NULL,
};

/* What the others call them. */
static const struct {
    const char *first, *second; /* second NULL: one word */
    const struct cli_command *command;
} aliases[] = {
    {"bud", NULL, &cli_build},          {"build-using-dockerfile", NULL, &cli_build},
    {"buildx", "build", &cli_build},    {"buildx", "b", &cli_build},
    {"buildx", "du", &cli_du},          {"buildx", "prune", &cli_prune},
    {"builder", "build", &cli_build},   {"builder", "prune", &cli_prune},
    {"image", "build", &cli_build},     {"image", "ls", &cli_images},
    {"image", "list", &cli_images},     {"image", "inspect", &cli_inspect},
    {"image", "tag", &cli_tag},         {"image", "rm", &cli_rmi},
    {"image", "push", &cli_push},       {"image", "pull", &cli_pull},
    {"image", "import", &cli_import},   {"image", "load", &cli_load},
    {"image", "save", &cli_save},       {"image", "prune", &cli_prune},
    {"image", "history", &cli_history}, {"image", "diff", &cli_diff},
    {"system", "df", &cli_du},          {"system", "prune", &cli_prune},
    {"executor", NULL, &cli_kaniko},    {"cache", "du", &cli_du},
    {"cache", "prune", &cli_prune},
};

static const char container_hint[] = "no container is left of a build: --target STAGE builds up to where you want to look";
static const char dockerfile_hint[] = "images are made from a Dockerfile: cbuild -t NAME DIR";
static const char platforms_hint[] =
    "cbuild --platform linux/amd64,linux/arm64 -t NAME makes a list of images; cbuild push NAME pushes it";

/* Commands that the others have, and what does here what they do there. */
static const struct {
    const char *word, *hint;
} foreign[] = {
    {"ps", container_hint},
    {"rm", "'cbuild rmi' removes images; no container is left of a build"},
    {"ls", "'cbuild images' lists what is in the store"},
    {"image", "'cbuild images' lists what is in the store"},
    {"info", "'cbuild version' shows the version, 'cbuild du' the store; there is no daemon"},
    {"from", dockerfile_hint},
    {"commit", dockerfile_hint},
    {"config", dockerfile_hint},
    {"create", platforms_hint},
    {"imagetools", platforms_hint},
    {"bake", "call cbuild once a target, with its options"},
    {"buildx", "there are no builder instances: cbuild builds by itself"},
    {"builder", "there are no builder instances: cbuild builds by itself"},
    {"system", "'cbuild du' shows what the store uses, 'cbuild prune' removes what nothing needs"},
    {"convert", "-o type=oci and type=docker write an image with the media types of either"},
    {"warmer", "'cbuild pull NAME' puts base images into the store, where every build finds them"},
    {"completion", "'cbuild COMMAND --help' lists the options"},
};

static const struct cli_command *choose_alias(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; argc > 0 && i < CB_LEN(aliases); i++) {
        const char *second = aliases[i].second;
        if (strcmp(aliases[i].first, argv[0]) == 0 && (!second || (argc > 1 && strcmp(second, argv[1]) == 0))) {
            *ret_words = second ? 2 : 1;
            return aliases[i].command;
        }
    }
    return NULL;
}

static const char *last_word(const char *name)
{
    const char *blank = strrchr(name, ' ');
    return blank ? blank + 1 : name;
}

static const struct cli_command *find_in(const struct cli_command *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(last_word((*list)->name), word) == 0)
            return *list;
    return NULL;
}

/* Down the groups, as far as the words name commands. */
static const struct cli_command *choose_own(int argc, char **argv, int *ret_words)
{
    const struct cli_command *chosen = NULL;
    for (*ret_words = 0; *ret_words < argc; ++*ret_words) {
        const struct cli_command *next = find_in(*ret_words ? chosen->group : cli_commands, argv[*ret_words]);
        if (!next)
            break;
        chosen = next;
    }
    return chosen;
}

const struct cli_command *cli_choose_command(int argc, char **argv, int *ret_words)
{
    const struct cli_command *alias = choose_alias(argc, argv, ret_words);
    return alias ? alias : choose_own(argc, argv, ret_words);
}

static const char *foreign_hint(const char *word)
{
    for (size_t i = 0; i < CB_LEN(foreign); i++)
        if (strcmp(foreign[i].word, word) == 0)
            return foreign[i].hint;
    return NULL;
}

/* The command whose name `word` nearly is, or NULL. A word this short is near to everything. */
static const char *near_command(const char *word)
{
    const char **names = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; cli_commands[i]; i++)
        CB_PUSH(names, n, cap) = cli_commands[i]->name;
    const char *near = strlen(word) > 2 ? cb_did_you_mean(word, names, n, false) : NULL;
    free(names);
    return near;
}

int cli_no_command(const char *word, const char *what, struct cb_error *err)
{
    const char *hint = foreign_hint(word), *near = hint ? NULL : near_command(word);
    cb_fail(err, CB_E_USAGE, "%s '%s'", what, word);
    if (hint)
        return cb_hint(err, "%s", hint);
    return cb_hint(err, near ? "did you mean 'cbuild %s'?" : "'cbuild --help' shows the commands", near);
}

bool cli_is_no_command(const char *word, struct cb_error *err)
{
    if (!*word || word[0] == '-' || strpbrk(word, "/:") || access(word, F_OK) == 0)
        return false;
    if (!foreign_hint(word) && !near_command(word))
        return false;
    cli_no_command(word, "there is no command and no directory", err);
    return true;
}
