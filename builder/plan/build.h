/* One build: what was asked and read, what planning made of it, and what came of that. */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "builder/plan/plan.h"
#include "builder/session/session.h"

struct build {
    struct build_session *session; /* borrowed */
    struct build_contexts contexts;
    struct build_plan plan;
    struct build_made *made; /* of each step of the plan; NULL until they are executed */
    struct df_lint lint;
    struct df_errors more_errors;
    struct build_outline *outline; /* --call=outline: planning notes ARGs here; else NULL */
};
#define BUILD_INIT(session_) ((struct build){.session = (session_), .contexts = BUILD_CONTEXTS_INIT})
void build_done(struct build *b);

#endif
