/* A directory of this machine as a lazy cache_tree: the build context. Nothing outside the directory is
 * ever looked at; links are entries, never followed on disk. Owners are 0:0, xattrs are dropped, sockets
 * are empty files (dockerfile.md §12.3), names that are hard links of one another share a link_group.
 * What the ignore patterns exclude is not in the tree; an excluded directory is entered only when a '!'
 * pattern may match below it, and is in the tree only when something below it is.
 *
 * A directory is read when its children are first asked for, each entry lstat-ed once. Contents are
 * digested only for files somebody asks for. One thread at a time. */
#ifndef BUILD_WALK_H
#define BUILD_WALK_H

#include "builder/copy/source.h"
#include "cache/digests.h"

struct df_ignore;

struct build_walk_params {
    int dir;                        /* the directory; borrowed, open as long as the context lives */
    const char *name;               /* for messages; copied */
    const struct df_ignore *ignore; /* NULL: nothing is ignored; borrowed */
    struct cache_digests *digests;  /* table of known digests; NULL: every file asked for is read */
    const char *const *drop;        /* names left out of the root whatever the patterns say (".git" of a */
    size_t n_drop;                  /* git context); borrowed */
    bool git_modes;                 /* a checkout: 0755 for directories and files with an x bit, else 0644; the
                                         source is then not `local` */
    bool plain_modes;               /* --cache-ignore=mode: the same, but of files only the owner's x bit counts */
    int origin;                     /* of every node */
    struct cache_store *store;      /* where long lists may lie (list.h); NULL: nowhere */
};

/* Reads nothing yet but the root's own metadata. 0, or -1 when `dir` cannot be read. */
int build_walk_new(const struct build_walk_params *params, struct build_walk **ret, struct cb_error *err);
void build_walk_free(struct build_walk *c);
CB_DEFINE_AUTO_PTR(build_walk, struct build_walk, build_walk_free)

/* The context as a source. Borrowed. Data of node n: n->data_path below the directory; a file of size 0
 * holds no bytes to read (it may be a socket). */
struct build_source *build_walk_source(struct build_walk *c);

/* What build_source_open and build_source_digest do for a lazy source. */
int build_walk_open(struct build_walk *c, const struct cache_node *dir, struct cb_error *err);
int build_walk_digest(struct build_walk *c, const struct cache_node *file, struct cb_error *err);

/* For whoever passes through the tree and keeps none of it: the children of `dir` are there until it is left; those that were
 * there before stay. Nothing below may be used after that. Every directory that was entered must be left, the deepest first;
 * after a failure of enter, too. */
int build_walk_enter(struct build_walk *c, const struct cache_node *dir, struct cb_error *err);
struct cache_store *build_walk_store(const struct build_walk *c);
void build_walk_leave(const struct cache_node *dir);
/* The digest of a regular file, if it need not be read or cannot wait: 1 with ret->digest. 0: *ret (its path borrowed from the
 * node) is for build_walk_read. -1: `err`. */
int build_walk_find(struct build_walk *c, const struct cache_node *file, struct cache_digests_file *ret, struct cb_error *err);
/* Reads such files side by side. */
int build_walk_read(struct build_walk *c, struct cache_digests_file *files, size_t n, struct cb_error *err);

#endif
