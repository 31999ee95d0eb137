/* A blob on its way into the store, in one pass: kept, hashed, and meanwhile read by whoever unpacks it. For jobs. */
#ifndef BUILD_INCOMING_H
#define BUILD_INCOMING_H

#include "base/stream/codec.h"
#include "cache/store/blob.h"
#include <stdatomic.h>

struct build_incoming {
    /* Gives all bytes to `sink`, each once and in order. It runs in a thread of its own when somebody unpacks. */
    int (*get)(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err);
    void *get_arg;
    /* Reads the bytes as they come, to their end; NULL: nobody does. */
    int (*unpack)(void *arg, cb_source_fn *source, void *source_arg, struct cb_error *err);
    void *unpack_arg;
    atomic_uint_fast64_t *done; /* bytes that have come are added; NULL: not counted */
    /* Where a download of so many bytes that was ended goes on: get gives those behind *begun, which is set before. NULL: every
     * one begins anew. */
    struct build_begun *begun;
    uint64_t size;
};
struct build_begun {
    uint64_t have;
    struct cb_sha256 sha;
};
/* The blob gets its name only if its bytes have this digest and could be unpacked. 0; 1: with `begun`, when another process has
 * brought it meanwhile, and nothing was done here; -1. */
int build_take_blob(struct cache_store *s, const struct cb_digest *blob, const struct build_incoming *d, struct cb_error *err);

/* For get: the rest of the open file. */
int build_incoming_file(int fd, cb_sink_fn *sink, void *sink_arg, struct cb_error *err);

#endif
