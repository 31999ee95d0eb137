/* The plan: a Dockerfile and a request become a graph of steps. Only what the target needs is in it. For several platforms the
 * Dockerfile is evaluated once for each, into the same graph: a step that comes out the same for two of them is there once.
 * Instructions that change nothing but the config (ENV, LABEL, CMD …) are folded into the state of their stage and are no steps.
 * Planning runs nothing and changes nothing; what it has to know besides the Dockerfile and the request, it asks through a table
 * of functions.
 *
 * A step stands on a `parent` (the snapshot below it; NULL: the empty root) and may take files of other steps. Its result is one
 * more layer on its parent; a BUILD_OP_BASE's result is the layers of an image. Once made, a plan does not change: what becomes
 * of its steps stands elsewhere (builder/execute/keys/graph.h), and processes forked later read the plan from their memory. */
#ifndef BUILD_PLAN_H
#define BUILD_PLAN_H

#include "builder/pull/base-image.h"
#include "builder/context/contexts.h"
#include "builder/context/fetch.h"
#include "builder/session/request.h"
#include "cache/image.h"
#include "parser/instruction.h"
#include "parser/mount.h"
#include "parser/owner.h"
#include "registry/oci/config.h"

struct build_step;
struct build_plan_effects;

/* Where COPY and bind mounts take files from. */
enum build_files_kind { BUILD_FILES_CONTEXT, BUILD_FILES_STEP, BUILD_FILES_EMPTY };
struct build_files {
    enum build_files_kind kind;
    struct build_local *local;     /* BUILD_FILES_CONTEXT */
    const struct build_step *step; /* BUILD_FILES_STEP: the snapshot after it */
};

struct build_run_mount {
    struct df_mount *m;
    char *target;            /* absolute, cleaned */
    struct build_files from; /* bind, cache */
    bool fresh;              /* cache: a RUN that is executed anew uses it, so the build begins with it empty */
    struct build_run_mount *next;
};
struct build_run {
    struct cb_strv argv, env;
    struct cb_strv args;      /* names of those in env that an ARG set */
    struct cb_strv proxy_env; /* put over env, kept out of keys and history */
    char *cwd, *user, *hostname;
    char *arch; /* of its programs; NULL: this machine's */
    struct build_run_mount *mounts;
    char *script_name; /* heredoc with #!: a file below /dev/pipes */
    char *script;
    size_t script_len;
    const struct rt_network *network;
    bool insecure;
    bool asked_hostname; /* it is BUILDKIT_SANDBOX_HOSTNAME */
    bool over_namespace; /* it has rights over the namespace that all steps share */
};

struct build_inline { /* a heredoc source, expanded */
    char *name;
    char *bytes;
    size_t len;
};
/* What was fetched once, for all that name it so. */
struct build_fetched {
    char *url, *checksum;
    enum df_tri keep_git_dir;
    struct build_remote *remote;
};
struct build_copy {
    bool add;
    struct cb_strv sources;        /* expanded */
    struct build_remote **remotes; /* of each source: what ADD fetched (borrowed from the plan), or NULL for a path */
    size_t n_entries, cap_remotes; /* of remotes: as many as sources */
    size_t n_remote;               /* those that are not NULL */
    struct build_inline *files;
    size_t n_files, cap_files;
    struct build_files from;
    char *dest; /* expanded, as written */
    char *workdir;
    char *chown; /* expanded; NULL: not given */
    bool has_chmod;
    struct df_chmod chmod;
    char *chmod_text;
    bool link, parents;
    bool unpack, unpack_remote; /* ADD: extract archives that are local, that were fetched */
    struct cb_strv excludes;
};
struct build_workdir {
    char *path, *user;
};
enum build_op { BUILD_OP_BASE, BUILD_OP_RUN, BUILD_OP_COPY, BUILD_OP_WORKDIR };

