#include "builder/output/squash.h"
#include "base/pack.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"
#include "cache/squash.h"

static int squash_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    CB_AUTO(build_fetch) struct build_fetch f;
    build_fetch_init(&f, world, io);
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    size_t n_below = (size_t)cb_get_u64(&u), n = (size_t)cb_get_u64(&u);
    CB_AUTO(free) struct cb_digest *ids = cb_alloc((n + 1) * sizeof(*ids));
    for (size_t i = 0; i < n; i++) {
        ids[i] = cb_get_digest(&u);
        if (i >= n_below && build_fetch_layer(&f, &ids[i], true, err) < 0)
            return -1;
    }
    struct cache_layer made;
    if (cache_squash(f.session->store, ids, n, n_below, &made, err) < 0)
        return -1;
    cb_put_digest(answer, &made.id);
    return 0;
}

static int run_job(struct build_session *s, const struct cache_image *image, size_t n_below, struct cb_digest *ret,
                   struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT, answer = CB_BUF_INIT;
    cb_put_u64(&req, n_below);
    cb_put_u64(&req, image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++)
        cb_put_digest(&req, &image->layers[i].id);
    struct rt_job_request r = {req.data, req.len, NULL, 0};
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_FILES, squash_job, &r, &job, err) < 0 ||
        build_wait_job(s, &job, "squash the layers", &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    *ret = cb_get_digest(&u);
    return 0;
}

/* The first `n_below` layers stay. */
static void replace_layers(struct cache_image *image, size_t n_below, const struct cb_digest *by)
{
    for (size_t i = n_below; i < image->n_layers; i++) {
        free(image->layers[i].media_type);
        free(image->layers[i].source);
    }
    image->layers[n_below] = (struct cache_image_layer){.id = *by};
    image->n_layers = n_below + 1;
}

static void change_history(struct oci_image_config *c, size_t n_below)
{
    struct oci_history *last = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < c->n_history; i++) {
        struct oci_history *h = &c->history[i];
        if (h->empty_layer || seen++ < n_below)
            continue;
        h->empty_layer = true;
        last = h;
    }
    if (last)
        last->empty_layer = false;
}

int build_image_squash(struct build_session *s, struct build_image *image, bool all, struct oci_image_config *config,
                       struct cb_error *err)
{
    size_t n_base = image->base ? image->base->image.n_layers : 0, n_below = all ? 0 : n_base;
    struct cb_digest one;
    if (image->stored.n_layers < n_below + 2)
        return 0;
    if (build_image_fetch_base(s, image, all ? BUILD_BASE_FILES : BUILD_BASE_INDEXED, err) < 0 ||
        run_job(s, &image->stored, n_below, &one, err) < 0)
        return -1;
    replace_layers(&image->stored, n_below, &one);
    change_history(config, n_below);
    if (all)
        image->base = NULL;
    return 0;
}
