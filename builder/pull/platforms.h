/* Names of the store that have images of several platforms (cache/image.h). */
#ifndef BUILD_PLATFORMS_H
#define BUILD_PLATFORMS_H

#include "cache/image.h"
#include "registry/oci/platform.h"

/* Of several images, keeps the one that fits `want` best; an image that is alone stays, whatever it is for. False: none fits, and
 * *i is as it was. */
bool build_platforms_keep(struct cache_image *i, const struct oci_platform *want);
/* "linux/amd64, linux/arm64" of several; caller frees. */
char *build_platforms_text(const struct cache_image *i);

#endif
