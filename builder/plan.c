/* Planning: phase 3 of "order of errors" (dockerfile.md §1): global ARGs, bases, platforms, target, what is
 * reachable, which images must be asked for; then the evaluation of the reachable stages. */
#include "builder/plan.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/stage.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/reference.h"

/* ---- variables ------------------------------------------------------------------------------- */

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

/* ---- global scope ----------------------------------------------------------------------------- */

static const char *lookup_global(void *arg, const char *name)
{
    struct build_planner *p = arg;
    return build_vars_get(&p->globals, name);
}

static void set_platform_args(struct build_planner *p)
{
    const struct oci_platform *of[] = {&p->host, &p->plan->platform};
    static const char *const prefix[] = {"BUILD", "TARGET"};
    for (int i = 0; i < 2; i++) {
        CB_AUTO(free) char *text = oci_platform_text(of[i]);
        const char *const part[][2] = {{"PLATFORM", text},
                                       {"OS", of[i]->os},
                                       {"OSVERSION", of[i]->os_version},
                                       {"ARCH", of[i]->arch},
                                       {"VARIANT", of[i]->variant}};
        for (size_t k = 0; k < CB_LEN(part); k++) {
            CB_AUTO(free) char *name = cb_printf("%s%s", prefix[i], part[k][0]);
            build_vars_set(&p->globals, name, part[k][1] ? part[k][1] : "");
        }
    }
    const struct df_dockerfile *d = &p->plan->dockerfile;
    const char *target = p->b->request->target;
    if (!target || !*target)
        target = d->stages[d->n_stages - 1].from->from.name;
    build_vars_set(&p->globals, "TARGETSTAGE", target ? target : "default");
}

static int set_global_args(struct build_planner *p, struct cb_error *err)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    set_platform_args(p);
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&p->build_args.map, it));)
        if (cb_map_has(&p->globals.map, it->key))
            build_vars_set(&p->globals, it->key, it->value);
    for (size_t i = 0; i < d->n_args; i++) {
        const struct df_instruction *ins = &d->args[i];
        for (size_t k = 0; k < ins->args.n; k++) {
            const struct df_arg *a = &ins->args.items[k];
            const char *given = build_vars_get(&p->build_args, a->name);
            struct df_expand x = {.escape = p->plan->file->escape, .lookup = lookup_global, .lookup_arg = p};
            CB_AUTO(free) char *value = given ? cb_strdup(given) : NULL;
            if (!given && a->value && df_expand_word(&x, a->value, &value, err) < 0)
                return cb_at(err, ins->at.line, ins->at.last_line);
            if (value)
                build_vars_set(&p->globals, a->name, value);
        }
    }
    return 0;
}

/* SOURCE_DATE_EPOCH: build-arg (or the client's environment), or a global ARG's default (§9). Values that name
 * a context or a stage are resolved by their commit or modification time; for local ones that is "unset". */
static int set_epoch(struct build_planner *p, struct cb_error *err)
{
    const char *text = build_vars_get(&p->build_args, "SOURCE_DATE_EPOCH");
    if (!text)
        text = build_vars_get(&p->globals, "SOURCE_DATE_EPOCH");
    if (!text || !*text || strcmp(text, "context") == 0) {
        build_vars_set(&p->globals, "SOURCE_DATE_EPOCH", NULL);
        build_vars_set(&p->build_args, "SOURCE_DATE_EPOCH", NULL);
        return 0;
    }
    if (!cb_parse_i64(text, &p->plan->epoch))
        return cb_fail(err, CB_E_USAGE, "invalid SOURCE_DATE_EPOCH: %s", text);
    p->plan->has_epoch = true;
    CB_AUTO(free) char *digits = cb_printf("%lld", (long long)p->plan->epoch);
    bool as_arg = build_vars_get(&p->build_args, "SOURCE_DATE_EPOCH") != NULL;
    build_vars_set(as_arg ? &p->build_args : &p->globals, "SOURCE_DATE_EPOCH", digits);
    return 0;
}

/* ---- stages and their bases ------------------------------------------------------------------- */

