/* The parts of a working tree: worktree.c takes and leaves it, worktree-table.c knows what it showed last, worktree-apply.c puts
 * layers on it, worktree-commit.c finds what has changed. */
#ifndef CACHE_WORKTREE_INTERNAL_H
#define CACHE_WORKTREE_INTERNAL_H

#include "cache/layer/layer-internal.h"
#include "cache/layer/worktree.h"

/* How an entry was found on the disk. Whatever changes its content, mode, owner or attributes changes one of these: the kernel
 * sets the last, and nobody else can. */
struct cache_worktree_print {
    uint64_t ino; /* 0: to be looked at */
    uint64_t size;
    struct timespec mtime, ctime;
};
/* What the tree shows: one sorted index of all its entries (no marks, no hard links: each name is a file), and the print of
 * each. */
struct cache_worktree_table {
    struct cache_index x;
    struct cache_worktree_print *prints;
};
void cache_worktree_table_done(struct cache_worktree_table *t);
/* As the file `name` of `dir`. -1: there is no sound one. */
int cache_worktree_table_read(int dir, const char *name, struct cache_worktree_table *ret, struct cb_error *err);
int cache_worktree_table_write(int dir, const char *name, const struct cache_worktree_table *t, struct cb_error *err);
/* Puts a layer on top. Its entries are to be looked at. */
void cache_worktree_table_apply(struct cache_worktree_table *t, const struct cache_index *layer);
/* Looks at those entries in the tree below `root`. Times that are not what the index says are set: the index may be that of a
 * layer that somebody else made before. */
int cache_worktree_table_look(struct cache_worktree_table *t, int root, struct cb_error *err);
/* A write in the moment in which a file was looked at need not show in its times. Waits until that moment is over. */
void cache_worktree_table_wait(const struct cache_worktree_table *t);
bool cache_worktree_same_print(const struct cache_worktree_print *p, const struct stat *st);
/* The end of what lies below the entry number `at`. */
size_t cache_worktree_table_end(const struct cache_worktree_table *t, size_t at);

struct cache_worktree {
    struct cache_store *store;
    int place, dir; /* borrowed */
    int tree;       /* "tree" in `dir` */
    int root;       /* fs/ in it */
    struct cb_digest *layers;
    size_t n;
    struct cache_worktree_table table;
    bool committed;
    struct cb_link_owners links; /* cache_worktree_links */
    bool no_devices;             /* empty files stand for them */
};

/* Puts the files of a layer on the tree, then its entries into the table. */
int cache_worktree_apply(struct cache_worktree *w, const struct cb_digest *layer, struct cb_error *err);
/* Makes what the tree has as further names of files, and the layer as hard links, into files of their own; so too what has names
 * outside of the tree. */
int cache_worktree_part(struct cache_worktree *w, const struct cb_digest *layer, const struct cache_index *x,
                        struct cb_error *err);

#endif
