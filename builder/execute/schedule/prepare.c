/* Layers are brought in only when a step must stand on them or take from them. */
#include "builder/execute/schedule/schedule-internal.h"
#include "cache/layer/layer.h"

static int prepare_base(struct build_schedule *s, const struct build_step *base, bool want_fs, struct cb_error *err)
{
    struct build_step_state *st = build_state_of(s->g, base);
    if (!build_base_complete(s->session, &base->base.image, want_fs ? BUILD_BASE_FILES : BUILD_BASE_INDEXED))
        return build_running_base(s, base, want_fs || base->needs_fs, err);
    st->has_index = true;
    st->has_fs = want_fs;
    return 1;
}

static int prepare_layer(struct build_schedule *s, const struct build_step *step, bool want_fs, struct cb_error *err)
{
    struct build_step_state *st = build_state_of(s->g, step);
    const struct cb_digest *id = &s->g->build->made[step->index].layer;
    struct cache_layer layer;
    int found = cache_layer_find(s->session->store, id, &layer, err);
    if (found < 0)
        return -1;
    if (!found)
        return cb_fail(err, CB_E_CORRUPT, "a layer of '%s' vanished from the store", step->name);
    st->has_index = true;
    st->has_fs = layer.has_files;
    return want_fs && !layer.has_files ? build_running_materialize(s, id, err) : 1;
}

/* Whether everything below and including `top` is in the store in the form that is needed; starts what is
 * missing. 1: ready. 0: work was started. */
static int prepare_chain(struct build_schedule *s, const struct build_step *top, bool want_fs, struct cb_error *err)
{
    int ready = 1;
    for (const struct build_step *p = top; p && ready >= 0; p = p->parent) {
        const struct build_step_state *st = build_state_of(s->g, p);
        if (st->has_fs || (st->has_index && !want_fs))
            continue;
        int r = p->op == BUILD_OP_BASE ? prepare_base(s, p, want_fs, err) : prepare_layer(s, p, want_fs, err);
        ready = CB_MIN(ready, r);
    }
    return ready;
}

int build_prepare_inputs(struct build_schedule *s, const struct build_step *step, bool want_fs, struct cb_error *err)
{
    int ready = 1;
    for (size_t i = 0; i < step->n_inputs && ready >= 0; i++) {
        int r = prepare_chain(s, step->inputs[i], want_fs, err);
        ready = CB_MIN(ready, r);
    }
    return ready;
}

int build_prepare_step(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    bool below = !(step->op == BUILD_OP_COPY && step->copy.link);
    int ready = below ? prepare_chain(s, step->parent, step->op == BUILD_OP_RUN, err) : 1;
    if (ready < 0)
        return -1;
    int inputs = build_prepare_inputs(s, step, true, err);
    if (inputs < 0 || step->op != BUILD_OP_RUN)
        return CB_MIN(ready, inputs);
    int mounts = build_mounts_prepare(s, step, err);
    return CB_MIN(CB_MIN(ready, inputs), mounts);
}
