/* Second part of phase 3: which stages and images the target needs, by bases, COPY --from, mounts and ONBUILD triggers;
 * the images are asked for side by side. */
#include "builder/plan/planner-internal.h"
#include "parser/value.h"

/* Calls fn for every `from` of COPY and RUN --mount among these instructions. */
typedef int from_fn(struct build_planner *p, struct build_stage *s, struct df_instruction *i, const char *from, bool is_copy,
                    struct cb_error *err);

static int each_from_of(struct build_planner *p, struct build_stage *s, struct df_instruction *i, from_fn *fn,
                        struct cb_error *err)
{
    if (i->kind == DF_COPY && i->copy.from)
        return fn(p, s, i, i->copy.from, true, err);
    if (i->kind != DF_RUN)
        return 0;
    for (size_t k = 0; k < i->run.mounts.n; k++) {
        CB_AUTO(free) char *from = NULL;
        if (df_mount_check(i->run.mounts.items[k], &from, err) < 0)
            return -1;
        /* BuildKit looks this up even where none is named, and a stage may be called scratch. */
        if (fn(p, s, i, *from ? from : "scratch", false, err) < 0)
            return -1;
    }
    return 0;
}

/* Through all instructions of a stage; mistakes are noted, each instruction's first. */
static void each_from(struct build_planner *p, struct build_stage *s, from_fn *fn)
{
    for (size_t k = 0; k < s->n_triggers + s->df->n && !s->replaced; k++) {
        bool trigger = k < s->n_triggers;
        struct df_instruction *i = trigger ? s->triggers[k] : &s->df->items[k - s->n_triggers];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (each_from_of(p, s, i, fn, &err) < 0)
            build_note_mistake(p, trigger ? s->df->from->at : i->at, &err);
    }
}

static int check_expansion(struct build_planner *p, const char *from, struct cb_error *err)
{
    CB_AUTO(free) char *expanded = NULL;
    struct df_expand x = {.escape = p->plan->file->escape};
    if (df_expand_word(&x, from, &expanded, err) < 0)
        return -1;
    if (strcmp(expanded, from) != 0)
        return cb_fail(err, CB_E_DOCKERFILE,
                       "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
                       "global scope as a workaround");
    return 0;
}

/* The index of an image that an instruction further up takes from: then this one names the image. */
static bool names_implicit(const struct build_planner *p, struct df_instruction *i)
{
    int64_t index;
    if (!df_parse_int(i->copy.from, &index) || index < 0 || (uint64_t)index < p->n_stages ||
        (uint64_t)index - p->n_stages >= p->implicit.n)
        return false;
    i->copy.from = cb_arena_strdup(&p->plan->file->arena, p->implicit.items[(uint64_t)index - p->n_stages]);
    return true;
}

/* Images that are taken from have indexes behind the stages, in BuildKit's order. */
static int check_word(struct build_planner *p, struct build_stage *s __attribute__((unused)), struct df_instruction *i,
                      const char *from, bool is_copy, struct cb_error *err)
{
    struct build_stage *found = NULL;
    if (is_copy && check_expansion(p, from, err) < 0)
        return -1;
    if (is_copy && names_implicit(p, i))
        return 0;
    int r = build_find_stage(p, from, is_copy, &found, err);
    if (r == 0)
        cb_strv_push(&p->implicit, from);
    return r < 0 ? -1 : 0;
}

static int check_image(struct build_planner *p, struct build_stage *s, struct df_instruction *i __attribute__((unused)),
                       const char *from, bool is_copy, struct cb_error *err)
{
    struct build_stage *found = NULL;
    int r = build_find_stage(p, from, is_copy, &found, err);
    if (r != 0 || strcmp(from, "scratch") == 0 || build_find_context(p, from, &s->platform))
        return r < 0 ? -1 : 0;
    return build_check_reference(from, err);
}

/* Follows what stages take from others; bases do not count, they only stand further up. */
static int look_for_cycle(struct build_planner *p, struct build_stage *s, struct df_instruction *i, const char *from,
                          bool is_copy, struct cb_error *err);

static void visit(struct build_planner *p, struct build_stage *s, struct build_stage *start)
{
    if (s->cycle_start)
        return;
    s->cycle_start = start;
    s->on_path = true;
    each_from(p, s, look_for_cycle);
    s->on_path = false;
}

static int look_for_cycle(struct build_planner *p, struct build_stage *s, struct df_instruction *i, const char *from,
                          bool is_copy, struct cb_error *err)
{
    struct build_stage *found = NULL, *start = s->cycle_start;
    if (p->errors.n || build_find_stage(p, from, is_copy, &found, err) <= 0) /* one cycle at a time */
        return 0;
    s->path_at = i->at;
    if (!found->on_path) {
        visit(p, found, start);
        return 0;
    }
    cb_fail(err, CB_E_DOCKERFILE, "circular dependency detected on stage: %s", start->display);
    return cb_at(err, start->path_at.line, start->path_at.last_line);
}

/* What a stage takes from `name`, which is neither a stage nor a named context. */
static size_t want_by_name(struct build_planner *p, const struct build_stage *s, const char *name,
                           const struct oci_platform *platform, struct cb_place at)
{
    size_t want = build_want_image(p, name, NULL, platform, at);
    p->all->wants[want].meant = build_stage_meant(p, name, (size_t)(s - p->stages));
    return want;
}

static void need_stage(struct build_planner *p, struct build_stage *s);

