/* What COPY and ADD read from: a stage, an image, a named or the main build context, one downloaded file.
 * All of them are a cache_tree. A local context's tree is lazy: a directory is read from disk when
 * somebody asks for its children, so that `COPY src .` never looks into `node_modules` (builder/copy/walk.h).
 * Whoever walks a source therefore asks build_source_open for each directory first; cache_tree_resolve
 * and cache_node_child on a lazy tree would see holes. */
#ifndef BUILD_SOURCE_H
#define BUILD_SOURCE_H

#include "cache/store/tree.h"

struct build_walk;

struct build_source {
    struct cache_tree *tree;    /* borrowed */
    struct build_walk *context; /* lazy maker of `tree`, or NULL: the tree is whole */
    bool local;                 /* a directory of this machine: the [quirk]s of dockerfile.md §12.3 */
    int id;                     /* the caller's, e.g. to find the files; nothing here reads it */
};

/* Makes sure the children of `dir` are there. 0, or -1 when the directory cannot be read. */
int build_source_open(const struct build_source *s, const struct cache_node *dir, struct cb_error *err);
/* Resolves `path` from the root, following links in every component and, with `follow`, the last one; never
 * leaves the tree. With !follow only the last component may be a link. 1: *ret is the node. 0: not there,
 * also behind a dangling link. -1: too many links, or a directory cannot be read. */
int build_source_resolve(const struct build_source *s, const char *path, bool follow, struct cache_node **ret,
                         struct cb_error *err);
/* Makes sure the digest of a regular file is known (a context's files are read when first asked for). */
int build_source_digest(const struct build_source *s, const struct cache_node *file, struct cb_error *err);

#endif
