/* What the store uses, and making it smaller. */
#ifndef CACHE_GC_H
#define CACHE_GC_H

#include "cache/store.h"

struct cache_usage_row {
    const char *kind;  /* "layers" "blobs" "records" "images" "cache mounts" "contexts" "work" */
    uint64_t count, bytes, reclaimable; /* bytes as the disk counts them; reclaimable: no image names it */
};
#define CACHE_USAGE_ROWS 7
int cache_usage(struct cache_store *s, struct cache_usage_row rows[CACHE_USAGE_ROWS], struct cb_error *err); /* [ns] */

struct cache_prune {
    bool all;             /* also images without a running build: everything but cache mounts in use */
    bool mounts;          /* cache mounts too */
    uint64_t keep_bytes;  /* remove least recently used records until the store is this small; 0: no limit used */
    int64_t older_than;   /* seconds; only what was not used for so long; 0: any */
};
/* Takes the "gc" lock exclusively (builds hold it shared) and removes records, then the layers and blobs
 * that neither a record nor an image names. Trees are renamed into work/ first. [ns] */
int cache_prune(struct cache_store *s, const struct cache_prune *how, uint64_t *ret_bytes, uint64_t *ret_count, struct cb_error *err);

#endif
