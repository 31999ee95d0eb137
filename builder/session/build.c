#include "builder/session/build.h"
#include "base/fd.h"
#include "builder/show/progress.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

void build_emit(struct build *b, const struct build_event *e)
{
    b->renderer->event(b->renderer, e);
}

static void emit_text(struct build *b, enum build_event_kind kind, const char *fmt, va_list ap)
{
    CB_AUTO(free) char *text = cb_vprintf(fmt, ap);
    build_emit(b, &(struct build_event){.kind = kind, .text = text});
}

void build_note(struct build *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit_text(b, EVENT_NOTE, fmt, ap);
    va_end(ap);
}

void build_warning(struct build *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit_text(b, EVENT_WARNING, fmt, ap);
    va_end(ap);
}

/* ---- the helper ------------------------------------------------------------------------------------------------------ */

static int sweep_job(struct cb_job_io *io, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    (void)err;
    struct cache_store *s;
    memcpy(&s, req->bytes, sizeof(s));
    cache_work_sweep(s);
    return 0;
}

static void start_sweep(struct build *b)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_job_request r = {&b->store, sizeof(b->store), NULL, 0};
    if (rt_helper_job(b->helper, sweep_job, &r, &b->sweep, &ignored) < 0)
        b->sweep.sock = -1;
}

static int clean_up_job(struct cb_job_io *io, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    (void)err;
    struct build *b;
    memcpy(&b, req->bytes, sizeof(b));
    cache_work_done(b->store, &b->work);
    return 0;
}

/* Nothing is removed while steps run: what a file system has just freed makes it slow to make something new. */
static void clean_up(struct build *b)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT, swept = CB_ERROR_INIT; /* what stays is for the next build */
    struct cb_job_request r = {&b, sizeof(b), NULL, 0};
    struct cb_job job;
    if (rt_helper_job(b->helper, clean_up_job, &r, &job, &ignored) == 0)
        (void)cb_job_wait(&job, NULL, &ignored);
    cache_work_leave(&b->work);
    if (b->sweep.sock >= 0)
        (void)cb_job_wait(&b->sweep, NULL, &swept);
}

/* An extra lowest layer for RUN: mount points that the image lacks come from there, so nothing has to be made in the
 * step's own layer and removed again. It is no part of any image. (/dev, /proc and /sys become part of one that lacks
 * them, as with BuildKit: the sandbox makes those.) */