int build_find_stage(struct build_planner *p, const char *name, bool index_allowed, struct build_stage **ret,
                     struct cb_error *err)
{
    int64_t index;
    if (index_allowed && df_parse_int(name, &index)) {
        if (index < 0 || (uint64_t)index >= p->n_stages)
            return cb_fail(err, CB_E_DOCKERFILE, "invalid stage index %s", name);
        *ret = &p->stages[index];
        return 1;
    }
    for (size_t i = p->n_stages; i-- > 0;) {
        const char *have = p->stages[i].df->from->from.name;
        if (have && strcasecmp(have, name) == 0) {
            *ret = &p->stages[i];
            return 1;
        }
    }
    return 0;
}

static const char *const platform_args[] = {"BUILDPLATFORM", "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",
                                            "BUILDVARIANT",  "TARGETPLATFORM", "TARGETOS",       "TARGETOSVERSION",
                                            "TARGETARCH",    "TARGETVARIANT",  "TARGETSTAGE"};

static bool global_declared(const struct build_planner *p, const char *name)
{
    for (size_t i = 0; i < CB_LEN(platform_args); i++)
        if (strcmp(platform_args[i], name) == 0)
            return true;
    const struct df_dockerfile *d = &p->plan->dockerfile;
    for (size_t i = 0; i < d->n_args; i++)
        for (size_t k = 0; k < d->args[i].args.n; k++)
            if (strcmp(d->args[i].args.items[k].name, name) == 0)
                return true;
    return false;
}

static char *suggestion(const struct cb_map *names, const char *word, const char *sign)
{
    const char **list = cb_alloc((names->n + 1) * sizeof(*list));
    size_t n = 0;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(names, it));)
        list[n++] = it->key;
    const char *near = cb_did_you_mean(word, list, n, false);
    char *text = near ? cb_printf(" (did you mean %s%s?)", sign, near) : cb_strdup("");
    free(list);
    return text;
}

/* Expands a word of a FROM line in the global scope. */
static int expand_from(struct build_planner *p, const struct df_instruction *i, const char *word, char **ret,
                       struct cb_error *err)
{
    CB_AUTO(cb_map) struct cb_map unmatched = {0};
    struct df_expand x = {.escape = p->plan->file->escape, .lookup = lookup_global, .lookup_arg = p, .unmatched = &unmatched};
    if (df_expand_word(&x, word, ret, err) < 0)
        return -1;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&unmatched, it));) {
        if (global_declared(p, it->key))
            continue;
        CB_AUTO(free) char *near = suggestion(&p->globals.map, it->key, "");
        df_lint_warn(&p->b->lint, DF_LINT_UNDEFINED_ARG_IN_FROM, i->lint, i->at, it->key, near);
    }
    return 0;
}

/* InvalidDefaultArgInFrom: the image with the ARGs' defaults alone. */
static void check_default_base(struct build_planner *p, const struct df_instruction *i)
{
    struct build_vars given = p->build_args, globals = p->globals;
    p->build_args = p->globals = (struct build_vars){0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(free) char *name = NULL;
    struct df_expand x = {.escape = p->plan->file->escape, .lookup = lookup_global, .lookup_arg = p};
    bool bad = set_global_args(p, &ignored) < 0 || df_expand_word(&x, i->from.image, &name, &ignored) < 0 || !*name;
    if (!bad && strcmp(name, "scratch") != 0) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        bad = oci_ref_parse(name, &ref, &ignored) < 0;
    }
    build_vars_done(&p->globals);
    p->build_args = given;
    p->globals = globals;
    if (bad)
        df_lint_warn(&p->b->lint, DF_LINT_INVALID_DEFAULT_ARG_IN_FROM, i->lint, i->at, i->from.image);
}

static void lint_platform(struct build_planner *p, const struct df_instruction *i, const char *expanded)
{
    const char *raw = i->from.platform;
    if (strcmp(raw, "$TARGETPLATFORM") == 0 || strcmp(raw, "${TARGETPLATFORM}") == 0)
        df_lint_warn(&p->b->lint, DF_LINT_REDUNDANT_TARGET_PLATFORM, i->lint, i->at, raw);
    if (strchr(raw, '$'))
        return;
    CB_AUTO(oci_platform) struct oci_platform parsed = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *name = i->from.name ? i->from.name : "";
    if (oci_platform_parse(expanded, &parsed, &ignored) == 0 && !strstr(name, parsed.os) && !strstr(name, parsed.arch))
        df_lint_warn(&p->b->lint, DF_LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, i->lint, i->at, raw);
}

