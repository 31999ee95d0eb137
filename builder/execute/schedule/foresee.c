#include "builder/execute/schedule/foresee.h"
#include "builder/execute/keys/keys.h"
#include "builder/execute/schedule/schedule-internal.h"

struct foresight {
    struct build_schedule s;
    struct build_fate *fates;
    struct build_foreseen *there; /* in shared caches, by the index of the step */
};

static struct build_fate *fate_of(const struct foresight *f, const struct build_step *step)
{
    return &f->fates[step->index];
}

static int look(struct foresight *f, const struct build_step *step, struct cb_error *err);

static int look_at_inputs(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    for (size_t i = 0; i < step->n_inputs; i++)
        if (look(f, step->inputs[i], err) < 0)
            return -1;
    return 0;
}

/* The step whose result decides about what stands on `below`, or takes files from it; NULL: that is known. */
static const struct build_step *decider(const struct foresight *f, const struct build_step *below)
{
    const struct build_fate *fate = below ? fate_of(f, below) : NULL;
    return !fate || fate->kind == BUILD_FATE_KNOWN ? NULL : fate->kind == BUILD_FATE_OPEN ? fate->on : below;
}

/* 1: the indexes of all its layers are there. */
static int has_indexes(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    CB_AUTO(free) struct cb_digest *layers = NULL;
    size_t n = build_step_layers(step, f->s.g->build->made, &layers);
    int found = 1;
    for (size_t i = 0; found > 0 && i < n; i++) {
        struct cache_layer layer;
        found = cache_layer_find(f->s.session->store, &layers[i], &layer, err);
    }
    return found;
}

/* 1: all that it takes files from is known, and what is in it. 0: the fate says on what that depends. */
static int inputs_known(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    int known = look_at_inputs(f, step, err) < 0 ? -1 : 1;
    for (size_t i = 0; known > 0 && i < step->n_inputs; i++) {
        const struct build_step *on = decider(f, step->inputs[i]);
        known = on ? 0 : has_indexes(f, step->inputs[i], err);
        if (known == 0)
            fate_of(f, step)->on = on ? on : step->inputs[i];
    }
    return known;
}

static int known(struct foresight *f, const struct build_step *step)
{
    fate_of(f, step)->kind = BUILD_FATE_KNOWN;
    build_keys_chain(f->s.g, step);
    if (step->op != BUILD_OP_BASE)
        build_cause_of_last(f->s.g, f->s.earlier, step, &fate_of(f, step)->cause);
    return 0;
}

static int runs(struct foresight *f, const struct build_step *step)
{
    struct build_fate *fate = fate_of(f, step);
    fate->kind = BUILD_FATE_RUNS;
    fate->why = step->no_cache ? "--no-cache" : "no earlier result of it is known here";
    if (!step->no_cache)
        build_cause_find(f->s.g, f->s.earlier, step, &fate->cause);
    build_cause_find_files(f->s.g, step, &fate->cause);
    return 0;
}

/* A shared cache would give it. */
static int known_there(struct foresight *f, const struct build_step *step)
{
    f->s.g->build->made[step->index].layer = f->there[step->index].layer;
    fate_of(f, step)->kind = BUILD_FATE_KNOWN;
    fate_of(f, step)->why = "from the shared cache";
    build_keys_chain(f->s.g, step);
    return 0;
}

/* As the phases of advance.c go, where they need not wait. */
static int look_up(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    int r = step->no_cache || step->inputs_renewed ? 0 : build_lookup_definition(&f->s, step, err);
    if (r != 0)
        return r < 0 ? -1 : known(f, step);
    if (!step->no_cache && !step->inputs_renewed && f->there[step->index].there)
        return known_there(f, step);
    r = inputs_known(f, step, err);
    if (r <= 0)
        return r;
    if (build_keys_content(f->s.g, step, err) < 0)
        return -1;
    r = build_lookup_content(&f->s, step, err);
    if (r != 0)
        return r < 0 ? -1 : known(f, step);
    if (!step->no_cache)
        build_sharing_foresee(&f->s, step, f->there);
    return f->there[step->index].there ? known_there(f, step) : runs(f, step);
}

static int look_alone(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    struct build_fate *fate = fate_of(f, step);
    fate->kind = BUILD_FATE_OPEN;
    fate->on = decider(f, step->parent);
    if (step->op == BUILD_OP_BASE)
        return known(f, step);
    return fate->on ? look_at_inputs(f, step, err) : look_up(f, step, err);
}

/* What it stands on first; a chain may be long. */
static int look(struct foresight *f, const struct build_step *step, struct cb_error *err)
{
    struct build_steps chain = {0};
    int r = 0;
    for (const struct build_step *p = step; p && fate_of(f, p)->kind == BUILD_FATE_UNNEEDED; p = p->parent)
        CB_PUSH(chain.items, chain.n, chain.cap) = p;
    while (r == 0 && chain.n)
        r = look_alone(f, chain.items[--chain.n], err);
    free(chain.items);
    return r;
}

int build_foresee(struct build_graph *g, struct build_fate **ret, struct cb_error *err)
{
    struct foresight f = {.s = {.g = g, .session = g->build->session, .earlier = build_earlier_open(g->build)},
                          .fates = cb_alloc((g->plan->n_steps + 1) * sizeof(struct build_fate))};
    int r = 0;
    *ret = f.fates;
    f.there = cb_alloc((g->plan->n_steps + 1) * sizeof(*f.there));
    build_sharing_begin(&f.s);
    build_sharing_foresee(&f.s, NULL, f.there);
    for (size_t i = 0; i < g->plan->n_targets && r == 0; i++)
        r = look(&f, g->plan->targets[i].state.snapshot, err);
    cache_earlier_close(f.s.earlier);
    build_sharing_done(&f.s);
    free(f.there);
    return r;
}

void build_fates_free(struct build_fate *fates, size_t n)
{
    for (size_t i = 0; fates && i < n; i++)
        build_cause_done(&fates[i].cause);
    free(fates);
}
