/* Which snapshots work at a place: found by trying them there. */
#ifndef RT_SNAPSHOT_H
#define RT_SNAPSHOT_H

#include "base/error.h"

/* 1: a RUN can have its root as an overlay whose changes lie below `dir`, an empty directory of the caller's in which that is
 * tried. 0: it cannot; *ret_why says what failed (caller frees). -1: it cannot be told (no space, no memory). */
int rt_snapshot_try_overlay(int dir, char **ret_why, struct cb_error *err);

#endif
