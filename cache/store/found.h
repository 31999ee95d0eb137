/* What was found out, by trying, about the place where a store lies. It holds as long as its file system and the kernel are the
 * same; what else it depends on belongs into its text. */
#ifndef CACHE_FOUND_H
#define CACHE_FOUND_H

#include "cache/store/store.h"

/* 1: *ret is the text that was kept under this name. 0: nothing that still holds. */
int cache_found_get(struct cache_store *s, const char *name, struct cb_buf *ret);
/* A failure (a read-only store) only means that it will be tried again. */
void cache_found_keep(struct cache_store *s, const char *name, const char *text);

#endif
