/* What a step does next, a function for each phase in which it can wait. The branch that decides its fate says why. */
#include "builder/execute/keys/keys.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "runtime/confine/scope.h"
#include "cache/store/store.h"
#include "runtime/sandbox/sandbox.h"

void build_step_finish(struct build_schedule *s, const struct build_step *step)
{
    struct build_step_state *st = build_state_of(s->g, step);
    build_keys_chain(s->g, step);
    cache_unlock_key(&st->key.content, &st->lock);
    build_graph_finish(s->g, step);
    if (step->op == BUILD_OP_BASE || !st->cached)
        return;
    s->counts.cached++;
    s->counts.shared += st->shared;
    build_emit(s->session,
               &(struct build_event){.kind = BUILD_EVENT_STEP_CACHED, .step = step->number, .name = step->name, .why = st->why});
}

/* After a lookup: 1 goes on, unless the result was there. */
static int found(struct build_schedule *s, const struct build_step *step, int result, const char *why)
{
    if (result <= 0)
        return result < 0 ? -1 : 1;
    build_state_of(s->g, step)->why = why;
    build_step_finish(s, step);
    return 0;
}

/* The phases. 1: the step is in another one. 0: it waits, or is done. */

/* What stands on something that is made anew will hardly be known: its other inputs can be made meanwhile. */
static void begin_early(struct build_schedule *s, const struct build_step *step)
{
    if (!step->no_cache && !build_state_of(s->g, step->parent)->missed)
        return;
    build_graph_missed(s->g, step);
    build_graph_need_inputs(s->g, step);
}

static int miss_definition(struct build_schedule *s, const struct build_step *step)
{
    struct build_step_state *st = build_state_of(s->g, step);
    st->why = step->no_cache ? "--no-cache" : "not in the cache";
    st->phase = BUILD_STEP_AWAITS_INPUTS;
    build_graph_missed(s->g, step);
    build_graph_need_inputs(s->g, step);
    return 1;
}

static int await_parent(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct build_step_state *st = build_state_of(s->g, step);
    if (step->parent && build_state_of(s->g, step->parent)->phase != BUILD_STEP_DONE) {
        begin_early(s, step);
        return 0;
    }
    if (step->op == BUILD_OP_BASE) {
        build_step_finish(s, step);
        return 0;
    }
    if (!step->no_cache && !step->inputs_renewed) {
        int r = found(s, step, build_lookup_definition(s, step, err), "same definition");
        if (r <= 0)
            return r;
        if (build_sharing_may_ask(s, step, BUILD_ASKS_DEFINITION)) {
            st->phase = BUILD_STEP_AWAITS_SHARE;
            return 1;
        }
    }
    return miss_definition(s, step);
}

static int await_inputs(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    (void)err;
    if (!build_graph_inputs_done(s->g, step))
        return 0;
    build_state_of(s->g, step)->phase = BUILD_STEP_AWAITS_INDEXES;
    return 1;
}

static int await_indexes(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    int r = build_prepare_inputs(s, step, false, err);
    if (r == 0)
        build_graph_wait(s->g, step);
    if (r <= 0)
        return r;
    if (build_keys_content(s->g, step, err) < 0)
        return -1;
    r = found(s, step, build_lookup_content(s, step, err), "same inputs");
    if (r > 0)
        build_state_of(s->g, step)->phase =
            build_sharing_may_ask(s, step, BUILD_ASKS_CONTENT) ? BUILD_STEP_AWAITS_SHARE : BUILD_STEP_AWAITS_FILES;
    return r;
}

/* What shared caches know is in the store now. */
static int await_share(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct build_step_state *st = build_state_of(s->g, step);
    if (!st->answered) {
        build_graph_wait(s->g, step);
        return 0;
    }
    bool content = st->asks == BUILD_ASKS_CONTENT;
    const char *why = st->shared ? "from the shared cache" : content ? "same inputs" : "same definition";
    int r = found(s, step, content ? build_lookup_content(s, step, err) : build_lookup_definition(s, step, err), why);
    if (r <= 0)
        return r;
    st->shared = false; /* it came, and is gone again */
    if (!content)
        return miss_definition(s, step);
    st->phase = BUILD_STEP_AWAITS_FILES;
    return 1;
}

