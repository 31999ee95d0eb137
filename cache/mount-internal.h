/* What mount.c and mounts.c share and nobody else uses. mounts/<hex of the key>/: `key` (text; its time is the last use),
 * `fresh`, `about` (two words: where what is in it came from, and the form of its owners) and directories 0, 1, …: 0 is the one
 * that everybody shares, the others exist where PRIVATE users met. Lock files mount-<hex>-<n> say who uses them; they are beside
 * the directories, so that a directory can be replaced while it is in use. */
#ifndef CACHE_MOUNT_INTERNAL_H
#define CACHE_MOUNT_INTERNAL_H

#include "cache/store/files.h"

struct cache_mount_place {
    char hex[CB_DIGEST_HEX + 1];
    char dir[sizeof("mounts/") + CB_DIGEST_HEX];
    char slot[16];
};
/* Of the key's directory; no slot is chosen. */
void cache_mount_place(const char *key, struct cache_mount_place *ret);
void cache_mount_place_of_hex(const char *hex, struct cache_mount_place *ret);
/* The lock of this slot, which becomes the place's. As cache_lock. What a dead user has borrowed is brought home. */
int cache_mount_lock(struct cache_store *s, struct cache_mount_place *at, unsigned slot, bool exclusive, bool wait, int *ret,
                     struct cb_error *err);
/* Whoever still uses it keeps what they have; it vanishes with them. `parent`: the key's directory. 0 or -1. */
int cache_mount_remove_slot(struct cache_store *s, int parent, const char *slot, struct cb_error *err);
bool cache_mount_is_slot(const char *name);
/* The error; -1. */
int cache_mount_in_use(const char *hex, struct cb_error *err);
/* An id that this user does not have is written beside it, where that can be. 0 or -errno. */
int cache_mount_give(int dir, uint32_t uid, uint32_t gid);
/* Notes the use, or the key where it was not known. */
void cache_mount_note_use(struct cache_store *s, const struct cache_mount_place *at, const char *key);
/* `origin`: a word. */
void cache_mount_note_origin(struct cache_store *s, const struct cache_mount_place *at, const char *origin);

#endif
