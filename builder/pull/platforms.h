/* Names of the store that have images of several platforms (cache/image.h). */
#ifndef BUILD_PLATFORMS_H
#define BUILD_PLATFORMS_H

#include "cache/image.h"
#include "registry/oci/platform.h"

/* Of several images, keeps the one that fits `want` best; an image that is alone stays, whatever it is for. False: none fits, and
 * *i is as it was. */
bool build_platforms_keep(struct cache_image *i, const struct oci_platform *want);
/* "linux/amd64, linux/arm64": those that are said; caller frees. */
char *build_platforms_text(const struct cache_image *i);
/* For which platform an image is, as it says or as its config does; caller frees. NULL: err. */
char *build_platforms_of(struct cache_store *s, const struct cache_image *i, struct cb_error *err);
/* Puts an image, whose platform is said, under its name: beside those of other platforms that were pulled with the same index,
 * else instead of what was there. */
int build_platforms_store(struct cache_store *s, const struct cache_image *i, struct cb_error *err);

#endif
