/* What is known of the URLs that ADD and build contexts named: fetch/<SHA-256 of the URL>, one sealed JSON document. The
 * file itself is a blob, which this memory keeps from being garbage for as long as it is used (cache/gc.h). */
#ifndef CACHE_FETCH_H
#define CACHE_FETCH_H

#include "cache/store/store.h"

struct cache_fetch {
    char *etag; /* as the server gave it, not checked; NULL: none */
    struct cb_digest digest;
    uint64_t size;
    int64_t mtime; /* Last-Modified; 0: the server did not say */
};
void cache_fetch_done(struct cache_fetch *f);
CB_DEFINE_AUTO(cache_fetch, struct cache_fetch, cache_fetch_done)

/* 1: what the URL gave, and it is in the store. 0: nothing is known, or what is known is damaged, or the blob may have lost
 * bytes in a power loss. Notes the use, as for a record. */
int cache_fetch_load(struct cache_store *s, const char *url, struct cache_fetch *ret);
/* `size` is the blob's. Cannot fail: what is not remembered is only fetched again. */
void cache_fetch_store(struct cache_store *s, const char *url, const struct cache_fetch *f);
/* For cache_prune: the blob that fetch/<name> names. False: none, or it is not there. */
bool cache_fetch_peek(struct cache_store *s, const char *name, struct cb_digest *ret);

#endif
