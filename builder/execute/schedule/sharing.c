#include "builder/execute/schedule/sharing.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/execute/keys/keys.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/session/jobs.h"
#include "cache/record.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

void build_sharing_begin(struct build_schedule *s)
{
    const struct build_request *q = s->session->request;
    struct build_sharing *h = &s->sharing;
    h->off = cb_alloc(q->n_shares + 1);
    for (size_t i = 0; i < q->n_shares; i++) {
        h->reads |= !q->shares[i].writes;
        h->writes |= q->shares[i].writes;
    }
    h->reads = h->reads && !s->session->store->only_here;
    if (!h->reads || !s->session->reading || q->dry_run)
        return;
    build_warning(s->session, "nothing is taken from shared caches: the store cannot be written to");
    h->reads = false;
}

void build_sharing_done(struct build_schedule *s)
{
    free(s->sharing.off);
    free(s->sharing.queue.items);
}

bool build_sharing_may_ask(struct build_schedule *s, const struct build_step *step, enum build_asks what)
{
    struct build_step_state *st = build_state_of(s->g, step);
    const struct build_sharing *h = &s->sharing;
    /* All definitions are asked for together: those who come later have their answer, or it is on its way. */
    bool late = what == BUILD_ASKS_DEFINITION && h->defined && !h->asking;
    if (!h->reads || late || step->no_cache)
        return false;
    st->asks = what;
    st->asked = st->answered = false;
    return true;
}

/* ---- in the job ------------------------------------------------------------------------------------------------------ */

#define AT_ONCE 8

struct answer { /* to a question for a step */
    const struct build_step *step;
    enum build_asks what;
    int place;  /* NEWEST: build_cause_places */
    bool there; /* a document came */
    size_t share;
    struct build_artifact artifact;
    bool chosen; /* it fits; then: it is in the store */
};

struct ask {
    struct build_schedule *s;
    bool definitions;
    bool only_look; /* nothing is brought, nor recorded */
    struct answer *answers;
    size_t n, cap, n_steps; /* after n_steps: of NEWEST */
    struct build_shares shares;
    atomic_size_t next;
};

static void add_question(struct ask *q, const struct build_step *step, enum build_asks what)
{
    struct answer *a = &CB_PUSH(q->answers, q->n, q->cap);
    a->step = step;
    a->what = what;
    a->artifact = BUILD_ARTIFACT_INIT;
}

/* In the order of the plan: what a step stands on comes before it. */
static void list_questions(struct ask *q)
{
    const struct build_plan *plan = q->s->g->plan;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct build_step *step = plan->steps[i];
        const struct build_step_state *st = build_state_of(q->s->g, step);
        if (step->op == BUILD_OP_BASE || step->no_cache || st->phase == BUILD_STEP_DONE)
            continue;
        if (q->definitions && !step->inputs_renewed && st->asks != BUILD_ASKS_CONTENT && st->phase <= BUILD_STEP_AWAITS_SHARE)
            add_question(q, step, BUILD_ASKS_DEFINITION);
        else if (st->phase == BUILD_STEP_AWAITS_SHARE && st->asks == BUILD_ASKS_CONTENT && st->asked && !st->answered) {
            add_question(q, step, BUILD_ASKS_CONTENT);
            /* Whoever found it without its content key has put it under this one alone. */
            if (st->other_parent && !step->inputs_renewed)
                add_question(q, step, BUILD_ASKS_DEFINITION);
        }
    }
}

/* What a step that hardly will be found can be compared with, where nothing is known here. */
static void list_newest(struct ask *q)
{
    q->n_steps = q->n;
    for (size_t i = 0; i < q->n_steps && !q->only_look; i++) {
        struct cb_digest places[BUILD_CAUSE_PLACES], keys[CACHE_EARLIER_KEEP];
        const struct build_step *step = q->answers[i].step;
        build_cause_places(q->s->g->build, step, false, places);
        bool here = cache_earlier_find(q->s->earlier, &places[0], keys) || cache_earlier_find(q->s->earlier, &places[1], keys);
        for (int k = 0; !here && q->answers[i].what == BUILD_ASKS_CONTENT && k < BUILD_CAUSE_PLACES; k++) {
            add_question(q, step, BUILD_ASKS_NEWEST);
            q->answers[q->n - 1].place = k;
        }
    }
}

static struct cb_digest key_of(const struct ask *q, const struct answer *a)
{
    const struct build_key *k = &build_state_of(q->s->g, a->step)->key;
    struct cb_digest newest[BUILD_CAUSE_PLACES];
    build_cause_places(q->s->g->build, a->step, true, newest);
    return a->what == BUILD_ASKS_NEWEST ? newest[a->place] : a->what == BUILD_ASKS_CONTENT ? k->content : k->definition;
}

