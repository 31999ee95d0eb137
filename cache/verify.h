/* Reading all of a store again: is everything what its name, its index or its seal says? */
#ifndef CACHE_VERIFY_H
#define CACHE_VERIFY_H

#include "base/job.h"
#include "cache/store/store.h"

struct cache_verified {
    uint64_t layers, files, blobs, records, downloads, images; /* that were looked at */
    uint64_t bytes;                                            /* that were read */
    uint64_t unseen;                                           /* layers of ids that this process may not look into */
    uint64_t damaged;
};
/* Blobs are hashed, and the files of layers, layers compared with their indexes; records, downloads and images have to be
 * whole and to name what is there and sound. `tell` is called with a line for each that is damaged. Unless `dry_run` that is
 * removed, and so it will be made or fetched anew. What builds make or need meanwhile is left alone. Tables of contexts are not
 * looked at: one whose checksum is wrong counts as empty; contents of cache mounts are whatever commands left there.
 * 0, or -1 with `err` when the store cannot be read. [ns] */
int cache_verify(struct cache_store *s, bool dry_run, struct cb_job_io *io, void (*tell)(void *arg, const char *line), void *arg,
                 struct cache_verified *ret, struct cb_error *err);

#endif
