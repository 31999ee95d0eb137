/* The result of a build: config and layers become an image of the local store (dockerfile.md §17);
 * and any image of the store as a manifest with packed layers, for archives and registries. */
#ifndef BUILD_IMAGE_H
#define BUILD_IMAGE_H

#include "builder/plan/build.h"
#include "registry/oci/document.h"

/* Makes the image of the plan's target, whose steps are done: diff IDs, config, history. The config is in the
 * store afterwards; no name is given. */
int build_image_make(struct build *b, struct cache_image *ret, struct cb_error *err);

/* Bytes of all files of the image's layers, as far as the store has their indexes. */
uint64_t build_image_size(struct cache_store *s, const struct cache_image *image);
/* The same of the image just made, by the step that made the layer; the layers of a base are one. Bottom first, into *ret
 * (caller frees), with names borrowed from the plan. */
size_t build_image_layer_sizes(struct build *b, struct build_layer_size **ret);

/* How layers are to be packed. */
struct build_packing {
    const struct cb_codec *codec;
    int level;
    bool force; /* also layers of a base image that came packed otherwise */
    bool docker_types;
};

/* The manifest of an image: every layer is packed (base layers as they came, byte for byte; fetched first
 * when the store lacks their blobs), the manifest's bytes are put into the store. Annotations are
 * "key=value". */
struct build_manifest {
    struct oci_manifest m;
    struct cb_buf bytes;
    struct cb_digest digest;
    struct cb_buf config;
};
int build_manifest_make(struct build *b, const struct cache_image *image, const struct build_packing *p,
                        const struct cb_strv *annotations, struct build_manifest *ret, struct cb_error *err);
/* The one that an image was pulled with, unchanged. 1; 0: it was not pulled. */
int build_manifest_as_pulled(struct build *b, const struct cache_image *image, struct build_manifest *ret, struct cb_error *err);
void build_manifest_done(struct build_manifest *m);

#endif
