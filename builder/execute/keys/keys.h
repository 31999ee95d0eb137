/* Identity of steps (architecture.md "Identity"). A definition key says what is asked, down to the base image; a content key
 * says the same with the content of the inputs in place of how they were made. Keys are SHA-256 over a
 * canonical serialisation that starts with BUILD_KEY_FORMAT; times, inode numbers and host paths are never part of one, values of
 * secrets only as keys-secret.c puts them there, when that was asked for. */
#ifndef BUILD_KEYS_H
#define BUILD_KEYS_H

#include "builder/execute/keys/graph.h"

#define BUILD_KEY_FORMAT "cbuild-key-1"

/* Definition keys of all steps, in order; selects and digests what COPY takes from local contexts on the
 * way, so a missing file is found before anything runs. The error carries the place. */
int build_keys_define(struct build_graph *g, struct cb_error *err);

/* The content key of a step whose parent and inputs are done. For COPY --from and bind mounts the selected
 * entries are looked up in the layers' indexes. */
int build_keys_content(struct build_graph *g, const struct build_step *s, struct cb_error *err);

/* The key of the definition on the snapshot it stands on, which is done: a definition's result is only ours where that
 * snapshot is, so a step that was run again with another result is never covered by an older child. */
void build_keys_on_parent(const struct build_graph *g, const struct build_step *s, struct cb_digest *ret);

/* Identity of the snapshot after a step that is done: its parent's chain and its layer. */
void build_keys_chain(struct build_graph *g, const struct build_step *s);

/* The merged tree of the layers after `step` (NULL: an empty root), `origin` of a node being the number of
 * its layer from the bottom. Caller frees. */
int build_step_tree(struct build *b, const struct cb_digest *layers, size_t n, struct cache_tree **ret, struct cb_error *err);

/* Selects what a COPY takes out of a tree. */
int build_copy_select(const struct build_copy *c, const struct build_source *source, struct build_selection *ret,
                      struct cb_error *err);

#endif
