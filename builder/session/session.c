#include "builder/session/session.h"
#include "base/clock.h"
#include "base/fd.h"
#include "builder/session/jobs.h"
#include "cache/store/lease.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Deep stacks of layers and wide trees need descriptors; the soft limit is often 1024. */
static void raise_limits(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = CB_MIN(l.rlim_max, (rlim_t)65536);
        (void)setrlimit(RLIMIT_NOFILE, &l); /* less works too, only not as deep */
    }
}

/* Whoever waits for the lock can still be stopped. */
static int share_store(struct build_session *s, struct cb_error *err)
{
    for (bool told = false;; told = true) {
        int r = cache_lock(s->store, "gc", false, false, &s->gc_lock, err);
        if (r != 0)
            return r < 0 ? -1 : cache_lease_begin(s->store, &s->lease, err);
        if (!told)
            build_note(s, "the store is being removed: waiting");
        struct pollfd fd = {s->signal_fd, POLLIN, 0};
        int ready = poll(&fd, 1, 50);
        if (ready < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "wait for the lock of the store");
        if (ready > 0 && build_canceled(s, err) < 0)
            return -1;
    }
}

static int nobody(struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "the user namespace that cbuild was started in lacks its user, so nothing can be made there");
    return cb_hint(err, "'unshare -U' makes such a one; 'unshare --map-root-user --map-auto' makes one in which cbuild works");
}

static int open_store(struct build_session *s, const struct build_request *request, struct build_renderer *renderer,
                      struct cb_error *err)
{
    *s = (struct build_session){.request = request,
                                .renderer = renderer,
                                .gc_lock = -1,
                                .lease = -1,
                                .signal_fd = -1,
                                .sweep = {-1, -1},
                                .work = CACHE_WORK_INIT,
                                .snapshot = CB_BUF_INIT};
    clock_gettime(CLOCK_REALTIME, &s->started);
    s->begun = cb_clock_now();
    raise_limits();
    if (rt_is_nobody())
        return nobody(err);
    s->signal_fd = build_watch_signals();
    CB_AUTO(free) char *path = cache_store_default_path(request->root, err);
    if (!path)
        return -1;
    if ((request->resets ? cache_store_open_to_reset : cache_store_open)(path, &s->store, err) < 0)
        return -1;
    build_ns_expect(s);
    return 0;
}

/* Where commands work, which is rid of the secrets of builds that were killed. */
static int open_work(struct build_session *s, struct cb_error *err)
{
    const char *path = s->request->run_root ? s->request->run_root : getenv("CBUILD_RUN_ROOT");
    if (path && *path && cache_store_open_run_root(path, &s->run_root, err) < 0)
        return -1;
    cache_work_sweep_secrets(s->store);
    if (s->run_root)
        cache_work_sweep_secrets(s->run_root);
    return 0;
}

int build_session_open(struct build_session *s, const struct build_request *request, struct build_renderer *renderer,
                       struct cb_error *err)
{
    if (open_store(s, request, renderer, err) < 0)
        return -1;
    /* A store that nobody can write to through us may serve a build that writes nothing. If there is no lock to share, there is
     * nobody who prunes it either. */
    s->reading = faccessat(s->store->root, ".", W_OK, AT_EACCESS) < 0 && (errno == EROFS || errno == EACCES);
    CB_AUTO(cb_error) struct cb_error no_lock = CB_ERROR_INIT;
    if (share_store(s, s->reading ? &no_lock : err) < 0 && !s->reading)
        return -1;
    return s->reading ? 0 : open_work(s, err);
}

int build_session_open_to_read(struct build_session *s, const struct build_request *request, struct build_renderer *renderer,
                               struct cb_error *err)
{
    int r = open_store(s, request, renderer, err);
    s->reading = true;
    return r;
}

void build_session_close(struct build_session *s)
{
    build_jobs_end(s);
    if (s->store)
        cache_unlock(s->store, NULL, &s->gc_lock);
    cb_close(s->lease);
    cb_close(s->signal_fd);
    cache_store_free(s->store);
    cache_store_free(s->run_root);
    s->renderer->free(s->renderer);
    free(s->filter.code);
    rt_privilege_done(&s->privilege);
    cb_buf_done(&s->snapshot);
    cb_error_done(&s->no_groups);
    cb_error_done(&s->no_helper);
}
