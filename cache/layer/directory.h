/* A directory of the store that is no layer (a cache mount) as entries, with the owners that a command sees: in the inodes, or,
 * where this process can give nothing away, beside the files. Whoever filled it is not trusted: no symlink is followed, nothing
 * leads out. Devices and sockets are left out. Call it in a job of the helper. */
#ifndef CACHE_DIRECTORY_H
#define CACHE_DIRECTORY_H

#include "cache/store/index.h"

/* Where this process keeps the owners of what it writes: "inodes" or "beside". */
const char *cache_directory_form(void);

/* All that is below `dir`, sorted, without digests. Of the names of one inode the first has the data. */
int cache_directory_read(int dir, struct cache_index *ret, struct cb_error *err);

struct cache_directory;
/* To fill `dir` (borrowed, open to read). */
struct cache_directory *cache_directory_new(int dir);
/* Makes the entry, whose path is canonical, in the place of what is there; directories above it that nobody has made are root's,
 * 0755. The data of a file follows, in pieces, and then its end. 1; 0: such an entry is left out. -1. */
int cache_directory_add(struct cache_directory *d, const struct cache_entry *e, struct cb_error *err);
int cache_directory_write(struct cache_directory *d, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err);
int cache_directory_end(struct cache_directory *d, const struct cache_entry *e, struct cb_error *err);
/* Modes, owners and times of the directories: when all is in them. */
int cache_directory_finish(struct cache_directory *d, struct cb_error *err);
void cache_directory_free(struct cache_directory *d);
CB_DEFINE_AUTO_PTR(cache_directory, struct cache_directory, cache_directory_free)

#endif
