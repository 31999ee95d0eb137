#include "builder/execute/schedule/schedule.h"
#include "base/clock.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/session/jobs.h"

#include <poll.h>

static void remember_failure(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    if (step)
        cb_at(err, step->at.line, step->at.last_line);
    if (!s->failed && step && err->code == CB_E_RUN)
        s->g->failed = step;
    if (!s->failed)
        cb_error_move(&s->first, err);
    else
        cb_error_done(err);
    s->failed = true;
}

/* Looks at the steps to which something has happened, and then at those to which something happens as a result. */
static void advance(struct build_schedule *s)
{
    const struct build_step *step;
    while (!s->failed && (step = build_graph_next(s->g))) {
        struct cb_error err = CB_ERROR_INIT;
        if (build_advance(s, step, &err) < 0)
            remember_failure(s, step, &err);
    }
}

/* ---- the end of work ------------------------------------------------------------------------------------------ */

/* Beside the steps that follow. */
static void find_diff_id(struct build_schedule *s, const struct build_running *r, const struct build_outcome *o)
{
    struct cb_error err = CB_ERROR_INIT;
    if (o->needs_diff && build_running_diff(s, &o->layer, build_running_model(r), &err) < 0)
        remember_failure(s, r->step, &err);
}

static void step_succeeded(struct build_schedule *s, struct build_running *r, const struct cb_job_event *e)
{
    const struct build_step *step = r->step;
    struct build_outcome o;
    if (!build_outcome_read(&e->answer, &o)) {
        struct cb_error err = CB_ERROR_INIT;
        cb_fail(&err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
        remember_failure(s, step, &err);
        return;
    }
    struct build_step_state *st = build_state_of(s->g, step);
    s->g->build->made[step->index] = (struct build_made){o.layer, o.created};
    st->has_index = true;
    st->has_fs = step->op == BUILD_OP_RUN || step->needs_fs; /* else that is looked up when it matters */
    o.usage.wall_us -= CB_MIN(o.usage.wall_us, (uint64_t)((cb_clock_skipped() - r->skipped_before) * 1e6));
    st->usage = o.usage;
    s->counts.run++;
    build_record_outcome(s, step, &o);
    find_diff_id(s, r, &o);
    build_cause_finish(s->g, s->earlier, step, &r->cause);
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_DONE,
                                                 .step = step->number,
                                                 .name = step->name,
                                                 .why = r->cause.text,
                                                 .seconds = cb_seconds_since(&r->started),
                                                 .usage = &o.usage});
    build_step_finish(s, step);
    build_sharing_put(s, step);
    build_ceiling_wrote(s, o.usage.written_bytes);
}

static void base_done(struct build_schedule *s, struct build_running *r)
{
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_DONE,
                                                 .step = r->step->number,
                                                 .name = r->step->name,
                                                 .extra = true,
                                                 .seconds = cb_seconds_since(&r->started)});
    build_ceiling_wrote(s, 0);
}

static void job_failed(struct build_schedule *s, struct build_running *r, struct cb_job_event *e)
{
    const struct build_step *step = r->step;
    if (step && step->op == BUILD_OP_RUN)
        build_symptom_hint(&r->tail, &s->session->privilege, step->run.network, &e->error);
    if (step)
        build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_FAILED,
                                                     .step = step->number,
                                                     .name = step->name,
                                                     .error = &e->error,
                                                     .seconds = cb_seconds_since(&r->started)});
    remember_failure(s, step, &e->error);
    e->error = CB_ERROR_INIT;
}

static void warn_once(struct build_schedule *s, const char *text)
{
    if (cb_map_has(&s->warned, text))
        return;
    cb_map_set(&s->warned, text, NULL);
    build_warning(s->session, "%s", text);
}

