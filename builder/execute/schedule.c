#include "builder/execute/schedule.h"
#include "base/fd.h"
#include "base/map.h"
#include "builder/execute/execute.h"
#include "builder/execute/keys.h"
#include "builder/execute/log.h"
#include "builder/execute/symptom.h"
#include "builder/pull/materialize.h"
#include "builder/session/secret.h"
#include "cache/record.h"
#include "builder/session/jobs.h"

#include <poll.h>
#include <unistd.h>

enum work_kind { WORK_STEP, WORK_BASE, WORK_MATERIALIZE };

struct running {
    struct build *b;
    enum work_kind kind;
    const struct build_step *step; /* STEP, BASE */
    struct cb_digest layer;        /* MATERIALIZE */
    struct cb_job job;
    struct build_log logs[2];
    struct build_mask mask;
    struct build_tail tail; /* of what it printed */
    struct timespec started;
};

struct schedule {
    struct build_graph *g;
    struct build *b;
    struct running **running;
    size_t n_running, cap_running;
    int steps_running; /* of them, those that count against --jobs */
    bool waits_for_lock;
    int n_run, n_cached;
    bool failed;
    struct cb_error first; /* of several errors the first */
    struct cb_map warned;  /* texts of warnings: what holds for many steps is said once */
};

static struct build_step_state *state_of(const struct schedule *s, const struct build_step *step)
{
    return &s->g->states[step->index];
}

static double seconds_since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

/* ---- logs --------------------------------------------------------------------------------------------- */

static void emit_line(void *arg, const struct build_log *l, const char *text)
{
    struct running *r = arg;
    build_tail_add(&r->tail, text);
    build_emit(r->b->session,
               &(struct build_event){
                   .kind = EVENT_STEP_LOG, .step = r->step->number, .name = r->step->name, .text = text, .stream = l->stream});
}

static void read_log(struct running *r, struct build_log *l)
{
    build_log_read(l, &r->mask, emit_line, r);
}

static void finish_logs(struct running *r)
{
    for (int i = 0; i < 2; i++)
        build_log_finish(&r->logs[i], &r->mask, emit_line, r);
}

/* What the step's secrets are is known from now on only to hide them. */
static int mask_secrets(struct running *r, struct cb_error *err)
{
    for (const struct build_run_mount *m = r->step->run.mounts; m; m = m->next) {
        struct cb_str value;
        int have =
            m->m->type == DF_MOUNT_SECRET ? build_secret_read(r->b->session->request, build_secret_id(m->m), &value, err) : 0;
        if (have < 0)
            return -1;
        if (have)
            build_mask_add(&r->mask, value.p, value.n);
    }
    build_mask_ready(&r->mask);
    return 0;
}

/* ---- starting work ---------------------------------------------------------------------------------------- */

static struct running *running_new(struct schedule *s, enum work_kind kind, const struct build_step *step)
{
    struct running *r = CB_NEW(struct running);
    r->b = s->b;
    r->kind = kind;
    r->step = step;
    for (int i = 0; i < 2; i++)
        r->logs[i] = BUILD_LOG_INIT(i + 1);
    r->tail.lines = CB_BUF_INIT;
    clock_gettime(CLOCK_MONOTONIC, &r->started);
    CB_PUSH(s->running, s->n_running, s->cap_running) = r;
    return r;
}

static void running_drop(struct schedule *s, struct running *r)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i] == r) {
            s->running[i] = s->running[--s->n_running];
            break;
        }
    if (r->kind == WORK_STEP)
        s->steps_running--;
    build_mask_done(&r->mask);
    build_tail_done(&r->tail);
    free(r);
}

static bool base_is_running(const struct schedule *s, const struct build_step *base)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->kind == WORK_BASE && s->running[i]->step == base)
            return true;
    return false;
}

static int start_base(struct schedule *s, const struct build_step *base, bool want_fs, struct cb_error *err)
{
    if (base_is_running(s, base))
        return 0;
    struct cb_job job;
    if (build_base_start(s->b->session, &base->base, want_fs ? BASE_FILES : BASE_INDEXED, &job, err) < 0)
        return -1;
    running_new(s, WORK_BASE, base)->job = job;
    build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_STARTED, .step = base->number, .name = base->name});
    return 0;
}

static int start_materialize(struct schedule *s, const struct cb_digest *layer, struct cb_error *err)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i]->kind == WORK_MATERIALIZE && cb_digest_eq(&s->running[i]->layer, layer))
            return 0;
    struct cb_job job;
    if (build_materialize_start(s->b->session, layer, &job, err) < 0)
        return -1;
    struct running *r = running_new(s, WORK_MATERIALIZE, NULL);
    r->job = job;
    r->layer = *layer;
    return 0;
}

