/* Planning as a whole: parse, then phase 3 of "order of errors" (stages.c, needs.c), then the evaluation of the
 * stages that are needed, in order. */
#include "builder/plan/plan.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/outline.h"
#include "builder/plan/stage.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/oci/reference.h"

/* ---- evaluation in order ------------------------------------------------------------------------- */

static bool skip_cache(const struct build_planner *p, const struct build_stage *s)
{
    const struct build_request *r = p->b->session->request;
    if (r->no_cache)
        return true;
    for (size_t k = 0; k < r->no_cache_filter.n; k++)
        if (strcasecmp(r->no_cache_filter.items[k], s->display) == 0)
            return true;
    return false;
}

struct build_step *build_step_new(struct build_planner *p, struct build_stage *s, enum build_op op,
                                  const struct df_instruction *i)
{
    struct build_step *step = CB_NEW(struct build_step);
    step->op = op;
    step->index = p->plan->n_steps;
    step->number = ++p->b->session->last_number;
    step->parent = s ? s->state.snapshot : NULL;
    step->no_cache = s && skip_cache(p, s);
    if (i) {
        step->at = i->at;
        CB_AUTO(free) char *stage = p->n_stages > 1 ? cb_printf("%s ", s->display) : cb_strdup("");
        step->name = cb_printf("[%s%d/%d] %s", stage, s->number, s->total, i->source);
    }
    CB_PUSH(p->plan->steps, p->plan->n_steps, p->plan->cap_steps) = step;
    if (s)
        s->state.snapshot = step;
    return step;
}

void build_history_add(struct build_stage *s, char *created_by, const struct build_step *step)
{
    CB_PUSH(s->state.history, s->state.n_history, s->state.cap_history) = (struct build_history){created_by, step};
}

struct build_step *build_image_step(struct build_planner *p, size_t want)
{
    struct build_want *w = &p->wants[want];
    for (size_t k = 0; k < p->plan->n_steps; k++)
        if (p->plan->steps[k]->op == OP_BASE && strcmp(p->plan->steps[k]->base.name, w->base.name) == 0 &&
            cb_digest_eq(&p->plan->steps[k]->base.image.config, &w->base.image.config))
            return p->plan->steps[k];
    struct build_step *step = build_step_new(p, NULL, OP_BASE, NULL);
    step->at = w->at;
    step->name = cb_printf("FROM %s", w->text);
    step->base = w->base;
    w->base = (struct build_base){.name = cb_strdup(step->base.name)};
    w->base.image.config = step->base.image.config;
    return step;
}

static int not_yet_defined(struct build_stage *s, const char *from, const char *mount_target, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf other = CB_BUF_INIT;
    cb_quote_go(&name, from, strlen(from));
    const char *where = mount_target ? mount_target : s->display;
    cb_quote_go(&other, where, strlen(where));
    if (mount_target)
        return cb_fail(err, CB_E_DOCKERFILE, "cannot mount from stage %s to %s, stage needs to be defined before current command",
                       name.data, other.data);
    return cb_fail(err, CB_E_DOCKERFILE, "cannot copy from stage %s, it needs to be defined before current stage %s", name.data,
                   other.data);
}

int build_resolve_from(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *from,
                       const char *mount_target, struct build_files *ret, struct cb_error *err)
{
    struct build_stage *stage = NULL;
    int r = build_find_stage(p, from, !mount_target, &stage, err);
    if (r < 0)
        return -1;
    if (r > 0 && stage > s && !stage->replaced)
        return not_yet_defined(s, from, mount_target, err);
    *ret = (struct build_files){.kind = FILES_EMPTY};
    if (r > 0) {
        if (stage->base == BASE_LOCAL && stage->replaced) {
            *ret = (struct build_files){FILES_CONTEXT, &stage->named->local, NULL};
            return 0;
        }
        if (stage->state.snapshot)
            *ret = (struct build_files){FILES_STEP, NULL, stage->state.snapshot};
        return 0;
    }
    struct build_named *named = build_contexts_find(&p->b->contexts, from, &s->platform);
    if (named && named->kind == NAMED_LOCAL) {
        *ret = (struct build_files){FILES_CONTEXT, &named->local, NULL};
        return 0;
    }
    if (!named && strcmp(from, "scratch") == 0)
        return 0;
    if (named && named->kind == NAMED_SCRATCH)
        return 0;
    size_t want =
        named ? build_want_named(p, named, &s->platform, i->at) : build_want_image(p, from, false, &p->plan->platform, i->at);
    struct build_step *step = build_image_step(p, want);
    if (step->base.image.n_layers)
        *ret = (struct build_files){FILES_STEP, NULL, step};
    return 0;
}

