/* Advice that holds: a history is measured, what might help is tried on all of it, and only what gives the same files in less
 * time is given. */
#ifndef MEASURE_ADVISE_H
#define MEASURE_ADVISE_H

#include "builder/measure/advice.h"
#include "builder/measure/replay.h"

struct measure_advised {
    struct measure_advices advices; /* proved and dropped ones */
    double spent;                   /* seconds of the steps that missed, as it is */
    size_t n_builds;                /* that were compared */
    size_t n_unstable;              /* files that differ whenever they are made, and are not compared */
    struct cb_buf before, after;    /* the newest Dockerfile, and with all proved advice */
    struct cb_buf ignore;           /* the newest ignore file with it; empty: it is not changed */
    struct cb_buf diff;
};
#define MEASURE_ADVISED_INIT                                                                                                     \
    ((struct measure_advised){.before = CB_BUF_INIT, .after = CB_BUF_INIT, .ignore = CB_BUF_INIT, .diff = CB_BUF_INIT})
void measure_advised_done(struct measure_advised *a);
CB_DEFINE_AUTO(measure_advised, struct measure_advised, measure_advised_done)

typedef void measure_tell_fn(const struct measure_advice *a, size_t i, size_t n);

/* `report`: what the replay measured; when it has no builds yet, it is run first. `tell` is called before each try. */
int measure_advise(struct measure_replay *r, struct measure_report *report, measure_tell_fn *tell, struct measure_advised *ret,
                   struct cb_error *err);

#endif
