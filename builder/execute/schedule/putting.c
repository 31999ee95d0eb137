/* Steps on their way into shared caches: packed where that takes the namespace, then put there by a fork of now. */
#include "base/clock.h"
#include "base/pack.h"
#include "builder/execute/keys/keys.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"
#include "cache/layer/places.h"
#include "cache/record.h"

#define PACKED_AT_ONCE 2 /* which keeps processors busy */
#define AT_ONCE        8 /* of them and of those that are on their way, which only wait */

static void push(struct build_steps *q, const struct build_step *step)
{
    CB_PUSH(q->items, q->n, q->cap) = step;
}

/* Does this cache take the step? With mode=min only those that the image is made of. */
bool build_put_takes(const struct build_schedule *s, size_t share, const struct build_step *step)
{
    const struct build_share *o = &s->session->request->shares[share];
    return o->writes && !s->sharing.off[share] && step->op != BUILD_OP_BASE && (o->all || step->in_target);
}

static bool is_wanted(const struct build_schedule *s, const struct build_step *step)
{
    bool wanted = false;
    for (size_t i = 0; i < s->session->request->n_shares; i++)
        wanted |= build_put_takes(s, i, step);
    return wanted;
}

void build_sharing_put(struct build_schedule *s, const struct build_step *step)
{
    if (s->sharing.writes && is_wanted(s, step))
        push(&s->sharing.queue, step);
}

/* ---- packing ------------------------------------------------------------------------------------------------------------ */

/* 1: the layer has a blob that this cache can have. */
static int find_packed(struct cache_store *store, const struct build_share *o, const struct cb_digest *layer,
                       struct cache_packed *ret, struct cb_error *err)
{
    struct cache_layer l;
    int r = cache_layer_packed(store, layer, o->codec, o->level, false, ret, err);
    if (r != 0)
        return r;
    /* What somebody else has compressed is not packed again. */
    if (cache_layer_find(store, layer, &l, err) <= 0 || l.has_files)
        return err->msg ? -1 : 0;
    r = cache_layer_packed(store, layer, o->codec, o->level, true, ret, err);
    return r > 0 && ret->codec == &cb_codec_none ? 0 : r;
}

static int pack_one(struct build_session *s, const struct build_share *o, const struct cb_digest *layer, struct cb_job_io *io,
                    struct cb_error *err)
{
    struct cache_packed packed;
    int r = find_packed(s->store, o, layer, &packed, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (!cache_layer_is_elsewhere(s->store, layer))
        return cache_layer_pack(s->store, layer, o->codec, o->level, io, &packed, err);
    CB_AUTO(build_fetch) struct build_fetch f;
    build_fetch_init(&f, s, io);
    return build_fetch_layer(&f, layer, false, err);
}

static int pack_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    (void)answer;
    struct build_session *s = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct cb_digest layer = cb_get_digest(&u);
    for (size_t i = 0; i < s->request->n_shares; i++)
        if (cb_get_u8(&u) && pack_one(s, &s->request->shares[i], &layer, io, err) < 0)
            return -1;
    return 0;
}

static bool is_packed(const struct build_schedule *s, const struct build_step *step)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const struct build_request *q = s->session->request;
    struct cache_packed packed;
    bool all = true;
    for (size_t i = 0; i < q->n_shares; i++)
        all = all && (!build_put_takes(s, i, step) || find_packed(s->session->store, &q->shares[i],
                                                                  &s->g->build->made[step->index].layer, &packed, &ignored) > 0);
    return all;
}

