/* A plan in execution: the plan, which stays as it was made, and what has become of each of its steps so far. */
#ifndef BUILD_GRAPH_H
#define BUILD_GRAPH_H

#include "builder/copy/select.h"
#include "builder/plan/build.h"

/* Who a step is (builder/execute/keys.h). */
struct build_key {
    struct cb_digest definition, content;
    struct cb_digest chain;           /* identity of the snapshot after it; when it is done */
    struct cb_buf local_inputs;       /* digests of what it takes from local contexts */
    struct build_selection selection; /* COPY from a local context: made with the definition key */
    bool selected;
};

enum build_phase {
    STEP_IDLE,   /* nothing needs it (yet) */
    STEP_NEEDED, /* its inputs are looked at */
    STEP_RUNNING,
    STEP_DONE,
};

struct build_step_state {
    struct build_key key;
    enum build_phase phase;
    bool cached, asked_definition, asked_content;
    bool missed;            /* its definition is not known on its parent */
    bool has_index, has_fs; /* known to be in the store; of an OP_BASE: all layers */
    int lock;               /* of the content key, while we make it; -1 */
};

struct build_graph {
    struct build *build;
    const struct build_plan *plan;
    struct build_step_state *states; /* by step->index */
};

/* Of a build that is planned; b->made is there afterwards. Borrows `b`, whose contexts must outlive it. */
void build_graph_init(struct build_graph *g, struct build *b);
void build_graph_done(struct build_graph *g);
CB_DEFINE_AUTO(build_graph, struct build_graph, build_graph_done)

#endif
