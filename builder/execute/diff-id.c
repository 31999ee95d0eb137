/* Diff IDs of layers that are part of the image. */
#include "builder/execute/execute.h"
#include "base/pack.h"
#include "builder/session/jobs.h"
#include "cache/layer/layer.h"

#define SMALL_LAYER   (1u << 20) /* bytes of a tar that are read in less than it takes to start a job and hear of it */
#define SIZE_OF_ENTRY 1024       /* in a tar, about */

static bool is_small(const struct cache_layer *l)
{
    return l->size + l->entries * SIZE_OF_ENTRY <= SMALL_LAYER;
}

/* Damaged files of the earlier layer may have got names in this one, which is taken out of the store; the earlier one goes with
 * it, for nobody is to link to them again. */
static int know_diff_id(struct cache_store *s, const struct cb_digest *layer, const struct cb_digest *earlier,
                        struct cb_error *err)
{
    struct cb_digest diff;
    int r = cache_layer_diff_id(s, layer, &diff, err);
    if (r < 0 && err->code == CB_E_CORRUPT && !cb_digest_is_zero(earlier))
        cache_layer_drop(s, earlier);
    return r < 0 ? -1 : 0;
}

int build_find_diff_id(struct build_work *w, struct build_outcome *o, struct cb_error *err)
{
    struct cache_layer l;
    struct cache_store *s = w->b->session->store;
    int found = cache_layer_find(s, &o->layer, &l, err);
    if (found <= 0 || l.has_diff_id)
        return found < 0 ? -1 : 0;
    o->needs_diff = !is_small(&l);
    return o->needs_diff ? 0 : know_diff_id(s, &o->layer, &w->earlier, err);
}

static int diff_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    (void)io;
    (void)answer;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct cb_digest layer = cb_get_digest(&u), earlier = cb_get_digest(&u);
    return know_diff_id(((struct build_session *)world)->store, &layer, &earlier, err);
}

int build_diff_start(struct build_session *s, const struct cb_digest *layer, const struct cb_digest *earlier, struct cb_job *ret,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    cb_put_digest(&req, layer);
    cb_put_digest(&req, earlier);
    struct rt_job_request r = {req.data, req.len, NULL, 0};
    return build_ns_job(s, RT_HELPER_FILES, diff_job, &r, ret, err);
}
