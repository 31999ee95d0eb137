/* First part of phase 3 (dockerfile.md §1): global ARGs, what each stage is based on, the target. */
#include "base/text.h"
#include "builder/plan/planner-internal.h"
#include "parser/value.h"
#include "registry/oci/reference.h"

/* ---- global scope ----------------------------------------------------------------------------- */

static const char *lookup_global(void *arg, const char *name)
{
    struct build_planner *p = arg;
    return build_vars_get(&p->globals, name);
}

static void set_platform_args(struct build_planner *p)
{
    const struct oci_platform *of[] = {&p->all->host, build_platform_of(p)};
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
    const char *target = p->in->request->target;
    if (!target || !*target)
        target = d->stages[d->n_stages - 1].from->from.name;
    build_vars_set(&p->globals, "TARGETSTAGE", target ? target : "default");
}

int build_set_globals(struct build_planner *p, struct cb_error *err)
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

/* ---- stages and their bases ------------------------------------------------------------------- */

int build_find_stage(struct build_planner *p, const char *name, bool index_allowed, struct build_stage **ret,
                     struct cb_error *err)
{
    int64_t index;
    if (index_allowed && df_parse_int(name, &index)) {
        if (index < 0 || (uint64_t)index >= p->n_stages)
            return cb_fail(err, CB_E_DOCKERFILE, "invalid stage index %lld", (long long)index);
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

const char *build_stage_meant(const struct build_planner *p, const char *name, size_t n)
{
    const char **names = cb_alloc((n + 1) * sizeof(*names));
    size_t named = 0;
    for (size_t i = 0; i < n; i++)
        if (p->stages[i].df->from->from.name)
            names[named++] = p->stages[i].df->from->from.name;
    const char *near = cb_did_you_mean(name, names, named, false);
    free(names);
    return near;
}

struct build_named *build_find_context(const struct build_planner *p, const char *name, const struct oci_platform *platform)
{
    return p->in->effects->find_context(p->in->arg, name, platform);
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

/* For a variable that FROM uses: " (did you mean X?)" with a name that is set or declared in the global scope, or "". */
static char *suggestion(const struct build_planner *p, const char *word)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    const char **list = NULL;
    size_t n = 0, cap = 0;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&p->globals.map, it));)
        CB_PUSH(list, n, cap) = it->key;
    for (size_t i = 0; i < d->n_args; i++)
        for (size_t k = 0; k < d->args[i].args.n; k++)
            CB_PUSH(list, n, cap) = d->args[i].args.items[k].name;
    const char *near = cb_did_you_mean(word, list, n, false);
    char *text = near ? cb_printf(" (did you mean %s?)", near) : cb_strdup("");
    free(list);
    return text;
}

/* What expanding a word of a FROM line gave, and the variables it used. */
struct from_word {
    char *text;
    struct cb_map matched, unmatched;
};
static void from_word_done(struct from_word *w)
{
    free(w->text);
    cb_map_done(&w->matched);
    cb_map_done(&w->unmatched);
}
CB_DEFINE_AUTO(from_word, struct from_word, from_word_done)

/* Expands a word of a FROM line in the global scope. */
static int expand_from(struct build_planner *p, const struct df_instruction *i, const char *word, struct from_word *ret,
                       struct cb_error *err)
{
    struct df_expand x = {.escape = p->plan->file->escape,
                          .lookup = lookup_global,
                          .lookup_arg = p,
                          .matched = &ret->matched,
                          .unmatched = &ret->unmatched};
    int r = df_expand_word(&x, word, &ret->text, err);
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&ret->unmatched, it));) {
        if (global_declared(p, it->key))
            continue;
        CB_AUTO(free) char *near = suggestion(p, it->key);
        df_lint_warn(&p->plan->lint, DF_LINT_UNDEFINED_ARG_IN_FROM, i->lint, i->at, it->key, near);
    }
    return r;
}

static void lint_default_base(struct build_planner *p, const struct df_instruction *i, const char *name)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (strcmp(name, "scratch") != 0 && oci_ref_parse(name, &ref, &ignored) < 0)
        df_lint_warn(&p->plan->lint, DF_LINT_INVALID_DEFAULT_ARG_IN_FROM, NULL, i->at, i->from.image);
}

/* InvalidDefaultArgInFrom: the images with the ARGs' defaults alone. What cannot be expanded that way ends the check: with the
 * values that were given, it may well be right. */
static void lint_default_bases(struct build_planner *p)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    struct build_vars given = p->build_args, globals = p->globals;
    p->build_args = p->globals = (struct build_vars){0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct df_expand x = {.escape = p->plan->file->escape, .lookup = lookup_global, .lookup_arg = p};
    int r = build_set_globals(p, &ignored);
    for (size_t k = 0; r == 0 && k < d->n_stages; k++) {
        const struct df_instruction *from = d->stages[k].from;
        CB_AUTO(free) char *name = NULL;
        r = df_expand_word(&x, from->from.image, &name, &ignored);
        if (r == 0)
            lint_default_base(p, from, name);
    }
    build_vars_done(&p->globals);
    p->build_args = given;
    p->globals = globals;
}