static void take_answer(void *arg, size_t number, size_t share, struct build_artifact *a)
{
    struct answer *to = &((struct ask *)arg)->answers[number];
    to->there = true;
    to->share = share;
    to->artifact = *a;
    *a = BUILD_ARTIFACT_INIT;
}

static void ask_all(struct ask *q)
{
    CB_AUTO(free) struct cb_digest *keys = cb_alloc((q->n + 1) * sizeof(*keys));
    for (size_t i = 0; i < q->n; i++)
        keys[i] = key_of(q, &q->answers[i]);
    build_shares_ask(&q->shares, keys, q->n, take_answer, q);
}

/* The graph is this process's own: a step whose result is known here is done as far as those above it are concerned. */
static void known(struct build_graph *g, const struct build_step *step, const struct cb_digest *layer)
{
    build_state_of(g, step)->phase = BUILD_STEP_DONE;
    if (layer)
        g->build->made[step->index].layer = *layer;
    build_keys_chain(g, step);
}

static bool is_known(const struct build_graph *g, const struct build_step *step)
{
    return !step || build_state_of(g, step)->phase == BUILD_STEP_DONE;
}

/* What the store knows of a step whose parent is known. */
static bool know_local(struct build_graph *g, const struct build_step *step)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_digest key;
    build_keys_on_parent(g, step, &key);
    if (step->no_cache || step->inputs_renewed || cache_record_load(g->build->session->store, &key, &r, &ignored) <= 0)
        return false;
    known(g, step, &r.layer);
    return true;
}

/* Of a definition's documents, the one counts that was made on the snapshot which the step has here. */
static bool fits(const struct build_graph *g, const struct answer *a)
{
    static const struct cb_digest none;
    const struct build_step *parent = a->step->parent;
    const struct cb_digest *chain = parent ? &build_state_of(g, parent)->key.chain : &none;
    return a->what == BUILD_ASKS_CONTENT || cb_digest_eq(&a->artifact.parent, chain);
}

/* What is known of a step: here, or by one of these answers. */
static void choose_for(struct build_graph *g, const struct build_step *step, struct answer *answers, size_t n)
{
    bool stands = is_known(g, step->parent) || (n && answers->what == BUILD_ASKS_CONTENT);
    if (is_known(g, step) || !stands)
        return;
    if (step->op == BUILD_OP_BASE)
        known(g, step, NULL);
    else if (!know_local(g, step))
        for (size_t i = 0; i < n && !is_known(g, step); i++)
            if (answers[i].there && fits(g, &answers[i])) {
                answers[i].chosen = true;
                known(g, step, &answers[i].artifact.record.layer);
            }
}

static void choose(struct ask *q)
{
    struct build_graph *g = q->s->g;
    size_t next = 0;
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        size_t first = next;
        while (next < q->n_steps && q->answers[next].step == g->plan->steps[i])
            next++;
        choose_for(g, g->plan->steps[i], &q->answers[first], next - first);
    }
    for (size_t i = q->n_steps; i < q->n; i++)
        q->answers[i].chosen = q->answers[i].there && !is_known(g, q->answers[i].step);
}

/* Of what a step takes from others nothing is needed where it is known itself. */
static void leave_unneeded(struct ask *q, bool *needed)
{
    const struct build_graph *g = q->s->g;
    for (size_t i = g->plan->n_steps; i-- > 0;) {
        const struct build_step *step = g->plan->steps[i];
        if (needed[i] && step->parent)
            needed[step->parent->index] = true;
        for (size_t k = 0; needed[i] && !is_known(g, step) && k < step->n_inputs; k++)
            needed[step->inputs[k]->index] = true;
    }
    for (size_t i = 0; i < q->n; i++)
        q->answers[i].chosen = q->answers[i].chosen && needed[q->answers[i].step->index];
}

/* Those that something has asked for already. */
static bool *list_needed(const struct ask *q)
{
    const struct build_graph *g = q->s->g;
    bool *needed = cb_alloc(g->plan->n_steps + 1);
    for (size_t i = 0; i < g->plan->n_steps; i++)
        needed[i] = g->states[i].phase != BUILD_STEP_IDLE;
    return needed;
}

