/* Whose turn a step is among machines that share a cache (builder/share/claim.h): asked when it is about to be executed. */
#include "base/clock.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/share/claim.h"

#include <signal.h>

struct claiming {
    struct build_schedule *s;
    const struct build_step *step;
    size_t share;
};

static const char laid[] = "claimed", waiting[] = "waiting";

static void tell_waiting(void *io)
{
    cb_job_progress(io, waiting, 0, 0);
}

static int claim_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)err; /* what goes wrong with a cache is a warning */
    const struct claiming *q = ctx;
    struct build_session *session = q->s->session;
    CB_AUTO(build_shares) struct build_shares shares;
    struct build_claim claim;
    build_shares_open(session, io, true, q->s->sharing.off, &shares);
    build_claim_init(&claim, &shares, q->share, &build_state_of(q->s->g, q->step)->key.content);
    enum build_claimed how = build_claim_lay(&claim, session->request->cache_wait, tell_waiting, io);
    if (how == BUILD_CLAIM_OURS) {
        cb_job_progress(io, laid, 0, 0);
        build_claim_keep(&claim);
    }
    cb_put_u8(answer, how == BUILD_CLAIM_DONE);
    return 0;
}

/* COPY and its like take no longer than their layers would take to come. */
bool build_claim_start(struct build_schedule *s, const struct build_step *step)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* then it is executed here */
    const struct build_request *q = s->session->request;
    struct build_step_state *st = build_state_of(s->g, step);
    if (!q->cache_wait || step->op != BUILD_OP_RUN || step->no_cache || st->claim != BUILD_CLAIM_NONE || !s->sharing.writes)
        return false;
    struct claiming c = {s, step, 0};
    while (c.share < q->n_shares && !(build_put_takes(s, c.share, step) && build_share_can_wait(q, c.share)))
        c.share++;
    struct cb_job job;
    if (c.share == q->n_shares || cb_job_fork(claim_job, &c, &job, &ignored) < 0)
        return false;
    build_running_add(s, BUILD_RUNNING_CLAIM, NULL, job)->put = step;
    st->claim = BUILD_CLAIM_ASKED;
    return true;
}

static void decide(struct build_schedule *s, const struct build_step *step, enum build_claim_state how)
{
    build_state_of(s->g, step)->claim = how;
    build_graph_wake(s->g, BUILD_STEP_AWAITS_CLAIM);
}

void build_claim_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e)
{
    struct build_step_state *st = build_state_of(s->g, r->put);
    if (e->kind == CB_JOB_PROGRESS) {
        if (strcmp(e->text, laid) == 0)
            decide(s, r->put, BUILD_CLAIM_HELD);
        else if (!st->waits)
            build_note(s->session, "%s: another machine executes it; waiting for its result", r->put->name);
        st->waits |= strcmp(e->text, waiting) == 0;
        return;
    }
    struct cb_unpack u = cb_unpack(e->answer.data, e->kind == CB_JOB_DONE ? e->answer.len : 0);
    if (st->claim == BUILD_CLAIM_ASKED)
        decide(s, r->put, cb_get_u8(&u) ? BUILD_CLAIM_ANSWERED : BUILD_CLAIM_HELD);
    build_running_drop(s, r);
}

static bool is_being_put(const struct build_schedule *s, const struct build_step *step)
{
    const struct build_steps *q = &s->sharing.queue;
    bool is = false;
    for (size_t i = q->first; i < q->n; i++)
        is |= q->items[i] == step;
    for (size_t i = 0; i < s->n_running; i++)
        is |=
            s->running[i]->put == step && (s->running[i]->kind == BUILD_RUNNING_PACK || s->running[i]->kind == BUILD_RUNNING_PUT);
    return is;
}

static bool is_done(const struct build_schedule *s, const struct build_running *r)
{
    return build_state_of(s->g, r->put)->phase == BUILD_STEP_DONE;
}

bool build_claim_outlives(struct build_schedule *s, struct build_running *r)
{
    if (is_done(s, r))
        return true;
    r->heard = cb_clock_now();
    return build_state_of(s->g, r->put)->claim == BUILD_CLAIM_HELD && kill(r->job.pid, SIGTERM) == 0;
}

bool build_claims_are_busy(const struct build_schedule *s)
{
    bool busy = false;
    for (size_t i = 0; s->failed && i < s->n_running; i++)
        busy |= s->running[i]->kind == BUILD_RUNNING_CLAIM && !is_done(s, s->running[i]);
    return busy;
}

void build_claim_watch(struct build_schedule *s, struct build_running *r)
{
    if (!s->failed || is_done(s, r) || cb_seconds_since(&r->heard) < BUILD_SHARING_PATIENCE)
        return;
    cb_job_kill(&r->job);
    build_running_drop(s, r);
}

/* Who waits for the step finds its result now. */
void build_claims_end(struct build_schedule *s)
{
    for (size_t i = s->n_running; i-- > 0;) {
        struct build_running *r = s->running[i];
        if (r->kind != BUILD_RUNNING_CLAIM || !is_done(s, r) || is_being_put(s, r->put))
            continue;
        cb_job_kill(&r->job);
        build_running_drop(s, r);
    }
}
