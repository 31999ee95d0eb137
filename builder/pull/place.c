#include "builder/pull/place.h"
#include "base/fd.h"
#include "builder/pull/incoming.h"
#include "builder/pull/stores.h"
#include "registry/oci/layout.h"
#include "registry/transfer/transfer.h"

void build_fetch_init(struct build_fetch *f, struct build_session *session, struct cb_job_io *io)
{
    *f = (struct build_fetch){.session = session, .io = io, .lock = PTHREAD_MUTEX_INITIALIZER};
}

void build_fetch_done(struct build_fetch *f)
{
    reg_client_free(CB_TAKE(f->client));
    pthread_mutex_destroy(&f->lock);
}

/* ---- the kinds ------------------------------------------------------------------------------------------------- */

static struct reg_client *client_of(struct build_fetch *f, struct cb_error *err)
{
    pthread_mutex_lock(&f->lock);
    if (!f->client && (f->client = reg_client_new(&f->session->request->registry, err)))
        reg_client_on_warning(f->client, cb_job_on_warning, f->io);
    pthread_mutex_unlock(&f->lock);
    return f->client;
}

static struct oci_descriptor descriptor_of(const struct cache_place *p)
{
    return (struct oci_descriptor){.media_type = p->media_type, .digest = p->blob, .size = p->size};
}

static int get_from_registry(struct build_fetch *f, const struct cache_place *p, cb_sink_fn *sink, void *sink_arg,
                             struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    const struct oci_descriptor d = descriptor_of(p);
    struct reg_client *c = client_of(f, err);
    if (!c || oci_ref_parse(p->where, &ref, err) < 0)
        return -1;
    free(CB_TAKE(ref.tag)); /* which nobody has named */
    return reg_fetch_blob(c, &ref, &d, sink, sink_arg, err);
}

static int get_from_layout(struct build_fetch *f, const struct cache_place *p, cb_sink_fn *sink, void *sink_arg,
                           struct cb_error *err)
{
    (void)f;
    const struct oci_descriptor d = descriptor_of(p);
    CB_AUTO(oci_files) struct oci_files files;
    if (oci_files_open(p->where, &files, err) < 0) {
        err->code = CB_E_NOT_FOUND; /* another place may have it */
        return -1;
    }
    return oci_layout_copy(&files, &d, sink, sink_arg, err);
}

static int get_from_s3(struct build_fetch *f, const struct cache_place *p, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    CB_AUTO(free) char *prefix = NULL;
    CB_AUTO(reg_s3) struct reg_s3 *s3 = build_s3_open(f->session, p->where, &f->session->request->registry, f->io, &prefix, err);
    CB_AUTO(free) char *name = s3 ? build_s3_blob_name(prefix, &p->blob) : NULL;
    return s3 ? reg_s3_read(s3, name, p->size, 0, sink, sink_arg, err) : -1;
}

static int get_from_actions(struct build_fetch *f, const struct cache_place *p, cb_sink_fn *sink, void *sink_arg,
                            struct cb_error *err)
{
    CB_AUTO(reg_actions)
    struct reg_actions *a = build_actions_open(f->session, p->where, &f->session->request->registry, f->io, err);
    CB_AUTO(free) char *name = build_actions_blob_name(&p->blob);
    return a ? reg_actions_read(a, name, p->size, 0, sink, sink_arg, err) : -1;
}

static const struct build_place_ops kinds[] = {
    {BUILD_PLACE_REGISTRY, get_from_registry},
    {BUILD_PLACE_LAYOUT, get_from_layout},
    {BUILD_STORES_S3, get_from_s3},
    {BUILD_STORES_ACTIONS, get_from_actions},
};

/* ---- one layer ------------------------------------------------------------------------------------------------- */

struct fetching {
    struct build_fetch *f;
    const struct cb_digest *layer;
    const struct cache_place *place;
    bool want_files;
};

static int get_bytes(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    const struct fetching *x = arg;
    for (size_t i = 0; i < CB_LEN(kinds); i++)
        if (strcmp(kinds[i].name, x->place->kind) == 0)
            return kinds[i].get(x->f, x->place, sink, sink_arg, err);
    return cb_fail(err, CB_E_UNSUPPORTED, "this build does not know how to ask '%s' for it", x->place->where);
}

static int receive(void *arg, cb_source_fn *source, void *source_arg, struct cb_error *err)
{
    const struct fetching *x = arg;
    return cache_layer_receive(x->f->session->store, x->layer, source, source_arg, x->want_files, x->f->progress, err);
}

