/* Layers whose bytes are elsewhere. The store has the index of such a layer, and in from.json beside it the places that hold its
 * tar as a blob: what COPY selects and what a key is made of can be known before a byte of it has come; often none ever has to.
 *
 * What a place says of itself is only believed when its bytes have come: cache_layer_receive compares them with the index, which
 * is what gives the layer its name. */
#ifndef CACHE_PLACES_H
#define CACHE_PLACES_H

#include "cache/layer/layer.h"

struct cache_place {
    char *kind;  /* "registry": who knows how to ask there (builder/pull/place.h) */
    char *where; /* as that kind writes it: "registry.example/repo" */
    struct cb_digest blob;
    uint64_t size;
    char *media_type; /* which says how it is compressed */
};
struct cache_places {
    struct cache_place *items; /* the newest first */
    size_t n, cap;
};
void cache_place_copy(struct cache_place *to, const struct cache_place *from); /* deep; *to is raw */
void cache_place_done(struct cache_place *p);
void cache_places_done(struct cache_places *p);
CB_DEFINE_AUTO(cache_places, struct cache_places, cache_places_done)

/* Publishes a layer whose bytes are elsewhere; one that is there already only learns of the place. The index must give `id`
 * (CB_E_CORRUPT). `diff_id` is what the place says. */
int cache_layer_put_elsewhere(struct cache_store *s, const struct cb_digest *id, const struct cache_index *x,
                              const struct cb_digest *diff_id, const struct cache_place *place, struct cache_layer *ret,
                              struct cb_error *err);
/* Notes that the blob of a layer is there too. The newest 16 are kept. */
int cache_layer_add_place(struct cache_store *s, const struct cb_digest *id, const struct cache_place *place,
                          struct cb_error *err);
/* 1: there is at least one. 0: none is known, or what was noted is damaged. */
int cache_layer_places(struct cache_store *s, const struct cb_digest *id, struct cache_places *ret);
/* Are places all that the store has of its bytes: neither files nor a packed form? */
bool cache_layer_is_elsewhere(struct cache_store *s, const struct cb_digest *id);
/* Reads such a layer's tar (compressed or not) to its end. CB_E_CORRUPT: it is another layer's. `want_files`: makes the files
 * too. [ns when want_files] */
int cache_layer_receive(struct cache_store *s, const struct cb_digest *id, cb_source_fn *source, void *arg, bool want_files,
                        struct cb_job_io *io, struct cb_error *err);

#endif
