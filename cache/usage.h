/* What the store uses, and what could be freed. Takes no lock: what comes and goes meanwhile may be counted or not. */
#ifndef CACHE_USAGE_H
#define CACHE_USAGE_H

#include "cache/gc.h"

struct cache_usage {
    struct {
        uint64_t count, bytes; /* as the disk counts them: a file with several names once, where it is met first */
        uint64_t prune, all;   /* what cache_prune would free, with nothing set and with `all` */
    } sums[CACHE_KINDS];
    struct cache_item *items; /* all but contexts and work; the largest first */
    size_t n, cap;
    struct cb_arena arena;
};
void cache_usage_done(struct cache_usage *u);
CB_DEFINE_AUTO(cache_usage, struct cache_usage, cache_usage_done)

/* `filter` is for the items. [ns] */
int cache_usage(struct cache_store *s, const struct cache_filter *filter, struct cache_usage *ret, struct cb_error *err);

#endif
