/* An image of the store as JSON, with the names that docker and podman have for what is in it. */
#ifndef CLI_IMAGE_JSON_H
#define CLI_IMAGE_JSON_H

#include "base/json.h"
#include "cache/image.h"

/* The image's config as it stands in the store. A new reference, or NULL with err. */
json_t *cli_image_config(struct cache_store *s, const struct cache_image *image, struct cb_error *err);
/* What `inspect` says of an image; `config` is borrowed. A new reference, or NULL with err (names cannot be read). */
json_t *cli_image_json(struct cache_store *s, const struct cache_image *image, json_t *config, struct cb_error *err);

#endif
