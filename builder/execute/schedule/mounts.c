#include "builder/execute/schedule/mounts.h"
#include "base/clock.h"
#include "base/pack.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/session/jobs.h"
#include "builder/share/mounts.h"
#include "cache/mount-state.h"

/* ---- in the job ------------------------------------------------------------------------------------------------------ */

static void warn(const struct build_mount_job *j, const char *id, const char *what, struct cb_error *why)
{
    const struct build_share *o = j->share;
    CB_AUTO(free)
    char *line = cb_printf("the cache mount '%s' is not %s the cache %s '%s': %s", id, what, build_share_kind(o),
                           o->place ? o->place : "", why->msg);
    cb_job_warn(j->io, line);
}

/* Asks one share after the other, until one has it; or puts it into all. */
static int mount_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)answer, (void)err;
    struct build_session *s = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    bool put = cb_get_u8(&u), done = false;
    CB_AUTO(free) char *id = cb_get_str(&u), *key = cb_get_str(&u), *platform = cb_get_str(&u);
    struct build_mount_job j = {.session = s, .io = io, .key = key, .platform = platform};
    for (size_t i = 0; i < s->request->n_shares; i++) {
        CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
        bool off = cb_get_u8(&u);
        j.share = &s->request->shares[i];
        if (off || j.share->writes != put || !build_share_has_mount(j.share, id) || (!put && done))
            continue;
        int r = put ? build_mount_put(&j, &why) : build_mount_bring(&j, &why);
        if (r < 0)
            warn(&j, id, put ? "put into" : "taken from", &why);
        done = done || r > 0;
    }
    return 0;
}

/* Of several platforms the first names the mounts of all: they share them here, too. */
static void put_request(const struct build_schedule *s, bool put, const char *id, const char *key, struct cb_buf *ret)
{
    CB_AUTO(free) char *platform = oci_platform_text(&s->g->plan->targets[0].platform);
    cb_put_u8(ret, put);
    cb_put_str(ret, id);
    cb_put_str(ret, key);
    cb_put_str(ret, platform);
    for (size_t i = 0; i < s->session->request->n_shares; i++)
        cb_put_u8(ret, s->sharing.off[i]);
}

static int start(struct build_schedule *s, bool put, const char *id, const char *key, struct cb_job *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    put_request(s, put, id, key, &bytes);
    struct rt_job_request req = {bytes.data, bytes.len, NULL, 0};
    return build_ns_job(s->session, RT_HELPER_FILES, mount_job, &req, ret, err);
}

/* ---- which ----------------------------------------------------------------------------------------------------------- */

static bool is_shared(const struct build_schedule *s, const struct build_run_mount *m, bool put)
{
    const struct build_request *q = s->session->request;
    for (size_t i = 0; i < q->n_shares && m->m->type == DF_MOUNT_CACHE; i++)
        if (q->shares[i].writes == put && !s->sharing.off[i] && build_share_has_mount(&q->shares[i], m->m->id))
            return true;
    return false;
}

static void key_of(const struct build_schedule *s, const struct build_run_mount *m, struct cb_buf *ret)
{
    CB_AUTO(free) struct cb_digest *layers = NULL;
    const struct build *b = s->g->build;
    size_t n = m->from.kind == BUILD_FILES_STEP ? build_step_layers(m->from.step, b->made, &layers) : 0;
    build_cache_mount_key(b, m, layers, n, ret);
}

/* ---- bringing -------------------------------------------------------------------------------------------------------- */

static bool is_coming(const struct build_schedule *s, const struct cb_digest *key)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->kind == BUILD_RUNNING_MOUNT && cb_digest_eq(&s->running[i]->layer, key))
            return true;
    return false;
}

static void show(struct build_schedule *s, struct build_running *r, const char *id)
{
    r->number = ++s->session->last_number;
    r->name = cb_printf("cache mount %s", id);
    build_emit(s->session,
               &(struct build_event){.kind = BUILD_EVENT_STEP_STARTED, .step = r->number, .name = r->name, .extra = true});
}

/* 1: it need not come, or has been asked for. 0: it is on its way. */
static int prepare(struct build_schedule *s, const struct build_run_mount *m, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    struct cb_digest digest;
    struct cb_job job;
    key_of(s, m, &key);
    cb_sha256(key.data, key.len, &digest);
    if (cb_map_has(&s->mounts, key.data))
        return !is_coming(s, &digest);
    cb_map_set(&s->mounts, key.data, NULL);
    if (!cache_mount_is_empty(s->session->store, key.data))
        return 1;
    if (start(s, false, m->m->id, key.data, &job, err) < 0)
        return -1;
    struct build_running *r = build_running_add(s, BUILD_RUNNING_MOUNT, NULL, job);
    r->layer = digest;
    show(s, r, m->m->id);
    return 0;
}

int build_mounts_prepare(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    int ready = 1;
    for (const struct build_run_mount *m = step->run.mounts; m && ready >= 0; m = m->next)
        if (is_shared(s, m, false) && !m->fresh) {
            int r = prepare(s, m, err);
            ready = CB_MIN(ready, r);
        }
    return ready;
}

void build_mounts_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e)
{
    if (e->kind == CB_JOB_FAILED)
        build_warning(s->session, "%s does not come from the shared cache: %s", r->name, e->error.msg);
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_DONE,
                                                 .step = r->number,
                                                 .name = r->name,
                                                 .extra = true,
                                                 .seconds = cb_seconds_since(&r->started)});
}

/* ---- putting --------------------------------------------------------------------------------------------------------- */

static int put(struct build_schedule *s, const struct build_run_mount *m, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    CB_AUTO(free) char *name = cb_printf("cache mount %s: putting it into the shared cache", m->m->id);
    struct cb_job job;
    key_of(s, m, &key);
    if (cb_map_get(&s->mounts, key.data))
        return 0;
    cb_map_set(&s->mounts, key.data, s);
    if (start(s, true, m->m->id, key.data, &job, &why) == 0 && build_wait_job(s->session, &job, name, NULL, &why) == 0)
        return 0;
    if (why.code == CB_E_CANCELED) {
        cb_error_move(err, &why);
        return -1;
    }
    build_warning(s->session, "the cache mount '%s' is not in the shared cache: %s", m->m->id, why.msg);
    return 0;
}

int build_mounts_put(struct build_schedule *s, struct cb_error *err)
{
    for (size_t i = 0; i < s->g->plan->n_steps; i++) {
        const struct build_step *step = s->g->plan->steps[i];
        const struct build_step_state *st = build_state_of(s->g, step);
        if (step->op != BUILD_OP_RUN || st->phase != BUILD_STEP_DONE || st->cached)
            continue;
        for (const struct build_run_mount *m = step->run.mounts; m; m = m->next)
            if (is_shared(s, m, true) && put(s, m, err) < 0)
                return -1;
    }
    return 0;
}
