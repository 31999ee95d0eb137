/* The options of `cbuild build`. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "builder/cli/options/command.h"

extern const struct cli_table cli_build_options;
extern const struct cli_table cli_limit_options;       /* those that limit RUN steps */
extern const struct cli_table cli_confinement_options; /* those that say what RUN may ask of the kernel */
extern const struct cli_table cli_sandbox_options;     /* those that say what is in its sandbox */
extern const struct cli_table cli_network_options;     /* those that say what RUN reaches */
extern const struct cli_table cli_registry_options;    /* build, push and pull */
extern const struct cli_table cli_buildah_options;     /* those that docker build has not */
extern const struct cli_table cli_platform_options;    /* of these, the parts of --platform: for run, too */
extern const struct cli_table cli_peer_options;        /* those of buildah and podman that it does anyway, or cannot honour */
extern const struct cli_table cli_namespace_options;   /* of these, what is said of namespaces: for run, too */
extern const struct cli_table cli_container_options;   /* those of docker run and podman run that run does anyway, or cannot */
extern const struct cli_table cli_push_peer_options;   /* what others have for push and pull */
extern const struct cli_table cli_pull_peer_options;
extern const struct cli_table cli_policy_options;  /* what may be taken from outside */
extern const struct cli_table cli_attest_options;  /* what is attached to the image */
extern const struct cli_table cli_refused_options; /* those of docker build that cbuild cannot honour */

/* All that a build takes. */
#define CLI_BUILD_TABLES                                                                                                         \
    &cli_build_options, &cli_attest_options, &cli_policy_options, &cli_sandbox_options, &cli_limit_options,                      \
        &cli_confinement_options, &cli_network_options, &cli_registry_options, &cli_buildah_options, &cli_platform_options,      \
        &cli_refused_options, &cli_peer_options, &cli_namespace_options

/* Completes the request of a parsed command line: context, defaults, what the environment says; refuses what contradicts itself.
 * 0, or -1 with CB_E_USAGE. */
int cli_complete(struct cli_invocation *v, struct cb_error *err);

extern const struct cli_table cli_progress_options; /* --progress, --quiet: of what brings images from one place to another */
/* --progress, which others have too. The second takes $BUILDKIT_PROGRESS where no option was given. */
cli_set_fn cli_set_progress, cli_set_quiet;
int cli_default_progress(struct build_request *r, struct cb_error *err);
/* Takes $SOURCE_DATE_EPOCH as a build argument where none of that name was given. */
void cli_default_epoch(struct build_request *r);

#endif
