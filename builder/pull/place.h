/* The bytes of layers that are elsewhere (cache/layer/places.h), brought into the store when something needs them. For jobs,
 * which hold a build_fetch for as long as they may need any: connections are kept from one layer to the next. */
#ifndef BUILD_PLACE_H
#define BUILD_PLACE_H

#include "builder/session/session.h"
#include "cache/layer/places.h"

#include <pthread.h>

struct reg_client;

struct build_fetch {
    struct build_session *session; /* borrowed */
    struct cb_job_io *io;          /* borrowed; gets warnings */
    struct cb_job_io *progress;    /* how far a layer is: where one is fetched at a time; NULL: nobody hears of it */
    pthread_mutex_t lock;          /* guards client */
    struct reg_client *client;     /* made when a registry is asked first */
};
void build_fetch_init(struct build_fetch *f, struct build_session *session, struct cb_job_io *io);
void build_fetch_done(struct build_fetch *f);
CB_DEFINE_AUTO(build_fetch, struct build_fetch, build_fetch_done)

/* Who knows how to ask a kind of place: cache_place.kind is the name. */
struct build_place_ops {
    const char *name;
    /* Gives the blob's bytes to `sink`, each once and in order; whoever called verifies them. Any number of threads at once. */
    int (*get)(struct build_fetch *f, const struct cache_place *p, cb_sink_fn *sink, void *sink_arg, struct cb_error *err);
};
#define BUILD_PLACE_REGISTRY "registry" /* where: "registry.example/repo" */
#define BUILD_PLACE_LAYOUT   "layout"   /* where: the absolute path of an OCI layout or image archive */

/* Has the layer's bytes here, in packed form, and with `want_files` its files too [ns]. They are verified: digest of the blob,
 * diff ID, index. CB_E_LOST: none of its places gives them, and the layer was taken out of the store, so that its step counts as
 * not done. Thread-safe. */
int build_fetch_layer(struct build_fetch *f, const struct cb_digest *layer, bool want_files, struct cb_error *err);

/* A layer that the store does not know and whose index nobody has: its blob is brought at once, and read on the way. It becomes
 * the layer `id`; CB_E_CORRUPT: it is another one, or has another diff ID. */
int build_fetch_unknown(struct build_fetch *f, const struct cb_digest *id, const struct cb_digest *diff_id,
                        const struct cache_place *place, struct cb_error *err);

/* A blob alone, not unpacked: verified by its digest. */
int build_fetch_blob(struct build_fetch *f, const struct cache_place *place, struct cb_error *err);

#endif
