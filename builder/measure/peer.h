/* Other builders, for the same history. */
#ifndef MEASURE_PEER_H
#define MEASURE_PEER_H

#include "builder/measure/replay.h"

const struct measure_peer *measure_peer_find(const char *name); /* NULL: there is none */
void measure_peer_names(struct cb_buf *out);                    /* appended: "buildah|docker|buildkit" */
const char *measure_peer_name(const struct measure_peer *p);

/* Whether it can be used here: -1 with what is missing. After measure_replay_open. */
int measure_peer_check(const struct measure_replay *r, struct cb_error *err);
/* Builds the i-th commit, which is checked out; `place` is where the build is called, `output` gets what it says. Sets
 * b->peer_seconds, and b->peer_error when it fails. -1: it could not be tried. */
int measure_peer_build(const struct measure_replay *r, size_t i, int place, int output, struct measure_build *b,
                       struct cb_error *err);
/* Removes what it has made in the replay's directory. */
void measure_peer_close(const struct measure_replay *r);

#endif
