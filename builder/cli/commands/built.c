#include "builder/cli/commands/built.h"
#include "base/text.h"
#include "builder/output/squash.h"
#include "builder/share/inline.h"
#include "registry/oci/document.h"

static void add_layer(struct build_image *image, const struct build *b, const struct build_step *s)
{
    struct cache_image *to = &image->stored;
    if (s->op == BUILD_OP_BASE) {
        image->base = &s->base;
        image->base_shown = s->name;
        cache_image_add_layers(to, &s->base.image);
    } else {
        CB_PUSH(to->layers, to->n_layers, to->cap_layers) = (struct cache_image_layer){.id = b->made[s->index].layer};
    }
}

/* The steps whose layers are the image's, bottom first; caller frees. */
static const struct build_step **steps_of(const struct build_target *t, size_t *ret_n)
{
    size_t n = 0;
    for (const struct build_step *s = t->state.snapshot; s; s = s->parent)
        n++;
    const struct build_step **steps = cb_alloc((n + 1) * sizeof(*steps));
    *ret_n = n;
    for (const struct build_step *s = t->state.snapshot; s; s = s->parent)
        steps[--n] = s;
    return steps;
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* Entries without a layer take the time of the first new layer, or of the one before them (dockerfile.md §17); an image
 * without any new layer takes the base's time, so that building it again gives the same image. */
static bool first_time(const struct build *b, const struct build_state *t, const struct oci_image_config *c, struct timespec *ret)
{
    const struct build_plan *p = &b->plan;
    if (p->has_epoch) {
        *ret = (struct timespec){p->epoch, 0};
        return true;
    }
    for (size_t i = 0; i < t->n_history; i++)
        if (t->history[i].step) {
            *ret = b->made[t->history[i].step->index].created;
            return true;
        }
    if (!c->n_history || !c->history[c->n_history - 1].has_created)
        return false;
    *ret = c->history[c->n_history - 1].created;
    return true;
}

static void add_history(const struct build *b, const struct build_state *t, struct oci_image_config *c)
{
    const struct build_plan *p = &b->plan;
    struct timespec now = {0};
    bool known = first_time(b, t, c, &now);
    for (size_t i = 0; i < t->n_history; i++) {
        const struct build_history *h = &t->history[i];
        if (h->step && !p->has_epoch && later(b->made[h->step->index].created, now))
            now = b->made[h->step->index].created;
        CB_PUSH(c->history, c->n_history, c->cap_history) = (struct oci_history){.has_created = known,
                                                                                 .created = now,
                                                                                 .created_by = cb_strdup(h->created_by),
                                                                                 .comment = cb_strdup("buildkit.dockerfile.v0"),
                                                                                 .empty_layer = !h->step};
    }
    c->has_created = known;
    c->created = now;
}

/* --cache-to type=inline, or BuildKit's other word for it. */
static bool wants_step_cache(const struct build_request *r)
{
    return r->inline_cache || build_arg_says_yes(r, "BUILDKIT_INLINE_CACHE");
}

static void add_step_cache(const struct build_graph *g, const struct build_step **steps, size_t n, struct oci_image_config *c)
{
    CB_AUTO(build_inline_steps) struct build_inline_steps all = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    size_t number = 0;
    for (size_t i = 0; i < n; i++) {
        const struct build_key *key = &build_state_of(g, steps[i])->key;
        if (steps[i]->op == BUILD_OP_BASE) {
            number += steps[i]->base.image.n_layers;
            continue;
        }
        struct build_inline_step *s = &CB_PUSH(all.items, all.n, all.cap);
        *s = (struct build_inline_step){
            .definition = key->definition, .layer = g->build->made[steps[i]->index].layer, .number = number++};
        if (steps[i]->parent)
            s->parent = build_state_of(g, steps[i]->parent)->key.chain;
    }
    build_inline_write(&all, &text);
    c->step_cache = cb_buf_detach(&text);
}

static int make_image(const struct build_graph *g, const struct build_target *t, struct build_image *ret, struct cb_error *err)
{
    const struct build *b = g->build;
    const struct build_plan *p = &b->plan;
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    *ret = (struct build_image){.has_epoch = p->has_epoch, .epoch = p->epoch};
    oci_platform_copy(&ret->platform, &t->state.config.platform);
    size_t n;
    CB_AUTO(free) const struct build_step **steps = steps_of(t, &n);
    for (size_t i = 0; i < n; i++)
        add_layer(ret, b, steps[i]);
    oci_image_config_copy(&config, &t->state.config);
    add_history(b, &t->state, &config);
    const struct build_request *q = b->session->request;
    bool squashes = q->squashes || q->squashes_all;
    if (squashes && build_image_squash(b->session, ret, q->squashes_all, &config, err) < 0)
        return -1;
    if (wants_step_cache(q) && !squashes)
        add_step_cache(g, steps, n, &config);
    if (q->changes.no_history)
        oci_history_clear(&config);
    if (q->changes.docker_types)
        ret->stored.manifest_type = cb_strdup(DOCKER_TYPE_MANIFEST);
    return build_image_complete(b->session, ret, &config, err);
}

int cli_images_of(const struct build_graph *g, struct build_images *ret, struct cb_error *err)
{
    const struct build_plan *p = g->plan;
    ret->listed = p->n_targets > 1 || build_arg_says_yes(g->build->session->request, "BUILDKIT_MULTI_PLATFORM");
    for (size_t i = 0; i < p->n_targets; i++)
        if (make_image(g, &p->targets[i], &CB_PUSH(ret->items, ret->n, ret->cap), err) < 0)
            return -1;
    return 0;
}

/* Those that images of several platforms share are there once. */
static bool is_named(const struct build_layer_size *sizes, size_t n, const struct build_step *s)
{
    for (size_t i = 0; i < n; i++)
        if (sizes[i].name == s->name)
            return true;
    return false;
}

static void add_sizes(const struct build *b, const struct build_target *t, struct build_layer_size **ret, size_t *ret_n,
                      size_t *cap)
{
    struct cache_store *store = b->session->store;
    size_t n;
    CB_AUTO(free) const struct build_step **steps = steps_of(t, &n);
    for (size_t i = 0; i < n; i++) {
        const struct build_step *s = steps[i];
        uint64_t size =
            s->op == BUILD_OP_BASE ? build_image_size(store, &s->base.image) : build_layer_bytes(store, &b->made[s->index].layer);
        if (!is_named(*ret, *ret_n, s))
            CB_PUSH(*ret, *ret_n, *cap) = (struct build_layer_size){s->name, size};
    }
}

size_t cli_layer_sizes(const struct build *b, struct build_layer_size **ret)
{
    size_t n = 0, cap = 0;
    *ret = NULL;
    for (size_t i = 0; i < b->plan.n_targets; i++)
        add_sizes(b, &b->plan.targets[i], ret, &n, &cap);
    return n;
}