/* Whether everything below and including `top` is in the store in the form that is needed; starts what is
 * missing. 1: ready. 0: work was started. */
static int prepare_chain(struct schedule *s, const struct build_step *top, bool want_fs, struct cb_error *err)
{
    int ready = 1;
    for (const struct build_step *p = top; p; p = p->parent) {
        struct build_step_state *st = state_of(s, p);
        const struct cb_digest *id = &s->b->made[p->index].layer;
        if (st->has_fs || (st->has_index && !want_fs))
            continue;
        if (p->op == OP_BASE) {
            if (build_base_complete(s->b->session, &p->base.image, want_fs ? BASE_FILES : BASE_INDEXED)) {
                st->has_index = true;
                st->has_fs = want_fs;
                continue;
            }
            ready = 0;
            if (start_base(s, p, want_fs || p->needs_fs, err) < 0)
                return -1;
            continue;
        }
        struct cache_layer layer;
        int found = cache_layer_find(s->b->session->store, id, &layer, err);
        if (found < 0)
            return -1;
        if (!found)
            return cb_fail(err, CB_E_CORRUPT, "a layer of '%s' vanished from the store", p->name);
        st->has_index = true;
        st->has_fs = layer.has_files;
        if (want_fs && !layer.has_files) {
            ready = 0;
            if (start_materialize(s, id, err) < 0)
                return -1;
        }
    }
    return ready;
}

/* The layers files are taken from: their indexes tell what is selected, their files hold the bytes. */
static int prepare_inputs(struct schedule *s, const struct build_step *step, bool want_fs, struct cb_error *err)
{
    int ready = 1;
    for (size_t i = 0; i < step->n_inputs && ready >= 0; i++) {
        int r = prepare_chain(s, step->inputs[i], want_fs, err);
        ready = CB_MIN(ready, r);
    }
    return ready;
}

static int prepare(struct schedule *s, const struct build_step *step, struct cb_error *err)
{
    bool below = !(step->op == OP_COPY && step->copy.link);
    int ready = below ? prepare_chain(s, step->parent, step->op == OP_RUN, err) : 1;
    if (ready < 0)
        return -1;
    int inputs = prepare_inputs(s, step, true, err);
    return CB_MIN(ready, inputs);
}

static int open_logs(struct running *r, int ends[2])
{
    for (int i = 0; i < 2; i++) {
        int p[2];
        if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
            return -errno;
        r->logs[i].fd = p[0];
        ends[i] = p[1];
        /* Only our end is non-blocking: a program that finds its stdout so may lose output. */
        int flags = fcntl(p[1], F_GETFL);
        if (flags < 0 || fcntl(p[1], F_SETFL, flags & ~O_NONBLOCK) < 0)
            return -errno;
    }
    return 0;
}

/* An insecure step has rights over the file systems of every other RUN of the build, also over what one of them handed to
 * it: it runs alone. */
static bool may_run_beside_others(const struct schedule *s, const struct build_step *step)
{
    for (size_t i = 0; step->op == OP_RUN && i < s->n_running; i++) {
        const struct build_step *other = s->running[i]->step;
        if (other && other->op == OP_RUN && (other->run.insecure || step->run.insecure))
            return false;
    }
    return true;
}

static int start_step(struct schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct running *r = running_new(s, WORK_STEP, step);
    int ends[2] = {-1, -1};
    int e = step->op == OP_RUN ? open_logs(r, ends) : 0;
    s->steps_running++;
    state_of(s, step)->phase = STEP_RUNNING;
    build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_STARTED, .step = step->number, .name = step->name});
    int result = e < 0 ? cb_fail_sys(err, e, "make a pipe") : step->op == OP_RUN ? mask_secrets(r, err) : 0;
    if (result == 0)
        result = build_execute_start(s->g, step, ends[0], ends[1], &r->job, err);
    cb_close(ends[0]);
    cb_close(ends[1]);
    if (result < 0) {
        build_emit(s->b->session,
                   &(struct build_event){.kind = EVENT_STEP_FAILED, .step = step->number, .name = step->name, .error = err});
        finish_logs(r);
        running_drop(s, r);
    }
    return result;
}

/* ---- looking up ------------------------------------------------------------------------------------------- */

