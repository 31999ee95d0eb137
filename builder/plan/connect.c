/* What can be said of steps only when all of them are there. */
#include "builder/plan/planner-internal.h"

/* What a COPY or a mount takes may lie in any layer of that chain. */
static void mark_givers(struct build_plan *plan, const struct build_step *taker)
{
    for (size_t i = 0; i < taker->n_inputs; i++)
        for (const struct build_step *s = taker->inputs[i]; s && !s->gives_files; s = s->parent)
            plan->steps[s->index]->gives_files = true;
}

static void mark_target(struct build_plan *plan)
{
    struct build_step **steps = plan->steps;
    for (size_t i = 0; i < plan->n_targets; i++)
        for (const struct build_step *s = plan->targets[i].state.snapshot; s; s = s->parent)
            steps[s->index]->in_target = true;
    for (size_t i = 0; i < plan->n_steps; i++)
        mark_givers(plan, steps[i]);
    for (size_t i = 0; i < plan->n_steps; i++)
        if (steps[i]->op == BUILD_OP_RUN)
            for (const struct build_step *s = steps[i]->parent; s && !s->needs_fs; s = s->parent)
                steps[s->index]->needs_fs = true;
}

static void add_input(struct build_step *s, const struct build_files *from)
{
    if (from->kind == BUILD_FILES_STEP)
        CB_PUSH(s->inputs, s->n_inputs, s->cap_inputs) = from->step;
}

/* Behind all that a step is made from: an image is first named by the COPY or mount that takes from it. */
static void sort_steps(struct build_plan *plan)
{
    struct build_step **sorted = cb_alloc((plan->n_steps + 1) * sizeof(*sorted));
    size_t n = 0;
    for (int base = 1; base >= 0; base--)
        for (size_t i = 0; i < plan->n_steps; i++)
            if ((plan->steps[i]->op == BUILD_OP_BASE) == base)
                sorted[n++] = plan->steps[i];
    for (size_t i = 0; i < n; i++)
        sorted[i]->index = i;
    free(plan->steps);
    plan->steps = sorted;
    plan->cap_steps = n + 1;
}

/* Those a step is made from are connected already. */
static void connect(struct build_step *s)
{
    if (s->op == BUILD_OP_COPY)
        add_input(s, &s->copy.from);
    for (const struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next)
        add_input(s, &m->from);
    for (size_t i = 0; i < s->n_inputs; i++)
        s->inputs_renewed |= s->inputs[i]->renewed;
    s->renewed = s->no_cache || s->inputs_renewed || (s->parent && s->parent->renewed);
}

static bool same_cache(const struct df_mount *a, const struct df_mount *b)
{
    return b->type == DF_MOUNT_CACHE && strcmp(a->id, b->id) == 0 && strcmp(a->from, b->from) == 0 &&
           a->has_mode == b->has_mode && a->has_uid == b->has_uid && a->has_gid == b->has_gid && a->mode == b->mode &&
           a->uid == b->uid && a->gid == b->gid;
}

static bool used_anew(const struct build_plan *plan, const struct df_mount *m)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        for (const struct build_run_mount *o = plan->steps[i]->op == BUILD_OP_RUN ? plan->steps[i]->run.mounts : NULL; o;
             o = o->next)
            if (plan->steps[i]->no_cache && same_cache(m, o->m))
                return true;
    return false;
}

/* --no-cache empties the caches of the RUNs it hits before the build, for all who use them (dockerfile.md §18). */
static void mark_fresh_caches(struct build_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct build_step *s = plan->steps[i];
        for (struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next)
            m->fresh = m->m->type == DF_MOUNT_CACHE && used_anew(plan, m->m);
    }
}

void build_connect_steps(struct build_plan *plan)
{
    sort_steps(plan);
    for (size_t i = 0; i < plan->n_steps; i++)
        connect(plan->steps[i]);
    mark_target(plan);
    mark_fresh_caches(plan);
}
