/* The packed form of an image's layers, and their diff IDs. To make either, a job reads every byte of a layer. */
#ifndef BUILD_PACK_H
#define BUILD_PACK_H

#include "builder/session/session.h"
#include "cache/image.h"
#include "cache/layer/layer.h"

/* How layers are to be packed. */
struct build_packing {
    const struct cb_codec *codec;
    int level;
    bool force; /* also layers of a base image that came packed otherwise */
    bool docker_types;
    bool rewrites;  /* layers that steps made get no time later than... */
    int64_t latest; /* ...this */
    bool lazy;      /* a blob that is elsewhere, packed that way, need not come: who gets the image may have it */
};

/* Fills in the diff IDs of `n` layers, of which the first `n_base` are the base's; with `p` (NULL: not), each is packed that way,
 * and ret (n of them) tells into which blob. CB_E_LOST: a layer that was elsewhere cannot be had any more. */
int build_pack_layers(struct build_session *s, struct cache_image_layer *layers, size_t n, size_t n_base,
                      const struct build_packing *p, struct cache_packed *ret, struct cb_error *err);

#endif
