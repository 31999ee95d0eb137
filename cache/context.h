/* The build-context index: path -> (size, mtime, ctime, inode) -> SHA-256, so that an unchanged context
 * costs one lstat a file and no reads. What git's index does, with its rule for files as new as the
 * index itself ("racily clean"): they are read again. One file per context directory. */
#ifndef CACHE_CONTEXT_H
#define CACHE_CONTEXT_H

#include "cache/store.h"

struct cache_context;
/* `identity`: absolute path of the directory. A missing or damaged table is an empty one. */
struct cache_context *cache_context_open(struct cache_store *s, const char *identity);
/* The digest of the regular file `path` below `root`, whose lstat is `st`: from the table, or by reading
 * it. A file that changes while it is read is an error. */
int cache_context_digest(struct cache_context *c, int root, const char *path, const struct stat *st, struct cb_digest *ret,
                         struct cb_error *err);
/* Publishes the table when something changed; paths not asked for in this run are kept for a while, then
 * dropped. Failure to write is not an error: the table is an accelerator. Frees. */
void cache_context_close(struct cache_context *c);

#endif