static void job_ended(struct build_schedule *s, struct build_running *r)
{
    bool step = r->kind == BUILD_RUNNING_STEP;
    build_running_drop(s, r);
    if (step) {
        build_graph_wake(s->g, BUILD_STEP_AWAITS_TURN);
        return;
    }
    build_graph_wake(s->g, BUILD_STEP_AWAITS_INDEXES);
    build_graph_wake(s->g, BUILD_STEP_AWAITS_FILES);
}

static void job_event(struct build_schedule *s, struct build_running *r)
{
    struct cb_job_event e;
    if (!cb_job_read(&r->job, false, &e))
        return;
    int number = r->step ? r->step->number : r->number;
    if (r->kind >= BUILD_RUNNING_ASK && e.kind != CB_JOB_WARN) {
        build_sharing_event(s, r, &e);
        cb_job_event_done(&e);
        return;
    }
    switch (e.kind) {
    case CB_JOB_PROGRESS:
        build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_STEP_PROGRESS,
                                                     .step = number,
                                                     .what = e.text,
                                                     .part = e.part,
                                                     .done = e.done,
                                                     .total = e.total});
        break;
    case CB_JOB_WARN:
        warn_once(s, e.text);
        break;
    case CB_JOB_DONE:
        build_running_finish_logs(r);
        if (r->kind == BUILD_RUNNING_STEP)
            step_succeeded(s, r, &e);
        else if (r->kind == BUILD_RUNNING_BASE)
            base_done(s, r);
        else if (r->kind == BUILD_RUNNING_MOUNT)
            build_mounts_event(s, r, &e);
        else if (r->kind == BUILD_RUNNING_CEILING)
            build_ceiling_event(s, &e.answer);
        job_ended(s, r);
        break;
    case CB_JOB_FAILED:
        build_running_finish_logs(r);
        if (r->kind == BUILD_RUNNING_MOUNT)
            build_mounts_event(s, r, &e);
        else if (r->kind == BUILD_RUNNING_CEILING)
            build_ceiling_event(s, NULL);
        else
            job_failed(s, r, &e);
        job_ended(s, r);
        break;
    }
    cb_job_event_done(&e);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static bool waits_for_lock(const struct build_schedule *s)
{
    return s->g->waiting[BUILD_STEP_AWAITS_LOCK].n > 0;
}

/* What talks to shared caches is not work on steps: with `sharing` it goes on. */
static void cancel_jobs(struct build_schedule *s, bool sharing)
{
    build_ns_cancel(s->session);
    for (size_t i = s->n_running; i-- > 0;) {
        struct build_running *r = s->running[i];
        if (sharing && build_sharing_outlives(s, r))
            continue;
        build_running_finish_logs(r);
        cb_job_kill(&r->job);
        if (r->step)
            build_emit(s->session,
                       &(struct build_event){.kind = BUILD_EVENT_STEP_CANCELED, .step = r->step->number, .name = r->step->name});
        build_running_drop(s, r);
    }
}

/* fds: signals, then job and logs of each running one. */
static void read_all(struct build_schedule *s, const struct pollfd *fds)
{
    /* build_running_drop moves the last one into a gap: walk from the end, where nothing moves that has not been seen. */
    for (size_t i = s->n_running; i-- > 0;) {
        struct build_running *r = s->running[i];
        const struct pollfd *own = &fds[1 + i * 3];
        for (int k = 0; k < 2; k++)
            if (own[1 + k].revents)
                build_running_read_log(r, &r->logs[k]);
        if (own[0].revents)
            job_event(s, r);
    }
    struct cb_error canceled = CB_ERROR_INIT;
    build_emit(s->session, &(struct build_event){.kind = BUILD_EVENT_WAITING});
    if (fds[0].revents && build_canceled(s->session, &canceled) < 0)
        remember_failure(s, NULL, &canceled);
}

