/* A hash table from byte strings to pointers, in insertion order. Keys are copied, values borrowed.
 * Zero is the valid empty map. The hash is seeded per process: hostile keys cannot make it slow. */
#ifndef CB_MAP_H
#define CB_MAP_H

#include "base/buf.h"

struct cb_map_item {
    char *key; /* NUL-terminated copy */
    size_t key_len;
    void *value;
    uint64_t hash;
};
struct cb_map {
    struct cb_map_item *items; /* in order of first insertion; removed ones have key == NULL */
    size_t n, cap, removed;
    uint32_t *slots;
    size_t n_slots;
};

void cb_map_done(struct cb_map *m);                        /* frees keys and table, not the values */
void *cb_map_get(const struct cb_map *m, const char *key); /* NULL: not there */
void *cb_map_getn(const struct cb_map *m, const char *key, size_t n);
bool cb_map_has(const struct cb_map *m, const char *key);         /* also true for a NULL value */
void *cb_map_set(struct cb_map *m, const char *key, void *value); /* gives the value replaced */
void *cb_map_setn(struct cb_map *m, const char *key, size_t n, void *value);
void *cb_map_remove(struct cb_map *m, const char *key); /* gives the value removed */
CB_DEFINE_AUTO(cb_map, struct cb_map, cb_map_done)

/* for (struct cb_map_item *it = NULL; (it = cb_map_next(m, it)); ) */
struct cb_map_item *cb_map_next(const struct cb_map *m, struct cb_map_item *it);

#endif
