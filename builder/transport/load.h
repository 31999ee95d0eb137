/* Images that were brought here (transport.h) into the store, as if they had been pulled: with their manifests, byte for byte.
 * What came without any (docker save's) gets one when it is pushed. */
#ifndef BUILD_LOAD_H
#define BUILD_LOAD_H

#include "builder/transport/transport.h"

/* Is called for each name that the store knows now; of an image without a name, its id. */
typedef void build_loaded_fn(void *arg, const struct cache_image *image);
struct build_load {
    const char *shown; /* where it comes from, for people */
    const struct oci_platform *platform;
    const char *as; /* a full reference: the only image, or the one that is meant, gets this name; NULL: those that it has */
    build_loaded_fn *loaded;
    void *arg;
};
/* The image that is meant, or, when none is, all of them, each for the platform. */
int build_load(struct build_session *s, const struct build_brought *b, const struct build_load *want, struct cb_error *err);

#endif