static int set_stage_platform(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    const struct df_instruction *i = s->df->from;
    oci_platform_copy(&s->platform, &p->plan->platform);
    if (!i->from.platform)
        return 0;
    CB_AUTO(free) char *text = NULL;
    if (expand_from(p, i, i->from.platform, &text, err) < 0)
        return cb_context(err, "failed to process arguments for platform %s", i->from.platform);
    lint_platform(p, i, text);
    if (!*text) {
        CB_AUTO(free) char *near = suggestion(&p->globals.map, i->from.platform + strspn(i->from.platform, "${"), "");
        return cb_fail(err, CB_E_DOCKERFILE, "empty platform value from expression %s%s", i->from.platform, near);
    }
    oci_platform_done(&s->platform);
    s->has_platform = true;
    if (oci_platform_parse(text, &s->platform, err) < 0)
        return cb_context(err, "failed to parse platform %s", i->from.platform);
    return 0;
}

static void use_named(struct build_stage *s, struct build_named *named)
{
    s->named = named;
    s->base = named->kind == NAMED_LOCAL ? BASE_LOCAL : named->kind == NAMED_SCRATCH ? BASE_SCRATCH : BASE_IMAGE;
}

static int check_reference(const char *text, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(text, &ref, err) == 0)
        return 0;
    return cb_context(err, "failed to parse stage name \"%s\"", text);
}

static int set_stage_base(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    const struct df_instruction *i = s->df->from;
    if (expand_from(p, i, i->from.image, &s->base_text, err) < 0)
        return -1;
    check_default_base(p, i);
    if (!*s->base_text) {
        static const char *const common[] = {"alpine", "busybox", "centos", "debian", "golang", "ubuntu", "fedora"};
        const char *near = cb_did_you_mean(i->from.image, common, CB_LEN(common), false);
        cb_fail(err, CB_E_DOCKERFILE, "base name (%s) should not be blank", i->from.image);
        return near ? cb_hint(err, "did you mean %s?", near) : -1;
    }
    if (set_stage_platform(p, s, err) < 0)
        return -1;
    for (struct build_stage *e = s; e-- > p->stages;) {
        const char *name = e->df->from->from.name;
        if (name && strcmp(name, s->base_text) == 0) {
            s->base = BASE_STAGE;
            s->parent = e;
            break;
        }
    }
    const char *own = i->from.name;
    struct build_named *named = own ? build_contexts_find(&p->b->contexts, own, &s->platform) : NULL;
    if (named) {
        s->replaced = true;
        s->parent = NULL;
        use_named(s, named);
        return 0;
    }
    if (s->parent)
        return 0;
    if (strcmp(s->base_text, "scratch") == 0) {
        s->base = BASE_SCRATCH;
        return 0;
    }
    named = build_contexts_find(&p->b->contexts, s->base_text, &s->platform);
    if (named) {
        use_named(s, named);
        return 0;
    }
    s->base = BASE_IMAGE;
    return check_reference(s->base_text, err);
}

static int make_stages(struct build_planner *p, struct cb_error *err)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    p->n_stages = d->n_stages;
    p->stages = cb_alloc(d->n_stages * sizeof(*p->stages));
    for (size_t i = 0; i < d->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        s->df = &d->stages[i];
        s->want = SIZE_MAX;
        s->display = s->df->from->from.name ? cb_strdup(s->df->from->from.name) : cb_printf("stage-%zu", i);
        if (set_stage_base(p, s, err) < 0)
            return cb_at(err, s->df->from->at.line, s->df->from->at.last_line);
    }
    return 0;
}

