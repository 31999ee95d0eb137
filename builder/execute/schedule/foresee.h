/* What a build would do, without doing it: `--call=explain`, `cbuild explain`. */
#ifndef BUILD_FORESEE_H
#define BUILD_FORESEE_H

#include "builder/execute/schedule/cause.h"

enum build_fate_kind {
    BUILD_FATE_UNNEEDED, /* what needs it is known */
    BUILD_FATE_KNOWN,    /* its result is in the store */
    BUILD_FATE_RUNS,
    BUILD_FATE_OPEN, /* it depends on the result of a step that runs */
};

struct build_fate {
    enum build_fate_kind kind;
    const struct build_step *on; /* OPEN: the step that runs */
    const char *why;             /* RUNS, KNOWN: when `cause` has no text. Constant, or NULL */
    struct build_cause cause;    /* RUNS; KNOWN: of the last time */
};

/* Looks up all that the target needs, and fetches and executes nothing: a step that takes files from an image whose layers are
 * not in the store is open. Shared caches are asked too, and nothing is taken from them. *ret: a fate for each step, by its
 * index; ended with build_fates_free. 0 or -1. */
int build_foresee(struct build_graph *g, struct build_fate **ret, struct cb_error *err);
void build_fates_free(struct build_fate *fates, size_t n);

#endif