static void *bring(void *arg)
{
    struct ask *q = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&q->next, 1);
        if (i >= q->n)
            return NULL;
        struct answer *a = &q->answers[i];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        bool newest = a->what == BUILD_ASKS_NEWEST;
        if (!a->chosen || (build_shares_bring(&q->shares, a->share, &a->artifact, &err) == 0 &&
                           (!newest || build_shares_bring_inputs(&q->shares, a->share, &a->artifact, &err) == 0)))
            continue;
        a->chosen = false;
        if (newest)
            continue;
        cb_prefix(&err, "%s: a result in the shared cache cannot be used", a->step->name);
        cb_job_warn(q->shares.io, err.msg);
    }
}

static void bring_all(struct ask *q)
{
    pthread_t threads[AT_ONCE - 1];
    size_t n = 0;
    while (n < CB_LEN(threads) && n + 1 < q->n && pthread_create(&threads[n], NULL, bring, q) == 0)
        n++;
    (void)bring(q);
    while (n)
        pthread_join(threads[--n], NULL);
}

/* Names of inputs are shown, too. */
static void leave_out_strange(struct cache_record *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_inputs; i++) {
        bool strange = strlen(r->inputs[i].name) > CB_MAX_PATH || strlen(r->inputs[i].value) > 16;
        for (const char *c = r->inputs[i].name; *c && !strange; c++)
            strange = (unsigned char)*c < ' ' || *c == 0x7f;
        if (strange) {
            free(r->inputs[i].name);
            free(r->inputs[i].value);
        } else {
            r->inputs[n++] = r->inputs[i];
        }
    }
    r->n_inputs = n;
}

/* The document's own name of the step is not taken over: it is shown to people. */
static int record(struct ask *q, const struct answer *a, struct cb_error *err)
{
    struct build_graph *g = q->s->g;
    struct cache_store *store = q->s->session->store;
    struct cache_record r = a->artifact.record; /* borrowed, but for the name */
    struct cb_digest definition;
    r.instruction = a->step->name;
    const struct cb_digest newest = key_of(q, a);
    if (a->what == BUILD_ASKS_NEWEST) /* nothing looks for a result under this key */
        return cache_record_store(store, &newest, &r, err);
    build_keys_on_parent(g, a->step, &definition);
    if (build_state_of(g, a->step)->asks != BUILD_ASKS_CONTENT)
        return cache_record_store(store, &definition, &r, err);
    const struct cb_digest *content = &build_state_of(g, a->step)->key.content;
    return cache_record_store_both(store, content, &definition, &r, err);
}

/* What the job says of a step: its result is here, or what was there last (by its place), or nothing of it fits yet. */
enum { SAYS_RESULT, SAYS_NEWEST, SAYS_OTHER_PARENT = SAYS_NEWEST + BUILD_CAUSE_PLACES };

static void say(struct cb_buf *answer, const struct answer *a, uint8_t what)
{
    cb_put_u64(answer, a->step->index);
    cb_put_u8(answer, what);
}

/* What stands on a layer that did not come is found nowhere, whether it is recorded or not. */
static int record_all(struct ask *q, struct cb_buf *answer, struct cb_error *err)
{
    for (size_t i = 0; i < q->n; i++) {
        struct answer *a = &q->answers[i];
        if (a->there && a->what == BUILD_ASKS_DEFINITION && !is_known(q->s->g, a->step))
            say(answer, a, SAYS_OTHER_PARENT);
        if (!a->chosen)
            continue;
        leave_out_strange(&a->artifact.record);
        if (record(q, a, err) < 0)
            return -1;
        say(answer, a, a->what == BUILD_ASKS_NEWEST ? SAYS_NEWEST + (uint8_t)a->place : SAYS_RESULT);
    }
    return 0;
}

static void tell_all(const struct ask *q, struct cb_buf *answer)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->answers[i].chosen) {
            cb_put_u64(answer, q->answers[i].step->index);
            cb_put_digest(answer, &q->answers[i].artifact.record.layer);
        }
}

static int ask_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    struct ask q = *(const struct ask *)ctx;
    CB_AUTO(free) bool *needed = list_needed(&q);
    list_questions(&q);
    list_newest(&q);
    build_shares_open(q.s->session, io, false, q.s->sharing.off, &q.shares);
    ask_all(&q);
    choose(&q);
    if (!q.only_look) {
        leave_unneeded(&q, needed);
        bring_all(&q);
    }
    build_sharing_note_failed(&q.shares, answer);
    int r = q.only_look ? 0 : record_all(&q, answer, err);
    if (q.only_look)
        tell_all(&q, answer);
    for (size_t i = 0; i < q.n; i++)
        build_artifact_done(&q.answers[i].artifact);
    free(q.answers);
    build_shares_close(&q.shares);
    return r;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------ */

