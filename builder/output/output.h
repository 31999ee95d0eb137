/* Outputs: what `-o` asks for (dockerfile.md §17): the local store, archives, directories, registries. Each is
 * written whole or not at all. */
#ifndef BUILD_OUTPUT_H
#define BUILD_OUTPUT_H

#include "builder/output/image.h"

struct build_result {
    struct cb_strv names;       /* what was named, written or pushed, for people */
    struct cb_strv image_names; /* full references */
    struct cb_digest manifest;  /* of the last one that was made */
    bool has_manifest;
};
void build_result_done(struct build_result *r);

/* What can be known of an output's destination before there is an image: it can be written. */
int build_output_check(const struct build_output *o, struct cb_error *err);
/* Names, writes and pushes an image as one output asks. */
int build_output_write(struct build *b, const struct build_output *o, struct cache_image *image, struct build_result *ret,
                       struct cb_error *err);

/* Pushes under `ref`; blobs first, the manifest last. An image that was pulled goes as it came, with the same digest;
 * `p` and `annotations` are for others. */
struct oci_ref;
int build_push(struct build *b, const struct cache_image *image, const struct build_packing *p, const struct cb_strv *annotations,
               const struct oci_ref *ref, struct cb_digest *ret_manifest, struct cb_error *err);

#endif
