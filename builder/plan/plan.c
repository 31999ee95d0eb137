/* Planning as a whole: parse, then phase 3 of "order of errors" (stages.c, needs.c), then the evaluation of the
 * stages that are needed, in order. */
#include "builder/plan/plan.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/outline.h"
#include "builder/plan/planner-internal.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/oci/reference.h"

/* A frontend's call has no plan to be marshalled. */
static int take_late_mistakes(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->late.n && p->in->request->call == BUILD_CALL_BUILD; i++)
        df_errors_take(&p->errors, &p->late.items[i]);
    return build_take_mistakes(p, err);
}

static void evaluate_stages(struct build_planner *p, bool replaced)
{
    for (size_t i = 0; i < p->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        if (!s->needed || s->replaced != replaced)
            continue;
        s->cut = s->base == BUILD_BASE_STAGE && s->parent->cut;
        if (s->cut)
            continue;
        build_evaluate_stage(p, s);
        if (!p->errors.n)
            build_outline_stage(p, s);
    }
}

/* Stages that a named context replaces come first: those further up may take from them too. */
static int evaluate_all(struct build_planner *p, struct cb_error *err)
{
    evaluate_stages(p, true);
    evaluate_stages(p, false);
    return take_late_mistakes(p, err);
}

/* A platform that was asked for is what the image says, whatever its base is (dockerfile.md §10). */
static void set_image_platform(const struct build_planner *p, struct oci_platform *have)
{
    const struct oci_platform *asked = build_platform_of(p);
    bool same = strcmp(have->os, asked->os) == 0 && strcmp(have->arch, asked->arch) == 0;
    struct {
        char **to;
        const char *from;
        bool always;
    } members[] = {{&have->os, asked->os, true},
                   {&have->arch, asked->arch, true},
                   {&have->variant, asked->variant, !same},
                   {&have->os_version, asked->os_version, !same}};
    for (size_t i = 0; i < CB_LEN(members) && p->all->platform_given; i++) {
        if (!members[i].always && !*members[i].from)
            continue;
        free(*members[i].to);
        *members[i].to = cb_strdup(members[i].from);
    }
    oci_platform_normalize(have);
}

static void change_config(const struct build_request *q, struct oci_image_config *config)
{
    for (size_t i = 0; i < q->labels.n; i++) {
        const char *value;
        CB_AUTO(free) char *key = cb_split_pair(q->labels.items[i], &value);
        oci_label_set(config, key, value ? value : "");
    }
    const struct build_changes *c = &q->changes;
    for (size_t i = 0; i < c->unset_labels.n; i++)
        oci_label_unset(config, c->unset_labels.items[i]);
    for (size_t i = 0; i < c->unset_env.n; i++)
        oci_env_unset(config, c->unset_env.items[i]);
}

/* The image that is built, taken out of its stage. */
static void take_target(struct build_planner *p)
{
    struct build_stage *t = p->target;
    struct build_state *state = &p->plan->targets[p->number].state;
    *state = t->state;
    t->state = (struct build_state){0};
    set_image_platform(p, &state->config.platform);
    if (!p->plan->target_name)
        p->plan->target_name = cb_strdup(t->display);
    change_config(p->in->request, &state->config);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static void split_build_args(struct build_planner *p)
{
    const struct cb_strv *list = &p->in->request->build_args;
    for (size_t i = 0; i < list->n; i++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(list->items[i], &value);
        build_vars_set(&p->build_args, name, value);
    }
}

/* The frontend is built in. Docker's own, wherever it is mirrored and whatever its tag, is what it stands for. */
static int check_frontend(const char *name, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    bool known = oci_ref_parse(name, &ref, &ignored) == 0 &&
                 (cb_ends(ref.path, "docker/dockerfile") || cb_ends(ref.path, "docker/dockerfile-upstream"));
    if (known)
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "the frontend '%s' cannot be used: cbuild has the one of docker/dockerfile built in", name);
    return cb_hint(err, "take the syntax directive out, or name docker/dockerfile:1");
}

static int check_syntax(const struct build_planner *p, struct cb_error *err)
{
    struct cb_str text = p->in->dockerfile;
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    struct df_directive d;
    const char *given = build_vars_get(&p->build_args, "BUILDKIT_SYNTAX");
    if (given)
        return check_frontend(given, err) < 0 ? cb_prefix(err, "failed with build-arg:BUILDKIT_SYNTAX = %s", given) : 0;
    if (!df_directive_find(text.p, text.n, "syntax", true, &hold, &d))
        return 0;
    CB_AUTO(free) char *name = cb_memdup0(d.value.p, d.value.n);
    return check_frontend(name, err) < 0 ? cb_at(err, d.line, d.line) : 0;
}

static int configure_lint(struct build_planner *p, struct cb_error *err)
{
    struct cb_str text = p->in->dockerfile;
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    struct df_directive check;
    const char *options = build_vars_get(&p->build_args, "BUILDKIT_DOCKERFILE_CHECK");
    if (options)
        return df_lint_configure(&p->plan->lint, options, err);
    if (!df_directive_find(text.p, text.n, "check", false, &hold, &check))
        return 0;
    CB_AUTO(free) char *value = cb_memdup0(check.value.p, check.value.n);
    return df_lint_configure(&p->plan->lint, value, err) < 0 ? cb_at(err, check.line, check.line) : 0;
}

