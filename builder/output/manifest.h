/* An image with packed layers, as archives and registries have it. */
#ifndef BUILD_MANIFEST_H
#define BUILD_MANIFEST_H

#include "builder/output/image.h"
#include "builder/output/pack.h"
#include "registry/oci/document.h"

struct build_manifest {
    struct oci_manifest m;
    struct cb_buf bytes;
    struct cb_digest digest;
    struct cb_buf config;
};
#define BUILD_MANIFEST_INIT ((struct build_manifest){.bytes = CB_BUF_INIT, .config = CB_BUF_INIT})
void build_manifest_done(struct build_manifest *m);
CB_DEFINE_AUTO(build_manifest, struct build_manifest, build_manifest_done)

/* Packs every layer (base layers as they came, byte for byte; fetched first when the store lacks their blobs, unless the packing
 * is lazy) and puts the manifest's bytes into the store. Annotations are "key=value"; NULL: none. */
int build_manifest_make(struct build_session *s, const struct build_image *image, const struct build_packing *packing,
                        const struct cb_strv *annotations, struct build_manifest *ret, struct cb_error *err);
/* 1: *ret is the manifest that the image was pulled with, unchanged; `lazy`: its layers may be elsewhere. 0: it was not pulled.
 * -1: err. */
int build_manifest_as_pulled(struct build_session *s, const struct build_image *image, bool lazy, struct build_manifest *ret,
                             struct cb_error *err);

#endif