static int find_target(struct build_planner *p, struct cb_error *err)
{
    const char *name = p->b->request->target;
    p->target = &p->stages[p->n_stages - 1];
    if (!name || !*name)
        return 0;
    if (build_find_stage(p, name, false, &p->target, err) == 1)
        return 0;
    const char **names = cb_alloc((p->n_stages + 1) * sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < p->n_stages; i++)
        if (p->stages[i].df->from->from.name)
            names[n++] = p->stages[i].df->from->from.name;
    const char *near = cb_did_you_mean(name, names, n, true);
    CB_AUTO(free) char *tail = near ? cb_printf(" (did you mean %s?)", near) : cb_strdup("");
    free(names);
    return cb_fail(err, CB_E_DOCKERFILE, "target stage \"%s\" could not be found%s", name, tail);
}

/* ---- what refers to what ------------------------------------------------------------------------ */

/* Calls fn for every `from` of COPY and RUN --mount among these instructions. */
typedef int from_fn(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *from,
                    bool is_copy, const char *target, struct cb_error *err);

static int each_from_of(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, from_fn *fn,
                        struct cb_error *err)
{
    if (i->kind == DF_COPY && i->copy.from)
        return fn(p, s, i, i->copy.from, true, "", err);
    if (i->kind != DF_RUN)
        return 0;
    for (size_t k = 0; k < i->run.mounts.n; k++) {
        CB_AUTO(free) char *from = NULL, *target = NULL;
        if (df_mount_check(i->run.mounts.items[k], &from, &target, err) < 0)
            return -1;
        if (*from && fn(p, s, i, from, false, target, err) < 0)
            return -1;
    }
    return 0;
}

static int each_from(struct build_planner *p, struct build_stage *s, from_fn *fn, struct cb_error *err)
{
    if (s->replaced)
        return 0;
    for (size_t k = 0; k < s->n_triggers; k++)
        if (each_from_of(p, s, s->triggers[k], fn, err) < 0)
            return cb_at(err, s->df->from->at.line, s->df->from->at.last_line);
    for (size_t k = 0; k < s->df->n; k++)
        if (each_from_of(p, s, &s->df->items[k], fn, err) < 0)
            return cb_at(err, s->df->items[k].at.line, s->df->items[k].at.last_line);
    return 0;
}

/* Syntax of all references of all stages, reachable or not. */
static int check_from(struct build_planner *p, struct build_stage *s, const struct df_instruction *i __attribute__((unused)),
                      const char *from, bool is_copy, const char *target, struct cb_error *err)
{
    if (is_copy) {
        CB_AUTO(free) char *expanded = NULL;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        struct df_expand x = {.escape = p->plan->file->escape};
        if (df_expand_word(&x, from, &expanded, &ignored) < 0 || strcmp(expanded, from) != 0)
            return cb_fail(err, CB_E_DOCKERFILE,
                           "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
                           "global scope as a workaround");
    }
    struct build_stage *found = NULL;
    int r = build_find_stage(p, from, is_copy, &found, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        if (strcmp(from, "scratch") == 0 || build_contexts_find(&p->b->contexts, from, &s->platform))
            return 0;
        return check_reference(from, err);
    }
    if (found == s)
        return cb_fail(err, CB_E_DOCKERFILE, "circular dependency detected on stage: %s", s->display);
    if (found > s) {
        if (is_copy)
            return cb_fail(err, CB_E_DOCKERFILE,
                           "cannot copy from stage \"%s\", it needs to be defined before current stage \"%s\"", from, s->display);
        return cb_fail(err, CB_E_DOCKERFILE,
                       "cannot mount from stage \"%s\" to \"%s\", stage needs to be defined before current command", from,
                       target);
    }
    return 0;
}

static size_t add_want(struct build_planner *p, const char *text, bool layout, const struct oci_platform *platform,
                       struct cb_place at)
{
    for (size_t k = 0; k < p->n_wants; k++)
        if (p->wants[k].layout == layout && strcmp(p->wants[k].text, text) == 0 &&
            oci_platform_rank(p->wants[k].platform, platform) == 0)
            return k;
    struct oci_platform *copy = CB_NEW(struct oci_platform);
    oci_platform_copy(copy, platform);
    CB_PUSH(p->wants, p->n_wants, p->cap_wants) =
        (struct build_want){.text = cb_strdup(text), .layout = layout, .platform = copy, .at = at};
    return p->n_wants - 1;
}

static void need_stage(struct build_planner *p, struct build_stage *s);

