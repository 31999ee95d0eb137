/* Images from one place to another, without being unpacked: what they are on the way is a parcel (parcel.h). */
#ifndef BUILD_CARRY_H
#define BUILD_CARRY_H

#include "builder/output/image.h"
#include "builder/transport/transport.h"

/* An image of the store that goes somewhere. */
struct build_carried {
    struct cache_image image;
    struct cb_strv names; /* under which it goes, where the destination gives none; full references */
};
struct build_carry {
    /* One of the two: */
    const struct build_location *from;
    struct build_carried *stored; /* of the store */
    size_t n_stored;

    const struct build_location *to;
    const struct reg_options *from_options, *to_options; /* of registries */
    const struct oci_platform *platform;                 /* of an image for several, that one alone; NULL: all of them */
    const char *format;                                  /* "oci", "v2s2": manifests get those media types; NULL: they stay */
    const char *shown;                                   /* what is copied, for people */
};
/* *ret is the digest of the (last) image as it is there. */
int build_carry(struct build_session *s, const struct build_carry *c, struct cb_digest *ret, struct cb_error *err);

#endif
