/* Which differences between two entries a layer would show. */
#ifndef BUILD_ENTRY_H
#define BUILD_ENTRY_H

#include "cache/store/index.h"

/* Only security.capability reaches a layer (dockerfile.md §17): points the entry's xattrs at it, or at nothing. */
void build_keep_capability(struct cache_entry *e);
/* Type, owner, mode and capability. */
bool build_same_owner_mode(const struct cache_entry *a, const struct cache_entry *b);
/* The same and times; of files also the size, but not the content. */
bool build_same_entry(const struct cache_entry *a, const struct cache_entry *b);

#endif
