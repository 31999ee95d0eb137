/* A working tree: a directory of real files that shows a stack of layers, for where nothing can be stacked (a store on another
 * overlay, no right to mount). A command works in it; the difference is found by a walk that compares it with what it was.
 *
 * A tree belongs to one build. The next step that stands on what a tree shows takes it over, by renaming it; what lies
 * between (layers of COPY) is put on it. Where there is none, it is made from the files of the layers. All of this is [ns]. */
#ifndef CACHE_WORKTREE_H
#define CACHE_WORKTREE_H

#include "cache/layer/layer.h"

struct cache_worktree;

/* A tree that shows `layers` (bottom first), as the directory "tree" in `dir`. `place`: where the build's trees wait for the next
 * step; both are directories below the store's work/. Without `devices` empty files stand for them: where the tree
 * cannot be mounted they would open. */
int cache_worktree_take(struct cache_store *s, int place, int dir, const struct cb_digest *layers, size_t n, bool devices,
                        struct cache_worktree **ret, struct cb_error *err);
/* The tree that was taken in `dir`, as a command left it, for another command; nothing becomes a layer. */
int cache_worktree_again(struct cache_store *s, int dir, struct cache_worktree **ret, struct cb_error *err);
int cache_worktree_root(const struct cache_worktree *w); /* fd, borrowed: what the command sees as / */
/* Owners that no inode of it can show, where they are beside the files. Borrowed, until the next commit. */
const struct cb_link_owners *cache_worktree_links(struct cache_worktree *w);
/* Makes a layer of what has changed in the tree, by the rules of cache_layer_commit_upper; the tree shows that layer too from
 * then on. Nothing may write to the tree meanwhile. */
int cache_worktree_commit(struct cache_worktree *w, const struct cb_link_owners *links, struct cache_layer *ret,
                          struct cb_error *err);
/* Leaves the tree, after a commit, for the next step. Without this it stays where it is, and is used no more. */
void cache_worktree_leave(struct cache_worktree *w);
void cache_worktree_free(struct cache_worktree *w); /* NULL is fine */
CB_DEFINE_AUTO_PTR(cache_worktree, struct cache_worktree, cache_worktree_free)

#endif
