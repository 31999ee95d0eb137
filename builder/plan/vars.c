#include "builder/plan/planner-internal.h"

void build_vars_set(struct build_vars *v, const char *name, const char *value)
{
    free(cb_map_set(&v->map, name, cb_strdup(value)));
}

const char *build_vars_get(const struct build_vars *v, const char *name)
{
    return cb_map_get(&v->map, name);
}

void build_vars_copy(struct build_vars *to, const struct build_vars *from)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&from->map, it));)
        build_vars_set(to, it->key, it->value);
}

void build_vars_done(struct build_vars *v)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&v->map, it));)
        free(it->value);
    cb_map_done(&v->map);
}
