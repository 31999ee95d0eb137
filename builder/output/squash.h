/* --squash: the layers that the steps of a build made become one. */
#ifndef BUILD_SQUASH_H
#define BUILD_SQUASH_H

#include "builder/output/image.h"
#include "registry/oci/config.h"

/* Puts one layer in the place of the build's own, with `all` in that of the base's too. In the history of `config` it belongs to
 * the last entry that had one; nothing else is left out. An image with one such layer stays as it is. */
int build_image_squash(struct build_session *s, struct build_image *image, bool all, struct oci_image_config *config,
                       struct cb_error *err);

#endif
