/* One build: what was asked and read, what planning made of it, and what came of that. */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "builder/plan/plan.h"
#include "builder/session/session.h"

struct build {
    struct build_session *session; /* borrowed */
    struct build_contexts contexts;
    struct build_plan plan;
    struct build_made *made;       /* of each step of the plan; NULL until they are executed */
    struct build_brought *brought; /* base images that docker or podman had */
    size_t n_brought, cap_brought;
    struct df_errors more_errors; /* besides the one that is returned, and independent of it */
};
#define BUILD_INIT(session_) ((struct build){.session = (session_), .contexts = BUILD_CONTEXTS_INIT})
void build_done(struct build *b);

/* b->plan from the opened contexts, with the session's store and registries. -1 as build_plan_make. */
int build_plan(struct build *b, struct cb_error *err);

#endif
