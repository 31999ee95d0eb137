#include "builder/cli/commands/limit.h"

#include "base/pack.h"
#include "base/text.h"
#include "builder/session/jobs.h"
#include "cache/gc.h"

static int limit_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)req;
    struct build_session *s = world;
    struct cache_prune how = {.all = true, .keep_bytes = s->request->store_limit};
    struct cache_pruned done;
    if (cache_prune(s->store, &how, &done, err) < 0)
        return -1;
    cb_put_u64(answer, done.left);
    return 0;
}

int cli_keep_limit(struct build_session *s, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct rt_job_request req = {0};
    char size[16], most[16];
    uint64_t limit = s->request->store_limit;
    if (!limit || s->reading)
        return 0;
    if (build_ns_call(s, limit_job, &req, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    uint64_t left = cb_get_u64(&u);
    if (left > limit)
        build_warning(s,
                      "the store takes %s, more than its limit of %s: running builds and named images need the rest ('cbuild du' "
                      "shows it, 'cbuild rmi' removes images)",
                      cb_human_size(left, size), cb_human_size(limit, most));
    return 0;
}
