/* The store: $CBUILD_ROOT, one directory of plain files shared by any number of cbuild processes
 * without a daemon (architecture.md "The store"). Layout:
 *
 *   format                  the number of this layout
 *   blobs/sha256/<hex>      packed layers, configs, manifests: content-addressed
 *   layers/<id>/            what cache/layer/ makes of it
 *   diffs/<hex>             diff ID -> layer id (text file), for every layer whose diff ID is known
 *   records/<xx>/<key>      one JSON record each
 *   images/                 names -> images (cache/image.h)
 *   context/<hex>           one stat-to-digest table per build context
 *   mounts/<id>/            RUN --mount=type=cache
 *   fetch/<hex>             what is known of a URL that ADD named (cache/fetch.h)
 *   snapshot                what RUN can have as its root here (cache/store/found.h)
 *   locks/                  flock files, and `steps`, whose bytes are the locks of steps
 *   work/<random>/          what is being made, locked by its owner; <random>.lent/: what else lies in it (cache/store/lent.h)
 *
 * Publish rule: whole under work/ (or in a file without a name), then renamed into place; nothing
 * published is ever changed.
 *
 * Power: nothing is synced to disk while building. What an earlier boot left is checked when
 * it is read: blobs against their digest, layers against their index, records and tables against their
 * own form. A crash of cbuild alone loses nothing that was published.
 *
 * Whoever writes into the store (build, pull, tag, …) holds the lock "gc" shared; cache_reset holds it exclusively. cache_prune
 * leaves alone what they use (cache/store/lease.h). Readers need no lock. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "base/digest.h"
#include "base/fd.h"

#define CACHE_FORMAT 2 /* 1: a layer's directory could hold what its index does not say */

struct cache_store {
    int root;       /* directory fd */
    char *path;     /* for messages and for programs of the host */
    char *boot_id;  /* use cache_store_boot_id, which reads it when first asked */
    int64_t lease;  /* since when what is found here is used (cache/store/lease.h); 0: it is only looked at */
    bool run_root;  /* no store but what cache_store_open_run_root has opened */
    bool beside;    /* the build has no other ids: owners are beside the files (cache/layer/form.c); whoever knows sets it */
    bool only_here; /* layers whose bytes are elsewhere count as not there (cache/layer/places.h); whoever wants that sets it */
    int marks;      /* where marks of layers are made that this file system cannot hold (cache/layer/marks.c); -1: nowhere */
};

/* Where the store is: `root` (--root), else $CBUILD_ROOT, else /var/lib/cbuild for uid 0, else
 * $XDG_DATA_HOME/cbuild, else ~/.local/share/cbuild. Caller frees; NULL with err when there is no home. */
char *cache_store_default_path(const char *root, struct cb_error *err);
/* Opens it, making it (mode 0700, parents too) when it does not exist. Another format, a file in the way,
 * a directory with something else in it, another user's store, one that others can write to, no permission: an error with
 * the way out. Does not sweep: an existing store costs two opens, a dozen stats and one small read. */
int cache_store_open(const char *path, struct cache_store **ret, struct cb_error *err);
/* For cache_reset: whatever its format, and however damaged it is; but it is not made. CB_E_NOT_FOUND: there is none, nor
 * anything else. A directory with something in it that is no store, or with what no store holds, is another error. */
int cache_store_open_to_reset(const char *path, struct cache_store **ret, struct cb_error *err);
/* A directory that holds nothing of a store but its work/, on another file system perhaps: for cache_work_begin and
 * cache_work_sweep alone. It is made when it does not exist; below one that others may write to, it is a directory of our own. */
int cache_store_open_run_root(const char *path, struct cache_store **ret, struct cb_error *err);
void cache_store_free(struct cache_store *s); /* NULL is fine */
/* The boot of the running kernel, noted with what must be checked when a later boot finds it. Borrowed from `s`;
 * never NULL, "" when the kernel does not tell. */
const char *cache_store_boot_id(struct cache_store *s);
/* Was this written in the running boot (so that no power loss can have come between)? False for "". */
bool cache_store_is_this_boot(struct cache_store *s, const char *boot_id);
CB_DEFINE_AUTO_PTR(cache_store, struct cache_store, cache_store_free)

/* A directory under work/ that is ours while `lock_fd` is open (in us or in a child that inherited it).
 * Its lock file work/<name>.lock is born locked and exists before the directory does, so no sweep can take
 * a fresh one for a dead one. */
struct cache_work {
    int dir; /* fd */
    int lock_fd;
    char name[32]; /* below work/ */
};
#define CACHE_WORK_INIT ((struct cache_work){-1, -1, ""})
int cache_work_begin(struct cache_store *s, struct cache_work *ret, struct cb_error *err);
/* Removes it as far as this process may (files of subordinate owners need the helper); closes. */
void cache_work_done(struct cache_store *s, struct cache_work *w);
/* Closes it only: the next sweep removes what is left of it. For a process that may not remove what is in it. */
void cache_work_leave(struct cache_work *w);
/* Notes that a secret may come to lie in it. 0 or -1. */
int cache_work_note_secret(struct cache_store *s, const struct cache_work *w, struct cb_error *err);
/* Removes those of dead owners that had such a note. It takes no time when there are none, so every build does it before anything
 * else. Never fails. */
void cache_work_sweep_secrets(struct cache_store *s);
/* A file without a name on the store's file system, for what is too large for memory: an fd, or -errno. It ends with its
 * descriptor.
 */
int cache_store_scratch(struct cache_store *s);
/* Removes the work directories of owners that are dead. Call it in the helper, where every file can be
 * removed. Never fails: what cannot go now is tried again the next time. */
void cache_work_sweep(struct cache_store *s);

/* Exclusive or shared lock on a name ("gc"; letters, digits, '-', '_', '.'). 1: got it.
 * 0: somebody holds it (when !wait). -1: err. Closing *ret_fd releases it, once no forked child has it open
 * either; cache_unlock releases it at once. Locks of one process exclude each other too. */
int cache_lock(struct cache_store *s, const char *name, bool exclusive, bool wait, int *ret_fd, struct cb_error *err);
/* Releases and closes; *fd is -1 afterwards. `name` not NULL (only for an exclusive lock): removes the lock
 * file too, so that the names of steps do not pile up. */
void cache_unlock(struct cache_store *s, const char *name, int *fd);

/* The exclusive lock of a step, by its key: one byte of one file, so that a build with many steps makes no extra files.
 * Never waits: 1, 0 or -1 as above. Two keys may share a byte: then one step waits for the other. */
int cache_lock_key(struct cache_store *s, const struct cb_digest *key, int *ret_fd, struct cb_error *err);
void cache_unlock_key(const struct cb_digest *key, int *fd); /* at once, whoever has inherited the descriptor */

#endif
