#include "builder/session/jobs.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cache/store/found.h"
#include "runtime/rung/capability.h"

#include <assert.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

/* ---- the helper ------------------------------------------------------------------------------------------------------ */

static int sweep_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)req, (void)answer, (void)err;
    struct build_session *s = world;
    cache_work_sweep(s->store);
    if (s->run_root)
        cache_work_sweep(s->run_root);
    return 0;
}

static void start_sweep(struct build_session *s)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (rt_helper_job(s->helper, sweep_job, &(struct rt_job_request){0}, &s->sweep, &ignored) < 0)
        s->sweep.sock = -1;
}

struct cache_store *build_work_place(const struct build_session *s)
{
    return s->run_root ? s->run_root : s->store;
}

static int clean_up_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                        struct cb_error *err)
{
    (void)io, (void)req, (void)answer, (void)err;
    struct build_session *s = world;
    cache_work_done(build_work_place(s), &s->work);
    return 0;
}

/* Nothing is removed while steps run: what a file system has just freed makes it slow to make something new. */
static void clean_up(struct build_session *s)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT, swept = CB_ERROR_INIT; /* what stays is for the next build */
    struct cb_job job;
    if (rt_helper_job(s->helper, clean_up_job, &(struct rt_job_request){0}, &job, &ignored) == 0)
        (void)cb_job_wait(&job, NULL, &ignored);
    cache_work_leave(&s->work);
    if (s->sweep.sock >= 0)
        (void)cb_job_wait(&s->sweep, NULL, &swept);
}

void build_ns_freeze(struct build_session *s, void *frozen)
{
    assert(!s->helper);
    s->frozen = frozen;
}

void build_jobs_end(struct build_session *s)
{
    rt_helper_free(s->commands);
    if (s->helper && !s->reading)
        clean_up(s);
    rt_helper_free(s->helper);
    rt_groups_close(s->groups);
    s->commands = s->helper = NULL;
    s->groups = NULL;
    s->runs = s->connected = false;
    s->work = CACHE_WORK_INIT;
    s->sweep = (struct cb_job){-1, -1};
}

/* An extra lowest layer for RUN: mount points that the image lacks come from there, so nothing has to be made in the
 * step's own layer and removed again. It is part of no image. (/dev, /proc and /sys become part of one that lacks
 * them, as with BuildKit: the sandbox makes those.) */
static int make_stubs(struct build_session *s, struct cb_error *err)
{
    static const char *const dirs[] = {"root", "root/etc"};
    static const char *const files[] = {"root/etc/hosts", "root/etc/resolv.conf"};
    if (cache_work_begin(build_work_place(s), &s->work, err) < 0)
        return -1;
    s->store->marks = s->run_root ? s->work.dir : -1;
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        int r = mkdirat(s->work.dir, dirs[i], 0755) < 0 ? -errno : cb_chmod(s->work.dir, dirs[i], 0755);
        if (r < 0)
            return cb_fail_sys(err, r, "make a directory in the store");
    }
    for (size_t i = 0; i < CB_LEN(files); i++) {
        int fd = openat(s->work.dir, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || fchmod(fd, 0644) < 0)
            return cb_fail_sys(err, errno, "make a file in the store");
        cb_close(fd);
    }
    return 0;
}

/* Before any helper is forked: it goes where we are. A build without RUN needs no limits, so it does not fail for them. */
static void open_groups(struct build_session *s)
{
    if (!s->reading && rt_limits_any(&s->request->limits))
        (void)rt_groups_open(&s->request->limits, &s->groups, &s->no_groups);
}

/* Where owners of files go, as the jobs will find out for themselves. */
static bool keeps_beside(const struct rt_privilege *p)
{
    return p->rung->emulates || (!p->rung->many_ids && p->uid != 0);
}

void build_ns_expect(struct build_session *s)
{
    struct rt_privilege p;
    rt_privilege_probe(&p);
    s->store->beside = keeps_beside(&p);
    rt_privilege_done(&p);
}

