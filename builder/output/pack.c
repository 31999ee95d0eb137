#include "builder/output/pack.h"
#include "base/pack.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"

/* ---- in the job ------------------------------------------------------------------------------------------------- */

static int pack_one(struct cache_store *s, const struct build_packing *p, const struct cache_image_layer *l, struct cb_job_io *io,
                    struct cache_packed *ret, struct cb_error *err)
{
    bool as_it_came = l->blob_size && !p->force;
    if (as_it_came && cache_blob_fits(s, &l->blob, l->blob_size)) {
        *ret = (struct cache_packed){.digest = l->blob, .size = l->blob_size};
        return 0;
    }
    int r = cache_layer_packed(s, &l->id, p->codec, p->level, false, ret, err);
    if (r < 0)
        return -1;
    return r ? 0 : cache_layer_pack(s, &l->id, p->codec, p->level, io, ret, err);
}

static struct build_packing get_packing(struct cb_unpack *u)
{
    CB_AUTO(free) char *codec = cb_get_str(u);
    struct build_packing p = {.codec = cb_codec_find(codec)};
    p.level = (int)cb_get_u32(u);
    p.force = cb_get_u8(u);
    return p;
}

static struct cache_image_layer get_layer(struct cb_unpack *u)
{
    struct cache_image_layer l = {.id = cb_get_digest(u)};
    l.diff_id = cb_get_digest(u);
    l.blob = cb_get_digest(u);
    l.blob_size = cb_get_u64(u);
    return l;
}

/* Answers for every layer: diff ID, and (packing) digest and size of its blob. */
static int pack_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    struct cache_store *s = ((struct build_session *)world)->store;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct build_packing p = get_packing(&u);
    for (uint64_t n = cb_get_u64(&u); n > 0 && !u.failed; n--) {
        struct cache_image_layer l = get_layer(&u);
        struct cache_packed packed = {0};
        if (p.codec && pack_one(s, &p, &l, io, &packed, err) < 0)
            return -1;
        struct cb_digest diff = l.diff_id;
        if (cache_layer_diff_id(s, &l.id, &diff, err) < 0)
            return -1;
        cb_put_digest(answer, &diff);
        cb_put_digest(answer, &packed.digest);
        cb_put_u64(answer, packed.size);
    }
    return 0;
}

/* ---- its request and answer ------------------------------------------------------------------------------------- */

static void put_request(struct cb_buf *to, const struct cache_image_layer *layers, size_t n, const struct build_packing *p)
{
    cb_put_str(to, p ? p->codec->name : "");
    cb_put_u32(to, p ? (uint32_t)p->level : 0);
    cb_put_u8(to, p && p->force);
    cb_put_u64(to, n);
    for (size_t i = 0; i < n; i++) {
        cb_put_digest(to, &layers[i].id);
        cb_put_digest(to, &layers[i].diff_id);
        cb_put_digest(to, &layers[i].blob);
        cb_put_u64(to, layers[i].blob_size);
    }
}

int build_pack_layers(struct build_session *s, struct cache_image_layer *layers, size_t n, const struct build_packing *p,
                      struct cache_packed *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT, answer = CB_BUF_INIT;
    put_request(&req, layers, n, p);
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
