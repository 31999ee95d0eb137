/* What COPY --from, mounts and bases take from: a stage, a named context, an image. */
#include "base/text.h"
#include "builder/plan/planner-internal.h"

size_t build_want_image(struct build_planner *p, const char *text, const struct build_in_layout *layout,
                        const struct oci_platform *platform, struct cb_place at)
{
    for (size_t k = 0; k < p->all->n_wants; k++)
        if (!p->all->wants[k].layout.path == !layout && strcmp(p->all->wants[k].text, text) == 0 &&
            oci_platform_rank(&p->all->wants[k].platform, platform) == 0)
            return k;
    struct build_want *w = &CB_PUSH(p->all->wants, p->all->n_wants, p->all->cap_wants);
    *w = (struct build_want){.text = cb_strdup(text), .at = at};
    if (layout)
        build_in_layout_copy(&w->layout, layout);
    oci_platform_copy(&w->platform, platform);
    return p->all->n_wants - 1;
}

size_t build_want_named(struct build_planner *p, const struct build_named *n, const struct oci_platform *platform,
                        struct cb_place at)
{
    return build_want_image(p, n->value, n->kind == BUILD_NAMED_LAYOUT ? &n->layout.at : NULL, platform, at);
}

struct build_step *build_image_step(struct build_planner *p, size_t want)
{
    struct build_want *w = &p->all->wants[want];
    for (size_t k = 0; k < p->plan->n_steps; k++)
        if (p->plan->steps[k]->op == BUILD_OP_BASE && strcmp(p->plan->steps[k]->base.name, w->base.name) == 0 &&
            cb_digest_eq(&p->plan->steps[k]->base.image.config, &w->base.image.config))
            return p->plan->steps[k];
    struct build_step *step = build_step_new(p, NULL, BUILD_OP_BASE, NULL);
    step->at = w->at;
    CB_AUTO(free) char *platform = oci_platform_text(&w->platform);
    step->name = p->plan->n_targets > 1 ? cb_printf("[%s] FROM %s", platform, w->text) : cb_printf("FROM %s", w->text);
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
    *ret = (struct build_files){.kind = BUILD_FILES_EMPTY};
    if (r > 0) {
        if (stage->base == BUILD_BASE_LOCAL && stage->replaced) {
            *ret = (struct build_files){BUILD_FILES_CONTEXT, &stage->named->local, NULL};
            return 0;
        }
        if (stage->state.snapshot)
            *ret = (struct build_files){BUILD_FILES_STEP, NULL, stage->state.snapshot};
        return 0;
    }
    struct build_named *named = build_find_context(p, from, &s->platform);
    if (named && named->kind == BUILD_NAMED_LOCAL) {
        *ret = (struct build_files){BUILD_FILES_CONTEXT, &named->local, NULL};
        return 0;
    }
    if (!named && strcmp(from, "scratch") == 0)
        return 0;
    if (named && named->kind == BUILD_NAMED_SCRATCH)
        return 0;
    size_t want =
        named ? build_want_named(p, named, &s->platform, i->at) : build_want_image(p, from, NULL, build_platform_of(p), i->at);
    struct build_step *step = build_image_step(p, want);
    if (step->base.image.n_layers)
        *ret = (struct build_files){BUILD_FILES_STEP, NULL, step};
    return 0;
}
