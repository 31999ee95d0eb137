#include "base/map.h"

#include <sys/random.h>

#define EMPTY 0u /* slots hold item number + 1 */

static uint64_t hash_seed(void)
{
    static uint64_t seed;
    if (!seed) {
        if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
            seed = (uint64_t)(uintptr_t)&seed;
        seed |= 1;
    }
    return seed;
}

/* Seeded multiply-and-fold over eight bytes at a time. */
static uint64_t hash_bytes(const char *p, size_t n)
{
    uint64_t h = hash_seed() ^ (n * 0x9E3779B97F4A7C15u);
    while (n > 0) {
        uint64_t w = 0;
        size_t k = CB_MIN(n, sizeof(w));
        memcpy(&w, p, k);
        __uint128_t m = (__uint128_t)(h ^ w) * 0xD6E8FEB86659FD93u;
        h = (uint64_t)m ^ (uint64_t)(m >> 64);
        p += k;
        n -= k;
    }
    h ^= h >> 32;
    return h * 0x9E3779B97F4A7C15u;
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find_slot(const struct cb_map *m, const char *key, size_t n, uint64_t hash)
{
    size_t mask = m->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        if (m->slots[i] == EMPTY)
            return i;
        const struct cb_map_item *it = &m->items[m->slots[i] - 1];
        if (it->key && it->hash == hash && it->key_len == n && memcmp(it->key, key, n) == 0)
            return i;
    }
}

static void rebuild(struct cb_map *m)
{
    size_t live = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].key)
            m->items[live++] = m->items[i];
    m->n = live;
    m->removed = 0;
    size_t want = 16;
    while (want < (live + 1) * 2)
        want *= 2;
    free(m->slots);
    m->slots = cb_alloc(want * sizeof(*m->slots));
    m->n_slots = want;
    for (size_t i = 0; i < m->n; i++)
        m->slots[find_slot(m, m->items[i].key, m->items[i].key_len, m->items[i].hash)] = (uint32_t)i + 1;
}

void cb_map_done(struct cb_map *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->items[i].key);
    free(m->items);
    free(m->slots);
    *m = (struct cb_map){0};
}

static struct cb_map_item *lookup(const struct cb_map *m, const char *key, size_t n)
{
    if (!m->n_slots)
        return NULL;
    size_t i = find_slot(m, key, n, hash_bytes(key, n));
    return m->slots[i] == EMPTY ? NULL : &m->items[m->slots[i] - 1];
}

void *cb_map_getn(const struct cb_map *m, const char *key, size_t n)
{
    struct cb_map_item *it = lookup(m, key, n);
    return it ? it->value : NULL;
}

void *cb_map_get(const struct cb_map *m, const char *key)
{
    return cb_map_getn(m, key, strlen(key));
}

bool cb_map_has(const struct cb_map *m, const char *key)
{
    return lookup(m, key, strlen(key)) != NULL;
}

void *cb_map_setn(struct cb_map *m, const char *key, size_t n, void *value)
{
    if ((m->n + 1) * 3 >= m->n_slots * 2)
        rebuild(m);
    uint64_t hash = hash_bytes(key, n);
    size_t i = find_slot(m, key, n, hash);
    if (m->slots[i] != EMPTY) {
        struct cb_map_item *it = &m->items[m->slots[i] - 1];
        void *old = it->value;
        it->value = value;
        return old;
    }
    CB_PUSH(m->items, m->n, m->cap) = (struct cb_map_item){cb_memdup0(key, n), n, value, hash};
    m->slots[i] = (uint32_t)m->n;
    return NULL;
}

void *cb_map_set(struct cb_map *m, const char *key, void *value)
{
    return cb_map_setn(m, key, strlen(key), value);
}

void *cb_map_remove(struct cb_map *m, const char *key)
{
    struct cb_map_item *it = lookup(m, key, strlen(key));
    if (!it)
        return NULL;
    void *old = it->value;
    free(it->key);
    it->key = NULL; /* its slot stays taken until the next rebuild, so that probing goes on past it */
    it->value = NULL;
    m->removed++;
    return old;
}

struct cb_map_item *cb_map_next(const struct cb_map *m, struct cb_map_item *it)
{
    for (it = it ? it + 1 : m->items; it && it < m->items + m->n; it++)
        if (it->key)
            return it;
    return NULL;
}
