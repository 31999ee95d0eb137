/* What this machine gives a RUN, found by asking what a build asks and by starting what a build starts. */
#ifndef BUILD_HEALTH_H
#define BUILD_HEALTH_H

#include "builder/session/session.h"
#include "runtime/probes.h"

typedef void build_finding_fn(void *ctx, const char *name, const struct rt_finding *f);
struct build_health {
    bool tried;   /* there is a store; else `reason` says so */
    bool runs;    /* RUN works: s->privilege is what it stands on */
    char *reason; /* owned: why that is not a better rung; NULL: nothing is lost */
    /* Owned; NULL where RUN does not work: */
    char *files;   /* in what it works */
    char *owners;  /* which of them there are */
    char *network; /* that of the build */
};
/* Tells each finding, and starts the helpers of the session. Without a store nothing is started. */
void build_health_look(struct build_session *s, build_finding_fn *tell, void *ctx, struct build_health *ret);
void build_health_done(struct build_health *h);
CB_DEFINE_AUTO(build_health, struct build_health, build_health_done)

#endif
