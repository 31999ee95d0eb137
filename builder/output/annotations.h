/* Annotations as a request holds them ("K=V", or "[PLATFORM]K=V"), and whom they are for. */
#ifndef BUILD_ANNOTATIONS_H
#define BUILD_ANNOTATIONS_H

#include "base/mem.h"
#include "registry/oci/platform.h"

/* Adds those of the manifest of an image of that platform. What names another one does not apply to it, as in BuildKit. */
void build_annotations_of(const struct cb_strv *given, const struct oci_platform *platform, struct cb_strv *ret);

#endif
