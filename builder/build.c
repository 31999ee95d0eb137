#include "builder/build.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/keys.h"
#include "builder/output.h"
#include "builder/progress.h"
#include "builder/schedule.h"
#include "cache/blob.h"
#include "parser/excerpt.h"

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

/* One at a time: a sweep that comes later finds what this one leaves. */
void build_sweep(struct build *b)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_job_event e = {.answer = CB_BUF_INIT};
    bool busy = b->sweep.sock >= 0 && !cb_job_read(&b->sweep, false, &e);
    cb_job_event_done(&e);
    if (!b->helper || busy)
        return;
    struct cb_job_request r = {&b->store, sizeof(struct cache_store *), NULL, 0};
    if (rt_helper_job(b->helper, sweep_job, &r, &b->sweep, &ignored) < 0)
        b->sweep.sock = -1;
}

/* An extra lowest layer for RUN: mount points that the image lacks come from there, so nothing has to be made in the
 * step's own layer and removed again. It is no part of any image. */
static int make_stubs(struct build *b, struct cb_error *err)
{
    static const char *const dirs[] = {"root", "root/dev", "root/proc", "root/sys", "root/etc"};
    static const char *const files[] = {"root/etc/hosts", "root/etc/resolv.conf"};
    if (cache_work_begin(b->store, &b->stubs, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        if (mkdirat(b->stubs.dir, dirs[i], 0755) < 0 || fchmodat(b->stubs.dir, dirs[i], 0755, 0) < 0)
            return cb_fail_sys(err, errno, "make a directory in the store");
    for (size_t i = 0; i < CB_LEN(files); i++) {
        int fd = openat(b->stubs.dir, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || fchmod(fd, 0644) < 0)
            return cb_fail_sys(err, errno, "make a file in the store");
        cb_close(fd);
    }
    return 0;
}

static int start_helper(struct build *b, struct cb_error *err)
{
    if (rt_privilege_probe(&b->privilege, err) < 0 || make_stubs(b, err) < 0 ||
        rt_helper_start(&b->privilege, &b->helper, err) < 0)
        return -1;
    if (b->privilege.reason)
        build_note(b, "%s", b->privilege.reason);
    build_sweep(b);
    return 0;
}

int build_ns_job(struct build *b, cb_job_fn *fn, const struct cb_job_request *req, struct cb_job *ret, struct cb_error *err)
{
    if (!b->helper && start_helper(b, err) < 0)
        return -1;
    return rt_helper_job(b->helper, fn, req, ret, err);
}

int build_ns_call(struct build *b, cb_job_fn *fn, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    struct cb_job job;
    if (build_ns_job(b, fn, req, &job, err) < 0)
        return -1;
    return cb_job_wait(&job, answer, err);
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

int build_open(struct build *b, const struct build_request *request, struct cb_error *err)
{
    *b = (struct build){
        .request = request, .gc_lock = -1, .signal_fd = -1, .sweep = {-1, -1}, .stubs = CACHE_WORK_INIT, .contexts.main.dir = -1};
    b->plan.text = CB_BUF_INIT;
    clock_gettime(CLOCK_REALTIME, &b->started);
    raise_limits();
    b->signal_fd = watch_signals();
    b->renderer = build_renderer_new(request->progress);
    CB_AUTO(free) char *path = cache_store_default_path(request->root, err);
    if (!path || cache_store_open(path, &b->store, err) < 0)
        return -1;
    return cache_lock(b->store, "gc", false, true, &b->gc_lock, err) < 0 ? -1 : 0;
}

void build_close(struct build *b)
{
    if (b->helper) {
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        cache_work_done(b->store, &b->stubs);
        build_sweep(b);
        if (b->sweep.sock >= 0)
            (void)cb_job_wait(&b->sweep, NULL, &ignored); /* what stays is swept by the next build */
        rt_helper_free(b->helper);
    }
    build_plan_done(b, &b->plan); /* its selections borrow the contexts' trees */
    build_contexts_close(&b->contexts);
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

/* ---- errors ------------------------------------------------------------------------------------------------------------- */

static void print_error(struct build *b, const struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    const char *name = b->contexts.dockerfile_name ? b->contexts.dockerfile_name : "Dockerfile";
    if (err->at.line && b->plan.text.len)
        df_excerpt((struct cb_str){b->plan.text.data, b->plan.text.len}, name, err->at, &out);
    cb_buf_adds(&out, "ERROR: ");
    cb_escape_terminal(&out, err->msg ? err->msg : "unknown error", err->msg ? strlen(err->msg) : 13, true);
    cb_buf_addc(&out, '\n');
    if (err->hint) {
        cb_buf_adds(&out, "  hint: ");
        cb_escape_terminal(&out, err->hint, strlen(err->hint), true);
        cb_buf_addc(&out, '\n');
    }
    fputs(out.data, stderr);
}

int build_exit_status(const struct cb_error *err)
{
    if (err->code == CB_E_USAGE)
        return 2;
    if (err->code == CB_E_CANCELED && err->exit_status)
        return 128 + err->exit_status;
    return 1;
}

/* "dockerfile parse error on line N: …" is BuildKit's prefix for what decoding finds. */
static int fail(struct build *b, struct cb_error *err)
{
    build_emit(b, &(struct build_event){.kind = EVENT_LINT,
                                        .lint = &b->lint,
                                        .dockerfile = b->contexts.dockerfile_name,
                                        .source = {b->plan.text.data, b->plan.text.len}});
    build_emit(b, &(struct build_event){.kind = EVENT_BUILD_DONE});
    print_error(b, err);
    for (size_t i = 0; i < b->more_errors.n; i++)
        print_error(b, &b->more_errors.items[i]);
    int status = build_exit_status(err);
    cb_error_done(err);
    return status;
}

/* ---- results ------------------------------------------------------------------------------------------------------------- */

static int write_text_file(const char *path, const char *text, size_t n, struct cb_error *err)
{
    int r = cb_publish_file(AT_FDCWD, path, text, n, 0644);
    return r < 0 ? cb_fail_sys(err, r, "write '%s'", path) : 0;
}

static int write_metadata(struct build *b, const struct cache_image *image, const struct build_result *r, struct cb_error *err)
{
    const struct build_request *q = b->request;
    char id[CB_DIGEST_TEXT + 1], manifest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&image->config, id);
    cb_digest_text(&r->manifest, manifest);
    if (q->iidfile && write_text_file(q->iidfile, id, strlen(id), err) < 0)
        return -1;
    if (!q->metadata_file)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT, out = CB_BUF_INIT;
    for (size_t i = 0; i < r->image_names.n; i++)
        cb_buf_printf(&names, i ? ",%s" : "%s", r->image_names.items[i]);
    CB_AUTO(json) json_t *j = json_object();
    json_object_set_new(j, "containerimage.config.digest", json_string(id));
    json_object_set_new(j, "containerimage.digest", json_string(r->has_manifest ? manifest : id));
    if (names.len)
        json_object_set_new(j, "image.name", json_string(names.data));
    cb_json_dump(j, CB_JSON_INDENT, &out);
    cb_buf_addc(&out, '\n');
    return write_text_file(q->metadata_file, out.data, out.len, err);
}

static void summarize(struct build *b, const struct cache_image *image, const struct build_result *r, int run, int cached)
{
    struct timespec now;
    char id[CB_DIGEST_TEXT + 1], manifest[CB_DIGEST_TEXT + 1];
    clock_gettime(CLOCK_REALTIME, &now);
    cb_digest_text(&image->config, id);
    cb_digest_text(&r->manifest, manifest);
    struct build_summary s = {
        .n_run = run,
        .n_cached = cached,
        .seconds = (double)(now.tv_sec - b->started.tv_sec) + (double)(now.tv_nsec - b->started.tv_nsec) / 1e9,
        .image_id = id,
        .manifest_digest = r->has_manifest ? manifest : NULL,
        .size = build_image_size(b->store, image),
        .names = (const char *const *)r->names.items,
        .n_names = r->names.n,
    };
    build_emit(b, &(struct build_event){.kind = EVENT_BUILD_DONE, .summary = &s});
}

static int run(struct build *b, struct cb_error *err)
{
    const struct build_request *q = b->request;
    int n_run = 0, n_cached = 0;
    if (build_contexts_open(b, &b->contexts, &b->plan.text, err) < 0 || build_plan_make(b, &b->plan, err) < 0)
        return -1;
    build_emit(b, &(struct build_event){.kind = EVENT_LINT,
                                        .lint = &b->lint,
                                        .dockerfile = b->contexts.dockerfile_name,
                                        .source = {b->plan.text.data, b->plan.text.len}});
    if (df_lint_check(&b->lint, err) < 0 || build_keys_define(b, err) < 0 || build_schedule_run(b, &n_run, &n_cached, err) < 0)
        return -1;
    CB_AUTO(cache_image) struct cache_image image = {0};
    struct build_result result = {0};
    int r = build_image_make(b, &image, err);
    for (size_t i = 0; r == 0 && i < q->n_outputs; i++)
        r = build_output_write(b, &q->outputs[i], &image, &result, err);
    if (r == 0)
        r = write_metadata(b, &image, &result, err);
    if (r == 0)
        summarize(b, &image, &result, n_run, n_cached);
    build_result_done(&result);
    return r;
}

int build_main(const struct build_request *request)
{
    struct build b;
    struct cb_error err = CB_ERROR_INIT;
    int status = 0;
    if (build_open(&b, request, &err) < 0 || run(&b, &err) < 0)
        status = fail(&b, &err);
    build_close(&b);
    return status;
}
