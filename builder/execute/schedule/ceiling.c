#include "builder/execute/schedule/ceiling.h"

#include "base/pack.h"
#include "base/text.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/session/jobs.h"
#include "cache/gc.h"

#include <sys/statvfs.h>

#define PARTS 16

static int prune_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
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

static bool is_limited(const struct build_session *s)
{
    return s->request->store_limit && !s->reading;
}

/* ---- while steps are executed --------------------------------------------------------------------------------------------- */

static uint64_t free_space(const struct build_schedule *s)
{
    struct statvfs fs;
    return fstatvfs(s->session->store->root, &fs) < 0 ? 0 : (uint64_t)fs.f_bfree * fs.f_frsize;
}

static void measured(struct build_schedule *s, uint64_t used)
{
    s->ceiling = (struct build_ceiling){.used = used, .free = free_space(s)};
}

void build_ceiling_begin(struct build_schedule *s)
{
    if (is_limited(s->session))
        measured(s, s->session->request->store_limit);
}

/* What the file system has lost knows of downloads, too; what steps say is not hidden by what others free meanwhile. */
static uint64_t written(const struct build_schedule *s)
{
    uint64_t left = CB_MIN(free_space(s), s->ceiling.free);
    return CB_MAX(s->ceiling.written, s->ceiling.free - left);
}

void build_ceiling_wrote(struct build_schedule *s, uint64_t bytes)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct rt_job_request req = {0};
    struct cb_job job;
    uint64_t limit = s->session->request->store_limit;
    s->ceiling.written += bytes;
    if (!is_limited(s->session) || s->ceiling.looking)
        return;
    uint64_t more = written(s);
    if (more < limit / PARTS || (s->ceiling.used < limit && more <= limit - s->ceiling.used))
        return;
    s->ceiling.looking = build_ns_job(s->session, RT_HELPER_FILES, prune_job, &req, &job, &ignored) == 0;
    if (s->ceiling.looking)
        build_running_add(s, BUILD_RUNNING_CEILING, NULL, job);
}

void build_ceiling_event(struct build_schedule *s, const struct cb_buf *answer)
{
    uint64_t used = s->session->request->store_limit;
    if (answer) {
        struct cb_unpack u = cb_unpack(answer->data, answer->len);
        used = cb_get_u64(&u);
    }
    measured(s, used);
    build_graph_wake(s->g, BUILD_STEP_AWAITS_TURN);
}

/* ---- at the end -------------------------------------------------------------------------------------------------------------
 */

int build_ceiling_keep(struct build_session *s, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct rt_job_request req = {0};
    char size[16], most[16];
    uint64_t limit = s->request->store_limit;
    if (!is_limited(s))
        return 0;
    if (build_ns_call(s, prune_job, &req, &answer, err) < 0)
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