static int start_helper(struct build_session *s, struct cb_error *err)
{
    open_groups(s);
    rt_privilege_probe(&s->privilege);
    (void)cache_found_get(s->store, "snapshot", &s->snapshot);
    s->store->beside = keeps_beside(&s->privilege);
    /* Its jobs read it from their memory. */
    if (!s->reading && rt_confinement_filter(&s->request->confinement, &s->filter, err) < 0)
        return -1;
    if ((!s->reading && make_stubs(s, err) < 0) || rt_helper_start(&s->privilege, RT_HELPER_FILES, s, &s->helper, err) < 0)
        return -1;
    s->store->beside = keeps_beside(&s->privilege); /* on the rung that it stands on now */
    if (s->privilege.reason && !s->reason_later)
        build_note(s, "%s", s->privilege.reason);
    for (size_t i = 0; i < s->request->n_ulimits; i++) {
        uint64_t most;
        if (!rt_rlimit_allowed(&s->request->ulimits[i], &most))
            build_note(s, "--ulimit %s: RUN gets %llu: the kernel allows no higher one here; raising ours takes CAP_SYS_RESOURCE",
                       s->request->ulimits[i].name, (unsigned long long)most);
    }
    if (!s->reading)
        start_sweep(s);
    return 0;
}

static bool has_host_files(const struct build_request *q)
{
    for (size_t i = 0; i < q->n_volumes; i++)
        if (q->volumes[i].source)
            return true;
    return false;
}

static bool has_label(const struct rt_confinement *c)
{
    return c->apparmor || c->selinux[0] || c->selinux[1] || c->selinux[2] || c->selinux[3];
}

/* A filter takes CAP_SYS_ADMIN, masks, a /dev/shm and volumes take mounts: where commands run in a chroot only there is neither.
 */
static int check_options(const struct build_session *s, struct cb_error *err)
{
    const struct build_request *q = s->request;
    const struct rt_confinement *c = &q->confinement;
    const char *reason = s->privilege.reason ? s->privilege.reason : "allow them";
    const struct {
        bool given;
        const char *option, *why, *hint;
    } all[] = {
        {c->profile, "--security-opt seccomp=", reason, NULL},
        {c->mask.n || c->unmask.n, "--security-opt mask=", reason, NULL},
        {has_label(c),
         "--security-opt apparmor= or label=", "a command in a chroot has no_new_privs, with which the kernel changes no label",
         "give the surrounding container the label: RUN has it, too"},
        {q->shm_size, "--shm-size", reason, NULL},
        {has_host_files(q), "--volume", reason,
         "what a RUN only reads, --build-context NAME=DIR and RUN --mount=type=bind,from=NAME,target=PATH give it here, too"},
    };
    for (size_t i = 0; i < CB_LEN(all) && s->privilege.rung->chroots; i++) {
        if (!all[i].given)
            continue;
        cb_fail(err, CB_E_UNSUPPORTED, "%s cannot be honoured where RUN has no namespaces: %s", all[i].option, all[i].why);
        return all[i].hint ? cb_hint(err, "%s", all[i].hint) : -1;
    }
    return 0;
}

/* In a user namespace RUN can have all capabilities of it, else those that we have. */
static int check_capabilities(const struct build_session *s, struct cb_error *err)
{
    uint64_t asked = s->request->confinement.add;
    uint64_t lacks = asked ? asked & rt_capabilities_known() & ~rt_capabilities_permitted() : 0;
    if (!lacks || s->privilege.rung->namespaces[RT_HELPER_COMMANDS] & CLONE_NEWUSER)
        return 0;
    CB_AUTO(free) char *names = rt_capability_names(lacks);
    cb_fail(err, CB_E_UNSUPPORTED, "--cap-add %s cannot be honoured: cbuild itself does not have %s here",
            asked == RT_EVERY_CAPABILITY ? "ALL" : names, names);
    return cb_hint(err, "in a container, run that with '--cap-add %s'", names);
}

static int start_commands(struct build_session *s, struct cb_error *err)
{
    if (check_options(s, err) < 0)
        return -1;
    if (s->no_groups.code)
        return cb_error_copy(err, &s->no_groups);
    const struct rt_rung_ops *before = s->privilege.rung;
    if (before->two_helpers && rt_helper_start(&s->privilege, RT_HELPER_COMMANDS, s, &s->commands, err) < 0)
        return -1;
    if (s->privilege.rung != before)
        build_note(s, "RUN has no user namespace: %s", s->privilege.reason);
    if (check_capabilities(s, err) < 0)
        return -1;
    rt_helper_raise_limits(s->commands ? s->commands : s->helper, s->request->ulimits, s->request->n_ulimits);
    s->runs = true;
    return 0;
}

int build_ns_start(struct build_session *s, enum rt_helper_kind kind, struct cb_error *err)
{
    if (!s->helper && (s->no_helper.code || start_helper(s, &s->no_helper) < 0))
        return cb_error_copy(err, &s->no_helper);
    return kind == RT_HELPER_COMMANDS && !s->runs ? start_commands(s, err) : 0;
}

