/* The jobs of the coordinator: starting them, and what a RUN prints. */
#include "base/clock.h"
#include "base/fd.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/pull/materialize.h"
#include "builder/session/proxies.h"
#include "builder/session/secret.h"

#include <unistd.h>

/* ---- logs ------------------------------------------------------------------------------------------------ */

static void emit_line(void *arg, const struct build_log *l, const char *text)
{
    struct build_running *r = arg;
    build_tail_add(&r->tail, text);
    build_emit(
        r->session,
        &(struct build_event){
            .kind = BUILD_EVENT_STEP_LOG, .step = r->step->number, .name = r->step->name, .text = text, .stream = l->stream});
}

void build_running_read_log(struct build_running *r, struct build_log *l)
{
    build_log_read(l, &r->mask, emit_line, r);
}

void build_running_finish_logs(struct build_running *r)
{
    for (int i = 0; i < 2; i++)
        build_log_finish(&r->logs[i], &r->mask, emit_line, r);
}

/* From now on the step's secrets are known here only to hide them. */
static int mask_secrets(struct build_running *r, struct cb_error *err)
{
    for (const struct build_run_mount *m = r->step->run.mounts; m; m = m->next) {
        struct cb_str value;
        int have = m->m->type == DF_MOUNT_SECRET ? build_secret_read(r->session->request, build_secret_id(m->m), &value, err) : 0;
        if (have < 0)
            return -1;
        if (have)
            build_mask_add(&r->mask, value.p, value.n);
    }
    for (size_t i = 0; i < r->step->run.proxy_env.n; i++) {
        struct cb_str password = build_proxy_password(r->step->run.proxy_env.items[i]);
        build_mask_add(&r->mask, password.p, password.n);
    }
    build_mask_ready(&r->mask);
    return 0;
}

static int open_logs(struct build_running *r, int ends[2])
{
    for (int i = 0; i < 2; i++) {
        int p[2];
        if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
            return -errno;
        r->logs[i].fd = p[0];
        ends[i] = p[1];
        /* Only our end is non-blocking: a program whose stdout is non-blocking may lose output. */
        int flags = fcntl(p[1], F_GETFL);
        if (flags < 0 || fcntl(p[1], F_SETFL, flags & ~O_NONBLOCK) < 0)
            return -errno;
    }
    return 0;
}

/* ---- jobs ------------------------------------------------------------------------------------------------ */

static struct build_running *running_new(struct build_schedule *s, enum build_running_kind kind, const struct build_step *step)
{
    struct build_running *r = CB_NEW(struct build_running);
    r->session = s->session;
    r->kind = kind;
    r->step = step;
    for (int i = 0; i < 2; i++)
        r->logs[i] = BUILD_LOG_INIT(i + 1);
    r->tail.lines = CB_BUF_INIT;
    r->started = r->heard = cb_clock_now();
    r->skipped_before = cb_clock_skipped();
    CB_PUSH(s->running, s->n_running, s->cap_running) = r;
    return r;
}

struct build_running *build_running_add(struct build_schedule *s, enum build_running_kind kind, const struct build_step *step,
                                        struct cb_job job)
{
    struct build_running *r = running_new(s, kind, step);
    r->job = job;
    return r;
}

void build_running_drop(struct build_schedule *s, struct build_running *r)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i] == r) {
            s->running[i] = s->running[--s->n_running];
            break;
        }
    if (r->kind == BUILD_RUNNING_STEP)
        s->steps_running--;
    build_mask_done(&r->mask);
    build_tail_done(&r->tail);
    build_cause_done(&r->cause);
    free(r->name);
    free(r);
}

static bool base_is_running(const struct build_schedule *s, const struct build_step *base)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->kind == BUILD_RUNNING_BASE && s->running[i]->step == base)
            return true;
    return false;
}

int build_running_base(struct build_schedule *s, const struct build_step *base, bool want_fs, struct cb_error *err)
{
    if (base_is_running(s, base))
        return 0;
    struct cb_job job;
    if (build_base_start(s->session, &base->base, want_fs ? BUILD_BASE_FILES : BUILD_BASE_INDEXED, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_BASE, base, job);
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_STARTED, .step = base->number, .name = base->name});
    return 0;
}

int build_running_materialize(struct build_schedule *s, const struct cb_digest *layer, struct cb_error *err)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->kind == BUILD_RUNNING_MATERIALIZE && cb_digest_eq(&s->running[i]->layer, layer))
            return 0;
    struct cb_job job;
    if (build_materialize_start(s->session, layer, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_MATERIALIZE, NULL, job)->layer = *layer;
    return 0;
}

const struct cb_digest *build_running_model(const struct build_running *r)
{
    static const struct cb_digest none;
    return r->step->op == BUILD_OP_COPY ? &r->cause.layer : &none;
}

int build_running_diff(struct build_schedule *s, const struct cb_digest *layer, const struct cb_digest *earlier,
                       struct cb_error *err)
{
    struct cb_job job;
    if (build_diff_start(s->session, layer, earlier, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_DIFF, NULL, job)->layer = *layer;
    return 0;
}

int build_running_step(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct build_running *r = running_new(s, BUILD_RUNNING_STEP, step);
    int ends[2] = {-1, -1};
    int e = step->op == BUILD_OP_RUN ? open_logs(r, ends) : 0;
    s->steps_running++;
    if (!step->no_cache)
        build_cause_find(s->g, s->earlier, step, &r->cause);
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_STARTED,
                                                 .step = step->number,
                                                 .name = step->name,
                                                 .why = r->cause.text ? r->cause.text : build_state_of(s->g, step)->why});
    int result = e < 0 ? cb_fail_sys(err, e, "make a pipe") : step->op == BUILD_OP_RUN ? mask_secrets(r, err) : 0;
    if (result == 0)
        result = build_execute_start(s->g, step, ends[0], ends[1], build_running_model(r), &r->job, err);
    if (result == 0)
        build_cause_find_files(s->g, step, &r->cause); /* while the job works */
    cb_close(ends[0]);
    cb_close(ends[1]);
    if (result < 0) {
        build_emit(s->session, &(struct build_event){
                                   .kind = BUILD_EVENT_STEP_FAILED, .step = step->number, .name = step->name, .error = err});
        build_running_finish_logs(r);
        build_running_drop(s, r);
    }
    return result;
}