void build_sharing_note_failed(const struct build_shares *shares, struct cb_buf *answer)
{
    for (size_t i = 0; i < shares->session->request->n_shares; i++)
        cb_put_str(answer, shares->failed[i]);
}

/* Says so once, whatever several jobs have found at the same time. What cannot be read is not worth a try at writing. */
static void switch_off(struct build_schedule *s, size_t share, const char *why)
{
    const struct build_request *q = s->session->request;
    const struct build_share *o = &q->shares[share];
    if (!s->sharing.off[share])
        build_warning(s->session, "%s", why);
    s->sharing.off[share] = true;
    for (size_t i = 0; !o->writes && o->place && i < q->n_shares; i++)
        if (q->shares[i].ops == o->ops && q->shares[i].place && strcmp(q->shares[i].place, o->place) == 0)
            s->sharing.off[i] = true;
}

void build_sharing_take_failed(struct build_schedule *s, struct cb_unpack *u)
{
    const struct build_request *q = s->session->request;
    struct build_sharing *h = &s->sharing;
    bool reads = false, writes = false;
    for (size_t i = 0; i < q->n_shares; i++) {
        CB_AUTO(free) char *why = cb_get_str(u);
        if (*why)
            switch_off(s, i, why);
    }
    for (size_t i = 0; i < q->n_shares; i++) {
        reads |= !h->off[i] && !q->shares[i].writes;
        writes |= !h->off[i] && q->shares[i].writes;
    }
    h->reads = h->reads && reads;
    h->writes = h->writes && writes;
}

/* Whose question goes out now. */
static size_t mark_waiting(struct build_schedule *s)
{
    const struct build_steps *waiting = &s->g->waiting[BUILD_STEP_AWAITS_SHARE];
    for (size_t i = 0; i < waiting->n; i++)
        build_state_of(s->g, waiting->items[i])->asked = true;
    return waiting->n;
}

static void start_asking(struct build_schedule *s)
{
    struct build_sharing *h = &s->sharing;
    if (h->asking || !mark_waiting(s))
        return;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct ask q = {.s = s, .definitions = !h->defined};
    struct cb_job job;
    h->asking = h->defined = true;
    if (cb_job_fork(ask_job, &q, &job, &err) == 0)
        build_running_add(s, BUILD_RUNNING_ASK, NULL, job);
    else
        build_sharing_lost(s, true, err.msg);
}

static void take_newest(struct build_schedule *s, const struct build_step *step, int place)
{
    struct cb_digest here[BUILD_CAUSE_PLACES], there[BUILD_CAUSE_PLACES];
    build_cause_places(s->g->build, step, false, here);
    build_cause_places(s->g->build, step, true, there);
    cache_earlier_add(s->earlier, &here[place], &there[place]);
}

static void take_saying(struct build_schedule *s, size_t index, uint8_t what)
{
    if (what == SAYS_RESULT)
        s->g->states[index].shared = true;
    else if (what == SAYS_OTHER_PARENT)
        s->g->states[index].other_parent = true;
    else
        take_newest(s, s->g->plan->steps[index], what - SAYS_NEWEST);
}

static void answered(struct build_schedule *s, const struct cb_buf *answer)
{
    s->sharing.asking = false;
    for (size_t i = 0; i < s->g->plan->n_steps; i++) {
        struct build_step_state *st = &s->g->states[i];
        st->answered |= st->asked || st->asks == BUILD_ASKS_DEFINITION;
    }
    if (answer) {
        struct cb_unpack u = cb_unpack(answer->data, answer->len);
        build_sharing_take_failed(s, &u);
        while (u.p < u.end && !u.failed) {
            uint64_t index = cb_get_u64(&u);
            uint8_t what = cb_get_u8(&u);
            if (!u.failed && index < s->g->plan->n_steps && what <= SAYS_OTHER_PARENT)
                take_saying(s, index, what);
        }
    }
    build_graph_wake(s->g, BUILD_STEP_AWAITS_SHARE);
}

/* Which of them was silent nobody knows; where they are, nothing is put either. */
static void switch_readers_off(struct build_schedule *s)
{
    const struct build_request *q = s->session->request;
    bool writes = false;
    for (size_t i = 0; i < q->n_shares; i++)
        if (!q->shares[i].writes) {
            s->sharing.off[i] = true; /* it was said */
            switch_off(s, i, "");
        }
    for (size_t i = 0; i < q->n_shares; i++)
        writes |= q->shares[i].writes && !s->sharing.off[i];
    s->sharing.writes = s->sharing.writes && writes;
}

