#include "builder/execute/keys/graph.h"
#include "base/fd.h"

static void push(struct build_steps *q, const struct build_step *step)
{
    CB_PUSH(q->items, q->n, q->cap) = step;
}

static void add_dependent(struct build_graph *g, const struct build_step *of, const struct build_step *step)
{
    struct build_step_state *st = build_state_of(g, of);
    CB_PUSH(st->dependents, st->n_dependents, st->cap_dependents) = step;
}

void build_graph_init(struct build_graph *g, struct build *b)
{
    size_t n = b->plan.n_steps;
    *g = (struct build_graph){.build = b, .plan = &b->plan, .states = cb_alloc((n + 1) * sizeof(*g->states))};
    b->made = cb_alloc((n + 1) * sizeof(*b->made));
    for (size_t i = 0; i < n; i++) {
        const struct build_step *step = b->plan.steps[i];
        g->states[i].key.secrets = CB_BUF_INIT;
        g->states[i].key.local_inputs = CB_BUF_INIT;
        g->states[i].lock = -1;
        if (step->parent)
            add_dependent(g, step->parent, step);
        for (size_t k = 0; k < step->n_inputs; k++)
            add_dependent(g, step->inputs[k], step);
    }
}

void build_graph_done(struct build_graph *g)
{
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        build_selection_done(&g->states[i].key.selection);
        cb_buf_done(&g->states[i].key.secrets);
        cb_buf_done(&g->states[i].key.local_inputs);
        build_notes_done(&g->states[i].key.notes);
        cb_close(g->states[i].lock);
        free(g->states[i].dependents);
    }
    free(g->states);
    free(g->ready.items);
    for (size_t i = 0; i < BUILD_STEP_PHASES; i++)
        free(g->waiting[i].items);
}

/* ---- the queue ------------------------------------------------------------------------------------------- */

/* One that runs or is done has nothing to be looked at, one that is idle is not needed. */
static void look_at(struct build_graph *g, const struct build_step *step)
{
    struct build_step_state *st = build_state_of(g, step);
    if (st->queued || st->phase == BUILD_STEP_IDLE || st->phase == BUILD_STEP_RUNNING || st->phase == BUILD_STEP_DONE)
        return;
    st->queued = true;
    push(&g->ready, step);
}

static void look_at_dependents(struct build_graph *g, const struct build_step *step)
{
    const struct build_step_state *st = build_state_of(g, step);
    for (size_t i = 0; i < st->n_dependents; i++)
        look_at(g, st->dependents[i]);
}

const struct build_step *build_graph_next(struct build_graph *g)
{
    struct build_steps *q = &g->ready;
    if (q->first == q->n) {
        q->first = q->n = 0;
        return NULL;
    }
    const struct build_step *step = q->items[q->first++];
    build_state_of(g, step)->queued = false;
    return step;
}

void build_graph_wait(struct build_graph *g, const struct build_step *step)
{
    push(&g->waiting[build_state_of(g, step)->phase], step);
}

void build_graph_wake(struct build_graph *g, enum build_phase phase)
{
    struct build_steps *q = &g->waiting[phase];
    for (size_t i = 0; i < q->n; i++)
        look_at(g, q->items[i]);
    q->n = 0;
}

/* ---- what happens to steps --------------------------------------------------------------------------------- */

void build_graph_need(struct build_graph *g, const struct build_step *step)
{
    struct build_steps chain = {0};
    for (; step && build_state_of(g, step)->phase == BUILD_STEP_IDLE; step = step->parent)
        push(&chain, step);
    while (chain.n) {
        const struct build_step *lowest = chain.items[--chain.n];
        build_state_of(g, lowest)->phase = BUILD_STEP_AWAITS_PARENT;
        look_at(g, lowest);
    }
    free(chain.items);
}

void build_graph_need_inputs(struct build_graph *g, const struct build_step *step)
{
    for (size_t i = 0; i < step->n_inputs; i++)
        build_graph_need(g, step->inputs[i]);
}

bool build_graph_inputs_done(const struct build_graph *g, const struct build_step *step)
{
    for (size_t i = 0; i < step->n_inputs; i++)
        if (build_state_of(g, step->inputs[i])->phase != BUILD_STEP_DONE)
            return false;
    return true;
}

void build_graph_missed(struct build_graph *g, const struct build_step *step)
{
    if (build_state_of(g, step)->missed)
        return;
    build_state_of(g, step)->missed = true;
    look_at_dependents(g, step);
}

void build_graph_finish(struct build_graph *g, const struct build_step *step)
{
    build_state_of(g, step)->phase = BUILD_STEP_DONE;
    look_at_dependents(g, step);
}
