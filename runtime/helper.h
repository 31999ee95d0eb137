/* The helper: one process per build, forked from the coordinator before anything else needs a process. It
 * enters the user namespace (maps are written once: newuidmap and newgidmap cost more than all the rest of
 * a RUN), keeps its capabilities inside, is single-threaded and forks a child for each job it is sent.
 * On RT_ROOT it stays in the host's user namespace (owners are real); on RT_NONE it is a plain child.
 *
 * A job function sent here runs with the namespace's root identity. Everything dies with the
 * coordinator: the helper by PR_SET_PDEATHSIG, its jobs by theirs. */
#ifndef RT_HELPER_H
#define RT_HELPER_H

#include "base/job.h"
#include "runtime/privilege.h"

struct rt_helper;

/* The caller has one thread. On failure to make a namespace `err` names the cause (sysctl, AppArmor, missing
 * uidmap package, limit) and the way out. RT_RANGE whose newuidmap fails falls to RT_SINGLE and says so in
 * p->reason; RT_SINGLE falls to RT_NONE likewise. */
int rt_helper_start(struct rt_privilege *p, struct rt_helper **ret, struct cb_error *err);
int rt_helper_job(struct rt_helper *h, cb_job_fn *fn, const struct cb_job_request *req, struct cb_job *ret, struct cb_error *err);
/* Kills all running jobs (and what they run) and waits until they are gone. The helper stays usable. */
void rt_helper_cancel(struct rt_helper *h);
/* Ends the helper: running jobs are killed. */
void rt_helper_free(struct rt_helper *h);

#endif