int build_ns_job(struct build_session *s, enum rt_helper_kind kind, rt_job_fn *fn, const struct rt_job_request *req,
                 struct cb_job *ret, struct cb_error *err)
{
    bool command = kind == RT_HELPER_COMMANDS;
    if (build_ns_start(s, kind, err) < 0)
        return -1;
    return rt_helper_job(command && s->commands ? s->commands : s->helper, fn, req, ret, err);
}

int build_ns_connect(struct build_session *s, struct cb_error *err)
{
    if (s->connected)
        return 0;
    if (build_ns_start(s, RT_HELPER_COMMANDS, err) < 0)
        return -1;
    rt_helper_connect(s->commands ? s->commands : s->helper);
    s->connected = true;
    return 0;
}

void build_ns_cancel(struct build_session *s)
{
    if (s->commands)
        rt_helper_cancel(s->commands);
    if (s->helper)
        rt_helper_cancel(s->helper);
    s->connected = false; /* what made the network has ended, too */
}

int build_ns_call(struct build_session *s, rt_job_fn *fn, const struct rt_job_request *req, struct cb_buf *answer,
                  struct cb_error *err)
{
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_FILES, fn, req, &job, err) < 0)
        return -1;
    return build_wait_job(s, &job, NULL, answer, err);
}

/* ---- waiting -------------------------------------------------------------------------------------------------- */

/* A job outside the schedule, shown as a step of its own. */
struct task {
    struct build_session *session;
    int step; /* 0: it is not shown (yet) */
    char *name;
    struct timespec started;
};

static void task_show(struct task *t, const char *name)
{
    if (t->step)
        return;
    t->step = ++t->session->last_number;
    t->name = cb_strdup(name);
    build_emit(t->session,
               &(struct build_event){.kind = BUILD_EVENT_STEP_STARTED, .step = t->step, .name = t->name, .extra = true});
}

static void task_end(struct task *t, enum build_event_kind how, const struct cb_error *err)
{
    if (t->step)
        build_emit(t->session, &(struct build_event){.kind = how,
                                                     .step = t->step,
                                                     .name = t->name,
                                                     .seconds = cb_seconds_since(&t->started),
                                                     .error = err,
                                                     .extra = true});
    free(t->name);
}

static void task_event(struct task *t, const struct cb_job_event *e)
{
    if (e->kind == CB_JOB_PROGRESS) {
        task_show(t, e->text);
        build_emit(t->session, &(struct build_event){.kind = BUILD_EVENT_STEP_PROGRESS,
                                                     .step = t->step,
                                                     .what = e->text,
                                                     .part = e->part,
                                                     .done = e->done,
                                                     .total = e->total});
    } else if (e->kind == CB_JOB_WARN) {
        build_warning(t->session, "%s", e->text);
    }
}

int build_wait_job(struct build_session *s, struct cb_job *job, const char *name, struct cb_buf *answer, struct cb_error *err)
{
    struct task t = {.session = s, .started = cb_clock_now()};
    if (name)
        task_show(&t, name);
    for (;;) {
        struct pollfd fds[2] = {{job->sock, POLLIN, 0}, {s->signal_fd, POLLIN, 0}};
        bool broken = poll(fds, 2, s->renderer->tick ? 100 : -1) < 0 && errno != EINTR;
        if (broken)
            cb_fail_sys(err, errno, "wait for a job");
        if (s->renderer->tick)
            s->renderer->tick(s->renderer);
        if (broken || (fds[1].revents && build_canceled(s, err) < 0)) {
            build_ns_cancel(s);
            cb_job_kill(job);
            task_end(&t, BUILD_EVENT_STEP_CANCELED, NULL);
            return -1;
        }
        struct cb_job_event e;
        if (!cb_job_read(job, false, &e))
            continue;
        bool done = e.kind == CB_JOB_DONE, failed = e.kind == CB_JOB_FAILED;
        task_event(&t, &e);
        if (done && answer)
            cb_buf_add(answer, e.answer.data, e.answer.len);
        if (failed)
            cb_error_move(err, &e.error);
        cb_job_event_done(&e);
        if (!done && !failed)
            continue;
        task_end(&t, done ? BUILD_EVENT_STEP_DONE : BUILD_EVENT_STEP_FAILED, failed ? err : NULL);
        return done ? 0 : -1;
    }
}