static size_t want_named(struct build_planner *p, const struct build_named *n, const struct oci_platform *platform,
                         struct cb_place at)
{
    return add_want(p, n->value, n->kind == NAMED_LAYOUT, platform, at);
}

static int need_from(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *from,
                     bool is_copy, const char *target, struct cb_error *err)
{
    struct build_stage *found = NULL;
    int r = build_find_stage(p, from, is_copy, &found, err);
    if (r > 0) {
        need_stage(p, found);
        return 0;
    }
    struct build_named *named = build_contexts_find(&p->b->contexts, from, &s->platform);
    if (named && (named->kind == NAMED_IMAGE || named->kind == NAMED_LAYOUT))
        want_named(p, named, &s->platform, i->at);
    else if (!named && strcmp(from, "scratch") != 0)
        add_want(p, from, false, &p->plan->platform, i->at);
    return r < 0 ? -1 : 0;
}

static void need_stage(struct build_planner *p, struct build_stage *s)
{
    if (s->needed)
        return;
    s->needed = true;
    if (s->parent)
        need_stage(p, s->parent);
    if (s->base == BASE_IMAGE)
        s->want = s->named ? want_named(p, s->named, &s->platform, s->df->from->at)
                           : add_want(p, s->base_text, false, &s->platform, s->df->from->at);
    CB_AUTO(cb_error) struct cb_error checked = CB_ERROR_INIT; /* check_from has been through all of them */
    (void)each_from(p, s, need_from, &checked);
}

/* ONBUILD triggers of the base become instructions of the stage (§14). */
static int take_triggers(struct build_planner *p, struct build_stage *s, const struct cb_strv *texts, struct cb_error *err)
{
    for (size_t k = 0; k < texts->n; k++) {
        struct df_file *file = NULL;
        struct df_instruction *i = NULL;
        if (df_parse_trigger(texts->items[k], strlen(texts->items[k]), s->df->from->at, &file, err) < 0)
            return -1;
        CB_PUSH(s->trigger_files, s->n_trigger_files, s->cap_trigger_files) = file;
        if (df_decode_trigger(file, &p->b->lint, &i, err) < 0)
            return -1;
        CB_PUSH(s->triggers, s->n_triggers, s->cap_triggers) = i;
        if (each_from_of(p, s, i, check_from, err) < 0)
            return cb_at(err, s->df->from->at.line, s->df->from->at.last_line);
    }
    return 0;
}

static int stage_triggers(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv texts = {0};
    if (s->base == BASE_STAGE) {
        for (size_t k = 0; k < s->parent->df->n; k++)
            if (s->parent->df->items[k].kind == DF_ONBUILD)
                cb_strv_push(&texts, s->parent->df->items[k].text);
    } else if (s->base == BASE_IMAGE && !s->replaced) {
        cb_strv_copy(&texts, &p->wants[s->want].config.on_build);
    }
    return take_triggers(p, s, &texts, err);
}

static int check_all_from(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (each_from(p, &p->stages[i], check_from, err) < 0)
            return -1;
    return 0;
}

/* Asks for the images the reachable stages need; triggers in what comes back may need more. */
static int resolve_images(struct build_planner *p, struct cb_error *err)
{
    bool all = p->b->request->call == CALL_CHECK && !p->b->request->target;
    for (size_t i = 0; i < p->n_stages; i++)
        if (all || &p->stages[i] == p->target)
            need_stage(p, &p->stages[i]);
    bool *seen = cb_alloc(p->n_stages * sizeof(*seen));
    int r = 0;
    for (bool more = true; more && r == 0;) {
        more = false;
        size_t asked = 0;
        while (asked < p->n_wants && p->wants[asked].base.name)
            asked++;
        r = build_bases_resolve(p->b, p->wants + asked, p->n_wants - asked, p->b->request->pull, err);
        for (size_t i = 0; r == 0 && i < p->n_stages; i++) {
            struct build_stage *s = &p->stages[i];
            if (!s->needed || seen[i])
                continue;
            seen[i] = more = true;
            r = stage_triggers(p, s, err);
            for (size_t k = 0; r == 0 && k < s->n_triggers; k++)
                r = each_from_of(p, s, s->triggers[k], need_from, err);
        }
    }
    free(seen);
    return r;
}

/* ---- evaluation in order ------------------------------------------------------------------------- */

