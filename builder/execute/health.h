/* What this machine gives a RUN, found by asking what a build asks and by starting what a build starts. */
#ifndef BUILD_HEALTH_H
#define BUILD_HEALTH_H

#include "builder/session/session.h"
#include "runtime/probes.h"

typedef void build_finding_fn(void *ctx, const char *name, const struct rt_finding *f);
/* Tells each finding, starts the helpers of the session, and says whether RUN works with them: s->privilege is what it stands
 * on. Without a store nothing is started. *ret_reason: why it is not a better rung; NULL: nothing is lost (caller frees). */
bool build_health(struct build_session *s, build_finding_fn *tell, void *ctx, char **ret_reason);

#endif
