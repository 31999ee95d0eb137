/* All that a cache mount holds, as a value for other machines, and a new one made of such a value. */
#ifndef CACHE_MOUNT_STATE_H
#define CACHE_MOUNT_STATE_H

#include "cache/layer/directory.h"
#include "cache/store/store.h"

/* Days since the epoch. A file that came from elsewhere was `made` when it came; `used` are its own times, as far as the file
 * system notes when a file is read; else it is used whenever somebody asks. */
struct cache_mount_times {
    uint32_t used, made;
};
struct cache_mount_state {
    uint32_t mode, uid, gid;         /* of the directory itself */
    struct cache_index files;        /* with digests */
    struct cache_mount_times *times; /* of each entry; zero but for files */
};
void cache_mount_state_done(struct cache_mount_state *m);
CB_DEFINE_AUTO(cache_mount_state, struct cache_mount_state, cache_mount_state_done)

/* Nobody has used it yet, or it is empty. Cheap, and may be called anywhere: what cannot be looked into is not empty. */
bool cache_mount_is_empty(struct cache_store *s, const char *key);

/* The directory that everybody shares, for oneself. */
struct cache_mount_held {
    int lock, dir;
};
/* 1; 0: there is none, or it is in use. -1. */
int cache_mount_hold(struct cache_store *s, const char *key, struct cache_mount_held *ret, struct cb_error *err);
void cache_mount_let_go(struct cache_store *s, struct cache_mount_held *h);
/* Reads what it holds. Files that were read before and have not changed are not read again. */
int cache_mount_read_state(struct cache_store *s, const char *key, const struct cache_mount_held *h,
                           struct cache_mount_state *ret, struct cb_error *err);

/* A mount that is being made. */
struct cache_mount_draft {
    struct cache_work work; /* a place for other files, too */
    int dir;
    struct cache_directory *to; /* to fill */
};
#define CACHE_MOUNT_DRAFT_INIT ((struct cache_mount_draft){CACHE_WORK_INIT, -1, NULL})
int cache_mount_draft_begin(struct cache_store *s, struct cache_mount_draft *ret, struct cb_error *err);
/* When it is filled: it takes the place of what everybody shares, unless that is in use. `like`: whose mode and owner the
 * directory itself gets. `origin`: a word for people. */
int cache_mount_draft_put(struct cache_store *s, struct cache_mount_draft *d, const char *key,
                          const struct cache_mount_state *like, const char *origin, struct cb_error *err);
void cache_mount_draft_done(struct cache_store *s, struct cache_mount_draft *d);

#endif
