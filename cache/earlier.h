/* Which results the steps of a build had before, to explain why one has to be made anew. One small file for a context and its
 * Dockerfile, read at the first question and published at the end when something is new. Of two builds at once the last one's
 * stays. A list that is lost, damaged or out of date costs an explanation and nothing else. */
#ifndef CACHE_EARLIER_H
#define CACHE_EARLIER_H

#include "cache/store/store.h"

#define CACHE_EARLIER_KEEP 4 /* results of one step */

struct cache_earlier;
/* `identity` names the build. Never NULL. */
struct cache_earlier *cache_earlier_open(struct cache_store *s, const char *identity);
/* Content keys that the step at this place had, the newest first, into `ret`; how many there are. They may have no record any
 * more. */
size_t cache_earlier_find(struct cache_earlier *e, const struct cb_digest *place, struct cb_digest ret[CACHE_EARLIER_KEEP]);
/* From now on `key` is the newest. */
void cache_earlier_add(struct cache_earlier *e, const struct cb_digest *place, const struct cb_digest *key);
/* Publishes what is new, as far as the store can be written to. Frees; NULL is fine. */
void cache_earlier_close(struct cache_earlier *e);
CB_DEFINE_AUTO_PTR(cache_earlier, struct cache_earlier, cache_earlier_close)

#endif
