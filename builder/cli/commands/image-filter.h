/* `images --filter KEY=VALUE`, as docker and podman have it. */
#ifndef CLI_IMAGE_FILTER_H
#define CLI_IMAGE_FILTER_H

#include "builder/cli/options/option.h"
#include "cache/image.h"

/* What the images must be; several patterns are alternatives, everything else must hold. */
struct cli_image_filter {
    enum { CLI_ANY_NAME, CLI_UNNAMED, CLI_NAMED } names;
    struct cb_strv labels;     /* KEY, or KEY=VALUE */
    struct cb_strv references; /* shell patterns */
    char *before, *since;      /* images: older than one, younger than the other; NULL: of any age */
    int64_t older_than;        /* seconds; 0: any */
    int64_t times[2];          /* when `before` and `since` were made, by cli_image_filter_begin */
};
void cli_image_filter_done(struct cli_image_filter *f);
cli_set_fn cli_set_image_filter; /* struct cli_image_filter: one more */

/* Finds the images that it names. */
int cli_image_filter_begin(struct cli_image_filter *f, struct cache_store *s, struct cb_error *err);
/* 1: `image`, which goes by `named`'s name, is what is asked for. 0: it is not. -1: err */
int cli_image_filter_takes(const struct cli_image_filter *f, struct cache_store *s, const struct cache_image *named,
                           const struct cache_image *image, struct cb_error *err);

#endif
