/* Which snapshots work at a place: found by trying them there. */
#ifndef RT_SNAPSHOT_H
#define RT_SNAPSHOT_H

#include "base/error.h"

/* Empty directories of the caller's, in which it is tried. They may be the same. */
struct rt_snapshot_place {
    int dir;       /* where changes would lie */
    int lower_dir; /* where layers lie */
};
/* 1: a RUN can have its root as an overlay there. 0: it cannot; *ret_why says what failed (caller frees). -1: it cannot be told
 * (no space, no memory). */
int rt_snapshot_try_overlay(const struct rt_snapshot_place *p, char **ret_why, struct cb_error *err);

#endif