/* A job of ours could not be started, or has died: the caches of its sort are left alone. */
void build_sharing_lost(struct build_schedule *s, bool asking, const char *why)
{
    struct build_sharing *h = &s->sharing;
    build_warning(s->session, "the shared cache is not used any more: %s", why);
    if (asking) {
        h->reads = false;
        switch_readers_off(s);
        answered(s, NULL);
        return;
    }
    h->writes = false;
    h->queue.n = h->queue.first = 0;
}

/* A cache that does not answer ends the job. */
static int look_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    signal(SIGALRM, SIG_DFL);
    alarm(BUILD_SHARING_PATIENCE);
    return ask_job(io, ctx, answer, err);
}

void build_sharing_foresee(struct build_schedule *s, const struct build_step *step, struct build_foreseen *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct ask q = {.s = s, .definitions = !step, .only_look = true};
    struct cb_job job;
    if (!s->sharing.reads)
        return;
    if (step) {
        struct build_step_state *st = build_state_of(s->g, step);
        st->phase = BUILD_STEP_AWAITS_SHARE;
        st->asks = BUILD_ASKS_CONTENT;
        st->asked = true;
    }
    if (cb_job_fork(look_job, &q, &job, &err) < 0 || build_wait_job(s->session, &job, NULL, &answer, &err) < 0) {
        build_sharing_lost(s, true, err.msg);
        return;
    }
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    build_sharing_take_failed(s, &u);
    while (u.p < u.end && !u.failed) {
        uint64_t index = cb_get_u64(&u);
        struct cb_digest layer = cb_get_digest(&u);
        if (!u.failed && index < s->g->plan->n_steps)
            ret[index] = (struct build_foreseen){true, layer};
    }
}

/* ---- for the loop ------------------------------------------------------------------------------------------------------ */

void build_sharing_go_on(struct build_schedule *s, bool ended)
{
    if (s->sharing.reads)
        start_asking(s);
    build_put_start(s, ended);
    build_claims_end(s);
}

bool build_sharing_is_busy(const struct build_schedule *s)
{
    const struct build_sharing *h = &s->sharing;
    return h->asking || h->n_putting > 0 || (h->writes && h->queue.first < h->queue.n) || build_claims_are_busy(s);
}

bool build_sharing_outlives(struct build_schedule *s, struct build_running *r)
{
    struct build_sharing *h = &s->sharing;
    h->checked = true; /* what was found here can wait for a build that does not fail */
    h->reads = h->asking = false;
    if (r->kind == BUILD_RUNNING_PACK) { /* the helper has just ended it */
        CB_PUSH(h->queue.items, h->queue.n, h->queue.cap) = r->put;
        h->n_putting--;
    }
    if (r->kind == BUILD_RUNNING_CLAIM)
        return build_claim_outlives(s, r);
    return r->kind == BUILD_RUNNING_PUT || r->kind == BUILD_RUNNING_CHECK;
}

static void job_ended(struct build_schedule *s, struct build_running *r, const struct cb_buf *answer, const char *why)
{
    enum build_running_kind kind = r->kind;
    if (kind == BUILD_RUNNING_ASK && answer)
        answered(s, answer);
    if (kind != BUILD_RUNNING_ASK)
        build_put_ended(s, r, answer);
    if (!answer)
        build_sharing_lost(s, kind == BUILD_RUNNING_ASK, why);
    build_running_drop(s, r);
}

void build_sharing_event(struct build_schedule *s, struct build_running *r, struct cb_job_event *e)
{
    r->heard = cb_clock_now();
    if (r->kind == BUILD_RUNNING_CLAIM)
        build_claim_event(s, r, e);
    else if (e->kind == CB_JOB_DONE)
        job_ended(s, r, &e->answer, NULL);
    else if (e->kind == CB_JOB_FAILED)
        job_ended(s, r, NULL, e->error.msg);
}

void build_sharing_watch(struct build_schedule *s)
{
    for (size_t i = s->n_running; i-- > 0;) {
        struct build_running *r = s->running[i];
        int patience = r->kind == BUILD_RUNNING_ASK ? BUILD_SHARING_PATIENCE : BUILD_SHARING_SILENCE;
        if (r->kind == BUILD_RUNNING_CLAIM) {
            build_claim_watch(s, r);
            continue;
        }
        if (r->kind < BUILD_RUNNING_ASK || cb_seconds_since(r->kind == BUILD_RUNNING_ASK ? &r->started : &r->heard) < patience)
            continue;
        CB_AUTO(free) char *why = cb_printf("it did not answer within %d seconds", patience);
        cb_job_kill(&r->job);
        job_ended(s, r, NULL, why);
    }
}
