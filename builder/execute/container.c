#include "builder/execute/container.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/attach/attach.h"
#include "builder/execute/etc-files.h"
#include "builder/execute/network.h"
#include "builder/execute/run-root.h"
#include "builder/execute/tell.h"
#include "builder/execute/verdict.h"
#include "builder/execute/volumes.h"
#include "builder/session/jobs.h"

#include <unistd.h>

/* ---- in the job ------------------------------------------------------------------------------------------- */

CB_DEFINE_AUTO(build_run_root, struct build_run_root, build_run_root_done)

static int open_root(struct build_session *s, struct cb_job_io *io, const struct build_container *c, struct build_run_root *ret,
                     struct cb_error *err)
{
    struct build_run_place place = {.session = s, .io = io, .layers = c->layers, .n_layers = c->n_layers};
    int r = mkdirat(s->work.dir, "run", 0700);
    place.dir = r < 0 ? -1 : openat(s->work.dir, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place.dir < 0)
        cb_fail_sys(err, errno, "make the work directory of a command");
    return build_run_root_open(&place, ret, err);
}

#define TIMED_OUT 124 /* as timeout(1) has it */

static int status_of(const struct rt_result *r)
{
    return r->timed_out ? TIMED_OUT : r->signal ? 128 + r->signal : r->exit_code;
}

static void put_answer(const struct build_request *q, const struct rt_result *res, struct cb_buf *answer)
{
    CB_AUTO(free) char *cause = build_verdict_cause(q, res);
    cb_put_u32(answer, (uint32_t)status_of(res));
    cb_put_str(answer, cause ? cause : "");
}

static int container_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                         struct cb_error *err)
{
    struct build_session *session = world;
    const struct build_container *c = session->frozen;
    size_t n_streams = req->n_fds - c->signals;
    struct build_streams streams = build_streams_take(req->fds, n_streams, c->terminal);
    CB_AUTO(build_run_root) struct build_run_root root = BUILD_RUN_ROOT_INIT;
    CB_AUTO(build_volumes) struct build_volumes volumes = {0};
    if (build_volumes_open(session->request, &volumes, err) < 0 || open_root(session, io, c, &root, err) < 0)
        return -1;
    const struct rt_network *network = build_network_of(c->network, io);
    CB_AUTO(free) char *hosts = build_hosts_added(session->request, network->uplink);
    CB_AUTO(free) char *resolv = build_resolv_file(session->request, network->uplink);
    struct rt_result res = {0};
    struct rt_sandbox s = {
        .argv = (const char *const *)c->argv->items,
        .env = (const char *const *)c->env->items,
        .cwd = c->cwd,
        .user = c->user,
        .hostname = c->hostname,
        .needs_hostname = c->needs_hostname,
        .hosts = hosts,
        .resolv = resolv,
        .mounts = volumes.mounts,
        .n_mounts = volumes.n,
        .arch = c->arch,
        .network = network,
        .confinement = &session->request->confinement,
        .filter = &session->filter,
        .read_only = c->read_only,
        .insecure = c->insecure,
        .groups = session->groups,
        .timeout_ms = session->request->step_timeout_ms,
        .shm_size = session->request->shm_size,
        .rlimits = session->request->ulimits,
        .n_rlimits = session->request->n_ulimits,
        .stdin_fd = streams.in,
        .stdout_fd = streams.out,
        .stderr_fd = streams.err,
        .terminal = streams.terminal,
        .signals = c->signals ? &req->fds[n_streams] : NULL,
        .privilege = &session->privilege,
    };
    build_run_root_show(&root, &s);
    if (rt_sandbox_run(&s, &res, err) < 0)
        return -1;
    free(res.links.items);
    build_tell_rung(io, &session->privilege, &res);
    put_answer(session->request, &res, answer);
    return 0;
}

/* ---- in the coordinator --------------------------------------------------------------------------------------- */

void build_container_freeze(struct build_session *s, struct build_container *c)
{
    build_ns_freeze(s, c);
}

static int read_answer(const struct build_container *c, const struct cb_buf *answer, int *ret_status, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    *ret_status = (int)cb_get_u32(&u);
    CB_AUTO(free) char *cause = cb_get_str(&u);
    if (u.failed)
        return cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
    if (*cause)
        cb_fail(err, CB_E_RUN, "'%s': %s", c->argv->items[0], cause);
    return 0;
}

int build_container_run(struct build_session *s, const struct build_container *c, int *ret_status, struct cb_error *err)
{
    CB_AUTO(build_attachment) struct build_attachment *a = NULL;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    int fds[BUILD_ATTACH_MAX_FDS];
    struct cb_job job;
    const struct build_attach_mode mode = {.input = c->input, .terminal = c->terminal, .signals = c->signals};
    /* In this order: a pipe that a helper has open too never ends. */
    if (build_ns_start(s, RT_HELPER_COMMANDS, err) < 0 || build_attach_open(&mode, &a, err) < 0)
        return -1;
    if (c->network->uplink && build_ns_connect(s, err) < 0)
        return -1;
    struct rt_job_request req = {.fds = fds, .n_fds = build_attach_fds(a, fds)};
    int r = build_ns_job(s, RT_HELPER_COMMANDS, container_job, &req, &job, err);
    build_attach_started(a);
    if (r < 0 || build_attach_wait(a, s, &job, &answer, err) < 0)
        return -1;
    return read_answer(c, &answer, ret_status, err);
}
