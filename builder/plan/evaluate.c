/* Evaluation of a stage: each instruction changes the state of the stage (config, variables, history), and
 * those that change files make a step (dockerfile.md §9-§14). evaluate-run.c has RUN, evaluate-files.c COPY,
 * ADD and WORKDIR, evaluate-config.c the others; here is what a stage begins and ends with. */
#include "base/text.h"
#include "builder/plan/planner-internal.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static void env_from_config(struct build_stage *s)
{
    const struct cb_strv *env = &s->state.config.env;
    for (size_t k = 0; k < env->n; k++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(env->items[k], &value);
        build_vars_set(&s->env, name, value ? value : "");
    }
}

/* --env: as if the Dockerfile said so first. */
static void add_given_env(const struct build_planner *p, struct build_stage *s)
{
    const struct cb_strv *given = &p->in->request->changes.env;
    for (size_t k = 0; k < given->n; k++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(given->items[k], &value);
        oci_env_set(&s->state.config, name, value);
    }
}

static void start_from_stage(struct build_stage *s)
{
    const struct build_stage *from = s->parent;
    oci_image_config_copy(&s->state.config, &from->state.config);
    s->state.snapshot = from->state.snapshot;
    for (size_t k = 0; k < from->state.n_history; k++)
        build_history_add(s, cb_strdup(from->state.history[k].created_by), from->state.history[k].step);
    build_vars_copy(&s->env, &from->env);
    build_vars_copy(&s->declared, &from->declared);
    cb_strv_copy(&s->args, &from->args);
    oci_platform_done(&s->platform);
    oci_platform_copy(&s->platform, &from->platform);
    s->workdir_given = from->workdir_given;
}

static void check_platform(struct build_planner *p, struct build_stage *s, const struct oci_platform *have)
{
    const struct oci_platform *want = &s->platform;
    if (strcmp(have->os, want->os) == 0 && strcmp(have->arch, want->arch) == 0)
        return;
    CB_AUTO(free) char *actual = oci_platform_text(have);
    CB_AUTO(free) char *expected = oci_platform_text(want);
    const struct df_instruction *from = s->df->from;
    df_lint_warn(&p->plan->lint, DF_LINT_INVALID_BASE_IMAGE_PLATFORM, NULL, from->at, from->from.image, actual, expected);
}

static void start_from_image(struct build_planner *p, struct build_stage *s)
{
    struct oci_image_config *c = &s->state.config;
    oci_image_config_copy(c, &p->all->wants[s->want].config);
    oci_image_config_repair_history(c);
    c->has_created = false;
    if (p->in->request->changes.no_base_labels)
        oci_labels_clear(c);
    check_platform(p, s, &c->platform);
    if (c->n_diff_ids) {
        s->state.snapshot = build_image_step(p, s->want);
        s->number = 1;
    }
    if (!oci_env_get(c, "PATH"))
        oci_env_set(c, "PATH", default_path);
    add_given_env(p, s);
    env_from_config(s);
}

static void start_from_nothing(struct build_planner *p, struct build_stage *s)
{
    struct oci_image_config *c = &s->state.config;
    oci_platform_copy(&c->platform, &s->platform);
    c->working_dir = cb_strdup("/");
    oci_env_set(c, "PATH", default_path);
    add_given_env(p, s);
    env_from_config(s);
}

static int count_layer_instructions(const struct build_stage *s)
{
    int n = 0;
    for (size_t k = 0; k < s->n_triggers + s->df->n; k++) {
        const struct df_instruction *i = k < s->n_triggers ? s->triggers[k] : &s->df->items[k - s->n_triggers];
        n += i->kind == DF_RUN || i->kind == DF_COPY || i->kind == DF_ADD || i->kind == DF_WORKDIR;
    }
    return n;
}

static int evaluate_one(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    if (i->kind == DF_RUN)
        return build_evaluate_run(p, s, i, err);
    if (i->kind == DF_COPY || i->kind == DF_ADD)
        return build_evaluate_copy(p, s, i, err);
    if (i->kind == DF_WORKDIR)
        return build_evaluate_workdir(p, s, i, err);
    return build_evaluate_config(p, s, i, err);
}

static int evaluate(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    const struct build_step *before = s->state.snapshot;
    if (evaluate_one(p, s, i, err) < 0)
        return -1;
    if (p->number && s->state.snapshot != before)
        build_merge_step(p, s);
    return 0;
}

static void evaluate_all(struct build_planner *p, struct build_stage *s)
{
    for (size_t k = 0; k < s->n_triggers + s->df->n && !s->cut; k++) {
        bool trigger = k < s->n_triggers;
        const struct df_instruction *i = trigger ? s->triggers[k] : &s->df->items[k - s->n_triggers];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (evaluate(p, s, i, &err) == 0)
            continue;
        build_note_mistake(p, trigger ? s->df->from->at : i->at, &err);
        s->cut = i->kind == DF_ARG || i->kind == DF_ENV;
    }
}

void build_evaluate_stage(struct build_planner *p, struct build_stage *s)
{
    if (s->base == BUILD_BASE_STAGE)
        start_from_stage(s);
    else if (s->base == BUILD_BASE_IMAGE)
        start_from_image(p, s);
    else
        start_from_nothing(p, s);
    if (s->replaced)
        return;
    cb_strv_done(&s->state.config.on_build);
    s->total = s->number + count_layer_instructions(s);
    evaluate_all(p, s);
    cb_strv_copy(&s->state.config.on_build, &s->on_build);
}