static void step_done(struct schedule *s, const struct build_step *step)
{
    struct build_step_state *st = state_of(s, step);
    st->phase = STEP_DONE;
    build_keys_chain(s->g, step);
    cache_unlock_key(&st->key.content, &st->lock);
    if (step->op == OP_BASE || !st->cached)
        return;
    s->n_cached++;
    build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_CACHED, .step = step->number, .name = step->name});
}

static void take_record(struct schedule *s, const struct build_step *step, const struct cache_record *r)
{
    s->b->made[step->index] = (struct build_made){r->layer, r->created};
    state_of(s, step)->cached = true;
}

static int lookup(struct schedule *s, const struct build_step *step, const struct cb_digest *key, struct cb_error *err)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    int found = cache_record_load(s->b->session->store, key, &r, err);
    if (found <= 0)
        return found;
    take_record(s, step, &r);
    return 1;
}

/* The record of the definition may name what other inputs gave: from now on it is this. */
static int lookup_content(struct schedule *s, const struct build_step *step, struct cb_error *err)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_digest definition;
    const struct cb_digest *content = &state_of(s, step)->key.content;
    int found = step->no_cache ? 0 : cache_record_load(s->b->session->store, content, &r, err);
    if (found <= 0)
        return found;
    take_record(s, step, &r);
    build_keys_on_parent(s->g, step, &definition);
    /* Without it the next build looks closer again. */
    (void)cache_record_link(s->b->session->store, content, &definition, &ignored);
    return 1;
}

/* A step that was done again and gave the same needs no new record. */
static bool is_recorded(struct schedule *s, const struct cb_digest *key, const struct build_outcome *o)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return cache_record_load(s->b->session->store, key, &r, &ignored) > 0 && cb_digest_eq(&r.layer, &o->layer) &&
           r.created.tv_sec == o->created.tv_sec && r.created.tv_nsec == o->created.tv_nsec;
}

static void write_records(struct schedule *s, const struct build_step *step, const struct build_outcome *o)
{
    CB_AUTO(cache_record)
    struct cache_record r = {
        .layer = o->layer, .created = o->created, .wall_us = o->wall_us, .cpu_us = o->cpu_us, .max_rss = o->max_rss};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_error) struct cb_error no_link = CB_ERROR_INIT;
    struct cb_digest definition;
    const struct cb_digest *content = &state_of(s, step)->key.content;
    char chain[CB_DIGEST_HEX + 1] = "";
    if (step->parent)
        cb_digest_hex(&state_of(s, step->parent)->key.chain, chain);
    build_keys_on_parent(s->g, step, &definition);
    if (is_recorded(s, content, o) && is_recorded(s, &definition, o))
        return;
    r.instruction = cb_strdup(step->name);
    cache_record_input(&r, "parent", chain);
    if (cache_record_store(s->b->session->store, content, &r, &err) < 0 ||
        (cache_record_link(s->b->session->store, content, &definition, &no_link) < 0 &&
         cache_record_store(s->b->session->store, &definition, &r, &err) < 0))
        build_warning(s->b->session, "the result of '%s' could not be recorded: %s", step->name, err.msg);
}

static void need(struct schedule *s, const struct build_step *step)
{
    for (; step && state_of(s, step)->phase == STEP_IDLE; step = step->parent)
        state_of(s, step)->phase = STEP_NEEDED;
}

/* Whether something is needed that was not before. */
static bool need_inputs(struct schedule *s, const struct build_step *step)
{
    bool more = false;
    for (size_t i = 0; i < step->n_inputs; i++) {
        more |= state_of(s, step->inputs[i])->phase == STEP_IDLE;
        need(s, step->inputs[i]);
    }
    return more;
}

static bool inputs_are_done(const struct schedule *s, const struct build_step *step)
{
    bool all = true;
    for (size_t i = 0; i < step->n_inputs; i++)
        all &= state_of(s, step->inputs[i])->phase == STEP_DONE;
    return all;
}

