/* A plan in execution: the plan, which stays as it was made, what has become of each of its steps so far, and which of them
 * are to be looked at next. Pure: what a step has to do in its phase is advance.c's.
 *
 * A step is looked at when something has happened that may move it on: it is needed, its parent or an input is done, or what it
 * waits for has come. Nobody looks at all of them. */
#ifndef BUILD_GRAPH_H
#define BUILD_GRAPH_H

#include "base/usage.h"
#include "builder/execute/keys/notes.h"
#include "builder/plan/build.h"

/* What identifies a step (builder/execute/keys/keys.h). */
struct build_key {
    struct cb_digest definition, content;
    bool has_content;                 /* the content key is made */
    struct cb_digest chain;           /* identity of the snapshot after it; when it is done */
    struct cb_buf secrets;            /* digests of its keyed secrets */
    struct cb_buf local_inputs;       /* digests of what it takes from local contexts */
    struct build_selection selection; /* COPY from a local context: made with the definition key */
    bool selected;
    struct cb_digest selected_digest;
    struct build_notes notes; /* the parts of the content key, by name; once that is made */
};

enum build_phase {
    BUILD_STEP_IDLE,           /* nothing needs it (yet) */
    BUILD_STEP_AWAITS_PARENT,  /* then its definition is looked up */
    BUILD_STEP_AWAITS_INPUTS,  /* not known by its definition: the steps it takes files from are made */
    BUILD_STEP_AWAITS_INDEXES, /* what is in their layers has to be known; then its content is looked up */
    BUILD_STEP_AWAITS_FILES,   /* not known at all: the layers it stands on and takes from are brought in */
    BUILD_STEP_AWAITS_SHARE,   /* what shared caches know of its definition, or its content */
    BUILD_STEP_AWAITS_TURN,    /* --jobs, and who may run beside whom */
    BUILD_STEP_AWAITS_LOCK,    /* another step or cbuild makes the same */
    BUILD_STEP_AWAITS_CLAIM,   /* another machine may be making the same (--cache-wait) */
    BUILD_STEP_RUNNING,
    BUILD_STEP_DONE,
    BUILD_STEP_PHASES
};

enum build_asks { BUILD_ASKS_NOTHING, BUILD_ASKS_DEFINITION, BUILD_ASKS_CONTENT, BUILD_ASKS_NEWEST };

enum build_claim_state {
    BUILD_CLAIM_NONE,
    BUILD_CLAIM_ASKED,
    BUILD_CLAIM_HELD,    /* it is executed here */
    BUILD_CLAIM_ANSWERED /* another machine has executed it */
};

struct build_step_state {
    struct build_key key;
    enum build_phase phase;
    bool queued;
    bool missed;            /* its definition is not known on its parent, or hardly can be */
    bool has_index, has_fs; /* known to be in the store; of a BUILD_OP_BASE: all layers */
    bool cached;
    enum build_asks asks; /* what shared caches are asked for it */
    bool asked;           /* the question is out, or answered */
    bool answered;
    bool other_parent; /* a shared cache knows the definition, on a snapshot that the step did not stand on when that was asked */
    bool shared;       /* the answer was its result */
    enum build_claim_state claim;
    bool waits;                           /* for another machine: that was said */
    struct cb_usage usage;                /* what its result cost, in this build or in the one that made it */
    const char *why;                      /* the reason of its fate: constant text, for events */
    int lock;                             /* of the content key, while we make it; -1 */
    const struct build_step **dependents; /* those that stand on it or take from it */
    size_t n_dependents, cap_dependents;
};

struct build_steps { /* first in, first out */
    const struct build_step **items;
    size_t first, n, cap;
};

struct build_graph {
    struct build *build;
    const struct build_plan *plan;
    struct build_step_state *states;               /* by step->index */
    const struct build_step *failed;               /* the RUN whose command ended the build; NULL: none */
    struct build_steps ready;                      /* to be looked at */
    struct build_steps waiting[BUILD_STEP_PHASES]; /* for what no step tells of: layers, a turn, a lock */
};

/* For a build that is planned; sets up b->made. Borrows `b`, whose contexts must outlive the graph. */
void build_graph_init(struct build_graph *g, struct build *b);
void build_graph_done(struct build_graph *g);
CB_DEFINE_AUTO(build_graph, struct build_graph, build_graph_done)

static inline struct build_step_state *build_state_of(const struct build_graph *g, const struct build_step *step)
{
    return &g->states[step->index];
}

/* The step (NULL: none) and what it stands on are needed; those that were not needed before are looked at, the lowest first. */
void build_graph_need(struct build_graph *g, const struct build_step *step);
void build_graph_need_inputs(struct build_graph *g, const struct build_step *step);
bool build_graph_inputs_done(const struct build_graph *g, const struct build_step *step);

/* The next step to look at; NULL: there is none. */
const struct build_step *build_graph_next(struct build_graph *g);
/* The step waits in its phase until build_graph_wake is called for that phase. */
void build_graph_wait(struct build_graph *g, const struct build_step *step);
void build_graph_wake(struct build_graph *g, enum build_phase phase);

/* Its definition is not known, so those that stand on it will hardly be known either: they may begin with their inputs. */
void build_graph_missed(struct build_graph *g, const struct build_step *step);
/* It is done: the steps that stand on it or take from it are looked at. */
void build_graph_finish(struct build_graph *g, const struct build_step *step);

#endif