/* ---- mistakes ------------------------------------------------------------------------------------- */

void build_note_mistake(struct build_planner *p, struct cb_place at, struct cb_error *err)
{
    cb_at(err, at.line, at.last_line);
    df_errors_take(&p->errors, err);
    p->b->lint.closed = true;
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
    return df_errors_split(&p->errors, err, &p->b->more_errors);
}

/* A frontend's call has no plan to be marshalled. */
static int take_late_mistakes(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->late.n && p->b->session->request->call == CALL_BUILD; i++)
        df_errors_take(&p->errors, &p->late.items[i]);
    return build_take_mistakes(p, err);
}

static int evaluate_all(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        s->cut = s->needed && s->base == BASE_STAGE && s->parent->cut;
        if (!s->needed || s->cut)
            continue;
        build_evaluate_stage(p, s);
        if (!p->errors.n)
            build_outline_stage(p, s);
    }
    return take_late_mistakes(p, err);
}

static void mark_target(struct build_planner *p)
{
    struct build_step **steps = p->plan->steps;
    for (const struct build_step *s = p->target->state.snapshot; s; s = s->parent)
        steps[s->index]->in_target = true;
    for (size_t i = 0; i < p->plan->n_steps; i++)
        if (steps[i]->op == OP_RUN)
            for (const struct build_step *s = steps[i]->parent; s && !s->needs_fs; s = s->parent)
                steps[s->index]->needs_fs = true;
}

static void add_input(struct build_step *s, const struct build_files *from)
{
    if (from->kind == FILES_STEP)
        CB_PUSH(s->inputs, s->n_inputs, s->cap_inputs) = from->step;
}

/* Behind all that a step is made from: an image is first named by the COPY or mount that takes from it. */
static void sort_steps(struct build_plan *plan)
{
    struct build_step **sorted = cb_alloc((plan->n_steps + 1) * sizeof(*sorted));
    size_t n = 0;
    for (int base = 1; base >= 0; base--)
        for (size_t i = 0; i < plan->n_steps; i++)
            if ((plan->steps[i]->op == OP_BASE) == base)
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
    if (s->op == OP_COPY)
        add_input(s, &s->copy.from);
    for (const struct build_run_mount *m = s->op == OP_RUN ? s->run.mounts : NULL; m; m = m->next)
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
        for (const struct build_run_mount *o = plan->steps[i]->op == OP_RUN ? plan->steps[i]->run.mounts : NULL; o; o = o->next)
            if (plan->steps[i]->no_cache && same_cache(m, o->m))
                return true;
    return false;
}

/* --no-cache empties the caches of the RUNs it hits before the build, for all who use them (dockerfile.md §18). */
static void mark_fresh_caches(struct build_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct build_step *s = plan->steps[i];
        for (struct build_run_mount *m = s->op == OP_RUN ? s->run.mounts : NULL; m; m = m->next)
            m->fresh = m->m->type == DF_MOUNT_CACHE && used_anew(plan, m->m);
    }
}

/* The image that is built, taken out of its stage. */
/* A platform that was asked for is what the image says, whatever its base is (§10). */
static void set_image_platform(const struct build_planner *p, struct oci_platform *have)
{
    const struct oci_platform *asked = &p->plan->platform;
    bool same = strcmp(have->os, asked->os) == 0 && strcmp(have->arch, asked->arch) == 0;
    struct {
        char **to;
        const char *from;
        bool always;
    } members[] = {{&have->os, asked->os, true},
                   {&have->arch, asked->arch, true},
                   {&have->variant, asked->variant, !same},
                   {&have->os_version, asked->os_version, !same}};
    for (size_t i = 0; i < CB_LEN(members) && p->platform_given; i++) {
        if (!members[i].always && !*members[i].from)
            continue;
        free(*members[i].to);
        *members[i].to = cb_strdup(members[i].from);
    }
    oci_platform_normalize(have);
}

