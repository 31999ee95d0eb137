#include "builder/execute/health.h"
#include "base/fd.h"
#include "base/owner.h"
#include "base/pack.h"
#include "builder/execute/run-root.h"
#include "builder/session/jobs.h"
#include "runtime/network/uplink.h"
#include "runtime/rung/notify.h"
#include "runtime/sandbox/foreign.h"

#include <string.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

/* Two texts that a job in the helper for commands has found, where a RUN would find it. */
static void ask(struct build_session *s, rt_job_fn *fn, char **ret_first, char **ret_second)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_COMMANDS, fn, &(struct rt_job_request){0}, &job, &err) == 0)
        (void)build_wait_job(s, &job, NULL, &answer, &err);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    *ret_first = err.code ? cb_strdup("") : cb_get_str(&u);
    *ret_second = err.code ? cb_strdup(err.msg) : cb_get_str(&u);
}

/* ---- the store ---------------------------------------------------------------------------------- */

static int overlay_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                       struct cb_error *err)
{
    (void)io, (void)req;
    struct build_session *s = world;
    CB_AUTO(free) char *why = NULL;
    int r = build_run_root_try(s, s->work.dir, &why, err);
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
    ret->value = cb_printf("%s%s", ret->good ? "yes, in " : "no: ",
                           ret->good ? (s->run_root ? s->run_root : s->store)->path
                           : why     ? why
                                     : "");
    if (!ret->good)
        ret->advice = cb_strdup(
            "name a directory on ext4, xfs, btrfs or tmpfs (a volume, in a container) with --run-root, or have the store there "
            "(--root): each RUN works in a copy of its files otherwise");
}

/* Where owners are emulated they are attributes of files. */
static void find_attributes(struct build_session *s, struct rt_finding *ret)
{
    CB_AUTO(close)
    int fd = s->reading ? -1 : openat(s->work.dir, "attributes", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ret->good = fd >= 0 && fsetxattr(fd, CB_OWNER_XATTR, "0:0", strlen("0:0"), 0) == 0;
    ret->value = ret->good ? cb_strdup("yes") : cb_printf("no: %s", strerror(errno));
    if (!ret->good)
        ret->advice =
            cb_strdup("choose a store on ext4, xfs, btrfs or (since Linux 6.6) tmpfs with --root: who has one id only keeps "
                      "owners in them");
}

/* ---- programs of other machines ------------------------------------------------------------------ */

static int foreign_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                       struct cb_error *err)
{
    static const char *const archs[][2] = {{"amd64", "x86_64"},    {"arm64", "aarch64"},   {"arm", "armv7l"}, {"386", "i686"},
                                           {"riscv64", "riscv64"}, {"ppc64le", "ppc64le"}, {"s390x", "s390x"}};
    CB_AUTO(cb_buf) struct cb_buf works = CB_BUF_INIT;
    struct utsname host;
    CB_AUTO(free) char *first = NULL;
    const struct build_session *s = world;
    (void)io, (void)req, (void)err;
    for (size_t i = 0; uname(&host) == 0 && i < CB_LEN(archs); i++) {
        if (strcmp(archs[i][1], host.machine) == 0)
            continue;
        CB_AUTO(free) char *why = rt_foreign_enable(&s->privilege, archs[i][0]);
        if (!why)
            cb_buf_printf(&works, works.len ? ", %s" : "%s", archs[i][0]);
        else if (!first)
            first = CB_TAKE(why);
    }
    cb_put_str(answer, works.data);
    cb_put_str(answer, first ? first : "");
    return 0;
}

static void find_foreign(struct build_session *s, struct rt_finding *ret)
{
    char *works, *why;
    ask(s, foreign_job, &works, &why);
    ret->good = !*why;
    ret->value = *works ? works : cb_strdup("none");
    ret->advice = *why ? why : NULL;
    free(*works ? NULL : works);
    free(*why ? NULL : why);
}

/* ---- the network --------------------------------------------------------------------------------- */

static int network_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                       struct cb_error *err)
{
    CB_AUTO(free) char *why = NULL;
    (void)io, (void)world, (void)req, (void)err;
    cb_put_str(answer, rt_uplink_wait(&why) ? "one of the build's own, through pasta" : "the host's");
    cb_put_str(answer, why ? why : "");
    return 0;
}

static char *network_of(struct build_session *s)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *which = NULL;
    CB_AUTO(free) char *why = NULL;
    if (build_ns_connect(s, &err) < 0)
        return cb_printf("none: %s", err.msg);
    ask(s, network_job, &which, &why);
    return cb_printf("%s%s%s", which, *why ? ": " : "", why);
}

/* ---- all ----------------------------------------------------------------------------------------- */

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

static const char *owners_of(const struct rt_rung_ops *rung)
{
    if (rung->many_ids)
        return "those that the command gives";
    return rung->emulates && !rt_notify_why_not() ? "emulated" : "root alone";
}

static void look_at_store(struct build_session *s, build_finding_fn *tell, void *ctx, struct build_health *ret)
{
    CB_AUTO(rt_finding) struct rt_finding overlay = {0}, attributes = {0}, foreign = {0};
    find_attributes(s, &attributes);
    tell(ctx, "user attributes", &attributes);
    find_foreign(s, &foreign);
    tell(ctx, "other machines", &foreign);
    if (!s->privilege.rung->chroots) { /* else nothing can be mounted, so no store would help */
        find_overlay(s, &overlay);
        tell(ctx, "overlay", &overlay);
    }
    ret->files =
        cb_strdup(overlay.good ? "layers under an overlay" : "a copy of its files, with which it is compared afterwards");
    ret->owners = cb_strdup(owners_of(s->privilege.rung));
    ret->network = network_of(s);
}

void build_health_look(struct build_session *s, build_finding_fn *tell, void *ctx, struct build_health *ret)
{
    *ret = (struct build_health){0};
    look_around(tell, ctx);
    if (!s->store) {
        rt_privilege_probe(&s->privilege);
        ret->reason = cb_strdup("there is no store to work in");
        return;
    }
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    ret->tried = true;
    bool started = build_ns_start(s, RT_HELPER_COMMANDS, &err) == 0;
    ret->reason = cb_strdup(started ? s->privilege.reason : err.msg);
    ret->runs = started && s->privilege.rung->runs;
    if (ret->runs)
        look_at_store(s, tell, ctx, ret);
}

void build_health_done(struct build_health *h)
{
    free(h->reason);
    free(h->files);
    free(h->owners);
    free(h->network);
}