/* 1: this step made progress; 0: it waits for something; -1. */
static int advance_step(struct schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct build_step_state *st = state_of(s, step);
    if (step->parent && state_of(s, step->parent)->phase != STEP_DONE) {
        /* Below it something is made anew, so it will hardly be known: its other inputs can be made meanwhile. */
        st->missed = step->no_cache || state_of(s, step->parent)->missed;
        return st->missed && need_inputs(s, step);
    }
    if (step->op == OP_BASE) {
        step_done(s, step);
        return 1;
    }
    if (!st->asked_definition && !step->no_cache && !step->inputs_renewed) {
        struct cb_digest key;
        st->asked_definition = true;
        build_keys_on_parent(s->g, step, &key);
        int r = lookup(s, step, &key, err);
        if (r > 0)
            step_done(s, step);
        if (r != 0)
            return r;
    }
    st->missed = true;
    bool more = need_inputs(s, step);
    if (!inputs_are_done(s, step))
        return more;
    if (!st->asked_content) {
        int indexed = prepare_inputs(s, step, false, err);
        if (indexed <= 0)
            return indexed;
        if (build_keys_content(s->g, step, err) < 0)
            return -1;
        st->asked_content = true;
        int r = lookup_content(s, step, err);
        if (r > 0)
            step_done(s, step);
        if (r != 0)
            return r;
    }
    int ready = prepare(s, step, err);
    if (ready <= 0)
        return ready;
    if (s->steps_running >= s->b->session->request->jobs || !may_run_beside_others(s, step))
        return 0;
    int got = st->lock >= 0 ? 1 : cache_lock_key(s->b->session->store, &st->key.content, &st->lock, err);
    if (got < 0)
        return -1;
    if (!got) {
        s->waits_for_lock = true; /* another cbuild makes it; its record will be ours */
        return 0;
    }
    int r = lookup_content(s, step, err);
    if (r > 0)
        step_done(s, step);
    if (r != 0)
        return r;
    return start_step(s, step, err) < 0 ? -1 : 1;
}

static void remember_failure(struct schedule *s, const struct build_step *step, struct cb_error *err)
{
    if (step)
        cb_at(err, step->at.line, step->at.last_line);
    if (!s->failed)
        cb_error_move(&s->first, err);
    else
        cb_error_done(err);
    s->failed = true;
}

static void advance(struct schedule *s)
{
    const struct build_plan *plan = s->g->plan;
    s->waits_for_lock = false;
    for (bool moved = true; moved && !s->failed;) {
        moved = false;
        for (size_t i = 0; i < plan->n_steps && !s->failed; i++) {
            struct cb_error err = CB_ERROR_INIT;
            if (s->g->states[i].phase != STEP_NEEDED)
                continue;
            int r = advance_step(s, plan->steps[i], &err);
            if (r < 0)
                remember_failure(s, plan->steps[i], &err);
            moved |= r > 0;
        }
    }
}

/* ---- the end of work ------------------------------------------------------------------------------------------ */

static void step_succeeded(struct schedule *s, struct running *r, const struct cb_job_event *e)
{
    const struct build_step *step = r->step;
    struct build_outcome o;
    if (!build_outcome_read(&e->answer, &o)) {
        struct cb_error err = CB_ERROR_INIT;
        cb_fail(&err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
        remember_failure(s, step, &err);
        return;
    }
    struct build_step_state *st = state_of(s, step);
    s->b->made[step->index] = (struct build_made){o.layer, o.created};
    st->has_fs = st->has_index = true;
    s->n_run++;
    write_records(s, step, &o);
    build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_DONE,
                                                    .step = step->number,
                                                    .name = step->name,
                                                    .seconds = seconds_since(&r->started),
                                                    .cpu_seconds = (double)o.cpu_us / 1e6,
                                                    .max_rss = o.max_rss});
    step_done(s, step);
}

static void base_done(struct schedule *s, struct running *r)
{
    build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_DONE,
                                                    .step = r->step->number,
                                                    .name = r->step->name,
                                                    .extra = true,
                                                    .seconds = seconds_since(&r->started)});
}

static void work_failed(struct schedule *s, struct running *r, struct cb_job_event *e)
{
    const struct build_step *step = r->step;
    if (step && step->op == OP_RUN)
        build_symptom_hint(&r->tail, &s->b->session->privilege, step->run.network, &e->error);
    if (step)
        build_emit(s->b->session, &(struct build_event){.kind = EVENT_STEP_FAILED,
                                                        .step = step->number,
                                                        .name = step->name,
                                                        .error = &e->error,
                                                        .seconds = seconds_since(&r->started)});
    remember_failure(s, step, &e->error);
    e->error = CB_ERROR_INIT;
}

static void warn_once(struct schedule *s, const char *text)
{
    if (cb_map_has(&s->warned, text))
        return;
    cb_map_set(&s->warned, text, NULL);
    build_warning(s->b->session, "%s", text);
}