static void take_target(struct build_planner *p)
{
    struct build_stage *t = p->target;
    p->plan->target = CB_NEW(struct build_state);
    *p->plan->target = t->state;
    t->state = (struct build_state){0};
    set_image_platform(p, &p->plan->target->config.platform);
    p->plan->target_name = cb_strdup(t->display);
    const struct cb_strv *labels = &p->b->session->request->labels;
    for (size_t i = 0; i < labels->n; i++) {
        const char *eq = strchr(labels->items[i], '=');
        CB_AUTO(free)
        char *key = eq ? cb_memdup0(labels->items[i], (size_t)(eq - labels->items[i])) : cb_strdup(labels->items[i]);
        oci_label_set(&p->plan->target->config, key, eq ? eq + 1 : "");
    }
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static void split_build_args(struct build_planner *p)
{
    const struct cb_strv *list = &p->b->session->request->build_args;
    for (size_t i = 0; i < list->n; i++) {
        const char *eq = strchr(list->items[i], '=');
        CB_AUTO(free) char *name = cb_memdup0(list->items[i], (size_t)(eq - list->items[i]));
        build_vars_set(&p->build_args, name, eq + 1);
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
    const struct cb_buf *text = &p->b->contexts.dockerfile;
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    struct df_directive d;
    const char *given = build_vars_get(&p->build_args, "BUILDKIT_SYNTAX");
    if (given)
        return check_frontend(given, err) < 0 ? cb_context(err, "failed with build-arg:BUILDKIT_SYNTAX = %s", given) : 0;
    if (!df_directive_find(text->data, text->len, "syntax", true, &hold, &d))
        return 0;
    CB_AUTO(free) char *name = cb_memdup0(d.value.p, d.value.n);
    return check_frontend(name, err) < 0 ? cb_at(err, d.line, d.line) : 0;
}

static int parse(struct build_planner *p, struct cb_error *err)
{
    struct build *b = p->b;
    struct build_plan *plan = p->plan;
    if (check_syntax(p, err) < 0)
        return -1;
    if (df_parse(b->contexts.dockerfile.data, b->contexts.dockerfile.len, &plan->file, err) < 0)
        return -1;
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    struct df_directive check;
    const char *options = build_vars_get(&p->build_args, "BUILDKIT_DOCKERFILE_CHECK");
    if (options && df_lint_configure(&b->lint, options, err) < 0)
        return -1;
    if (!options && df_directive_find(b->contexts.dockerfile.data, b->contexts.dockerfile.len, "check", false, &hold, &check)) {
        CB_AUTO(free) char *value = cb_memdup0(check.value.p, check.value.n);
        if (df_lint_configure(&b->lint, value, err) < 0)
            return cb_at(err, check.line, check.line);
    }
    return df_decode(plan->file, &b->lint, &plan->dockerfile, &p->errors) < 0 ? build_take_mistakes(p, err) : 0;
}

static int set_platforms(struct build_planner *p, struct cb_error *err)
{
    const char *text = p->b->session->request->platform;
    oci_platform_host(&p->host);
    p->platform_given = text != NULL;
    if (!text) {
        oci_platform_copy(&p->plan->platform, &p->host);
        return 0;
    }
    return oci_platform_parse(text, &p->plan->platform, err);
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
    for (size_t i = 0; i < p->n_wants; i++) {
        free((char *)p->wants[i].text);
        oci_platform_done((struct oci_platform *)p->wants[i].platform);
        free((struct oci_platform *)p->wants[i].platform);
        build_base_done(&p->wants[i].base);
        oci_image_config_done(&p->wants[i].config);
    }
    free(p->wants);
    cb_strv_done(&p->implicit);
    df_errors_done(&p->errors);
    df_errors_done(&p->late);
    oci_platform_done(&p->host);
}

int build_plan_make(struct build *b, struct build_plan *ret, struct cb_error *err)
{
    struct build_planner p = {.b = b, .plan = ret};
    split_build_args(&p);
    int r = parse(&p, err);
    if (r == 0)
        r = set_platforms(&p, err);
    if (r == 0)
        r = build_set_globals(&p, err);
    if (r == 0)
        r = build_set_epoch(&p, err);
    if (r == 0)
        r = build_make_stages(&p, err);
    if (r == 0)
        r = build_find_target(&p, err);
    if (r == 0)
        r = build_check_references(&p, err);
    if (r == 0)
        r = build_resolve_images(&p, err);
    if (r == 0)
        r = evaluate_all(&p, err);
    if (r == 0) {
        sort_steps(ret);
        for (size_t i = 0; i < ret->n_steps; i++)
            connect(ret->steps[i]);
        mark_target(&p);
        mark_fresh_caches(ret);
        take_target(&p);
    }
    planner_done(&p);
    return r;
}
