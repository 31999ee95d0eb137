#include "builder/plan/build.h"

void build_done(struct build *b)
{
    free(b->made);
    build_plan_done(b, &b->plan);
    build_contexts_close(b->session, &b->contexts);
    df_lint_done(&b->lint);
    df_errors_done(&b->more_errors);
}
