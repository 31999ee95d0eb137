/* Removing a store with all that is in it, files of every owner included. */
#ifndef CACHE_RESET_H
#define CACHE_RESET_H

#include "cache/store/store.h"

/* Takes the lock "gc" for itself; running builds are an error that says so. Whatever is damaged in the store, and
 * whatever its format, goes; `format` goes last, so that what is left by one that was killed is still a store, and the next one
 * goes on. The directory itself goes if it can: it may be the mount point of a volume. [ns] */
int cache_reset(struct cache_store *s, struct cb_error *err);

#endif
