/* A file context/<hex>.earlier is lines of hexadecimal digests: a place, then the keys it had; at the end, the seal. */
#include "cache/earlier.h"

#include "base/limits.h"
#include "base/map.h"
#include "cache/store/files.h"
#include "cache/store/seal.h"

#define MAX_PLACES 4096 /* a file that says more is not ours */

struct place {
    struct cb_digest place, keys[CACHE_EARLIER_KEEP];
    size_t n;
};

struct cache_earlier {
    struct cache_store *store;
    char name[CB_DIGEST_HEX + sizeof(".earlier")];
    struct place *places; /* the least recently changed first */
    size_t n, cap;
    bool loaded, dirty;
};

struct cache_earlier *cache_earlier_open(struct cache_store *s, const char *identity)
{
    struct cache_earlier *e = CB_NEW(struct cache_earlier);
    struct cb_digest d;
    e->store = s;
    cb_sha256(identity, strlen(identity), &d);
    cb_digest_hex(&d, e->name);
    memcpy(e->name + CB_DIGEST_HEX, ".earlier", sizeof(".earlier"));
    return e;
}

/* Reads a digest and the blank or line's end behind it. */
static bool take(const char **p, const char *end, struct cb_digest *ret, char *after)
{
    char hex[CB_DIGEST_HEX + 1];
    if (end - *p <= CB_DIGEST_HEX)
        return false;
    memcpy(hex, *p, CB_DIGEST_HEX);
    hex[CB_DIGEST_HEX] = 0;
    *after = (*p)[CB_DIGEST_HEX];
    *p += CB_DIGEST_HEX + 1;
    return cb_digest_parse_hex(hex, ret) && (*after == ' ' || *after == '\n');
}

static bool parse_line(const char **p, const char *end, struct place *ret)
{
    char after;
    *ret = (struct place){.n = 0};
    if (!take(p, end, &ret->place, &after))
        return false;
    while (after == ' ') {
        struct cb_digest key;
        if (ret->n == CACHE_EARLIER_KEEP || !take(p, end, &key, &after))
            return false;
        ret->keys[ret->n++] = key;
    }
    return true;
}

static void load(struct cache_earlier *e)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(free) char *path = cb_printf("context/%s", e->name);
    struct place place;
    if (e->loaded)
        return;
    e->loaded = true;
    if (cb_read_file(e->store->root, path, CB_MAX_STORE_JSON, &b) < 0)
        return;
    const char *p = b.data, *end = b.data + cache_unseal(b.data, b.len);
    while (e->n < MAX_PLACES && parse_line(&p, end, &place))
        CB_PUSH(e->places, e->n, e->cap) = place;
}

static struct place *find(struct cache_earlier *e, const struct cb_digest *place)
{
    load(e);
    for (size_t i = 0; i < e->n; i++)
        if (cb_digest_eq(&e->places[i].place, place))
            return &e->places[i];
    return NULL;
}

size_t cache_earlier_find(struct cache_earlier *e, const struct cb_digest *place, struct cb_digest ret[CACHE_EARLIER_KEEP])
{
    const struct place *p = find(e, place);
    if (!p)
        return 0;
    memcpy(ret, p->keys, p->n * sizeof(*ret));
    return p->n;
}

/* As the newest of the places. */
static struct place *renew(struct cache_earlier *e, const struct cb_digest *place)
{
    struct place *old = find(e, place), copy = old ? *old : (struct place){.place = *place};
    if (old)
        memmove(old, old + 1, (size_t)(e->places + --e->n - old) * sizeof(*old));
    if (e->n == MAX_PLACES)
        memmove(e->places, e->places + 1, --e->n * sizeof(*e->places));
    struct place *p = &CB_PUSH(e->places, e->n, e->cap);
    *p = copy;
    return p;
}

void cache_earlier_add(struct cache_earlier *e, const struct cb_digest *place, const struct cb_digest *key)
{
    const struct place *known = find(e, place);
    if (known && known->n && cb_digest_eq(&known->keys[0], key))
        return;
    struct place *p = renew(e, place);
    struct cb_digest keys[CACHE_EARLIER_KEEP] = {*key};
    size_t n = 1;
    for (size_t i = 0; i < p->n && n < CACHE_EARLIER_KEEP; i++)
        if (!cb_digest_eq(&p->keys[i], key))
            keys[n++] = p->keys[i];
    memcpy(p->keys, keys, sizeof(keys));
    p->n = n;
    e->dirty = true;
}

static void publish(struct cache_earlier *e)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    char hex[CB_DIGEST_HEX + 1];
    for (size_t i = 0; i < e->n; i++) {
        cb_digest_hex(&e->places[i].place, hex);
        cb_buf_adds(&b, hex);
        for (size_t k = 0; k < e->places[i].n; k++) {
            cb_digest_hex(&e->places[i].keys[k], hex);
            cb_buf_printf(&b, " %s", hex);
        }
        cb_buf_addc(&b, '\n');
    }
    cache_seal(&b);
    (void)cache_store_publish(e->store, "context", e->name, b.data, b.len, &ignored);
}

void cache_earlier_close(struct cache_earlier *e)
{
    if (!e)
        return;
    if (e->dirty)
        publish(e);
    free(e->places);
    free(e);
}
