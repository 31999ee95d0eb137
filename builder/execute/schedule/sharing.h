/* Shared caches in the schedule. Asking: when the first step is not known here, all definitions that can still be needed are
 * asked for at once, in one job, which brings what it finds into the store; then the content keys of all steps that wait, at
 * once. Putting: a step goes there as soon as it is done, in jobs beside the build, which it waits for at its end. Nothing of it
 * can make a build fail: what goes wrong is a warning, and the cache that it went wrong with is left alone from then on. */
#ifndef BUILD_SHARING_H
#define BUILD_SHARING_H

#include "builder/execute/keys/graph.h"
#include "base/pack.h"
#include "builder/share/open.h"

#define BUILD_SHARING_PATIENCE 10 /* seconds that caches may take to answer a question */
#define BUILD_SHARING_SILENCE  60 /* seconds without progress after which what is put there is given up */

struct build_schedule;
struct build_running;
struct cb_job_event;

struct build_sharing {
    bool reads, writes;       /* there is a cache of this sort, and it can still be used */
    bool *off;                /* those that are not used any more, by their number in the request */
    bool defined;             /* the definitions were asked for */
    bool asking;              /* a question is out */
    bool checked;             /* what was found here is, or will be, there too */
    int shown;                /* number under which the waiting at the end is shown; 0: it is not */
    struct build_steps queue; /* to be put there */
    int n_putting;
};

void build_sharing_begin(struct build_schedule *s);
void build_sharing_done(struct build_schedule *s);
/* May the step wait for an answer to its definition, or its content key? From then on it waits in BUILD_STEP_AWAITS_SHARE. */
bool build_sharing_may_ask(struct build_schedule *s, const struct build_step *step, enum build_asks what);
/* The step was executed here. */
void build_sharing_put(struct build_schedule *s, const struct build_step *step);
/* For a build that is only foreseen: asks for all definitions, or (`step` not NULL) for the content key of one step, waits, and
 * brings nothing. ret[i].there: the step i would be taken from a cache, which says that its layer is ret[i].layer. */
struct build_foreseen {
    bool there;
    struct cb_digest layer;
};
void build_sharing_foresee(struct build_schedule *s, const struct build_step *step, struct build_foreseen *ret);
/* Starts what is to be started; called whenever nothing can be done at once. `ended`: all steps are done. */
void build_sharing_go_on(struct build_schedule *s, bool ended);
/* Is there anything that is still to be done? */
bool build_sharing_is_busy(const struct build_schedule *s);
/* The build has failed: does this job go on? What is packed is begun again. */
bool build_sharing_outlives(struct build_schedule *s, struct build_running *r);
/* Takes what a job of ours says. */
void build_sharing_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e);
/* Ends what has been silent for too long. */
void build_sharing_watch(struct build_schedule *s);

/* --cache-wait: is it asked first whose turn the step is? Then it waits in BUILD_STEP_AWAITS_CLAIM. (claiming.c) */
bool build_claim_start(struct build_schedule *s, const struct build_step *step);

/* ---- between sharing.c, putting.c and claiming.c
 * ---------------------------------------------------------------------------------- */

void build_put_start(struct build_schedule *s, bool ended);
/* Does this cache take the step? */
bool build_put_takes(const struct build_schedule *s, size_t share, const struct build_step *step);
void build_claim_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e);
void build_claims_end(struct build_schedule *s);
/* The build has failed: does this one go on? What is not executed any more is let go of, so that nobody waits for it. */
bool build_claim_outlives(struct build_schedule *s, struct build_running *r);
bool build_claims_are_busy(const struct build_schedule *s); /* with that */
void build_claim_watch(struct build_schedule *s, struct build_running *r);
void build_put_ended(struct build_schedule *s, struct build_running *r, const struct cb_buf *answer); /* NULL: it failed */
void build_sharing_lost(struct build_schedule *s, bool asking, const char *why);
/* The caches that a job has closed are left alone from now on, which is said. */
void build_sharing_note_failed(const struct build_shares *shares, struct cb_buf *answer);
void build_sharing_take_failed(struct build_schedule *s, struct cb_unpack *u);

#endif
