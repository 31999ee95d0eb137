/* Steps that platforms have in common. Two are the same when they stand on the same step and do the same with the same files;
 * what they stand on has been merged before them, so that is a comparison of pointers. */
#include "builder/plan/planner-internal.h"

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const char *a, size_t n, const char *b, size_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n) == 0);
}

static bool same_list(const struct cb_strv *a, const struct cb_strv *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

static bool same_files(const struct build_files *a, const struct build_files *b)
{
    return a->kind == b->kind && a->local == b->local && a->step == b->step;
}

/* What a mount says was read from the same words, so it differs only where variables do. */
static bool same_mount(const struct build_run_mount *a, const struct build_run_mount *b)
{
    const struct df_mount *x = a->m, *y = b->m;
    return x->type == y->type && same_text(a->target, b->target) && same_files(&a->from, &b->from) &&
           same_text(x->source, y->source) && same_text(x->id, y->id) && same_text(x->env, y->env) &&
           x->readonly == y->readonly && x->required == y->required && x->sharing == y->sharing && x->size == y->size &&
           x->has_mode == y->has_mode && x->mode == y->mode && x->has_uid == y->has_uid && x->uid == y->uid &&
           x->has_gid == y->has_gid && x->gid == y->gid;
}

static bool same_mounts(const struct build_run_mount *a, const struct build_run_mount *b)
{
    for (; a && b && same_mount(a, b); a = a->next)
        b = b->next;
    return !a && !b;
}

static bool same_run(const struct build_run *a, const struct build_run *b)
{
    return same_list(&a->argv, &b->argv) && same_list(&a->env, &b->env) && same_list(&a->args, &b->args) &&
           same_list(&a->proxy_env, &b->proxy_env) && same_text(a->cwd, b->cwd) && same_text(a->user, b->user) &&
           same_text(a->hostname, b->hostname) && same_text(a->arch, b->arch) && same_text(a->script_name, b->script_name) &&
           same_bytes(a->script, a->script_len, b->script, b->script_len) && a->network == b->network &&
           a->insecure == b->insecure && same_mounts(a->mounts, b->mounts);
}

static bool same_sources(const struct build_copy *a, const struct build_copy *b)
{
    bool same = same_list(&a->sources, &b->sources) && a->n_files == b->n_files;
    for (size_t i = 0; i < a->n_entries && same; i++)
        same = a->remotes[i] == b->remotes[i];
    for (size_t i = 0; i < a->n_files && same; i++)
        same = same_text(a->files[i].name, b->files[i].name) &&
               same_bytes(a->files[i].bytes, a->files[i].len, b->files[i].bytes, b->files[i].len);
    return same;
}

static bool same_copy(const struct build_copy *a, const struct build_copy *b)
{
    return a->add == b->add && same_sources(a, b) && same_files(&a->from, &b->from) && same_text(a->dest, b->dest) &&
           same_text(a->workdir, b->workdir) && same_text(a->chown, b->chown) && same_text(a->chmod_text, b->chmod_text) &&
           a->link == b->link && a->parents == b->parents && a->unpack == b->unpack && a->unpack_remote == b->unpack_remote &&
           same_list(&a->excludes, &b->excludes);
}

static bool same_operation(const struct build_step *a, const struct build_step *b)
{
    switch (a->op) {
    case BUILD_OP_RUN:
        return same_text(a->platform, b->platform) && same_run(&a->run, &b->run);
    case BUILD_OP_COPY:
        return same_copy(&a->copy, &b->copy);
    case BUILD_OP_WORKDIR:
        return same_text(a->workdir.path, b->workdir.path) && same_text(a->workdir.user, b->workdir.user);
    case BUILD_OP_BASE: /* build_image_step has an image only once */
        return false;
    }
    return false;
}

/* Of the same instruction, so that what is shown of one is true of the other. */
static bool is_same(const struct build_step *a, const struct build_step *b)
{
    return a->op == b->op && a->parent == b->parent && a->at.line == b->at.line && a->position == b->position &&
           same_text(a->stage, b->stage) && a->no_cache == b->no_cache && same_operation(a, b);
}

static size_t find(const struct build_plan *plan, const struct build_step *step)
{
    size_t i = 0;
    while (plan->steps[i] != step)
        i++;
    return i;
}

void build_merge_step(struct build_planner *p, struct build_stage *s)
{
    struct build_plan *plan = p->plan;
    struct build_history *line = &s->state.history[s->state.n_history - 1];
    size_t own = find(plan, s->state.snapshot), same = 0;
    struct build_step *step = plan->steps[own];
    while (same < own && !is_same(plan->steps[same], step))
        same++;
    if (same == own)
        return;
    plan->n_steps--;
    memmove(plan->steps + own, plan->steps + own + 1, (plan->n_steps - own) * sizeof(struct build_step *));
    p->all->spare = step->number;
    build_step_free(step);
    s->state.snapshot = line->step = plan->steps[same];
}