static int start_packing(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    cb_put_digest(&bytes, &s->g->build->made[step->index].layer);
    for (size_t i = 0; i < s->session->request->n_shares; i++)
        cb_put_u8(&bytes, build_put_takes(s, i, step));
    struct rt_job_request req = {bytes.data, bytes.len, NULL, 0};
    struct cb_job job;
    if (build_ns_job(s->session, RT_HELPER_FILES, pack_job, &req, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_PACK, NULL, job)->put = step;
    return 0;
}

/* ---- putting ------------------------------------------------------------------------------------------------------------ */

struct put {
    struct build_schedule *s;
    const struct build_step *step;
};

static int describe(const struct put *p, struct build_artifact *ret, struct cb_error *err)
{
    const struct build_graph *g = p->s->g;
    struct cache_store *store = p->s->session->store;
    const struct build_key *key = &build_state_of(g, p->step)->key;
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_layer layer;
    struct cb_digest on_parent;
    build_keys_on_parent(g, p->step, &on_parent);
    if (cache_record_load(store, &on_parent, &ret->record, err) <= 0 ||
        cache_record_load_inputs(store, &on_parent, &ret->record, err) < 0 ||
        cache_layer_find(store, &ret->record.layer, &layer, err) <= 0)
        return err->msg ? -1 : cb_fail(err, CB_E_NOT_FOUND, "its record is not in the store any more");
    if (!layer.has_diff_id)
        return cb_fail(err, CB_E_FAILED, "the diff ID of its layer is not known");
    ret->diff_id = layer.diff_id;
    if (p->step->parent)
        ret->parent = build_state_of(g, p->step->parent)->key.chain;
    ret->has_content = key->has_content;
    ret->content = key->content;
    ret->platform = cb_strdup(p->step->platform);
    ret->maker = cb_strdup("cbuild " CBUILD_VERSION);
    return cache_layer_index(store, &ret->record.layer, &x, err) < 0 ? -1 : build_artifact_set_index(ret, &x, err);
}

/* 1: put. 0: somebody else was first. */
static int put_into(struct build_shares *shares, size_t share, const struct put *p, struct build_artifact *a,
                    struct cb_error *err)
{
    const struct build_key *key = &build_state_of(p->s->g, p->step)->key;
    struct cb_digest keys[2] = {key->definition, key->content};
    size_t n = key->has_content ? 2 : 1;
    /* What was there has led to a layer that is lost, or may have: what is made again takes its place. */
    bool anew = p->s->session->store->only_here && !build_state_of(p->s->g, p->step)->cached;
    enum build_has has[2];
    build_shares_has(shares, share, keys, n, true, has);
    if (!shares->links[share] || (!anew && has[0] == BUILD_HAS_SOUND && has[n - 1] == BUILD_HAS_SOUND))
        return 0;
    for (size_t i = 0; i < n; i++)
        anew |= has[i] == BUILD_HAS_DAMAGED;
    struct cache_packed packed;
    if (find_packed(p->s->session->store, &p->s->session->request->shares[share], &a->record.layer, &packed, err) <= 0)
        return err->msg ? -1 : cb_fail(err, CB_E_NOT_FOUND, "the packed layer is not in the store any more");
    struct cb_digest newest[BUILD_CAUSE_PLACES];
    bool made = !build_state_of(p->s->g, p->step)->cached;
    build_cause_places(p->s->g->build, p->step, true, newest);
    return build_shares_put(shares, share, a, &packed, keys, n, anew, newest, made ? CB_LEN(newest) : 0, err);
}

/* Answers which caches were closed, whether any has taken it, and whether any had it from somebody else. */
static int put_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct put *p = ctx;
    const struct build_schedule *s = p->s;
    CB_AUTO(build_artifact) struct build_artifact a = BUILD_ARTIFACT_INIT;
    CB_AUTO(build_shares) struct build_shares shares;
    bool put = false, late = false;
    build_shares_open(s->session, io, true, s->sharing.off, &shares);
    if (describe(p, &a, err) < 0)
        return cb_prefix(err, "%s", p->step->name);
    for (size_t i = 0; i < s->session->request->n_shares; i++) {
        CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
        int r = build_put_takes(s, i, p->step) && shares.links[i] ? put_into(&shares, i, p, &a, &why) : 0;
        if (r < 0)
            build_shares_drop(&shares, i, &why);
        put |= r > 0;
        late |= r == 0 && shares.links[i] && build_put_takes(s, i, p->step);
    }
    build_sharing_note_failed(&shares, answer);
    cb_put_u8(answer, put);
    cb_put_u8(answer, late);
    return 0;
}