static int make_stubs(struct build *b, struct cb_error *err)
{
    static const char *const dirs[] = {"root", "root/etc"};
    static const char *const files[] = {"root/etc/hosts", "root/etc/resolv.conf"};
    if (cache_work_begin(b->store, &b->work, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        int r = mkdirat(b->work.dir, dirs[i], 0755) < 0 ? -errno : cb_chmod(b->work.dir, dirs[i], 0755);
        if (r < 0)
            return cb_fail_sys(err, r, "make a directory in the store");
    }
    for (size_t i = 0; i < CB_LEN(files); i++) {
        int fd = openat(b->work.dir, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || fchmod(fd, 0644) < 0)
            return cb_fail_sys(err, errno, "make a file in the store");
        cb_close(fd);
    }
    return 0;
}

static int start_helper(struct build *b, struct cb_error *err)
{
    if (rt_privilege_probe(&b->privilege, err) < 0 || (!b->reading && make_stubs(b, err) < 0) ||
        rt_helper_start(&b->privilege, RT_HELPER_FILES, &b->helper, err) < 0)
        return -1;
    if (b->privilege.reason)
        build_note(b, "%s", b->privilege.reason);
    for (size_t i = 0; i < b->request->n_ulimits; i++) {
        uint64_t most;
        if (!rt_rlimit_allowed(&b->request->ulimits[i], &most))
            build_note(b, "--ulimit %s: this user may have no hard limit above %llu, which is what RUN gets",
                       b->request->ulimits[i].name, (unsigned long long)most);
    }
    if (!b->reading)
        start_sweep(b);
    return 0;
}

static int start_commands(struct build *b, struct cb_error *err)
{
    if (b->privilege.rung == RT_ROOT && rt_helper_start(&b->privilege, RT_HELPER_COMMANDS, &b->commands, err) < 0)
        return -1;
    rt_helper_raise_limits(b->commands ? b->commands : b->helper, b->request->ulimits, b->request->n_ulimits);
    b->runs = true;
    return 0;
}

int build_ns_job(struct build *b, enum rt_helper_kind kind, cb_job_fn *fn, const struct cb_job_request *req, struct cb_job *ret,
                 struct cb_error *err)
{
    bool command = kind == RT_HELPER_COMMANDS;
    if ((!b->helper && start_helper(b, err) < 0) || (command && !b->runs && start_commands(b, err) < 0))
        return -1;
    return rt_helper_job(command && b->commands ? b->commands : b->helper, fn, req, ret, err);
}

void build_ns_cancel(struct build *b)
{
    if (b->commands)
        rt_helper_cancel(b->commands);
    if (b->helper)
        rt_helper_cancel(b->helper);
}

int build_ns_call(struct build *b, cb_job_fn *fn, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    struct cb_job job;
    if (build_ns_job(b, RT_HELPER_FILES, fn, req, &job, err) < 0)
        return -1;
    return build_wait_job(b, &job, 0, answer, err);
}

/* ---- waiting -------------------------------------------------------------------------------------------------- */

int build_canceled(struct build *b, struct cb_error *err)
{
    struct signalfd_siginfo info;
    if (read(b->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    cb_fail(err, CB_E_CANCELED, "canceled");
    err->exit_status = (int)info.ssi_signo;
    return -1;
}

static void emit_job_event(struct build *b, const struct cb_job_event *e, int step)
{
    if (e->kind == CB_JOB_PROGRESS)
        build_emit(b, &(struct build_event){
                          .kind = EVENT_STEP_PROGRESS, .step = step, .what = e->text, .done = e->done, .total = e->total});
    else if (e->kind == CB_JOB_WARN || e->kind == CB_JOB_LOG)
        build_warning(b, "%s", e->text);
}

int build_wait_job(struct build *b, struct cb_job *job, int step, struct cb_buf *answer, struct cb_error *err)
{
    for (;;) {
        struct pollfd fds[2] = {{job->sock, POLLIN, 0}, {b->signal_fd, POLLIN, 0}};
        (void)poll(fds, 2, b->renderer->tick ? 100 : -1); /* a failure only means another round */
        if (b->renderer->tick)
            b->renderer->tick(b->renderer);
        if (fds[1].revents && build_canceled(b, err) < 0) {
            build_ns_cancel(b);
            cb_job_kill(job);
            return -1;
        }
        struct cb_job_event e;
        if (!cb_job_read(job, false, &e))
            continue;
        bool done = e.kind == CB_JOB_DONE, failed = e.kind == CB_JOB_FAILED;
        emit_job_event(b, &e, step);
        if (done && answer)
            cb_buf_add(answer, e.answer.data, e.answer.len);
        if (failed)
            cb_error_move(err, &e.error);
        cb_job_event_done(&e);
        if (done || failed)
            return done ? 0 : -1;
    }
}

/* ---- set-up ------------------------------------------------------------------------------------------------------------ */

static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Deep stacks of layers and wide trees need descriptors; the soft limit is often 1024. */
static void raise_limits(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = CB_MIN(l.rlim_max, (rlim_t)65536);
        (void)setrlimit(RLIMIT_NOFILE, &l); /* it also works with less, only not as deep */
    }
}

/* prune holds the lock for moments; whoever waits for it can still be stopped. */
static int share_store(struct build *b, struct cb_error *err)
{
    for (bool told = false;; told = true) {
        int r = cache_lock(b->store, "gc", false, false, &b->gc_lock, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
        if (!told)
            build_note(b, "the store is being pruned: waiting");
        struct pollfd fd = {b->signal_fd, POLLIN, 0};
        if (poll(&fd, 1, 50) > 0 && build_canceled(b, err) < 0)
            return -1;
    }
}

static int open_store(struct build *b, const struct build_request *request, struct cb_error *err)
{
    *b = (struct build){
        .request = request, .gc_lock = -1, .signal_fd = -1, .sweep = {-1, -1}, .work = CACHE_WORK_INIT, .contexts.main.dir = -1};
    b->plan.text = CB_BUF_INIT;
    clock_gettime(CLOCK_REALTIME, &b->started);
    raise_limits();
    b->signal_fd = watch_signals();
    b->renderer = build_renderer_new(request->progress);
    CB_AUTO(free) char *path = cache_store_default_path(request->root, err);
    if (!path)
        return -1;
    return (request->empties ? cache_store_open_to_empty : cache_store_open)(path, &b->store, err);
}

int build_open(struct build *b, const struct build_request *request, struct cb_error *err)
{
    return open_store(b, request, err) < 0 ? -1 : share_store(b, err);
}

int build_open_to_read(struct build *b, const struct build_request *request, struct cb_error *err)
{
    int r = open_store(b, request, err);
    b->reading = true;
    return r;
}

void build_close(struct build *b)
{
    rt_helper_free(b->commands);
    if (b->helper) {
        if (!b->reading)
            clean_up(b);
        rt_helper_free(b->helper);
    }
    if (b->store)
        cache_unlock(b->store, NULL, &b->gc_lock);
    cb_close(b->signal_fd);
    if (b->store)
        cache_store_free(b->store);
    if (b->renderer)
        b->renderer->free(b->renderer);
    df_lint_done(&b->lint);
    df_errors_done(&b->more_errors);
    rt_privilege_done(&b->privilege);
}