static int fetch_from(struct fetching *x, struct cb_error *err)
{
    struct cache_store *s = x->f->session->store;
    struct cache_packed packed = {.digest = x->place->blob, .size = x->place->size};
    const struct build_incoming d = {.get = get_bytes, .get_arg = x, .unpack = receive, .unpack_arg = x};
    if (oci_layer_codec(x->place->media_type, &packed.codec, err) < 0 || build_take_blob(s, &x->place->blob, &d, err) < 0)
        return -1;
    return cache_layer_set_packed(s, x->layer, &packed, err);
}

/* What goes wrong on our own side would go wrong at the next place, too. */
static bool is_ours(const struct cb_error *err)
{
    return err->code == CB_E_SYSTEM || err->code == CB_E_CANCELED;
}

static int lose(struct build_fetch *f, const struct cb_digest *layer, struct cb_error *err)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(layer, hex);
    cache_layer_drop(f->session->store, layer);
    err->code = CB_E_LOST;
    free(CB_TAKE(err->hint)); /* of a place */
    cb_hint(err, "build the image again: what made the layer will be executed");
    return cb_prefix(err, "layer %.12s cannot be had any more", hex);
}

static int fetch_from_any(struct build_fetch *f, const struct cb_digest *layer, bool want_files, struct cb_error *err)
{
    CB_AUTO(cache_places) struct cache_places places = {0};
    CB_AUTO(cb_error) struct cb_error last = CB_ERROR_INIT;
    (void)cache_layer_places(f->session->store, layer, &places); /* a list that is damaged meanwhile is one of none */
    for (size_t i = 0; i < places.n; i++) {
        struct fetching x = {f, layer, &places.items[i], want_files};
        cb_error_done(&last);
        if (fetch_from(&x, &last) == 0)
            return 0;
        if (is_ours(&last))
            break;
    }
    if (!places.n)
        cb_fail(&last, CB_E_NOT_FOUND, "nobody is known to have it");
    cb_error_move(err, &last);
    return is_ours(err) ? -1 : lose(f, layer, err);
}

int build_fetch_layer(struct build_fetch *f, const struct cb_digest *layer, bool want_files, struct cb_error *err)
{
    if (cache_layer_is_elsewhere(f->session->store, layer) && fetch_from_any(f, layer, want_files, err) < 0)
        return -1;
    return want_files ? cache_layer_materialize(f->session->store, layer, f->progress, err) : 0;
}

int build_fetch_blob(struct build_fetch *f, const struct cache_place *place, struct cb_error *err)
{
    struct fetching x = {.f = f, .place = place};
    const struct build_incoming d = {.get = get_bytes, .get_arg = &x};
    return build_take_blob(f->session->store, &place->blob, &d, err);
}

/* ---- a layer without an index ------------------------------------------------------------------------------------ */

struct unknown {
    struct fetching x;
    struct cache_index index;
    struct cb_digest diff_id;
};

/* An image of the store may have brought the blob before. */
static int get_unknown(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    const struct unknown *u = arg;
    struct cache_store *s = u->x.f->session->store;
    if (!cache_blob_fits(s, &u->x.place->blob, u->x.place->size))
        return get_bytes((void *)&u->x, sink, sink_arg, err);
    CB_AUTO(close) int fd = cache_blob_open(s, &u->x.place->blob, err);
    return fd < 0 ? -1 : build_incoming_file(fd, sink, sink_arg, err);
}

static int read_unknown(void *arg, cb_source_fn *source, void *source_arg, struct cb_error *err)
{
    struct unknown *u = arg;
    return cache_layer_index_tar(source, source_arg, "the layer of an image", u->x.f->progress, &u->index, &u->diff_id, err);
}

static int put_unknown(struct unknown *u, const struct cb_digest *diff_id, struct cb_error *err)
{
    struct cache_store *s = u->x.f->session->store;
    const struct cache_place *place = u->x.place;
    struct cache_packed packed = {.digest = place->blob, .size = place->size};
    struct cache_layer ignored;
    if (!cb_digest_eq(&u->diff_id, diff_id))
        return cb_fail(err, CB_E_CORRUPT, "the layer of an image does not have its diff ID");
    if (oci_layer_codec(place->media_type, &packed.codec, err) < 0 ||
        cache_layer_put_elsewhere(s, u->x.layer, &u->index, diff_id, place, &ignored, err) < 0)
        return -1;
    return cache_layer_set_packed(s, u->x.layer, &packed, err);
}

int build_fetch_unknown(struct build_fetch *f, const struct cb_digest *id, const struct cb_digest *diff_id,
                        const struct cache_place *place, struct cb_error *err)
{
    struct unknown u = {.x = {.f = f, .layer = id, .place = place}};
    const struct build_incoming d = {.get = get_unknown, .get_arg = &u, .unpack = read_unknown, .unpack_arg = &u};
    int r = build_take_blob(f->session->store, &place->blob, &d, err);
    if (r == 0)
        r = put_unknown(&u, diff_id, err);
    cache_index_done(&u.index);
    return r;
}
