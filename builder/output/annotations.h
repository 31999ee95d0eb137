/* Annotations as a request holds them, and what they are of (oci-image.md "Annotations"). */
#ifndef BUILD_ANNOTATIONS_H
#define BUILD_ANNOTATIONS_H

#include "base/mem.h"
#include "registry/oci/platform.h"

enum build_annotates {
    BUILD_ANNOTATES_MANIFEST,
    BUILD_ANNOTATES_DESCRIPTOR, /* where a manifest is listed */
    BUILD_ANNOTATES_INDEX,
    BUILD_ANNOTATES_INDEX_DESCRIPTOR, /* where an index is listed: in a layout */
};

/* Adds those of one part, "key=value"; of manifests those for that platform (NULL, of an index). What names another one does not
 * apply, as in BuildKit. */
void build_annotations_of(const struct cb_strv *given, enum build_annotates part, const struct oci_platform *platform,
                          struct cb_strv *ret);
/* Are there any of an index? */
bool build_annotations_need_index(const struct cb_strv *given);

#endif