static bool skip_cache(const struct build_planner *p, const struct build_stage *s)
{
    const struct build_request *r = p->b->request;
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
    step->lock = -1;
    step->local_inputs = CB_BUF_INIT;
    step->index = p->plan->n_steps;
    step->number = ++p->next_number;
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

void build_history_add(struct build_stage *s, char *created_by, struct build_step *step)
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

int build_resolve_from(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *from,
                       bool is_copy, struct build_files *ret, struct cb_error *err)
{
    struct build_stage *stage = NULL;
    int r = build_find_stage(p, from, is_copy, &stage, err);
    if (r < 0)
        return -1;
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
    size_t want = named ? want_named(p, named, &s->platform, i->at) : add_want(p, from, false, &p->plan->platform, i->at);
    struct build_step *step = build_image_step(p, want);
    if (step->base.image.n_layers)
        *ret = (struct build_files){FILES_STEP, NULL, step};
    return 0;
}

static int evaluate_all(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (p->stages[i].needed && build_evaluate_stage(p, &p->stages[i], err) < 0)
            return -1;
    return 0;
}

static void mark_target(struct build_planner *p)
{
    for (struct build_step *s = p->target->state.snapshot; s; s = s->parent)
        s->in_target = true;
    for (size_t i = 0; i < p->plan->n_steps; i++)
        if (p->plan->steps[i]->op == OP_RUN)
            for (struct build_step *s = p->plan->steps[i]->parent; s && !s->needs_fs; s = s->parent)
                s->needs_fs = true;
}

static bool same_cache(const struct df_mount *a, const struct df_mount *b)
{
    return b->type == DF_MOUNT_CACHE && strcmp(a->id, b->id) == 0 && strcmp(a->from, b->from) == 0 &&
           a->has_mode == b->has_mode && a->has_uid == b->has_uid && a->has_gid == b->has_gid && a->mode == b->mode &&
           a->uid == b->uid && a->gid == b->gid;
}

static bool used_before(const struct build_plan *plan, size_t step, const struct df_mount *m)
{
    for (size_t i = 0; i < step; i++)
        for (const struct build_run_mount *o = plan->steps[i]->op == OP_RUN ? plan->steps[i]->run.mounts : NULL; o; o = o->next)
            if (plan->steps[i]->no_cache && same_cache(m, o->m))
                return true;
    return false;
}

/* --no-cache empties the caches of the RUNs it hits once, not between them (dockerfile.md §18). */
static void mark_fresh_caches(struct build_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct build_step *s = plan->steps[i];
        for (struct build_run_mount *m = s->op == OP_RUN && s->no_cache ? s->run.mounts : NULL; m; m = m->next)
            m->fresh = m->m->type == DF_MOUNT_CACHE && !used_before(plan, i, m->m);
    }
}

/* The image that is built, taken out of its stage. */
static void take_target(struct build_planner *p)
{
    struct build_stage *t = p->target;
    p->plan->target = CB_NEW(struct build_state);
    *p->plan->target = t->state;
    t->state = (struct build_state){0};
    p->plan->target_name = cb_strdup(t->display);
    const struct cb_strv *labels = &p->b->request->labels;
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
    const struct cb_strv *list = &p->b->request->build_args;
    for (size_t i = 0; i < list->n; i++) {
        const char *eq = strchr(list->items[i], '=');
        CB_AUTO(free) char *name = cb_memdup0(list->items[i], (size_t)(eq - list->items[i]));
        build_vars_set(&p->build_args, name, eq + 1);
    }
}

static int parse(struct build_planner *p, struct cb_error *err)
{
    struct build *b = p->b;
    struct build_plan *plan = p->plan;
    if (df_parse(plan->text.data, plan->text.len, &plan->file, err) < 0)
        return -1;
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    struct df_directive check;
    const char *options = build_vars_get(&p->build_args, "BUILDKIT_DOCKERFILE_CHECK");
    if (options && df_lint_configure(&b->lint, options, err) < 0)
        return -1;
    if (!options && df_directive_find(plan->text.data, plan->text.len, "check", false, &hold, &check)) {
        CB_AUTO(free) char *value = cb_memdup0(check.value.p, check.value.n);
        if (df_lint_configure(&b->lint, value, err) < 0)
            return cb_at(err, check.line, check.line);
    }
    CB_AUTO(df_errors) struct df_errors errors = {0};
    if (df_decode(plan->file, &b->lint, &plan->dockerfile, &errors) == 0)
        return 0;
    cb_error_move(err, &errors.items[0]);
    for (size_t i = 1; i < errors.n; i++)
        cb_error_move(&CB_PUSH(b->more_errors.items, b->more_errors.n, b->more_errors.cap), &errors.items[i]);
    return -1;
}

