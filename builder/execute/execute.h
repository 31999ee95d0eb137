/* Execution of single steps. A step is executed in a job of the helper (base/job.h), which was forked after
 * planning: plan, contexts and selections are in its memory; what is known only later (layers of steps that
 * ran) comes with the request. execute.c packs and unpacks requests and answers, run.c and
 * files.c do the work. */
#ifndef BUILD_EXECUTE_H
#define BUILD_EXECUTE_H

#include "builder/attach/attach.h"
#include "builder/execute/keys/graph.h"

/* Starts the step's job. `out` and `errout` are the write ends of its log pipes (RUN only; -1: none). `earlier`: the layer of an
 * earlier result that will have much of the new one; zero: none is known. */
int build_execute_start(struct build_graph *g, const struct build_step *s, int out, int errout, const struct cb_digest *earlier,
                        struct cb_job *ret, struct cb_error *err);
/* Makes the diff ID of a layer known, while other steps are executed. `earlier` as above. */
int build_diff_start(struct build_session *s, const struct cb_digest *layer, const struct cb_digest *earlier, struct cb_job *ret,
                     struct cb_error *err);

/* In the sandbox of a RUN that has failed, as it was left, runs the request's command (--invoke) for whoever sits at our streams,
 * until it ends. What it does is lost. */
int build_execute_invoke(struct build_graph *g, const struct build_step *s, struct cb_error *err);

/* What a finished step's job answers. */
struct build_outcome {
    struct cb_digest layer;
    struct timespec created;
    struct cb_usage usage;
    bool needs_diff; /* its layer's diff ID will be needed, and is not known yet */
};
bool build_outcome_read(const struct cb_buf *answer, struct build_outcome *ret);

/* ---- for run.c, files.c and cache-mount.c: what a job is given ------------------------------------------------------------ */

struct build_input {          /* one of step->inputs */
    struct cb_digest *layers; /* bottom first */
    size_t n;
};
struct build_work {
    struct build *b;
    const struct build_step *step;
    const struct build_selection *selection; /* of a COPY from a local context */
    struct cb_job_io *io;
    struct cb_digest *layers; /* of the parent, bottom first */
    size_t n_layers;
    struct build_input *inputs;
    size_t n_inputs;
    struct cb_digest earlier;      /* the layer of an earlier result; zero: none */
    struct build_streams streams;  /* of a RUN */
    const struct cb_strv *invoked; /* instead of a RUN's own command, in what that left; NULL: the step itself */
    size_t n_seeds;                /* directories made by build_flatten */
};
int build_execute_run(struct build_work *w, struct build_outcome *ret, struct cb_error *err);
int build_execute_run_invoked(struct build_work *w, struct cb_error *err);
int build_execute_files(struct build_work *w, struct build_outcome *ret, struct cb_error *err); /* COPY, ADD, WORKDIR */
/* Makes the diff ID of a small layer known; else sets o->needs_diff (diff-id.c). */
int build_find_diff_id(struct build_work *w, struct build_outcome *o, struct cb_error *err);

/* What a bind mount shows of a local context, as a layer of the store: the content of the directory `path`, or
 * that one file, whose name is then *ret_file (caller frees; NULL for a directory). */
int build_context_layer(struct build_work *w, struct build_local *l, const char *path, struct cache_layer *ret, char **ret_file,
                        struct cb_error *err);

/* The files of these layers as one directory of their own, below the step's work directory: an fd, or -1. */
int build_flatten(struct build_work *w, int work_dir, const struct cb_digest *layers, size_t n, struct cb_error *err);

/* The key of a cache mount (cache/mount-name.h). `layers`: of the step in its `from`, if it has one. */
void build_cache_mount_key(const struct build *b, const struct build_run_mount *m, const struct cb_digest *layers, size_t n,
                           struct cb_buf *ret);
/* The directory of a cache mount. `in`: the layers of its `from`, NULL: none. */
struct cache_mount;
int build_cache_mount(struct build_work *w, const struct build_run_mount *m, int work_dir, const struct build_input *in,
                      struct cache_mount **ret, struct cb_error *err);

#endif