static int need_from(struct build_planner *p, struct build_stage *s, struct df_instruction *i, const char *from, bool is_copy,
                     struct cb_error *err)
{
    struct build_stage *found = NULL;
    int r = build_find_stage(p, from, is_copy, &found, err);
    if (r > 0) {
        need_stage(p, found);
        return 0;
    }
    struct build_named *named = build_find_context(p, from, &s->platform);
    if (named && (named->kind == BUILD_NAMED_IMAGE || named->kind == BUILD_NAMED_LAYOUT))
        build_want_named(p, named, &s->platform, i->at);
    else if (!named && strcmp(from, "scratch") != 0)
        want_by_name(p, s, from, build_platform_of(p), i->at);
    return r < 0 ? -1 : 0;
}

static void need_stage(struct build_planner *p, struct build_stage *s)
{
    if (s->needed)
        return;
    s->needed = true;
    if (s->parent)
        need_stage(p, s->parent);
    if (s->base == BUILD_BASE_IMAGE)
        s->want = s->named ? build_want_named(p, s->named, &s->platform, s->df->from->at)
                           : want_by_name(p, s, s->base_text, &s->platform, s->df->from->at);
    each_from(p, s, need_from); /* build_check_references has been through all of them: no mistakes */
}

static int take_trigger(struct build_planner *p, struct build_stage *s, const char *text, struct cb_error *err)
{
    struct df_file *file = NULL;
    struct df_instruction *i = NULL;
    if (df_parse_trigger(text, strlen(text), s->df->from->at, &file, err) < 0)
        return -1;
    CB_PUSH(s->trigger_files, s->n_trigger_files, s->cap_trigger_files) = file;
    if (df_decode_trigger(file, &p->plan->lint, &i, err) < 0)
        return -1;
    CB_PUSH(s->triggers, s->n_triggers, s->cap_triggers) = i;
    if (each_from_of(p, s, i, check_word, err) < 0 || each_from_of(p, s, i, check_image, err) < 0)
        return cb_at(err, s->df->from->at.line, s->df->from->at.last_line);
    return 0;
}

/* ONBUILD triggers of the base become instructions of the stage (dockerfile.md §14). Those of an image are not in the Dockerfile,
 * so what is wrong with one says where it is from. */
static int take_triggers(struct build_planner *p, struct build_stage *s, const struct cb_strv *texts, struct cb_error *err)
{
    for (size_t k = 0; k < texts->n; k++) {
        const char *text = texts->items[k];
        if (take_trigger(p, s, text, err) == 0)
            continue;
        if (s->base == BUILD_BASE_IMAGE)
            cb_prefix(err, "ONBUILD trigger of the image '%s' ('%.*s')", p->all->wants[s->want].text,
                      (int)CB_MIN(strcspn(text, "\r\n"), (size_t)200), text);
        return -1;
    }
    return 0;
}

static int stage_triggers(struct build_planner *p, struct build_stage *s, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv texts = {0};
    if (s->base == BUILD_BASE_STAGE) {
        for (size_t k = 0; k < s->parent->df->n; k++)
            if (s->parent->df->items[k].kind == DF_ONBUILD)
                cb_strv_push(&texts, s->parent->df->items[k].text);
    } else if (s->base == BUILD_BASE_IMAGE && !s->replaced) {
        cb_strv_copy(&texts, &p->all->wants[s->want].config.on_build);
    }
    return take_triggers(p, s, &texts, err);
}

int build_check_references(struct build_planner *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->n_stages; i++)
        each_from(p, &p->stages[i], check_word);
    for (size_t i = 0; i < p->n_stages && !p->errors.n; i++)
        visit(p, &p->stages[i], &p->stages[i]);
    if (build_take_mistakes(p, err) < 0)
        return -1;
    for (size_t i = 0; i < p->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        CB_AUTO(cb_error) struct cb_error mistake = CB_ERROR_INIT;
        if (s->base == BUILD_BASE_IMAGE && !s->named && build_check_reference(s->base_text, &mistake) < 0)
            build_note_mistake(p, s->df->from->at, &mistake);
    }
    for (size_t i = 0; i < p->n_stages; i++)
        each_from(p, &p->stages[i], check_image);
    return build_take_mistakes(p, err);
}

/* Triggers in what came back may need more. *more: there were stages that had not been looked at. */
static int take_new_triggers(struct build_planner *p, bool *more, struct cb_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n_stages; i++) {
        struct build_stage *s = &p->stages[i];
        if (!s->needed || s->triggers_taken)
            continue;
        s->triggers_taken = *more = true;
        r = stage_triggers(p, s, err);
        for (size_t k = 0; r == 0 && k < s->n_triggers; k++)
            r = each_from_of(p, s, s->triggers[k], need_from, err);
    }
    return r;
}

static void need_target(struct build_planner *p)
{
    bool all = p->in->request->call == BUILD_CALL_CHECK && !p->in->request->target;
    for (size_t i = 0; i < p->n_stages; i++)
        if (all || &p->stages[i] == p->target)
            need_stage(p, &p->stages[i]);
}

/* Asks for the images the reachable stages need, those of all platforms side by side. */
int build_resolve_images(struct build_planner *planners, size_t n, struct cb_error *err)
{
    const struct build_plan_input *in = planners->in;
    struct build_planning *all = planners->all;
    int r = 0;
    for (size_t i = 0; i < n; i++)
        need_target(&planners[i]);
    for (bool more = true; more && r == 0;) {
        more = false;
        size_t asked = 0;
        while (asked < all->n_wants && all->wants[asked].base.name)
            asked++;
        r = in->effects->resolve(in->arg, all->wants + asked, all->n_wants - asked, err);
        for (size_t i = 0; r == 0 && i < n; i++)
            r = take_new_triggers(&planners[i], &more, err);
    }
    return r;
}
