/* An image to a registry. */
#ifndef BUILD_PUSH_H
#define BUILD_PUSH_H

#include "builder/output/image.h"
#include "builder/output/pack.h"

struct oci_ref;

/* Pushes under `ref`; blobs first, then manifests, an index last. An image that was pulled goes as it came, with the same digest;
 * `p` and `annotations` (NULL: none) are only for others. *ret_top, of what has the name then, is set as soon as that is made:
 * after a push that was refused, too. */
int build_push(struct build_session *s, const struct build_images *images, const struct build_packing *p,
               const struct cb_strv *annotations, const struct oci_ref *ref, struct cb_digest *ret_top, struct cb_error *err);

#endif
