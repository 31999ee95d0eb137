/* Steps are made, and freed with their plan. */
#include "builder/plan/outline.h"
#include "builder/plan/planner-internal.h"

/* ---- making ---------------------------------------------------------------------------------------------- */

static bool skip_cache(const struct build_planner *p, const struct build_stage *s)
{
    const struct build_request *r = p->in->request;
    if (r->no_cache)
        return true;
    for (size_t k = 0; k < r->no_cache_filter.n; k++)
        if (strcasecmp(r->no_cache_filter.items[k], s->display) == 0)
            return true;
    return false;
}

static int take_number(struct build_planner *p)
{
    int n = p->all->spare;
    p->all->spare = 0;
    return n ? n : p->in->effects->number(p->in->arg);
}

/* For several platforms "linux/arm64 ", and where it makes something for another one "linux/amd64->arm64 ", as BuildKit shows it.
 */
static char *shown_platform(const struct build_planner *p, const struct build_stage *s)
{
    const char *os = build_vars_get(&s->env, "TARGETOS"), *arch = build_vars_get(&s->env, "TARGETARCH");
    const char *variant = build_vars_get(&s->env, "TARGETVARIANT"), *own = s->platform.arch;
    if (p->plan->n_targets == 1)
        return cb_strdup("");
    CB_AUTO(free) char *text = oci_platform_text(&s->platform);
    if (os && *os && strcmp(os, s->platform.os) != 0)
        return cb_printf("%s->%s/%s ", text, os, arch && *arch ? arch : own);
    if (!arch || !*arch || strcmp(arch, own) == 0)
        return cb_printf("%s ", text);
    return cb_printf("%s->%s%s%s ", text, arch, variant && *variant ? "/" : "", variant ? variant : "");
}

static void name_step(const struct build_planner *p, const struct build_stage *s, const struct df_instruction *i,
                      struct build_step *step)
{
    CB_AUTO(free) char *platform = shown_platform(p, s);
    CB_AUTO(free) char *stage = p->n_stages > 1 ? cb_printf("%s ", s->display) : cb_strdup("");
    step->at = i->at;
    step->name = cb_printf("[%s%s%d/%d] %s", platform, stage, s->number, s->total, i->source);
    step->stage = cb_strdup(s->display);
    step->source = step->name + strlen(step->name) - strlen(i->source);
    step->position = s->number;
    step->platform = oci_platform_text(&s->platform);
    step->foreign = strcmp(s->platform.os, p->all->host.os) != 0 || strcmp(s->platform.arch, p->all->host.arch) != 0 ||
                    strcmp(s->platform.variant, p->all->host.variant) != 0;
}

struct build_step *build_step_new(struct build_planner *p, struct build_stage *s, enum build_op op,
                                  const struct df_instruction *i)
{
    struct build_step *step = CB_NEW(struct build_step);
    step->op = op;
    step->index = p->plan->n_steps;
    step->number = take_number(p);
    step->parent = s ? s->state.snapshot : NULL;
    step->no_cache = s && skip_cache(p, s);
    if (i)
        name_step(p, s, i, step);
    CB_PUSH(p->plan->steps, p->plan->n_steps, p->plan->cap_steps) = step;
    if (s)
        s->state.snapshot = step;
    return step;
}

void build_history_add(struct build_stage *s, char *created_by, const struct build_step *step)
{
    CB_PUSH(s->state.history, s->state.n_history, s->state.cap_history) = (struct build_history){created_by, step};
}

/* ---- the end --------------------------------------------------------------------------------------------- */

static void run_done(struct build_run *r)
{
    cb_strv_done(&r->argv);
    cb_strv_done(&r->env);
    cb_strv_done(&r->args);
    cb_strv_done(&r->proxy_env);
    free(r->cwd);
    free(r->user);
    free(r->hostname);
    free(r->arch);
    free(r->script_name);
    free(r->script);
    while (r->mounts) {
        struct build_run_mount *next = r->mounts->next;
        df_mount_done(r->mounts->m);
        free(r->mounts->m);
        free(r->mounts->target);
        free(r->mounts);
        r->mounts = next;
    }
}

static void copy_done(struct build_copy *c)
{
    free(c->remotes);
    for (size_t i = 0; i < c->n_files; i++) {
        free(c->files[i].name);
        free(c->files[i].bytes);
    }
    free(c->files);
    cb_strv_done(&c->sources);
    cb_strv_done(&c->excludes);
    df_chmod_done(&c->chmod);
    char *strings[] = {c->dest, c->workdir, c->chown, c->chmod_text};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
}

void build_step_free(struct build_step *s)
{
    switch (s->op) {
    case BUILD_OP_BASE:
        build_base_done(&s->base);
        break;
    case BUILD_OP_RUN:
        run_done(&s->run);
        break;
    case BUILD_OP_COPY:
        copy_done(&s->copy);
        break;
    case BUILD_OP_WORKDIR:
        free(s->workdir.path);
        free(s->workdir.user);
        break;
    }
    free(s->inputs);
    free(s->name);
    free(s->stage);
    free(s->platform);
    free(s);
}

void build_state_done(struct build_state *s)
{
    oci_image_config_done(&s->config);
    for (size_t i = 0; i < s->n_history; i++)
        free(s->history[i].created_by);
    free(s->history);
}

static void fetched_done(struct build_plan *p)
{
    for (size_t i = 0; i < p->n_fetched; i++) {
        struct build_fetched *f = &p->fetched[i];
        free(f->url);
        free(f->checksum);
        if (f->remote)
            p->effects->release(p->effects_arg, f->remote);
    }
    free(p->fetched);
}

void build_plan_done(struct build_plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        build_step_free(p->steps[i]);
    free(p->steps);
    for (size_t i = 0; i < p->n_targets; i++) {
        build_state_done(&p->targets[i].state);
        oci_platform_done(&p->targets[i].platform);
    }
    free(p->targets);
    free(p->target_name);
    fetched_done(p);
    df_file_free(p->file);
    df_lint_done(&p->lint);
    if (p->outline)
        build_outline_done(p->outline);
    free(p->outline);
}

size_t build_step_layers(const struct build_step *step, const struct build_made *made, struct cb_digest **ret)
{
    size_t n = 0;
    for (const struct build_step *s = step; s; s = s->parent)
        n += s->op == BUILD_OP_BASE ? s->base.image.n_layers : 1;
    struct cb_digest *ids = cb_alloc((n + 1) * sizeof(*ids));
    size_t at = n;
    for (const struct build_step *s = step; s; s = s->parent) {
        if (s->op != BUILD_OP_BASE)
            ids[--at] = made[s->index].layer;
        for (size_t k = s->op == BUILD_OP_BASE ? s->base.image.n_layers : 0; k-- > 0;)
            ids[--at] = s->base.image.layers[k].id;
    }
    *ret = ids;
    return n;
}
