#include "builder/execute/container.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/attach/attach.h"
#include "builder/execute/etc-files.h"
#include "builder/session/jobs.h"
#include "cache/layer/reader.h"

#include <unistd.h>

/* ---- in the job ------------------------------------------------------------------------------------------- */

struct place {
    struct cache_stack lowers; /* and `stubs` behind the last */
    int stubs, work_dir;
};

static void place_done(struct place *p)
{
    cache_stack_close(&p->lowers);
    cb_close(p->stubs);
    cb_close(p->work_dir);
}
CB_DEFINE_AUTO(place, struct place, place_done)

static int open_place(struct build_session *s, const struct build_container *c, struct place *p, struct cb_error *err)
{
    int work = s->work.dir;
    if (cache_stack_open(s->store, c->layers, c->n_layers, &p->lowers, err) < 0)
        return -1;
    p->stubs = openat(work, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    p->lowers.dirs[p->lowers.n] = p->stubs;
    if (p->stubs >= 0 && mkdirat(work, "run", 0700) == 0)
        p->work_dir = openat(work, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return p->work_dir < 0 ? cb_fail_sys(err, errno, "make the work directory of a command") : 0;
}

static int status_of(const struct rt_result *r)
{
    return r->signal ? 128 + r->signal : r->exit_code;
}

static int container_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                         struct cb_error *err)
{
    struct build_session *session = world;
    const struct build_container *c = session->frozen;
    struct build_streams streams = build_streams_take(req->fds, req->n_fds, c->terminal);
    CB_AUTO(place) struct place p = {CACHE_STACK_INIT, -1, -1};
    (void)io;
    if (open_place(session, c, &p, err) < 0)
        return -1;
    CB_AUTO(free) char *hosts = build_hosts_file(session->request, c->hostname);
    CB_AUTO(free) char *resolv = build_resolv_file();
    struct rt_result res = {0};
    struct rt_sandbox s = {
        .lowers = p.lowers.dirs,
        .n_lowers = p.lowers.n + 1,
        .work_dir = p.work_dir,
        .argv = (const char *const *)c->argv->items,
        .env = (const char *const *)c->env->items,
        .cwd = c->cwd,
        .user = c->user,
        .hostname = c->hostname,
        .hosts = hosts,
        .resolv = resolv,
        .network = c->network,
        .read_only = c->read_only,
        .shm_size = session->request->shm_size,
        .rlimits = session->request->ulimits,
        .n_rlimits = session->request->n_ulimits,
        .stdin_fd = streams.in,
        .stdout_fd = streams.out,
        .stderr_fd = streams.err,
        .terminal = streams.terminal,
        .privilege = &session->privilege,
    };
    if (rt_sandbox_run(&s, &res, err) < 0)
        return -1;
    cb_put_u32(answer, (uint32_t)status_of(&res));
    cb_put_str(answer, res.not_started ? res.why : "");
    return 0;
}

/* ---- in the coordinator --------------------------------------------------------------------------------------- */

void build_container_freeze(struct build_session *s, struct build_container *c)
{
    build_ns_freeze(s, c);
}

static int read_answer(const struct cb_buf *answer, int *ret_status, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    *ret_status = (int)cb_get_u32(&u);
    CB_AUTO(free) char *why = cb_get_str(&u);
    if (u.failed)
        return cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
    if (*why)
        cb_fail(err, CB_E_RUN, "%s", why);
    return 0;
}

int build_container_run(struct build_session *s, const struct build_container *c, int *ret_status, struct cb_error *err)
{
    CB_AUTO(build_attachment) struct build_attachment *a = NULL;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    int fds[BUILD_ATTACH_MAX_FDS];
    struct cb_job job;
    /* In this order: a pipe that a helper has open too never ends. */
    if (build_ns_start(s, RT_HELPER_COMMANDS, err) < 0 || build_attach_open(c->input, c->terminal, &a, err) < 0)
        return -1;
    struct rt_job_request req = {.fds = fds, .n_fds = build_attach_fds(a, fds)};
    int r = build_ns_job(s, RT_HELPER_COMMANDS, container_job, &req, &job, err);
    build_attach_started(a);
    if (r < 0 || build_attach_wait(a, s, &job, &answer, err) < 0)
        return -1;
    return read_answer(&answer, ret_status, err);
}