static int parse(struct build_planner *p, struct cb_error *err)
{
    struct build_plan *plan = p->plan;
    if (check_syntax(p, err) < 0 || df_parse(p->in->dockerfile.p, p->in->dockerfile.n, &plan->file, err) < 0 ||
        configure_lint(p, err) < 0)
        return -1;
    return df_decode(plan->file, &plan->lint, &plan->dockerfile, &p->errors) < 0 ? build_take_mistakes(p, err) : 0;
}

/* What is only asked about a Dockerfile is answered for one platform. */
static int set_platforms(struct build_planner *p, struct cb_error *err)
{
    const struct build_request *q = p->in->request;
    struct oci_platform *list = NULL;
    size_t n = 0;
    oci_platform_host(&p->all->host);
    p->all->platform_given = q->platform;
    if (oci_platforms_parse(q->platform, &list, &n, err) < 0)
        return -1;
    p->plan->n_targets = q->call == BUILD_CALL_BUILD ? n : 1;
    p->plan->targets = cb_alloc(n * sizeof(*p->plan->targets));
    for (size_t i = 0; i < p->plan->n_targets; i++)
        oci_platform_copy(&p->plan->targets[i].platform, &list[i]);
    oci_platforms_free(list, n);
    return 0;
}

static void stage_done(struct build_stage *s)
{
    free(s->display);
    free(s->base_text);
    oci_platform_done(&s->platform);
    build_state_done(&s->state);
    build_vars_done(&s->env);
    build_vars_done(&s->declared);
    cb_strv_done(&s->args);
    cb_strv_done(&s->on_build);
    free(s->triggers);
    for (size_t i = 0; i < s->n_trigger_files; i++)
        df_file_free(s->trigger_files[i]);
    free(s->trigger_files);
}

static void planner_done(struct build_planner *p)
{
    for (size_t i = 0; i < p->n_stages; i++)
        stage_done(&p->stages[i]);
    free(p->stages);
    build_vars_done(&p->globals);
    build_vars_done(&p->build_args);
    cb_strv_done(&p->implicit);
    df_errors_done(&p->errors);
    df_errors_done(&p->late);
}

static void planning_done(struct build_planning *all)
{
    for (size_t i = 0; i < all->n_wants; i++)
        build_want_done(&all->wants[i]);
    free(all->wants);
    oci_platform_done(&all->host);
}

/* Of several platforms, the one that something is wrong with. */
static int name_platform(const struct build_planner *p, struct cb_error *err)
{
    CB_AUTO(free) char *text = oci_platform_text(build_platform_of(p));
    return p->plan->n_targets > 1 ? cb_prefix(err, "%s", text) : -1;
}

/* Up to the images that are needed. */
static int begin(struct build_planner *p, struct cb_error *err)
{
    static int (*const parts[])(struct build_planner * p, struct cb_error * err) = {
        build_set_globals, build_set_epoch, build_make_stages, build_find_target, build_check_references};
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (parts[i](p, err) < 0)
            return name_platform(p, err);
    return 0;
}

static int finish(struct build_planner *p, struct cb_error *err)
{
    if (evaluate_all(p, err) < 0)
        return name_platform(p, err);
    take_target(p);
    return 0;
}

/* What is noticed on the way to the first image is said of all. */
static int plan_platforms(struct build_planner *planners, size_t n, struct cb_error *err)
{
    struct df_lint *lint = &planners->plan->lint;
    for (size_t i = 0; i < n; i++) {
        bool closed = lint->closed;
        lint->closed = closed || i;
        int r = begin(&planners[i], err);
        lint->closed = closed;
        if (r < 0)
            return -1;
    }
    if (build_resolve_images(planners, n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (finish(&planners[i], err) < 0)
            return -1;
        lint->closed = true;
    }
    return 0;
}

/* The first has read the Dockerfile; the others begin there. */
static int plan_all(struct build_planner *first, struct cb_error *err)
{
    size_t n = first->plan->n_targets;
    CB_AUTO(free) struct build_planner *planners = cb_alloc(n * sizeof(*planners));
    for (size_t i = 0; i < n; i++) {
        planners[i] =
            (struct build_planner){.in = first->in, .plan = first->plan, .all = first->all, .more = first->more, .number = i};
        split_build_args(&planners[i]);
    }
    int r = plan_platforms(planners, n, err);
    for (size_t i = 0; i < n; i++)
        planner_done(&planners[i]);
    return r;
}

int build_plan_make(const struct build_plan_input *in, struct build_plan *ret, struct df_errors *more, struct cb_error *err)
{
    struct build_planning all = {0};
    struct build_planner p = {.in = in, .plan = ret, .all = &all, .more = more};
    ret->effects = in->effects;
    ret->effects_arg = in->arg;
    if (in->request->call == BUILD_CALL_OUTLINE)
        ret->outline = CB_NEW(struct build_outline);
    split_build_args(&p);
    int r = parse(&p, err) < 0 || set_platforms(&p, err) < 0 || plan_all(&p, err) < 0 ? -1 : 0;
    planner_done(&p);
    planning_done(&all);
    if (r == 0)
        build_connect_steps(ret);
    return r;
}
