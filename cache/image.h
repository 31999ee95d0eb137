/* Names of the local store: images/<escaped name> -> one JSON document. An image here is a config and its
 * layers by id; compressed blobs and a manifest are made when an output needs them (push, archive). A
 * base image that was pulled keeps its manifest and blob descriptors, so it is pushed again byte for byte.
 *
 * A name may have images of several platforms, as an index has in a registry: the first is the document itself, as it always was,
 * and holds the others. */
#ifndef CACHE_IMAGE_H
#define CACHE_IMAGE_H

#include "cache/layer/layer.h"

struct cache_image_layer {
    struct cb_digest id; /* layers/<id>, may be absent for a pulled image whose layers no step needed */
    struct cb_digest diff_id;
    /* of a pulled layer: how the registry holds it; blob_size 0: none */
    struct cb_digest blob;
    uint64_t blob_size;
    char *media_type; /* owned; NULL: ours to choose, and the blob, if there is one, is only what it came as */
    char *source;     /* "registry.example/repo" it came from, for mounts across repositories; NULL */
};
struct cache_image {
    char *name;              /* normalised reference, such as `docker.io/library/app:1` */
    struct cb_digest config; /* blob; the image ID */
    struct timespec created;
    struct timespec updated; /* when the name was last set */
    struct cache_image_layer *layers;
    size_t n_layers, cap_layers;
    struct cb_digest manifest;  /* blob it was pulled with; zero: built here */
    char *manifest_type;        /* its media type */
    struct cb_digest index;     /* digest that the tag had in the registry (index or manifest); zero: built here */
    struct cb_strv annotations; /* "key=value" for the manifest */
    bool pulled;
    char *platform;             /* "linux/arm64"; NULL: it is not said, as it need not be of one that is alone */
    bool listed;                /* an index names it, though it is alone */
    struct cache_image *others; /* of other platforms, which have the same name; they have neither a name nor others */
    size_t n_others, cap_others;
};
void cache_image_done(struct cache_image *i);
CB_DEFINE_AUTO(cache_image, struct cache_image, cache_image_done)

/* The images that the name has, in the order in which they were named: how many, and each of them (number 0 is `i`). */
size_t cache_image_count(const struct cache_image *i);
const struct cache_image *cache_image_nth(const struct cache_image *i, size_t n);
/* The one with that ID, or NULL. */
const struct cache_image *cache_image_with_id(const struct cache_image *i, const struct cb_digest *id);
/* Keeps the n-th alone, with the name. */
void cache_image_keep(struct cache_image *i, size_t n);
/* Puts what `from` holds behind the others, and leaves it zero. */
void cache_image_add(struct cache_image *i, struct cache_image *from);
/* Copies of the layers of `from`, on top of those that are there. */
void cache_image_add_layers(struct cache_image *to, const struct cache_image *from);
/* Replaces what `to` holds (a zero struct is fine). */
void cache_image_copy(struct cache_image *to, const struct cache_image *from);

/* Does it go by its id, because nobody has named it? */
bool cache_image_is_unnamed(const struct cache_image *i);
/* 1: found. 0: there is none; a damaged document counts as none. -1: it cannot be read. */
int cache_image_load(struct cache_store *s, const char *name, struct cache_image *ret, struct cb_error *err);
/* Sets the name, replacing what it named before. Call it when everything it names is in the store. Any name
 * is safe: it becomes one file name, escaped (and cut, with a digest, when it is long). */
int cache_image_store(struct cache_store *s, const struct cache_image *i, struct cb_error *err);
int cache_image_remove(struct cache_store *s, const char *name, struct cb_error *err); /* 1: removed, 0: none */
/* All images, sorted by name; damaged ones are left out. Caller frees with cache_image_list_free. */
int cache_image_list(struct cache_store *s, struct cache_image **ret, size_t *ret_n, struct cb_error *err);
void cache_image_list_free(struct cache_image *list, size_t n);

#endif