static void wait_for_jobs(struct build_schedule *s)
{
    size_t n = 0;
    struct build_renderer *renderer = s->session->renderer;
    struct pollfd *fds = cb_alloc((1 + s->n_running * 3) * sizeof(*fds));
    fds[n++] = (struct pollfd){s->session->signal_fd, POLLIN, 0};
    for (size_t i = 0; i < s->n_running; i++) {
        struct build_running *r = s->running[i];
        fds[n++] = (struct pollfd){r->job.sock, POLLIN, 0};
        fds[n++] = (struct pollfd){r->logs[0].fd, POLLIN, 0};
        fds[n++] = (struct pollfd){r->logs[1].fd, POLLIN, 0};
    }
    int ready = poll(fds, n, waits_for_lock(s) ? 20 : renderer->tick ? 100 : build_sharing_is_busy(s) ? 1000 : -1);
    if (ready < 0 && errno != EINTR) {
        struct cb_error err = CB_ERROR_INIT;
        cb_fail_sys(&err, errno, "wait for running steps");
        remember_failure(s, NULL, &err);
    }
    if (renderer->tick)
        renderer->tick(renderer);
    if (ready > 0)
        read_all(s, fds);
    free(fds);
    build_sharing_watch(s);
    build_graph_wake(s->g, BUILD_STEP_AWAITS_LOCK); /* nobody tells us when another process lets go of it */
}

/* Steps that were done before one failed go into shared caches all the same. */
static void end_sharing(struct build_schedule *s)
{
    cancel_jobs(s, !s->session->canceled);
    while (!s->session->canceled && build_sharing_is_busy(s)) {
        build_sharing_go_on(s, true);
        if (!s->n_running)
            break;
        wait_for_jobs(s);
    }
    cancel_jobs(s, false);
}

static int count_steps(const struct build_plan *plan)
{
    int n = 0;
    for (size_t i = 0; i < plan->n_steps; i++)
        n += plan->steps[i]->op != BUILD_OP_BASE;
    return n;
}

/* The images of all platforms. */
static bool are_done(const struct build_graph *g)
{
    bool done = true;
    for (size_t i = 0; i < g->plan->n_targets && done; i++) {
        const struct build_step *last = g->plan->targets[i].state.snapshot;
        done = !last || build_state_of(g, last)->phase == BUILD_STEP_DONE;
    }
    return done;
}

static void run(struct build_schedule *s)
{
    const struct build_plan *plan = s->g->plan;
    bool nothing = true;
    for (size_t i = 0; i < plan->n_targets; i++) {
        build_graph_need(s->g, plan->targets[i].state.snapshot);
        nothing = nothing && !plan->targets[i].state.snapshot;
    }
    for (;;) {
        advance(s);
        if (s->failed || nothing)
            return;
        bool ended = are_done(s->g);
        build_sharing_go_on(s, ended);
        if (ended && !s->n_running)
            return;
        if (s->n_running || waits_for_lock(s)) {
            wait_for_jobs(s);
            continue;
        }
        struct cb_error stuck = CB_ERROR_INIT;
        cb_fail(&stuck, CB_E_FAILED, "internal error: the plan cannot go on");
        remember_failure(s, NULL, &stuck);
    }
}

int build_schedule_run(struct build_graph *g, struct build_counts *ret, struct cb_error *err)
{
    struct build_schedule s = {.g = g, .session = g->build->session, .earlier = build_earlier_open(g->build)};
    build_ns_freeze(s.session, g);
    build_sharing_begin(&s);
    build_ceiling_begin(&s);
    build_emit(s.session, &(struct build_event){.kind = BUILD_EVENT_BUILD_STARTED, .n_steps = count_steps(g->plan)});
    run(&s);
    struct cb_error canceled = CB_ERROR_INIT;
    if (!s.failed && build_mounts_put(&s, &canceled) < 0)
        remember_failure(&s, NULL, &canceled);
    if (s.failed)
        end_sharing(&s);
    build_sharing_done(&s);
    free(s.running);
    cb_map_done(&s.warned);
    cb_map_done(&s.mounts);
    cache_earlier_close(s.earlier);
    *ret = s.counts;
    if (!s.failed)
        return 0;
    cb_error_move(err, &s.first);
    return -1;
}
