/* What running builds use stays, while others are pruned beside them.
 *
 * A build locks a byte of locks/builds, shared, at the second in which it began; that lock goes with its last process. What it
 * finds in the store and relies on (a layer, a blob, an image) it touches: the change time of that is then not older than the
 * build. So whatever has changed since the oldest running build began may be in use, and what no running build is
 * as old as is not. A layer that a build has just made is young for the same reason, before any record names it.
 *
 * The two sides exclude each other for each thing: a build touches it under a shared lock of the thing itself and then looks
 * whether it still has its name; who removes it holds that lock alone from before the question until the name is gone. */
#ifndef CACHE_LEASE_H
#define CACHE_LEASE_H

#include "cache/store/store.h"

/* From now on this process, and those that it forks, hold what they find. *ret_fd: as long as it is open; -1 if the store cannot
 * be written to, and so not be pruned either. 0 or -1. */
int cache_lease_begin(struct cache_store *s, int *ret_fd, struct cb_error *err);
/* Which time tells of it. A record has two names, and whoever removes one changes both: there it is that of its last use. */
enum cache_lease_time { CACHE_BY_CHANGE, CACHE_BY_USE };
/* `fd` is open on what has the name `path` below the store. False: it is being removed; it counts as not there. */
bool cache_lease_take(struct cache_store *s, int fd, const char *path, enum cache_lease_time by);

/* For who removes it: may it go? While the descriptor is open nobody takes it. -EBUSY: a running build may use it; -errno. */
int cache_lease_break(struct cache_store *s, const char *path, enum cache_lease_time by);

#endif