static int start_putting(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    struct put p = {s, step};
    struct cb_job job;
    if (cb_job_fork(put_job, &p, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_PUT, NULL, job)->put = step;
    return 0;
}

/* ---- what was found here, and may be missing there ------------------------------------------------------------------------- */

static int check_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)err;
    const struct build_schedule *s = ((const struct put *)ctx)->s;
    const struct build_plan *plan = s->g->plan;
    size_t n = 0;
    CB_AUTO(build_shares) struct build_shares shares;
    CB_AUTO(free) struct cb_digest *keys = cb_alloc((plan->n_steps + 1) * sizeof(*keys));
    CB_AUTO(free) size_t *numbers = cb_alloc((plan->n_steps + 1) * sizeof(*numbers));
    CB_AUTO(free) enum build_has *has = cb_alloc((plan->n_steps + 1) * sizeof(*has));
    CB_AUTO(free) bool *missing = cb_alloc(plan->n_steps + 1);
    build_shares_open(s->session, io, true, s->sharing.off, &shares);
    for (size_t i = 0; i < plan->n_steps; i++)
        if (s->g->states[i].cached && is_wanted(s, plan->steps[i])) {
            numbers[n] = i;
            keys[n++] = s->g->states[i].key.definition;
        }
    for (size_t k = 0; n && k < s->session->request->n_shares; k++) {
        if (shares.links[k])
            build_shares_has(&shares, k, keys, n, false, has);
        for (size_t i = 0; shares.links[k] && i < n; i++)
            missing[i] |= has[i] != BUILD_HAS_SOUND && build_put_takes(s, k, plan->steps[numbers[i]]);
    }
    build_sharing_note_failed(&shares, answer);
    for (size_t i = 0; i < n; i++)
        if (missing[i])
            cb_put_u64(answer, numbers[i]);
    return 0;
}

static bool any_cached(const struct build_schedule *s)
{
    for (size_t i = 0; i < s->g->plan->n_steps; i++)
        if (s->g->states[i].cached && is_wanted(s, s->g->plan->steps[i]))
            return true;
    return false;
}

static int start_checking(struct build_schedule *s, struct cb_error *err)
{
    struct put p = {s, NULL};
    struct cb_job job;
    s->sharing.checked = true;
    if (!any_cached(s))
        return 0;
    if (cb_job_fork(check_job, &p, &job, err) < 0)
        return -1;
    build_running_add(s, BUILD_RUNNING_CHECK, NULL, job);
    s->sharing.n_putting++;
    return 0;
}

static void take_missing(struct build_schedule *s, struct cb_unpack *u)
{
    while (u->p < u->end && !u->failed) {
        uint64_t index = cb_get_u64(u);
        if (!u->failed && index < s->g->plan->n_steps)
            push(&s->sharing.queue, s->g->plan->steps[index]);
    }
}

/* ---- for the loop ------------------------------------------------------------------------------------------------------ */

static const char waiting_name[] = "put results into the shared cache";

static void show_waiting(struct build_schedule *s, bool ended)
{
    struct build_sharing *h = &s->sharing;
    if (ended && h->n_putting && !h->shown) {
        h->shown = ++s->session->last_number;
        build_emit(s->session, &(struct build_event){
                                   .kind = BUILD_EVENT_STEP_STARTED, .step = h->shown, .name = waiting_name, .extra = true});
    }
    if (h->n_putting || h->shown <= 0)
        return;
    build_emit(s->session,
               &(struct build_event){.kind = BUILD_EVENT_STEP_DONE, .step = h->shown, .name = waiting_name, .extra = true});
    h->shown = -1;
}

static int n_packing(const struct build_schedule *s)
{
    int n = 0;
    for (size_t i = 0; i < s->n_running; i++)
        n += s->running[i]->kind == BUILD_RUNNING_PACK;
    return n;
}

void build_put_start(struct build_schedule *s, bool ended)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_sharing *h = &s->sharing;
    int r = 0;
    if (h->writes && ended && !h->checked)
        r = start_checking(s, &err);
    while (r == 0 && h->writes && h->n_putting < AT_ONCE && h->queue.first < h->queue.n) {
        const struct build_step *step = h->queue.items[h->queue.first];
        bool packed = is_packed(s, step);
        if (!packed && n_packing(s) >= PACKED_AT_ONCE)
            break;
        h->queue.first++;
        r = packed ? start_putting(s, step, &err) : start_packing(s, step, &err);
        h->n_putting += r == 0;
    }
    if (r < 0)
        build_sharing_lost(s, false, err.msg);
    show_waiting(s, ended);
}

void build_put_ended(struct build_schedule *s, struct build_running *r, const struct cb_buf *answer)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_sharing *h = &s->sharing;
    if (r->kind == BUILD_RUNNING_PACK && answer && h->writes) {
        if (start_putting(s, r->put, &err) == 0)
            return;
        build_sharing_lost(s, false, err.msg);
    }
    h->n_putting--;
    if (!answer || r->kind == BUILD_RUNNING_PACK)
        return;
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    build_sharing_take_failed(s, &u);
    if (r->kind == BUILD_RUNNING_CHECK) {
        take_missing(s, &u);
        return;
    }
    bool put = cb_get_u8(&u), late = cb_get_u8(&u);
    s->counts.put += put;
    s->counts.late += !put && late && !build_state_of(s->g, r->put)->cached;
}
