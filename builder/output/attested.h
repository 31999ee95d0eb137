/* Attestations beside an image, as BuildKit lays them out: a manifest whose layers are the statements (oci-image.md §11). */
#ifndef BUILD_ATTESTED_H
#define BUILD_ATTESTED_H

#include "builder/output/manifest.h"

/* Makes the manifest of all that is said of the image whose manifest has the digest `of`, and its blobs, in the store. */
int build_attested_make(struct build_session *s, const struct build_image *image, const struct cb_strv *names,
                        const struct cb_digest *of, struct build_manifest *ret, struct cb_error *err);
/* How an index lists it. */
void build_attested_describe(const struct build_manifest *m, const struct cb_digest *of, struct oci_descriptor *ret);

#endif
