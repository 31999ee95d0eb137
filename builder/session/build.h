/* One build: everything its parts share. */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "builder/context/contexts.h"
#include "builder/session/events.h"
#include "builder/plan/plan.h"
#include "builder/session/request.h"
#include "cache/store.h"
#include "runtime/helper.h"

struct build {
    const struct build_request *request;
    struct cache_store *store;
    struct build_renderer *renderer;
    struct rt_privilege privilege;
    struct rt_helper *helper;   /* NULL until the first job that needs the namespace */
    bool runs;                  /* a RUN was started: the helpers are ready for it */
    struct rt_helper *commands; /* on RT_ROOT: NULL until the first RUN; on other rungs the helper serves both */
    struct cache_work work;     /* root/: an empty root with the mount points that every RUN needs; see run-dir.h */
    struct cb_job sweep;        /* removes what dead processes left, beside the first steps */
    int gc_lock;                /* shared: prune leaves our layers alone */
    bool reading;               /* nothing is written into the store, no lock is held */
    struct build_contexts contexts;
    struct build_plan plan;
    struct df_lint lint;
    struct df_errors more_errors;
    struct build_outline *outline; /* --call=outline: planning notes ARGs here; else NULL */
    int signal_fd;                 /* SIGINT, SIGTERM, SIGHUP; -1: not watched */
    struct timespec started;
};

void build_emit(struct build *b, const struct build_event *e);
void build_note(struct build *b, const char *fmt, ...) CB_PRINTF(2, 3);
void build_warning(struct build *b, const char *fmt, ...) CB_PRINTF(2, 3);

/* Starts a job in the build's namespace, making the helper first when there is none. */
int build_ns_job(struct build *b, enum rt_helper_kind kind, cb_job_fn *fn, const struct cb_job_request *req, struct cb_job *ret,
                 struct cb_error *err);
/* RT_HELPER_FILES, and wait; for single jobs outside the schedule. */
int build_ns_call(struct build *b, cb_job_fn *fn, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err);

/* Kills what runs in the build's namespace, and waits until it is gone. */
void build_ns_cancel(struct build *b);

/* Waits for one job outside the schedule (resolving, packing, pushing) while signals are watched; its progress, logs
 * and warnings are emitted for `step`. `answer` may be NULL. */
int build_wait_job(struct build *b, struct cb_job *job, int step, struct cb_buf *answer, struct cb_error *err);
/* -1 with CB_E_CANCELED (the signal in err->exit_status) when one asked us to stop. Never blocks. */
int build_canceled(struct build *b, struct cb_error *err);

/* Opens the store and what every command needs. On failure too, build_close is to be called. Contexts and plan are
 * opened and closed by who uses them. */
int build_open(struct build *b, const struct build_request *request, struct cb_error *err);
/* The same for a command that only looks at the store, which may be read-only. */
int build_open_to_read(struct build *b, const struct build_request *request, struct cb_error *err);
void build_close(struct build *b);

#endif
