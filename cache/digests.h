/* The build-context index: path -> (size, mtime, ctime, inode) -> SHA-256, so that an unchanged context
 * costs one lstat per file and no reads. This is what git's index does, with its rule for files that are too new:
 * a file whose times lie within one clock tick of the moment it was read may be changed again without
 * a trace, so its digest is not kept and it is read again the next time. ctime and inode are compared
 * too, so a file that was changed and given its old mtime back is noticed.
 *
 * One table per context directory (grammar in digests.c), read when it is opened and published when it is
 * closed: of two builds at once, the last writer wins, and the loser's files are read again.
 * Files are best asked for in the order of a sorted walk ("a", "a/x", "a.b"): then finding one costs one
 * comparison, otherwise a binary search. */
#ifndef CACHE_DIGESTS_H
#define CACHE_DIGESTS_H

#include "cache/store/store.h"

#include <sys/stat.h>

/* A file that was not asked for stays in the table for this many rewrites of it: other Dockerfiles and
 * targets of the same context ask for other files. */
#define CACHE_DIGESTS_KEEP 16

struct cache_digests;
/* `identity`: absolute path of the directory. A missing or damaged table is an empty one; never NULL. */
struct cache_digests *cache_digests_open(struct cache_store *s, const char *identity);
/* The digest of the regular file `path` below `root`, whose lstat is `st`: from the table, or by reading
 * it (no symlink is followed, memory is bounded). A file that is no longer the one `st` describes is read
 * as it is now, and *st is updated. One that keeps growing gives the digest of its first st->st_size bytes; one that
 * keeps being rewritten, or is no longer a file, is an error that names it. `path` is canonical: no leading
 * '/', no "..". */
int cache_digests_digest(struct cache_digests *c, int root, const char *path, struct stat *st, struct cb_digest *ret,
                         struct cb_error *err);
/* The same in two steps, for many files at once. */
struct cache_digests_file {
    char *path;
    struct stat st; /* as it was found; of a file that was read, as it was then */
    struct cb_digest digest;
    bool sure; /* whoever finds the file with this stat finds this content */
};
/* Without reading it. 1: f->digest and f->sure. 0: it has to be read. */
int cache_digests_find(struct cache_digests *c, struct cache_digests_file *f);
/* Reads them, side by side. One that failed fails all. */
int cache_digests_read(struct cache_digests *c, int root, struct cache_digests_file *files, size_t n, struct cb_error *err);
/* Forgets all that is known of a context, when the bytes of a file turn out not to have the digest that was given: a
 * row was damaged. A process that has the table open does not write back what it has read from it. */
void cache_digests_drop(struct cache_store *s, const char *identity);
/* Publishes the table when a digest is new, and lets go of the memory: it is read again when somebody asks. */
void cache_digests_settle(struct cache_digests *c);
/* Publishes the table when a digest is new. Failing to write it is not an error: the table only
 * saves time. Frees; NULL is fine. */
void cache_digests_close(struct cache_digests *c);
CB_DEFINE_AUTO_PTR(cache_digests, struct cache_digests, cache_digests_close)

#endif
