/* Directories of RUN --mount=type=cache: mounts/<id>/, kept between builds, never part of a layer or a key
 * (dockerfile.md §11 "cache"). All functions run in a job of the helper: files there have any owner. */
#ifndef CACHE_MOUNT_H
#define CACHE_MOUNT_H

#include "cache/store/store.h"

enum cache_sharing { CACHE_SHARED, CACHE_PRIVATE, CACHE_LOCKED };

struct cache_mount_request {
    const char *key; /* whatever tells one cache from another; opaque here */
    enum cache_sharing sharing;
    const char *fresh;       /* name of a build whose first use of the cache starts with an empty directory; NULL: as it is */
    uint32_t mode, uid, gid; /* of a directory that has to be made */
    int seed;                /* fd of a directory whose content a new cache starts with (copied); -1: empty */
};
struct cache_mount;
/* SHARED: at once; everybody sees the same directory. PRIVATE: a directory that nobody else uses now, kept for later.
 * LOCKED: waits until nobody else uses it. */
int cache_mount_acquire(struct cache_store *s, const struct cache_mount_request *r, struct cache_mount **ret,
                        struct cb_error *err);
int cache_mount_dir(const struct cache_mount *m); /* O_PATH fd, borrowed */
/* Its directory, or what `source` is in there, will be moved into that work directory, which outlives `m`, and back before the
 * release: nobody else may use it (PRIVATE or LOCKED). Whoever dies meanwhile leaves it for the next one. 0 or -1. */
int cache_mount_lend(struct cache_mount *m, const struct cache_work *w, const char *source, struct cb_error *err);
void cache_mount_release(struct cache_mount *m); /* NULL is fine */

#endif
