/* Only for place.c, extract.c and upper*.c: changes on top of a stage's tree, which itself stays as it is. A node is made when
 * something is looked up or put at its place; what has no node is as the tree has it. At the end the difference to the tree is
 * given as layer entries. */
#ifndef BUILD_UPPER_H
#define BUILD_UPPER_H

#include "base/map.h"
#include "builder/copy/entry.h"
#include "builder/copy/place.h"

/* What an entry is. Names that are hard links of one another share one. */
struct build_inode {
    struct build_entry b;           /* b.e.path: NULL, or the first path given out for it */
    const struct cache_node *below; /* while the difference is made: the tree's node of a name that does not differ */
    bool in_layer;                  /* the same: one of its names differs, so all are in the layer */
};

/* The children of a directory that were looked at or put there, by name. */
struct build_kids {
    struct cb_map map;
    struct build_kids *next; /* all of them, to be released */
};

struct build_upnode {
    const char *name;
    struct build_upnode *parent;    /* NULL for the root */
    const struct cache_node *below; /* what the tree has at this path, or NULL */
    struct build_inode *inode;      /* NULL: as `below` is */
    struct build_kids *kids;        /* looked at or changed so far; NULL: none */
    bool opaque;                    /* what the tree has below it does not show */
    bool gone;                      /* while the difference is made: a whiteout */
    uint32_t path_len;              /* bytes of its path */
    bool in_layer;                  /* the same: it, or something below it, differs */
    const char *path;               /* the same; NULL before */
};

struct build_upper {
    struct cb_arena arena;
    struct build_upnode *root;
    struct build_kids *all_kids;
    size_t n_put;        /* names made here, and the bytes of their paths: both are bounded, so that a small */
    uint64_t path_bytes; /* archive of deep paths does not become gigabytes */
    uint64_t link_bytes; /* of the links followed, for the same reason: CB_MAX_LINK_BYTES */
};

void build_upper_init(struct build_upper *u, struct cache_tree *below); /* NULL: an empty root */
void build_upper_done(struct build_upper *u);

/* The child that is there now; NULL: none, or `dir` is no directory. */
struct build_upnode *build_upper_child(struct build_upper *u, struct build_upnode *dir, const char *name, size_t len);
bool build_upnode_is_dir(const struct build_upnode *n);
/* "/a/b", for messages. Caller frees. */
char *build_upnode_path(const struct build_upnode *n);

struct build_inode *build_inode_new(struct build_upper *u, const struct build_entry *b); /* copies *b, not what it points to */
/* Puts `inode` under a name of the directory `dir`. What is there goes, with everything below it, unless
 * both are directories: then only the metadata changes. -1: too many entries, or paths that are too long. */
int build_upper_put(struct build_upper *u, struct build_upnode *dir, const char *name, size_t len, struct build_inode *inode,
                    struct build_upnode **ret, struct cb_error *err);
/* The metadata of a node, to be changed. For a file of the tree this makes it an entry of ours. */
struct cache_entry *build_upper_edit(struct build_upper *u, struct build_upnode *n);

/* Where a path leads: the deepest node that exists, and what is missing below it. */
struct build_spot {
    struct build_upnode *node;
    struct cb_strv missing;
    bool dangling; /* the first of `missing` is what a link names */
};
void build_spot_done(struct build_spot *s);
CB_DEFINE_AUTO(build_spot, struct build_spot, build_spot_done)
/* Resolves `path` below `base`, which is its root: links in every component, the last one too, are followed
 * and cannot leave it. A dangling link leads to the path that it names. *ret is zeroed by the caller. */
int build_upper_resolve(struct build_upper *u, struct build_upnode *base, const char *path, struct build_spot *ret,
                        struct cb_error *err);
/* mkdir -p of a spot with `meta` (mode, owner, mtime), as the kernel does it: a directory made in one with the set-group-ID bit
 * gets that bit too, and its group unless somebody `owned` it. -1: `mkdir P: not a directory`. */
int build_upper_mkdirs(struct build_upper *u, const struct build_spot *spot, const struct cache_entry *meta, bool owned,
                       struct build_upnode **ret, struct cb_error *err);

/* The entries of a directory and of those above it, top down, as they are in a layer that has something in it (upper-layer.c). */
void build_upper_chain(struct build_upper *u, struct build_upnode *dir, struct build_layer *ret);
/* The difference (upper-layer.c); see build_place_finish. */
void build_upper_layer(struct build_upper *u, struct build_layer *ret);

#endif
