/* What the command line of kaniko's executor says beyond a build request. For kaniko*.c only. */
#ifndef CLI_KANIKO_H
#define CLI_KANIKO_H

#include "builder/cli/options/command.h"

struct kaniko {
    struct cli_invocation common;
    char *context;             /* dir://, tar://, git://, or a path; NULL: /workspace */
    char *branch;              /* of a git context without one */
    char *tar_path;            /* NULL: none */
    char *layout;              /* directory; NULL: none */
    char *compression, *level; /* as keys of an output; NULL: its own */
    char *dir;                 /* kaniko's own, where it keeps Docker's config.json; NULL: /kaniko */
    char *cache_repo;          /* a repository, or oci:DIR; NULL: beside the destination */
    bool cache;                /* --cache was given, and is true */
    bool no_push, no_push_cache;
};

extern const struct cli_table cli_kaniko_options;

/* Mirrors as kaniko has them: "SOURCE=MIRROR[;SOURCE=MIRROR…]", and those of Docker Hub by themselves. To a list as `struct
 * reg_options` has it. */
cli_set_fn cli_add_registry_map, cli_add_registry_mirror;

#endif
