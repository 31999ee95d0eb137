/* Mistakes of a Dockerfile that do not hide each other. */
#include "builder/plan/planner-internal.h"

void build_note_mistake(struct build_planner *p, struct cb_place at, struct cb_error *err)
{
    cb_at(err, at.line, at.last_line);
    df_errors_take(&p->errors, err);
    p->plan->lint.closed = true;
}

void build_note_late_mistake(struct build_planner *p, struct cb_place at, const char *message)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    cb_fail(&err, CB_E_DOCKERFILE, "%s", message);
    cb_at(&err, at.line, at.last_line);
    df_errors_take(&p->late, &err);
}

int build_take_mistakes(struct build_planner *p, struct cb_error *err)
{
    return df_errors_split(&p->errors, err, p->more);
}
