/* The commands of cbuild: what one is, defined in the file that does its work, and what all of them share. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "builder/cli/option.h"
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
    const char *arguments;             /* what --help calls them; "": none */
    const char *help;                  /* what it does, without a full stop */
    size_t min, max;                   /* how many arguments */
    bool command_line;                 /* from the first argument on all words are arguments: a command and its own options */
    const struct cli_table *tables[9]; /* NULL: no more than every command has */
    size_t size;                       /* of what the options fill */
    /* The exit status, or -1 with err, which is then reported. `filled`: from a command line that was right. */
    int (*run)(void *filled, struct cb_error *err);
    void (*done)(void *filled); /* frees what is the command's own, whatever was filled; NULL: nothing is */
};

extern const struct cli_command cli_build, cli_images, cli_inspect, cli_tag, cli_rmi, cli_push, cli_pull, cli_du, cli_prune,
    cli_doctor, cli_run_command, cli_kaniko;

/* The k-th option of a command, its own before those that every command has; NULL: there are no more. */
const struct cli_option *cli_option_at(const struct cli_command *c, size_t k);

/* Opens the store for a command that is not a build, to write or only to look. cli_run closes it. */
int cli_open(struct cli_invocation *v, struct cb_error *err);
int cli_open_to_read(struct cli_invocation *v, struct cb_error *err);

/* Runs a command with what stands behind its name: parses, answers --help, reports what is wrong. Gives the exit status. */
int cli_run(const struct cli_command *c, int argc, char **argv);
/* Prints the error and its hint, frees it, gives the exit status. */
int cli_report(struct cb_error *err);

#endif
