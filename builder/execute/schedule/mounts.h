/* Cache mounts and shared caches (cache-mounts= of --cache-from and --cache-to). A RUN that is about to be executed waits for
 * those of its mounts that nobody has used here yet; when all steps are done, those that were used go there. Nothing of it makes
 * a build fail: the mount is empty then, or stays here. */
#ifndef BUILD_SCHEDULE_MOUNTS_H
#define BUILD_SCHEDULE_MOUNTS_H

#include "builder/execute/keys/graph.h"

struct build_schedule;
struct build_running;
struct cb_job_event;

/* 1: they are here, or cannot be had. 0: work was started. -1. */
int build_mounts_prepare(struct build_schedule *s, const struct build_step *step, struct cb_error *err);
/* What the end of such work is. */
void build_mounts_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e);
/* Puts there what the steps that were executed have used. -1: a signal came. */
int build_mounts_put(struct build_schedule *s, struct cb_error *err);

#endif
