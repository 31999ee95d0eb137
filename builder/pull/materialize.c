#include "builder/pull/materialize.h"
#include "base/pack.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"

static int materialize_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                           struct cb_error *err)
{
    (void)answer;
    CB_AUTO(build_fetch) struct build_fetch f;
    build_fetch_init(&f, world, io);
    f.progress = io;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct cb_digest layer = cb_get_digest(&u);
    return build_fetch_layer(&f, &layer, true, err);
}

int build_materialize_start(struct build_session *s, const struct cb_digest *layer, struct cb_job *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    cb_put_digest(&req, layer);
    struct rt_job_request r = {req.data, req.len, NULL, 0};
    return build_ns_job(s, RT_HELPER_FILES, materialize_job, &r, ret, err);
}