static int await_files(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    int ready = build_prepare_step(s, step, err);
    if (ready == 0)
        build_graph_wait(s->g, step);
    if (ready > 0)
        build_state_of(s->g, step)->phase = BUILD_STEP_AWAITS_TURN;
    return ready;
}

/* An insecure step has rights over the file systems of every other RUN of the build, also over what one of them handed to
 * it: it runs alone. So does a step in a chroot that the kernel does not keep from others: whoever is handed a directory of
 * another tree climbs from there. */
static bool runs_alone(const struct build_schedule *s, const struct build_step *step)
{
    return step->run.over_namespace || (s->session->privilege.rung->chroots && !rt_scope_is_sure(step->run.user));
}

static bool has_turn(const struct build_schedule *s, const struct build_step *step)
{
    for (size_t i = 0; step->op == BUILD_OP_RUN && i < s->n_running; i++) {
        const struct build_step *other = s->running[i]->step;
        if (other && other->op == BUILD_OP_RUN && (runs_alone(s, other) || runs_alone(s, step)))
            return false;
    }
    return !s->ceiling.looking && s->steps_running < s->session->request->jobs;
}

static int await_turn(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    (void)err;
    if (!has_turn(s, step)) {
        build_graph_wait(s->g, step);
        return 0;
    }
    build_state_of(s->g, step)->phase = BUILD_STEP_AWAITS_LOCK;
    return 1;
}

/* Whoever else makes the same holds the lock of its content key; its record will be ours. */
static int await_lock(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct build_step_state *st = build_state_of(s->g, step);
    if (!has_turn(s, step)) {
        st->phase = BUILD_STEP_AWAITS_TURN;
        return 1;
    }
    int got = st->lock >= 0 ? 1 : cache_lock_key(s->session->store, &st->key.content, &st->lock, err);
    if (got == 0)
        build_graph_wait(s->g, step);
    if (got <= 0)
        return got;
    int r = found(s, step, build_lookup_content(s, step, err), "made meanwhile");
    if (r <= 0)
        return r;
    if (build_claim_start(s, step)) {
        st->phase = BUILD_STEP_AWAITS_CLAIM;
        return 1;
    }
    st->phase = BUILD_STEP_RUNNING;
    return build_running_step(s, step, err) < 0 ? -1 : 0;
}

static int await_claim(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    (void)err;
    struct build_step_state *st = build_state_of(s->g, step);
    if (st->claim == BUILD_CLAIM_ASKED) {
        build_graph_wait(s->g, step);
        return 0;
    }
    bool ask = st->claim == BUILD_CLAIM_ANSWERED && build_sharing_may_ask(s, step, BUILD_ASKS_CONTENT);
    st->phase = ask ? BUILD_STEP_AWAITS_SHARE : BUILD_STEP_AWAITS_LOCK;
    return 1;
}

static int (*const phases[BUILD_STEP_PHASES])(struct build_schedule *s, const struct build_step *step, struct cb_error *err) = {
    [BUILD_STEP_AWAITS_PARENT] = await_parent,   [BUILD_STEP_AWAITS_INPUTS] = await_inputs,
    [BUILD_STEP_AWAITS_INDEXES] = await_indexes, [BUILD_STEP_AWAITS_FILES] = await_files,
    [BUILD_STEP_AWAITS_SHARE] = await_share,     [BUILD_STEP_AWAITS_TURN] = await_turn,
    [BUILD_STEP_AWAITS_LOCK] = await_lock,       [BUILD_STEP_AWAITS_CLAIM] = await_claim,
};

int build_advance(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    int r;
    do
        r = phases[build_state_of(s->g, step)->phase](s, step, err);
    while (r > 0);
    return r;
}
