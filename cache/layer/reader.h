/* What layers hold, for whoever uses them: directories to stack, and the bytes of files. How the store keeps a layer is known
 * in cache/ alone. For directories the layers' files must be there (cache_layer: has_files), and for many of their files; single
 * ones are taken out of a blob. All of this is [ns]. */
#ifndef CACHE_LAYER_READER_H
#define CACHE_LAYER_READER_H

#include "cache/layer/layer.h"

/* Directories that show the layers when they are stacked as overlay stacks them: fds (O_PATH), top first. A layer has one
 * or more. A layer that occurs twice is left out in the lower place, which changes nothing that is seen. */
struct cache_stack {
    int *dirs; /* with room for one more after the last */
    size_t n;
    struct cb_link_owners links; /* owners that no inode can show: of symlinks and FIFOs, where owners are beside the files */
    struct cb_arena paths;       /* of links */
};
#define CACHE_STACK_INIT ((struct cache_stack){NULL, 0, {NULL, 0}, {NULL}})
/* `layers`: bottom first. Their owners are where this process needs them afterwards. On failure *ret is untouched. */
int cache_stack_open(struct cache_store *s, const struct cb_digest *layers, size_t n, struct cache_stack *ret,
                     struct cb_error *err);
void cache_stack_close(struct cache_stack *stack);
CB_DEFINE_AUTO(cache_stack, struct cache_stack, cache_stack_close)

/* The files of some layers (borrowed), which are named by their number in that list. Reading files in the order of their
 * paths costs least. */
struct cache_reader;
struct cache_reader *cache_reader_new(struct cache_store *s, const struct cb_digest *layers, size_t n);
/* Another one for the same list, for another thread. */
struct cache_reader *cache_reader_again(const struct cache_reader *r);
/* Opens the bytes of the file that the layer's index has at `path`, to read from the start to the end. An fd, or -1: one that is
 * not there as the index says is CB_E_CORRUPT. */
int cache_reader_open(struct cache_reader *r, int layer, const char *path, struct cb_error *err);
/* Takes this layer out of the store, because its bytes are not those of its index: it will be made anew. */
void cache_reader_drop(struct cache_reader *r, int layer);
void cache_reader_free(struct cache_reader *r); /* NULL is fine */
CB_DEFINE_AUTO_PTR(cache_reader, struct cache_reader, cache_reader_free)

#endif
