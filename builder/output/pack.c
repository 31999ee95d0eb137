#include "builder/output/pack.h"
#include "base/pack.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"
#include "registry/oci/document.h"

/* ---- in the job ------------------------------------------------------------------------------------------------- */

/* The blob of a layer that is elsewhere, if it is packed as the output wants it. */
static bool find_elsewhere(struct cache_store *s, const struct build_packing *p, const struct cb_digest *id,
                           struct cache_packed *ret)
{
    CB_AUTO(cache_places) struct cache_places places = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* a type that we do not know is not what is wanted */
    const struct cb_codec *codec = NULL;
    if (!p->lazy || !cache_layer_is_elsewhere(s, id) || !cache_layer_places(s, id, &places))
        return false;
    for (size_t i = 0; i < places.n; i++)
        if (oci_layer_codec(places.items[i].media_type, &codec, &ignored) == 0 && codec == p->codec) {
            *ret = (struct cache_packed){places.items[i].blob, places.items[i].size, codec};
            return true;
        }
    return false;
}

static int pack_one(struct build_fetch *f, const struct build_packing *p, const struct cache_image_layer *l,
                    struct cache_packed *ret, struct cb_error *err)
{
    struct cache_store *s = f->session->store;
    bool as_it_came = l->blob_size && !p->force;
    if (as_it_came && (p->lazy || cache_blob_fits(s, &l->blob, l->blob_size))) {
        *ret = (struct cache_packed){.digest = l->blob, .size = l->blob_size};
        return 0;
    }
    if (find_elsewhere(s, p, &l->id, ret))
        return 0;
    if (build_fetch_layer(f, &l->id, false, err) < 0)
        return -1;
    int r = cache_layer_packed(s, &l->id, p->codec, p->level, false, ret, err);
    return r ? CB_MIN(r, 0) : cache_layer_pack(s, &l->id, p->codec, p->level, f->io, ret, err);
}

static int find_diff(struct build_fetch *f, const struct cache_image_layer *l, struct cb_digest *ret, struct cb_error *err)
{
    struct cache_layer have;
    *ret = l->diff_id;
    int found = cache_layer_find(f->session->store, &l->id, &have, err);
    if (found > 0 && !have.has_diff_id && build_fetch_layer(f, &l->id, false, err) < 0)
        return -1;
    return found <= 0 ? found : cache_layer_diff_id(f->session->store, &l->id, ret, err);
}

static struct build_packing get_packing(struct cb_unpack *u)
{
    CB_AUTO(free) char *codec = cb_get_str(u);
    struct build_packing p = {.codec = cb_codec_find(codec)};
    p.level = (int)cb_get_u32(u);
    p.force = cb_get_u8(u);
    p.lazy = cb_get_u8(u);
    p.rewrites = cb_get_u8(u);
    p.latest = (int64_t)cb_get_u64(u);
    return p;
}

static struct cache_image_layer get_layer(struct cb_unpack *u, bool *ret_base)
{
    *ret_base = cb_get_u8(u);
    struct cache_image_layer l = {.id = cb_get_digest(u)};
    l.diff_id = cb_get_digest(u);
    l.blob = cb_get_digest(u);
    l.blob_size = cb_get_u64(u);
    return l;
}

/* Where one blob is damaged others may be: all that are go now, or each would fail one more build. */
static void drop_damaged(struct cache_store *s, const struct cache_image_layer *l)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cache_packed packed;
    if (l->blob_size)
        (void)cache_blob_check(s, &l->blob);
    if (cache_layer_packed(s, &l->id, cb_codecs[0], -1, true, &packed, &ignored) == 1)
        (void)cache_blob_check(s, &packed.digest);
}

static int pack_or_rewrite(struct build_fetch *f, const struct build_packing *p, const struct cache_image_layer *l, bool base,
                           struct cache_packed *ret, struct cb_digest *ret_diff, struct cb_error *err)
{
    if (!p->codec || !p->rewrites || base)
        return (p->codec && pack_one(f, p, l, ret, err) < 0) ? -1 : find_diff(f, l, ret_diff, err);
    if (build_fetch_layer(f, &l->id, true, err) < 0)
        return -1;
    return cache_layer_pack_until(f->session->store, &l->id, p->codec, p->level, p->latest, f->io, ret, ret_diff, err);
}

/* Answers for every layer: diff ID, and (packing) its blob. */
static int pack_all(struct build_fetch *f, struct cb_unpack u, struct cb_buf *answer, struct cb_error *err)
{
    struct build_packing p = get_packing(&u);
    for (uint64_t n = cb_get_u64(&u); n > 0 && !u.failed; n--) {
        bool base;
        struct cache_image_layer l = get_layer(&u, &base);
        struct cache_packed packed = {0};
        struct cb_digest diff;
        if (pack_or_rewrite(f, &p, &l, base, &packed, &diff, err) < 0)
            return -1;
        cb_put_digest(answer, &diff);
        cb_put_digest(answer, &packed.digest);
        cb_put_u64(answer, packed.size);
    }
    return 0;
}

static int pack_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    CB_AUTO(build_fetch) struct build_fetch f;
    build_fetch_init(&f, world, io);
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    if (pack_all(&f, u, answer, err) == 0)
        return 0;
    (void)get_packing(&u);
    for (uint64_t n = cb_get_u64(&u); err->code == CB_E_CORRUPT && n > 0 && !u.failed; n--) {
        bool base;
        struct cache_image_layer l = get_layer(&u, &base);
        drop_damaged(f.session->store, &l);
    }
    return -1;
}

/* ---- its request and answer ------------------------------------------------------------------------------------- */

static void put_request(struct cb_buf *to, const struct cache_image_layer *layers, size_t n, size_t n_base,
                        const struct build_packing *p)
{
    cb_put_str(to, p ? p->codec->name : "");
    cb_put_u32(to, p ? (uint32_t)p->level : 0);
    cb_put_u8(to, p && p->force);
    cb_put_u8(to, p && p->lazy);
    cb_put_u8(to, p && p->rewrites);
    cb_put_u64(to, p ? (uint64_t)p->latest : 0);
    cb_put_u64(to, n);
    for (size_t i = 0; i < n; i++) {
        cb_put_u8(to, i < n_base);
        cb_put_digest(to, &layers[i].id);
        cb_put_digest(to, &layers[i].diff_id);
        cb_put_digest(to, &layers[i].blob);
        cb_put_u64(to, layers[i].media_type ? layers[i].blob_size : 0); /* without a type, its form is ours to choose */
    }
}

int build_pack_layers(struct build_session *s, struct cache_image_layer *layers, size_t n, size_t n_base,
                      const struct build_packing *p, struct cache_packed *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT, answer = CB_BUF_INIT;
    put_request(&req, layers, n, n_base, p);
    struct rt_job_request r = {req.data, req.len, NULL, 0};
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_FILES, pack_job, &r, &job, err) < 0 || build_wait_job(s, &job, NULL, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    for (size_t i = 0; i < n; i++) {
        layers[i].diff_id = cb_get_digest(&u);
        struct cache_packed packed = {.digest = cb_get_digest(&u)};
        packed.size = cb_get_u64(&u);
        if (p)
            ret[i] = packed;
    }
    return u.failed ? cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read") : 0;
}
