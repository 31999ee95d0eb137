/* The store: $CBUILD_ROOT, one directory of plain files shared by any number of cbuild processes
 * without a daemon (design §5). Layout:
 *
 *   format                  the number of this layout
 *   blobs/sha256/<hex>      packed layers, configs, manifests: content-addressed
 *   layers/<id>/            fs/ (an overlay lower directory, may be absent), index, meta.json
 *   diffs/<hex>             diff ID -> layer id (text file), for every layer whose diff ID is known
 *   records/<xx>/<key>      one JSON record each
 *   images/                 names -> images (cache/image.h)
 *   context/<hex>           one stat-to-digest table per build context
 *   mounts/<id>/            RUN --mount=type=cache
 *   locks/                  flock files
 *   work/<random>/          what is being made, locked by its owner
 *
 * Publish rule: whole under work/, then renamed into place; nothing published is ever changed. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "base/digest.h"
#include "base/fd.h"

#define CACHE_FORMAT 1

struct cache_store {
    int root;   /* directory fd */
    char *path; /* for messages and for programs of the host */
    char *boot_id; /* of the running kernel; records made in another boot are checked before use */
};

/* Where the store is: `root` (--root), else $CBUILD_ROOT, else /var/lib/cbuild for uid 0, else
 * $XDG_DATA_HOME/cbuild, else ~/.local/share/cbuild. Caller frees; NULL with err when there is no home. */
char *cache_store_default_path(const char *root, struct cb_error *err);
/* Opens it, making it when it does not exist. Another format, a file in the way, no permission: an
 * error with the way out. Does not sweep. */
int cache_store_open(const char *path, struct cache_store **ret, struct cb_error *err);
void cache_store_free(struct cache_store *s);
CB_DEFINE_AUTO_PTR(cache_store, struct cache_store, cache_store_free)

/* A directory under work/ that is ours while `lock_fd` is open. */
struct cache_work {
    int dir;      /* fd */
    int lock_fd;
    char name[32]; /* below work/ */
};
#define CACHE_WORK_INIT ((struct cache_work){-1, -1, ""})
int cache_work_begin(struct cache_store *s, struct cache_work *ret, struct cb_error *err);
/* Removes it as far as this process may (files of subordinate owners need the helper); closes. */
void cache_work_done(struct cache_store *s, struct cache_work *w);
/* Removes the work directories of owners that are dead. Call it in the helper, where every file can be
 * removed. Never fails: what cannot go now is tried again the next time. */
void cache_work_sweep(struct cache_store *s);

/* Exclusive or shared lock on a name ("step-<hex>", "gc"). 1: got it. 0: somebody holds it (when !wait).
 * -1: err. Closing *ret_fd releases it. */
int cache_lock(struct cache_store *s, const char *name, bool exclusive, bool wait, int *ret_fd, struct cb_error *err);

#endif
