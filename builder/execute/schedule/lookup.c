/* What earlier builds recorded of a step, and what this one records. */
#include "builder/execute/keys/keys.h"
#include "builder/execute/schedule/schedule-internal.h"
#include "cache/record.h"

static void take_record(struct build_schedule *s, const struct build_step *step, const struct cache_record *r)
{
    s->g->build->made[step->index] = (struct build_made){r->layer, r->created};
    struct build_step_state *st = build_state_of(s->g, step);
    st->cached = true;
    st->usage = r->usage;
}

static int load(struct build_schedule *s, const struct cb_digest *key, struct cache_record *ret, struct cb_error *err)
{
    const struct build_session *session = s->session;
    int found = cache_record_load(session->store, key, ret, err);
    bool old = session->request->ages && session->started.tv_sec - ret->created.tv_sec >= session->request->max_age;
    return found > 0 && old ? 0 : found;
}

int build_lookup_definition(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    struct cb_digest key;
    build_keys_on_parent(s->g, step, &key);
    int found = load(s, &key, &r, err);
    if (found <= 0)
        return found;
    take_record(s, step, &r);
    return 1;
}

/* The record of the definition may name what other inputs gave: from now on it names this. */
int build_lookup_content(struct build_schedule *s, const struct build_step *step, struct cb_error *err)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_digest definition;
    const struct cb_digest *content = &build_state_of(s->g, step)->key.content;
    int found = step->no_cache ? 0 : load(s, content, &r, err);
    if (found <= 0)
        return found;
    take_record(s, step, &r);
    build_keys_on_parent(s->g, step, &definition);
    /* Without it the next build looks more closely again. */
    (void)cache_record_link(s->session->store, content, &definition, &ignored);
    return 1;
}

/* A step that was done again and gave the same needs no new record. */
static bool is_recorded(struct build_schedule *s, const struct cb_digest *key, const struct build_outcome *o)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return cache_record_load(s->session->store, key, &r, &ignored) > 0 && cb_digest_eq(&r.layer, &o->layer) &&
           r.created.tv_sec == o->created.tv_sec && r.created.tv_nsec == o->created.tv_nsec;
}

void build_record_outcome(struct build_schedule *s, const struct build_step *step, const struct build_outcome *o)
{
    CB_AUTO(cache_record)
    struct cache_record r = {.layer = o->layer, .created = o->created, .usage = o->usage};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_digest definition;
    const struct cb_digest *content = &build_state_of(s->g, step)->key.content;
    build_keys_on_parent(s->g, step, &definition);
    if (is_recorded(s, content, o) && is_recorded(s, &definition, o))
        return;
    r.instruction = cb_strdup(step->name);
    const struct build_notes *notes = &build_state_of(s->g, step)->key.notes;
    for (size_t i = 0; i < notes->n; i++)
        cache_record_input(&r, notes->items[i].name, notes->items[i].digest);
    if (cache_record_store_both(s->session->store, content, &definition, &r, &err) < 0)
        build_warning(s->session, "the result of '%s' could not be recorded: %s", step->name, err.msg);
}
