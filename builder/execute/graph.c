#include "builder/execute/graph.h"
#include "base/fd.h"

void build_graph_init(struct build_graph *g, struct build *b)
{
    size_t n = b->plan.n_steps;
    *g = (struct build_graph){b, &b->plan, cb_alloc((n + 1) * sizeof(*g->states))};
    b->made = cb_alloc((n + 1) * sizeof(*b->made));
    for (size_t i = 0; i < n; i++) {
        g->states[i].key.local_inputs = CB_BUF_INIT;
        g->states[i].lock = -1;
    }
}

void build_graph_done(struct build_graph *g)
{
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        build_selection_done(&g->states[i].key.selection);
        cb_buf_done(&g->states[i].key.local_inputs);
        cb_close(g->states[i].lock);
    }
    free(g->states);
}
