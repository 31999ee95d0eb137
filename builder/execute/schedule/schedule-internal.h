/* The coordinator's parts: schedule.c waits, advance.c decides what a step does next, lookup.c asks and writes records,
 * prepare.c brings layers in, running.c has the jobs, sharing.c, putting.c and mounts.c talk to shared caches. */
#ifndef BUILD_SCHEDULE_INTERNAL_H
#define BUILD_SCHEDULE_INTERNAL_H

#include "base/map.h"
#include "builder/execute/execute.h"
#include "builder/execute/schedule/cause.h"
#include "builder/execute/schedule/ceiling.h"
#include "builder/execute/schedule/log.h"
#include "builder/execute/schedule/mounts.h"
#include "builder/execute/schedule/sharing.h"
#include "builder/execute/schedule/symptom.h"

enum build_running_kind {
    BUILD_RUNNING_STEP,
    BUILD_RUNNING_BASE,
    BUILD_RUNNING_MATERIALIZE,
    BUILD_RUNNING_DIFF,
    BUILD_RUNNING_MOUNT, /* mounts.h */
    BUILD_RUNNING_CEILING,
    BUILD_RUNNING_ASK, /* from here on: of shared caches (sharing.h) */
    BUILD_RUNNING_CHECK,
    BUILD_RUNNING_PACK,
    BUILD_RUNNING_PUT,
    BUILD_RUNNING_CLAIM,
};

struct build_running { /* one job */
    struct build_session *session;
    enum build_running_kind kind;
    const struct build_step *step; /* STEP, BASE */
    struct cb_digest layer;        /* MATERIALIZE, DIFF; of a MOUNT, of its key */
    int number;                    /* MOUNT: under which it is shown, and as what */
    char *name;
    const struct build_step *put; /* PACK, PUT, CLAIM */
    struct timespec heard;        /* of shared caches: when something was heard of it last */
    struct cb_job job;
    struct build_log logs[2];
    struct build_mask mask;
    struct build_tail tail;   /* of what it printed */
    struct build_cause cause; /* STEP: why it runs */
    struct timespec started;
    double skipped_before; /* cb_clock_skipped() then: the job's clock knows nothing of what is skipped later */
};

struct build_schedule {
    struct build_graph *g;
    struct build_session *session;
    struct build_running **running;
    size_t n_running, cap_running;
    int steps_running; /* of them, those that count against --jobs */
    struct build_counts counts;
    bool failed;
    struct cb_error first; /* the first of several errors */
    struct cb_map warned;  /* texts of warnings: what holds for many steps is said once */
    struct cache_earlier *earlier;
    struct build_sharing sharing;
    struct build_ceiling ceiling;
    struct cb_map mounts; /* keys of cache mounts that were asked for in shared caches; with a value: that were put there */
};

/* ---- advance.c ------------------------------------------------------------------------------------------- */

/* Moves the step on as far as it goes; what stops it then wakes it. */
int build_advance(struct build_schedule *s, const struct build_step *step, struct cb_error *err);
/* The step has a result: keys of what stands on it can be made. */
void build_step_finish(struct build_schedule *s, const struct build_step *step);

/* ---- lookup.c -------------------------------------------------------------------------------------------- */

/* 1: the step's result is known, and taken. 0: it is not. */
int build_lookup_definition(struct build_schedule *s, const struct build_step *step, struct cb_error *err);
int build_lookup_content(struct build_schedule *s, const struct build_step *step, struct cb_error *err);
/* What the step gave, for later builds. A failure is a warning. */
void build_record_outcome(struct build_schedule *s, const struct build_step *step, const struct build_outcome *o);

/* ---- prepare.c ------------------------------------------------------------------------------------------- */

/* Brings in the layers that files are taken from: their indexes tell what is selected, their files hold the bytes. 1: ready. 0:
 * work was started. */
int build_prepare_inputs(struct build_schedule *s, const struct build_step *step, bool want_fs, struct cb_error *err);
/* Brings in all that the step needs to be executed. */
int build_prepare_step(struct build_schedule *s, const struct build_step *step, struct cb_error *err);

/* ---- running.c ------------------------------------------------------------------------------------------- */

/* Start a job: a step's, the fetching of a base, the unpacking of a layer (these two only if it does not run already), the
 * diff ID of a layer. */
int build_running_step(struct build_schedule *s, const struct build_step *step, struct cb_error *err);
int build_running_base(struct build_schedule *s, const struct build_step *base, bool want_fs, struct cb_error *err);
int build_running_materialize(struct build_schedule *s, const struct cb_digest *layer, struct cb_error *err);
/* Enters a job that has been started. */
struct build_running *build_running_add(struct build_schedule *s, enum build_running_kind kind, const struct build_step *step,
                                        struct cb_job job);
/* The layer of an earlier result of a COPY, whose files may get names in the new one; zero: there is none. */
const struct cb_digest *build_running_model(const struct build_running *r);
int build_running_diff(struct build_schedule *s, const struct cb_digest *layer, const struct cb_digest *earlier,
                       struct cb_error *err);
/* Shows what has come in a log; then, at the end, what is left in both. */
void build_running_read_log(struct build_running *r, struct build_log *l);
void build_running_finish_logs(struct build_running *r);
/* Forgets a job that has ended, and frees it. The last job takes its place in the list. */
void build_running_drop(struct build_schedule *s, struct build_running *r);

#endif
