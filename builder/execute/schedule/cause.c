#include "builder/execute/schedule/cause.h"
#include "base/pack.h"
#include "base/fd.h"
#include "cache/record.h"

#include <stdio.h>

void build_cause_done(struct build_cause *c)
{
    free(c->text);
    build_differences_done(&c->differences);
    *c = (struct build_cause){0};
}

struct cache_earlier *build_earlier_open(const struct build *b)
{
    const char *path = b->contexts.main.path, *file = b->contexts.dockerfile_name;
    CB_AUTO(free) char *identity = cb_printf("%s\n%s", path ? path : "", file ? file : "");
    return cache_earlier_open(b->session->store, identity);
}

/* ---- places ---------------------------------------------------------------------------------------------- */

/* By what it says wherever it stands, and by where it stands whatever it says. */
enum { BY_TEXT, BY_POSITION, PLACES = BUILD_CAUSE_PLACES };

static void places_of(const struct build_step *s, struct cb_digest ret[PLACES])
{
    for (int i = 0; i < PLACES; i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        cb_put_u8(&b, (uint8_t)i);
        cb_put_u8(&b, s->op);
        cb_put_str(&b, s->stage);
        if (i == BY_TEXT)
            cb_put_str(&b, s->source);
        else
            cb_put_u32(&b, (uint32_t)s->position);
        if (s->foreign) /* what it gave for another platform is no earlier result of it */
            cb_put_str(&b, s->platform);
        cb_sha256(b.data, b.len, &ret[i]);
    }
}

void build_cause_places(const struct build *b, const struct build_step *step, bool shared, struct cb_digest ret[PLACES])
{
    const char *path = b->contexts.main.path ? b->contexts.main.path : b->session->request->context;
    const char *slash = strrchr(path, '/');
    places_of(step, ret);
    for (int i = 0; shared && i < PLACES; i++) {
        CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
        cb_put_str(&k, "newest");
        cb_put_str(&k, slash ? slash + 1 : path);
        cb_put_str(&k, b->contexts.dockerfile_name);
        cb_put_digest(&k, &ret[i]);
        cb_sha256(k.data, k.len, &ret[i]);
    }
}

/* ---- the nearest ----------------------------------------------------------------------------------------- */

/* An earlier result, and what is different. */
struct nearest {
    struct build_differences differences;
    struct cb_digest layer;
    bool found, coarse;
};

static size_t distance(const struct build_differences *d)
{
    return d->n + d->more + d->below;
}

static int load(struct cache_store *s, const struct cb_digest *key, struct cache_record *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int64_t lease = s->lease;
    s->lease = 0; /* what is only compared with may be pruned */
    bool found = cache_record_load(s, key, ret, &ignored) > 0 && cache_record_load_inputs(s, key, ret, &ignored) > 0;
    s->lease = lease;
    return found;
}

/* Of equally near ones the first, the newest, stays. */
static void compare(struct cache_store *store, const struct cb_digest *key, const struct build_notes *now, struct nearest *n)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    CB_AUTO(build_differences) struct build_differences d = {0};
    bool coarse;
    if (!load(store, key, &r))
        return;
    build_differences_of_notes(now, &r, &d, &coarse);
    if (n->found && distance(&n->differences) <= distance(&d))
        return;
    build_differences_done(&n->differences);
    *n = (struct nearest){d, r.layer, true, coarse};
    d = (struct build_differences){0};
}

/* The step of this build that changed what lies below, as far as that can be said. */
static const char *name_below(const struct build_graph *g, const struct build_step *step)
{
    for (const struct build_step *p = step->parent; p && p->op != BUILD_OP_BASE; p = p->parent)
        if (!build_state_of(g, p)->cached)
            return p->name;
    return NULL;
}

/* These instead of what was found before. */
static void say(struct build_cause *c, struct build_differences *files)
{
    build_differences_done(&c->differences);
    free(c->text);
    c->differences = *files;
    c->text = build_differences_text(files, NULL);
    *files = (struct build_differences){0};
}

static bool find_listed(const struct build_graph *g, const struct build_step *step, const struct cb_digest *layer,
                        struct build_differences *ret)
{
    struct cache_index_cursor entries[2] = {CACHE_INDEX_CURSOR_INIT, CACHE_INDEX_CURSOR_INIT};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int fds[2] = {-1, -1};
    bool found = true;
    for (int i = 0; i < 2 && found; i++)
        found = (fds[i] = cache_layer_entries(g->build->session->store, layer, &entries[i], &ignored)) >= 0;
    found = found && build_differences_of_list(&step->copy, &build_state_of(g, step)->key.selection.items[0], entries, ret);
    for (int i = 0; i < 2; i++) {
        cache_index_cursor_done(&entries[i]);
        cb_close(fds[i]);
    }
    return found;
}