static void lint_platform(struct build_planner *p, const struct df_instruction *i, const struct from_word *w)
{
    static const char target[] = "TARGETPLATFORM";
    const char *value = build_vars_get(&p->globals, target), *name = i->from.name ? i->from.name : "";
    if (w->matched.n == 1 && !w->unmatched.n && cb_map_has(&w->matched, target) && value && strcmp(w->text, value) == 0)
        df_lint_warn(&p->plan->lint, DF_LINT_REDUNDANT_TARGET_PLATFORM, i->lint, i->at, i->from.platform);
    if (w->matched.n || w->unmatched.n)
        return;
    CB_AUTO(oci_platform) struct oci_platform parsed = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (oci_platform_parse(w->text, &parsed, &ignored) == 0 && !strstr(name, parsed.os) && !strstr(name, parsed.arch))
        df_lint_warn(&p->plan->lint, DF_LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, i->lint, i->at, w->text);
}

/* The first suggestion for a variable that is not set, or "". */
static char *suggest_variable(const struct build_planner *p, const struct cb_map *unmatched)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(unmatched, it));) {
        char *near = suggestion(p, it->key);
        if (*near)
            return near;
        free(near);
    }
    return cb_strdup("");
}

static int set_stage_platform(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    const struct df_instruction *i = s->df->from;
    oci_platform_copy(&s->platform, build_platform_of(p));
    if (!i->from.platform)
        return 0;
    CB_AUTO(from_word) struct from_word w = {0};
    if (expand_from(p, i, i->from.platform, &w, err) < 0)
        return cb_prefix(err, "failed to process arguments for platform ");
    lint_platform(p, i, &w);
    CB_AUTO(free) char *near = suggest_variable(p, &w.unmatched);
    if (!*w.text)
        return cb_fail(err, CB_E_DOCKERFILE, "empty platform value from expression %s%s", i->from.platform, near);
    oci_platform_done(&s->platform);
    CB_AUTO(cb_error) struct cb_error bad = CB_ERROR_INIT;
    if (oci_platform_parse(w.text, &s->platform, &bad) < 0)
        return cb_fail(err, CB_E_DOCKERFILE, "failed to parse platform %s: %s%s", i->from.platform, bad.msg, near);
    return 0;
}

static void use_named(struct build_stage *s, struct build_named *named)
{
    s->named = named;
    s->base = named->kind == BUILD_NAMED_LOCAL     ? BUILD_BASE_LOCAL
              : named->kind == BUILD_NAMED_SCRATCH ? BUILD_BASE_SCRATCH
                                                   : BUILD_BASE_IMAGE;
}

int build_check_reference(const char *text, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(text, &ref, err) == 0)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, text, strlen(text));
    return cb_prefix(err, "failed to parse stage name %s", quoted.data);
}

static int set_stage_base(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    const struct df_instruction *i = s->df->from;
    CB_AUTO(from_word) struct from_word w = {0};
    if (expand_from(p, i, i->from.image, &w, err) < 0)
        return -1;
    const char *given = s == p->stages ? p->in->request->changes.from : NULL;
    s->base_text = given ? cb_strdup(given) : CB_TAKE(w.text);
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
            s->base = BUILD_BASE_STAGE;
            s->parent = e;
            break;
        }
    }
    const char *own = i->from.name;
    struct build_named *named = own ? build_find_context(p, own, &s->platform) : NULL;
    if (named) {
        s->replaced = true;
        s->parent = NULL;
        use_named(s, named);
        return 0;
    }
    if (s->parent)
        return 0;
    if (strcmp(s->base_text, "scratch") == 0) { /* always for the target platform (§10) */
        s->base = BUILD_BASE_SCRATCH;
        oci_platform_copy(&s->platform, build_platform_of(p));
        return 0;
    }
    named = build_find_context(p, s->base_text, &s->platform);
    if (named) {
        use_named(s, named);
        return 0;
    }
    s->base = BUILD_BASE_IMAGE;
    return 0;
}

int build_make_stages(struct build_planner *p, struct cb_error *err)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    lint_default_bases(p);
    p->n_stages = d->n_stages;
    p->stages = cb_alloc(d->n_stages * sizeof(*p->stages));
    for (size_t i = 0; i < d->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        s->df = &d->stages[i];
        s->want = SIZE_MAX;
        s->display = s->df->from->from.name ? cb_strdup(s->df->from->from.name) : cb_printf("stage-%zu", i);
        CB_AUTO(cb_error) struct cb_error mistake = CB_ERROR_INIT;
        if (set_stage_base(p, s, &mistake) < 0)
            build_note_mistake(p, s->df->from->at, &mistake);
    }
    return build_take_mistakes(p, err);
}

int build_find_target(struct build_planner *p, struct cb_error *err)
{
    const char *name = p->in->request->target;
    p->target = &p->stages[p->n_stages - 1];
    if (!name || !*name)
        return 0;
    if (build_find_stage(p, name, false, &p->target, err) == 1)
        return 0;
    const char *near = build_stage_meant(p, name, p->n_stages);
    CB_AUTO(free) char *tail = near ? cb_printf(" (did you mean %s?)", near) : cb_strdup("");
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, name, strlen(name));
    return cb_fail(err, CB_E_DOCKERFILE, "target stage %s could not be found%s", quoted.data, tail);
}
