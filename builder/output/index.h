/* The documents of a set of images, as archives and registries have them: the manifest of each, and the index that names them
 * where that is wanted. */
#ifndef BUILD_INDEX_H
#define BUILD_INDEX_H

#include "builder/output/manifest.h"

/* What an index lists: a manifest, and how it is described there. */
struct build_listed {
    const struct build_image *image; /* borrowed: what it is the manifest of */
    bool attests;                    /* it is that of what is said of the image: its layers are blobs of the store */
    struct build_manifest manifest;
    struct oci_descriptor d;
};
struct build_index {
    struct build_listed *items; /* in the order of the images */
    size_t n, cap;
    char *media_type; /* NULL: there is no index, and the only manifest has the name */
    struct cb_buf bytes;
    struct cb_digest digest;    /* of what has the name: the index, or that manifest */
    struct cb_strv annotations; /* "key=value", of the descriptor of the index */
};
#define BUILD_INDEX_INIT ((struct build_index){.bytes = CB_BUF_INIT})
void build_index_done(struct build_index *x);
CB_DEFINE_AUTO(build_index, struct build_index, build_index_done)

/* Makes all of them and puts their bytes into the store; attestations, where the media types allow them, come after all images.
 * An image goes with the manifest that it was pulled with if `as_pulled`. `annotations`, as a request holds them, are for what is
 * made here; NULL: none. *ret is to be released after a failure too. */
int build_index_make(struct build_session *s, const struct build_images *images, const struct build_packing *p,
                     const struct cb_strv *annotations, bool as_pulled, struct build_index *ret, struct cb_error *err);
/* Describes what has the name. Without an index that is the manifest, with its platform. */
void build_index_top(const struct build_index *x, struct oci_descriptor *ret);

#endif
