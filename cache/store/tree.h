/* A file tree as seen through stacked layers (or a build context), made from indexes alone: no
 * directory is read. COPY, ADD and WORKDIR are planned against it, and what they select is hashed
 * from it, so a key can be made although no layer is unpacked.
 *
 * A node's `origin` tells where the bytes of a file lie: the number of the layer given to
 * cache_tree_apply, or whatever the builder of the tree put there. Nodes belong to the tree. */
#ifndef CACHE_TREE_H
#define CACHE_TREE_H

#include "cache/store/index.h"

struct cb_map;

struct cache_node {
    const char *name;             /* last component; "" for the root */
    struct cache_node *parent;    /* NULL for the root */
    struct cache_node **children; /* sorted bytewise by name (see cache_tree_sort) */
    size_t n_children, cap_children;
    struct cb_map *names; /* the tree's own, of children that are not sorted; NULL: they are sorted */
    struct cache_entry e; /* path, metadata; for a hard link: type CB_FILE and the file's own
                             metadata, size and digest */
    int origin;
    const char *data_path; /* path of the bytes below the origin's root (hard links: the first name) */
    uint64_t link_group;   /* not 0: nodes of one origin with equal group are one inode */
    void *aux;             /* for whoever made the tree */
};

struct cache_tree; /* owns nodes and strings */

/* An empty root directory: 0755, 0:0. */
struct cache_tree *cache_tree_new(void);
void cache_tree_free(struct cache_tree *t);
CB_DEFINE_AUTO_PTR(cache_tree, struct cache_tree, cache_tree_free)

/* Puts a layer on top, with whiteouts and opaque marks as overlay applies them. `index` is copied.
 * Implied parents are made 0755, 0:0. */
void cache_tree_apply(struct cache_tree *t, const struct cache_index *index, int origin);
/* Adds or replaces one entry (parents must exist or are implied). Gives its node. */
struct cache_node *cache_tree_add(struct cache_tree *t, const struct cache_entry *e, int origin, const char *data_path);
/* Makes room for `n` children of a directory that has none, and puts `e` (whose path counts for nothing) under that name behind
 * those that it has. All of it lies in `arena`, which may end when the directory is emptied (children NULL, none of them). */
void cache_tree_room(struct cache_node *dir, struct cb_arena *arena, size_t n);
struct cache_node *cache_tree_append(struct cache_node *dir, struct cb_arena *arena, const char *name,
                                     const struct cache_entry *e, int origin);
void cache_tree_remove(struct cache_tree *t, struct cache_node *n); /* with everything below it */
/* Sorts the children of directories, if single entries were added or removed in an order other than that of their names:
 * only then may `children` be read. Finding and resolving work without it. */
void cache_tree_sort(struct cache_tree *t);

struct cache_node *cache_tree_root(struct cache_tree *t);
struct cache_node *cache_node_child(const struct cache_node *dir, const char *name, size_t len); /* NULL: none */
/* Resolves `path` from the root as the kernel would inside a chroot: symlinks in every component
 * restart at the root when absolute, ".." is clamped; the last component is followed when
 * `follow_last`. 1: *ret is the node. 0: not there (*ret untouched). -1: too many links, on this path or on
 * all that were resolved in the tree, or a component that is not a directory (`err`). */
int cache_tree_resolve(struct cache_tree *t, const char *path, bool follow_last, struct cache_node **ret, struct cb_error *err);
/* Like resolve with follow_last, but for a path that may not exist (a COPY destination): gives the
 * canonical path (no symlinks left, relative to the root, "" for the root; caller frees) with what is
 * missing appended. Dangling links resolve to the path they name. *ret_node is the node or NULL. */
int cache_tree_resolve_new(struct cache_tree *t, const char *path, char **ret_path, struct cache_node **ret_node,
                           struct cb_error *err);
/* The canonical path of a node, relative to the root. Borrowed. */
static inline const char *cache_node_path(const struct cache_node *n)
{
    return n->e.path;
}

#endif