static int set_platforms(struct build_planner *p, struct cb_error *err)
{
    const char *text = p->b->request->platform;
    oci_platform_host(&p->host);
    p->platform_given = text != NULL;
    if (!text) {
        oci_platform_copy(&p->plan->platform, &p->host);
        return 0;
    }
    return oci_platform_parse(text, &p->plan->platform, err);
}

static void state_done(struct build_state *s);

static void stage_done(struct build_stage *s)
{
    free(s->display);
    free(s->base_text);
    oci_platform_done(&s->platform);
    state_done(&s->state);
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
        r = set_global_args(&p, err);
    if (r == 0)
        r = set_epoch(&p, err);
    if (r == 0)
        r = make_stages(&p, err);
    if (r == 0)
        r = find_target(&p, err);
    if (r == 0)
        r = check_all_from(&p, err);
    if (r == 0)
        r = resolve_images(&p, err);
    if (r == 0)
        r = evaluate_all(&p, err);
    if (r == 0) {
        mark_target(&p);
        mark_fresh_caches(ret);
        take_target(&p);
    }
    planner_done(&p);
    return r;
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void run_done(struct build_run *r)
{
    cb_strv_done(&r->argv);
    cb_strv_done(&r->env);
    cb_strv_done(&r->proxy_env);
    free(r->cwd);
    free(r->user);
    free(r->hostname);
    free((char *)r->script_name);
    free((char *)r->script.p);
    while (r->mounts) {
        struct build_run_mount *next = r->mounts->next;
        df_mount_done(r->mounts->m);
        free(r->mounts->m);
        free(r->mounts->target);
        free(r->mounts);
        r->mounts = next;
    }
}

static void copy_done(struct build *b, struct build_copy *c)
{
    for (size_t i = 0; i < c->n_entries; i++)
        build_remote_free(b, c->remotes[i]);
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

static void step_free(struct build *b, struct build_step *s)
{
    switch (s->op) {
    case OP_BASE:
        build_base_done(&s->base);
        break;
    case OP_RUN:
        run_done(&s->run);
        break;
    case OP_COPY:
        copy_done(b, &s->copy);
        break;
    case OP_WORKDIR:
        free(s->workdir.path);
        free(s->workdir.user);
        break;
    }
    build_selection_done(&s->selection);
    cb_buf_done(&s->local_inputs);
    cb_close(s->lock);
    free(s->name);
    free(s);
}

static void state_done(struct build_state *s)
{
    oci_image_config_done(&s->config);
    for (size_t i = 0; i < s->n_history; i++)
        free(s->history[i].created_by);
    free(s->history);
}

void build_plan_done(struct build *b, struct build_plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        step_free(b, p->steps[i]);
    free(p->steps);
    if (p->target)
        state_done(p->target);
    free(p->target);
    free(p->target_name);
    oci_platform_done(&p->platform);
    df_file_free(p->file);
    cb_buf_done(&p->text);
}

size_t build_step_layers(const struct build_step *step, struct cb_digest **ret)
{
    size_t n = 0;
    for (const struct build_step *s = step; s; s = s->parent)
        n += s->op == OP_BASE ? s->base.image.n_layers : 1;
    struct cb_digest *ids = cb_alloc((n + 1) * sizeof(*ids));
    size_t at = n;
    for (const struct build_step *s = step; s; s = s->parent) {
        if (s->op != OP_BASE)
            ids[--at] = s->layer;
        for (size_t k = s->op == OP_BASE ? s->base.image.n_layers : 0; k-- > 0;)
            ids[--at] = s->base.image.layers[k].id;
    }
    *ret = ids;
    return n;
}