struct build_step {
    enum build_op op;
    size_t index;       /* in plan->steps: topological order */
    int number;         /* as shown, from 1 */
    char *name;         /* "[build 2/5] RUN make" */
    char *stage;        /* "build"; NULL: it is no instruction of a stage. Then the next two are nothing */
    const char *source; /* of its name: "RUN make" */
    char *platform;     /* of its stage, "linux/amd64"; what a RUN gives depends on it. NULL: an image */
    bool foreign;       /* that is not this machine's */
    int position;       /* in its stage, from 1 */
    struct cb_place at;
    const struct build_step *parent;
    const struct build_step **inputs; /* those whose files it takes, in the order in which it names them */
    size_t n_inputs, cap_inputs;
    union {
        struct build_base base;
        struct build_run run;
        struct build_copy copy;
        struct build_workdir workdir;
    };
    bool no_cache;
    bool renewed;        /* it or something it is made from is executed whatever is recorded */
    bool inputs_renewed; /* so its definition says nothing about what its inputs will be */
    bool in_target;      /* its layer is part of the image that is built */
    bool needs_fs;       /* a RUN may stand on its layer */
    bool gives_files;    /* other steps take files from its layer */
};

/* One line of history, and the step that made its layer (NULL: empty_layer). */
struct build_history {
    char *created_by;
    const struct build_step *step;
};

/* What a stage is after its last instruction so far. */
struct build_state {
    struct oci_image_config config;
    const struct build_step *snapshot;
    struct build_history *history; /* of this Dockerfile, behind config.history of the base */
    size_t n_history, cap_history;
};

/* The image that is built for one platform. */
struct build_target {
    struct oci_platform platform; /* that was asked for, or this machine's */
    struct build_state state;     /* of the target stage */
};

struct build_plan {
    struct df_file *file;
    struct df_dockerfile dockerfile;
    struct build_step **steps;
    size_t n_steps, cap_steps;
    struct build_target *targets; /* in the order asked for; at least one */
    size_t n_targets;
    char *target_name;
    struct build_fetched *fetched; /* what ADDs name by URL or git reference */
    size_t n_fetched, cap_fetched;
    bool has_epoch;
    int64_t epoch; /* SOURCE_DATE_EPOCH */
    struct df_lint lint;
    struct build_outline *outline;            /* --call=outline: what is known of ARGs; else NULL */
    const struct build_plan_effects *effects; /* what was fetched is released with it */
    void *effects_arg;
};

/* What planning asks of the world; `arg` is the input's. A test answers from text. */
struct build_plan_effects {
    /* Manifests and configs of images, side by side (builder/pull/base-image.h). The error carries a place. */
    int (*resolve)(void *arg, struct build_want *wants, size_t n, struct cb_error *err);
    /* What an ADD names by URL or git reference, and its end. */
    int (*fetch)(void *arg, const struct build_remote_request *r, struct build_remote **ret, struct cb_error *err);
    void (*release)(void *arg, struct build_remote *r);
    /* Named contexts: build_contexts_find, build_contexts_time. */
    struct build_named *(*find_context)(void *arg, const char *name, const struct oci_platform *platform);
    int (*context_time)(void *arg, const char *name, int64_t *ret);
    /* The number under which the next step is shown: what is asked for meanwhile is shown too. */
    int (*number)(void *arg);
};

struct build_plan_input { /* all borrowed, until the plan's end */
    const struct build_request *request;
    struct cb_str dockerfile;
    struct build_local *context; /* the main one; its files are not looked at, its ignore file is */
    const struct build_plan_effects *effects;
    void *arg;
};

/* Fills a zeroed *ret, which must be freed even after a failure: it holds what was parsed and warned of until then. -1: err is
 * the first mistake; those independent of it are added to `more`. */
int build_plan_make(const struct build_plan_input *in, struct build_plan *ret, struct df_errors *more, struct cb_error *err);
void build_plan_done(struct build_plan *p);

/* What executing a step gave. A build has an array of them, by step->index; of a BUILD_OP_BASE it is not used. */
struct build_made {
    struct cb_digest layer;
    struct timespec created;
};

/* The layers of the snapshot after `step` (NULL: none), bottom first, into *ret (caller frees). All steps
 * of the chain must be done. */
size_t build_step_layers(const struct build_step *step, const struct build_made *made, struct cb_digest **ret);

#endif
