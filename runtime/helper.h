/* The helper: a process forked from the coordinator when a job first needs it. It enters the user namespace
 * (maps are written once: newuidmap and newgidmap cost more than all the rest of a RUN), keeps its
 * capabilities inside, is single-threaded and forks a child for each job it is sent. On a rung without namespaces
 * it is a plain child.
 *
 * A job function sent here runs with the namespace's root identity. Everything dies with the
 * coordinator: the helper by PR_SET_PDEATHSIG, its jobs by theirs. */
#ifndef RT_HELPER_H
#define RT_HELPER_H

#include "base/job.h"
#include "runtime/rung/privilege.h"
#include "runtime/sandbox/sandbox.h"

struct rt_helper;

#define RT_JOB_MAX_FDS 64
/* What a job is told. The helper was forked before this was known, so an address in it would lead nowhere: it consists
 * of bytes (base/pack.h) and descriptors. */
struct rt_job_request {
    const void *bytes; /* at most CB_MAX_MESSAGE; larger data goes by fd */
    size_t len;
    const int *fds; /* passed to the job; the caller keeps its own */
    size_t n_fds;
};
/* `world`: what rt_helper_start was given, as it was then; a copy of the job's own. */
typedef int rt_job_fn(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err);

/* The caller has one thread. On failure to make a namespace `err` names the cause (sysctl, AppArmor, missing
 * uidmap package, limit) and the way out. A rung whose helper cannot be started is left for a lower one, and p->reason
 * says why; a helper for commands beside one for files does not do that, but fails. `world` (may be NULL) is for the
 * jobs: they see what it leads to as it is now. */
int rt_helper_start(struct rt_privilege *p, enum rt_helper_kind kind, void *world, struct rt_helper **ret, struct cb_error *err);
int rt_helper_job(struct rt_helper *h, rt_job_fn *fn, const struct rt_job_request *req, struct cb_job *ret, struct cb_error *err);
/* Raises the hard limits of what runs from now on to what these ask for, where we may. */
void rt_helper_raise_limits(struct rt_helper *h, const struct rt_rlimit *limits, size_t n);
/* Has the build's network made (uplink.h). Jobs that are sent later can wait for it. */
void rt_helper_connect(struct rt_helper *h);
/* Kills all running jobs (and what they run) and waits until they are gone. The helper stays usable. */
void rt_helper_cancel(struct rt_helper *h);
/* Stops all that runs, and has it go on; NULL is fine. Returns when that is done. On a rung without a PID namespace it holds for
 * the jobs themselves. */
void rt_helper_stop(struct rt_helper *h);
void rt_helper_go_on(struct rt_helper *h);
/* Ends the helper: running jobs are killed. NULL is fine. */
void rt_helper_free(struct rt_helper *h);

#endif
