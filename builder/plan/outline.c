#include "builder/plan/outline.h"
#include "builder/plan/planner-internal.h"

static void set_arg(struct build_outline *o, const struct df_arg *a, struct cb_place at, const char *value)
{
    struct build_outline_arg *info = cb_map_get(&o->args, a->name);
    if (!info) {
        info = CB_NEW(struct build_outline_arg);
        cb_map_set(&o->args, a->name, info);
    }
    free(info->value);
    *info = (struct build_outline_arg){cb_strdup(value), a->doc, at};
}

void build_outline_arg(struct build_planner *p, const struct df_instruction *i, const struct df_arg *a, const char *value,
                       bool own)
{
    struct build_outline *o = p->plan->outline;
    if (!o)
        return;
    cb_map_set(&o->used, a->name, NULL);
    if (own || !value) /* else it is the global ARG (or a platform's), which is described where it stands */
        set_arg(o, a, i->at, value);
}

static const char *look_up_global(void *arg, const char *name)
{
    return build_vars_get(&((struct build_planner *)arg)->globals, name);
}

/* The variables that a word of the global scope names. */
static void use_names(struct build_planner *p, const char *word, struct cb_map *used)
{
    CB_AUTO(free) char *ignored = NULL;
    CB_AUTO(cb_error) struct cb_error expanded_before = CB_ERROR_INIT;
    struct df_expand x = {
        .escape = p->plan->file->escape, .lookup = look_up_global, .lookup_arg = p, .matched = used, .unmatched = used};
    if (word)
        (void)df_expand_word(&x, word, &ignored, &expanded_before);
}

/* Global ARGs: described once; what their defaults name is used when they are. Backwards, because a default names only
 * what stands above it. */
static void add_globals(struct build_planner *p)
{
    struct build_outline *o = p->plan->outline;
    const struct df_dockerfile *d = &p->plan->dockerfile;
    for (size_t i = d->n_args; i-- > 0;)
        for (size_t k = d->args[i].args.n; k-- > 0;) {
            const struct df_arg *a = &d->args[i].args.items[k];
            if (!cb_map_has(&o->args, a->name))
                set_arg(o, a, d->args[i].at, build_vars_get(&p->globals, a->name));
            if (cb_map_has(&o->used, a->name) && !build_vars_get(&p->build_args, a->name))
                use_names(p, a->value, &o->used);
        }
}

void build_outline_stage(struct build_planner *p, const struct build_stage *s)
{
    struct build_outline *o = p->plan->outline;
    if (!o)
        return;
    use_names(p, s->df->from->from.image, &o->used);
    use_names(p, s->df->from->from.platform, &o->used);
    if (s != p->target)
        return;
    o->name = cb_strdup(s->df->from->from.name ? s->df->from->from.name : "");
    o->description = cb_strdup(s->df->from->from.doc ? s->df->from->from.doc : "");
    add_globals(p); /* stages are evaluated before those that need them: the target is the last one */
}

void build_outline_done(struct build_outline *o)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&o->args, it));) {
        free(((struct build_outline_arg *)it->value)->value);
        free(it->value);
    }
    cb_map_done(&o->args);
    cb_map_done(&o->used);
    free(o->name);
    free(o->description);
    *o = (struct build_outline){0};
}
