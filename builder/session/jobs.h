/* The jobs of a session: its helpers are started when the first job needs the namespace, and end with the session. */
#ifndef BUILD_JOBS_H
#define BUILD_JOBS_H

#include "builder/session/session.h"

/* Starts a job in the session's namespace, making the helper first when there is none. The job's world is the session, as
 * it was when its helper was started. */
int build_ns_job(struct build_session *s, enum rt_helper_kind kind, rt_job_fn *fn, const struct rt_job_request *req,
                 struct cb_job *ret, struct cb_error *err);
/* Tells the store which rung its files will be used on, as far as can be known before a namespace is made. */
void build_ns_expect(struct build_session *s);
/* Starts the helpers for such jobs, where they are not there yet: for whoever opens what must not be open in them too. */
int build_ns_start(struct build_session *s, enum rt_helper_kind kind, struct cb_error *err);
/* Has the build's network made (runtime/network/uplink.h), once; the jobs of RT_HELPER_COMMANDS that follow can wait for it. */
int build_ns_connect(struct build_session *s, struct cb_error *err);
/* Starts a job of RT_HELPER_FILES and waits for it; for single jobs outside the schedule. */
int build_ns_call(struct build_session *s, rt_job_fn *fn, const struct rt_job_request *req, struct cb_buf *answer,
                  struct cb_error *err);

/* Where commands work: the store, or the run root. */
struct cache_store *build_work_place(const struct build_session *s);

/* Jobs see `frozen` in their session; what it points to no longer changes. Call this before the first job. */
void build_ns_freeze(struct build_session *s, void *frozen);

/* Kills what runs in the session's namespace, and waits until it is gone. */
void build_ns_cancel(struct build_session *s);

/* Waits for one job outside the schedule (resolving, packing, pushing) while signals are watched. It is shown as a step: under
 * `name` at once or, if that is NULL, once it reports progress, under what the progress names. `answer` may be NULL. */
int build_wait_job(struct build_session *s, struct cb_job *job, const char *name, struct cb_buf *answer, struct cb_error *err);

/* Removes what the session made in the store, and ends the helpers; jobs that are started later have others. */
void build_jobs_end(struct build_session *s);

#endif
