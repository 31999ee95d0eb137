#include "builder/execute/health.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/session/jobs.h"
#include "runtime/mount/snapshot.h"

/* In the helper for commands, where a RUN would have it. */
static int overlay_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                       struct cb_error *err)
{
    (void)io, (void)req;
    const struct build_session *s = world;
    CB_AUTO(free) char *why = NULL;
    CB_AUTO(close)
    int in = mkdirat(s->work.dir, "try", 0700) < 0 ? -1 : openat(s->work.dir, "try", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = in < 0 ? cb_fail_sys(err, errno, "make a directory in the store") : rt_snapshot_try_overlay(in, &why, err);
    (void)cb_remove_tree(s->work.dir, "try");
    cb_put_u64(answer, r > 0);
    cb_put_str(answer, why ? why : "");
    return r < 0 ? -1 : 0;
}

static void find_overlay(struct build_session *s, struct rt_finding *ret)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_job job;
    if (s->reading)
        cb_fail(&err, CB_E_UNSUPPORTED, "the store is read-only");
    else if (build_ns_job(s, RT_HELPER_COMMANDS, overlay_job, &(struct rt_job_request){0}, &job, &err) == 0)
        (void)build_wait_job(s, &job, NULL, &answer, &err);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    ret->good = !err.code && cb_get_u64(&u);
    CB_AUTO(free) char *why = err.code ? cb_strdup(err.msg) : cb_get_str(&u);
    ret->value = cb_printf("%s%s", ret->good ? "yes, in " : "no: ", ret->good ? s->store->path : why ? why : "");
    if (!ret->good)
        ret->advice =
            cb_strdup("choose a store on ext4, xfs, btrfs or tmpfs with --root: each RUN works in a copy of its files otherwise");
}

static void look_around(build_finding_fn *tell, void *ctx)
{
    struct rt_privilege p;
    rt_privilege_probe(&p);
    for (size_t i = 0; i < rt_n_probes; i++) {
        CB_AUTO(rt_finding) struct rt_finding f = {0};
        rt_probes[i].look(&p, &f);
        tell(ctx, rt_probes[i].name, &f);
    }
    rt_privilege_done(&p);
}

bool build_health(struct build_session *s, build_finding_fn *tell, void *ctx, char **ret_reason)
{
    look_around(tell, ctx);
    if (!s->store) {
        rt_privilege_probe(&s->privilege);
        *ret_reason = cb_strdup("it was not tried: there is no store to work in");
        return false;
    }
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    bool started = build_ns_start(s, RT_HELPER_COMMANDS, &err) == 0;
    const char *reason = started ? s->privilege.reason : err.msg;
    *ret_reason = reason ? cb_strdup(reason) : NULL;
    if (!started || !s->privilege.rung->runs)
        return false;
    if (s->privilege.rung->chroots) /* nothing can be mounted, so no store would help */
        return true;
    CB_AUTO(rt_finding) struct rt_finding overlay = {0};
    find_overlay(s, &overlay);
    tell(ctx, "overlay", &overlay);
    return true;
}
