/* An image as outputs take it: a value that is complete and needs no plan. It is made of a build (builder/cli/commands/built.h),
 * or of an image of the store. */
#ifndef BUILD_IMAGE_H
#define BUILD_IMAGE_H

#include "builder/attest/statement.h"
#include "builder/pull/base-image.h"
#include "builder/session/session.h"

struct build_image {
    struct cache_image stored;     /* what the store keeps of it: config, layers, times */
    struct build_base self;        /* of an image of the store: itself as a base; borrows from `stored` */
    const struct build_base *base; /* borrowed: what the lowest layers come from; NULL: all were made here */
    const char *base_shown;        /* borrowed: fetching them is shown under this name; NULL: none */
    struct oci_platform platform;
    bool has_epoch;
    int64_t epoch;                       /* SOURCE_DATE_EPOCH */
    struct build_attest_predicate *said; /* what goes with it as attestations */
    size_t n_said, cap_said;
};
void build_image_done(struct build_image *i);
CB_DEFINE_AUTO(build_image, struct build_image, build_image_done)

/* What outputs take: an image, or those of several platforms that have a name together. */
struct build_images {
    struct build_image *items; /* in the order asked for */
    size_t n, cap;
    bool listed;          /* an index names them; always when there are several */
    struct cb_strv names; /* full references that they get from any output: for attestations */
};
void build_images_done(struct build_images *i);
CB_DEFINE_AUTO(build_images, struct build_images, build_images_done)

/* The images that a name of the store has. */
int build_images_of(const struct cache_image *stored, struct build_images *ret, struct cb_error *err);

/* Completes an image of which the layers are known: their diff IDs go into `config`, which is put into the store. */
int build_image_complete(struct build_session *s, struct build_image *image, struct oci_image_config *config,
                         struct cb_error *err);

/* Makes sure that the layers of its base are in the store in that form. */
int build_image_fetch_base(struct build_session *s, const struct build_image *image, enum build_base_form form,
                           struct cb_error *err);

/* Makes sure that all of its layers have their files, whatever its steps needed. */
int build_image_fetch_files(struct build_session *s, const struct build_image *image, struct cb_error *err);

/* Bytes of all files of a layer, and of an image's layers, as far as the store has their indexes. */
uint64_t build_layer_bytes(struct cache_store *s, const struct cb_digest *id);
uint64_t build_image_size(struct cache_store *s, const struct cache_image *image);

#endif
