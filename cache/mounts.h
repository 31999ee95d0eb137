/* Cache mounts as people deal with them: which there are, and what goes in and out. All functions run in a job of the helper. A
 * mount that a RUN uses is left alone: they say so. */
#ifndef CACHE_MOUNTS_H
#define CACHE_MOUNTS_H

#include "base/stream/codec.h"
#include "cache/mount-name.h"
#include "cache/store/store.h"

#define CACHE_MOUNT_WORD 16

struct cache_mount_about {
    char hex[CB_DIGEST_HEX + 1];  /* of its key: its name below mounts/ */
    struct cache_mount_name name; /* id NULL: nobody knows any more */
    size_t slots;                 /* directories; more than one where sharing=private met */
    bool in_use;
    uint64_t bytes;
    int64_t made, used;                                    /* seconds since the epoch; made 0: the file system does not tell */
    char origin[CACHE_MOUNT_WORD], form[CACHE_MOUNT_WORD]; /* what is in it came from; its owners are. "": not noted */
    bool exists;
    uint32_t mode, uid, gid; /* of the directory that everybody shares, if it exists */
};

/* Caller ends the list. Sizes take a walk. */
int cache_mounts_list(struct cache_store *s, struct cache_mount_about **ret, size_t *ret_n, struct cb_error *err);
void cache_mounts_list_free(struct cache_mount_about *list, size_t n);
/* 1: removed. 0: it is in use. -1. */
int cache_mounts_remove(struct cache_store *s, const char *hex, struct cb_error *err);
/* The directory that everybody shares, as a tar with its key. */
int cache_mounts_export(struct cache_store *s, const char *hex, cb_sink_fn *sink, void *arg, struct cb_error *err);
/* The other way, in the place of what is there; the tar may be any, packed or not. `key` NULL: that which the tar has. */
int cache_mounts_import(struct cache_store *s, const char *key, cb_source_fn *source, void *arg, struct cb_error *err);

#endif
