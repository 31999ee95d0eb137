/* What a command is: its words on the command line, and what it does with them. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "builder/cli/options/option.h"
#include "builder/session/session.h"

/* What a command line gave, and what the command works with. Options fill it, or a struct of the command's own that begins
 * with it. Zero is the state before. */
struct cli_invocation {
    struct build_request request; /* first: options of a build are fields of it */
    struct cb_strv args;          /* what is not an option */
    bool help;                    /* --help: the rest is not checked */
    bool opened;
    struct build_session session; /* after cli_open */
};

struct cli_command {
    const char *name;
    const char *arguments;              /* what --help calls them; "": none */
    const char *help;                   /* what it does, without a full stop */
    size_t min, max;                    /* how many arguments */
    bool command_line;                  /* from the first argument on all words are arguments: a command and its own options */
    const struct cli_table *tables[16]; /* NULL: no more than every command has */
    int failure;                        /* the exit status of what fails, usage too; 0: the usual ones (builder/show/report.h) */
    size_t size;                        /* of what the options fill */
    const struct cli_command *const
        *group; /* commands whose names are this one's and another word; NULL ends them, and is none */
    /* Fills what the environment says, before the options; NULL: nothing. 0, or -1 with err. */
    int (*environment)(struct build_request *r, struct cb_error *err);
    /* The exit status, or -1 with err, which is then reported. `filled`: from a command line that was right. */
    int (*run)(void *filled, struct cb_error *err);
    void (*done)(void *filled); /* frees what is the command's own, whatever was filled; NULL: nothing is */
};

/* The k-th option of a command, its own before those that every command has; NULL: there are no more. */
const struct cli_option *cli_option_at(const struct cli_command *c, size_t k);

#endif