/* By the files of the context, before the step is done. */
static bool find_files(const struct build_graph *g, const struct build_step *step, const struct cb_digest *layer,
                       struct build_differences *ret)
{
    CB_AUTO(cache_index) struct cache_index index = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const struct build_key *key = &build_state_of(g, step)->key;
    if (key->selected && key->selection.n_items == 1 && key->selection.items[0].list)
        return find_listed(g, step, layer, ret);
    return key->selected && cache_layer_index(g->build->session->store, layer, &index, &ignored) == 0 &&
           build_differences_of_selection(&step->copy, &key->selection, &index, ret);
}

static void take(const struct build_graph *g, const struct build_step *step, struct nearest *n, struct build_cause *ret)
{
    ret->coarse = step->op == BUILD_OP_COPY && n->coarse;
    ret->layer = n->layer;
    ret->differences = n->differences;
    ret->text = build_differences_text(&ret->differences, name_below(g, step));
}

void build_cause_find(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                      struct build_cause *ret)
{
    struct cb_digest places[PLACES], keys[CACHE_EARLIER_KEEP];
    struct nearest n = {.found = false};
    places_of(step, places);
    for (int i = 0; i < PLACES && !n.found; i++) {
        size_t n_keys = cache_earlier_find(e, &places[i], keys);
        for (size_t k = 0; k < n_keys; k++)
            compare(g->build->session->store, &keys[k], &build_state_of(g, step)->key.notes, &n);
    }
    if (n.found)
        take(g, step, &n, ret);
}

void build_cause_find_files(const struct build_graph *g, const struct build_step *step, struct build_cause *c)
{
    CB_AUTO(build_differences) struct build_differences files = {0};
    if (!c->coarse || !find_files(g, step, &c->layer, &files))
        return;
    c->coarse = false;
    say(c, &files);
}

/* By the files of both results, when both are there. */
static void compare_layers(const struct build_graph *g, const struct build_step *step, struct build_cause *c)
{
    CB_AUTO(cache_index) struct cache_index before = {0}, now = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(build_differences) struct build_differences files = {0};
    struct cache_store *s = g->build->session->store;
    if (cache_layer_index(s, &c->layer, &before, &ignored) < 0 ||
        cache_layer_index(s, &g->build->made[step->index].layer, &now, &ignored) < 0)
        return;
    build_differences_of_layers(&before, &now, &files);
    if (!files.n)
        return;
    say(c, &files);
}

/* ---- the last time --------------------------------------------------------------------------------------- */

/* As if they had been made now. */
static void notes_of(const struct cache_record *r, struct build_notes *ret)
{
    for (size_t i = 0; i < r->n_inputs; i++) {
        struct build_note *note = &CB_PUSH(ret->items, ret->n, ret->cap);
        note->name = cb_strdup(r->inputs[i].name);
        snprintf(note->digest, sizeof(note->digest), "%s", r->inputs[i].value);
    }
}

void build_cause_of_last(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                         struct build_cause *ret)
{
    CB_AUTO(cache_record) struct cache_record last = {0};
    CB_AUTO(build_notes) struct build_notes notes = {0};
    struct cb_digest places[PLACES], keys[CACHE_EARLIER_KEEP];
    struct nearest n = {.found = false};
    struct cache_store *store = g->build->session->store;
    places_of(step, places);
    size_t n_keys = cache_earlier_find(e, &places[BY_POSITION], keys);
    if (!n_keys || !load(store, &keys[0], &last) || !cb_digest_eq(&last.layer, &g->build->made[step->index].layer))
        return;
    notes_of(&last, &notes);
    for (size_t k = 1; k < n_keys; k++)
        compare(store, &keys[k], &notes, &n);
    bool on_step = step->parent && step->parent->op != BUILD_OP_BASE;
    ret->differences = n.differences;
    ret->layer = n.layer;
    ret->text = build_differences_text(&ret->differences, on_step ? step->parent->name : NULL);
    if (step->op == BUILD_OP_COPY && n.coarse)
        compare_layers(g, step, ret);
}

/* ---- when it is done ------------------------------------------------------------------------------------- */

void build_cause_finish(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                        struct build_cause *c)
{
    struct cb_digest places[PLACES];
    if (c->coarse)
        compare_layers(g, step, c);
    places_of(step, places);
    for (int i = 0; i < PLACES; i++)
        cache_earlier_add(e, &places[i], &build_state_of(g, step)->key.content);
}