static void job_event(struct schedule *s, struct running *r)
{
    struct cb_job_event e;
    if (!cb_job_read(&r->job, false, &e))
        return;
    int number = r->step ? r->step->number : 0;
    switch (e.kind) {
    case CB_JOB_PROGRESS:
        build_emit(
            s->b->session,
            &(struct build_event){.kind = EVENT_STEP_PROGRESS, .step = number, .what = e.text, .done = e.done, .total = e.total});
        break;
    case CB_JOB_WARN:
        warn_once(s, e.text);
        break;
    case CB_JOB_DONE:
        finish_logs(r);
        if (r->kind == WORK_STEP)
            step_succeeded(s, r, &e);
        else if (r->kind == WORK_BASE)
            base_done(s, r);
        running_drop(s, r);
        break;
    case CB_JOB_FAILED:
        finish_logs(r);
        work_failed(s, r, &e);
        running_drop(s, r);
        break;
    }
    cb_job_event_done(&e);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void cancel_all(struct schedule *s)
{
    build_ns_cancel(s->b->session);
    while (s->n_running) {
        struct running *r = s->running[s->n_running - 1];
        finish_logs(r);
        cb_job_kill(&r->job);
        if (r->step)
            build_emit(s->b->session,
                       &(struct build_event){.kind = EVENT_STEP_CANCELED, .step = r->step->number, .name = r->step->name});
        running_drop(s, r);
    }
}

static void wait_for_work(struct schedule *s)
{
    size_t n = 0;
    struct pollfd *fds = cb_alloc((1 + s->n_running * 3) * sizeof(*fds));
    fds[n++] = (struct pollfd){s->b->session->signal_fd, POLLIN, 0};
    for (size_t i = 0; i < s->n_running; i++) {
        struct running *r = s->running[i];
        fds[n++] = (struct pollfd){r->job.sock, POLLIN, 0};
        fds[n++] = (struct pollfd){r->logs[0].fd, POLLIN, 0};
        fds[n++] = (struct pollfd){r->logs[1].fd, POLLIN, 0};
    }
    int timeout = s->waits_for_lock ? 20 : s->b->session->renderer->tick ? 100 : -1;
    int ready = poll(fds, n, timeout);
    if (ready < 0 && errno != EINTR) {
        struct cb_error err = CB_ERROR_INIT;
        cb_fail_sys(&err, errno, "wait for running steps");
        remember_failure(s, NULL, &err);
    }
    if (s->b->session->renderer->tick)
        s->b->session->renderer->tick(s->b->session->renderer);
    if (ready > 0) {
        /* running_drop moves the last one into a gap: walk from the end, where nothing moves that was not seen. */
        for (size_t i = s->n_running; i-- > 0;) {
            struct running *r = s->running[i];
            for (int k = 0; k < 2; k++)
                if (fds[1 + i * 3 + 1 + (size_t)k].revents)
                    read_log(r, &r->logs[k]);
            if (fds[1 + i * 3].revents)
                job_event(s, r);
        }
        struct cb_error canceled = CB_ERROR_INIT;
        if (fds[0].revents && build_canceled(s->b->session, &canceled) < 0)
            remember_failure(s, NULL, &canceled);
    }
    free(fds);
}

static int count_steps(const struct build_plan *plan)
{
    int n = 0;
    for (size_t i = 0; i < plan->n_steps; i++)
        n += plan->steps[i]->op != OP_BASE;
    return n;
}

int build_schedule_run(struct build_graph *g, int *ret_run, int *ret_cached, struct cb_error *err)
{
    struct build *b = g->build;
    struct schedule s = {.g = g, .b = b};
    const struct build_step *target = g->plan->target->snapshot;
    build_ns_freeze(b->session, g);
    build_emit(b->session, &(struct build_event){.kind = EVENT_BUILD_STARTED, .n_steps = count_steps(g->plan)});
    need(&s, target);
    while (!s.failed) {
        advance(&s);
        if (s.failed || !target || (state_of(&s, target)->phase == STEP_DONE && !s.n_running))
            break;
        if (!s.n_running && !s.waits_for_lock) {
            struct cb_error stuck = CB_ERROR_INIT;
            cb_fail(&stuck, CB_E_FAILED, "internal error: the plan cannot go on");
            remember_failure(&s, NULL, &stuck);
            break;
        }
        wait_for_work(&s);
    }
    if (s.failed)
        cancel_all(&s);
    free(s.running);
    cb_map_done(&s.warned);
    *ret_run = s.n_run;
    *ret_cached = s.n_cached;
    if (!s.failed)
        return 0;
    cb_error_move(err, &s.first);
    return -1;
}
