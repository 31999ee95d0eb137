#include "builder/execute/keys/keys.h"
#include "builder/execute/keys/keys-internal.h"

static void build_key_text_done(struct build_key_text *k)
{
    cb_buf_done(&k->bytes);
}
CB_DEFINE_AUTO(build_key_text, struct build_key_text, build_key_text_done)

/* ---- definition ------------------------------------------------------------------------------------------ */

static int define(struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    CB_AUTO(build_key_text) struct build_key_text k = {CB_BUF_INIT, NULL};
    cb_put_str(&k.bytes, "definition");
    size_t at = k.bytes.len;
    build_key_put_operation(&k, g, s);
    size_t secrets = k.bytes.len;
    k.notes = &key->notes; /* of these and the local ones only: they are not looked at again */
    if (build_key_put_secrets(&k, at, g, s, err) < 0)
        return cb_at(err, s->at.line, s->at.last_line);
    cb_buf_add(&key->secrets, k.bytes.data + secrets, k.bytes.len - secrets);
    if (s->parent)
        cb_put_digest(&k.bytes, &g->states[s->parent->index].key.definition);
    for (size_t i = 0; i < s->n_inputs; i++)
        cb_put_digest(&k.bytes, &g->states[s->inputs[i]->index].key.definition);
    if (s->op == BUILD_OP_COPY && s->copy.from.kind == BUILD_FILES_STEP) {
        build_key_put_strv(&k.bytes, &s->copy.sources);
        build_key_put_strv(&k.bytes, &s->copy.excludes);
    }
    size_t before = k.bytes.len;
    if (build_key_put_local(&k, g, s, err) < 0)
        return cb_at(err, s->at.line, s->at.last_line);
    /* The content key needs them again: keep what was read. */
    cb_buf_add(&key->local_inputs, k.bytes.data + before, k.bytes.len - before);
    cb_sha256(k.bytes.data, k.bytes.len, &key->definition);
    return 0;
}

static int check_barren(const struct build_graph *g, struct cb_error *err)
{
    const struct build_plan *plan = g->plan;
    const struct build_selection **all = cb_alloc((plan->n_steps + 1) * sizeof(*all));
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; i < plan->n_steps; i++)
        if (g->states[i].key.selected)
            all[n++] = &g->states[i].key.selection;
    for (size_t i = 0; r == 0 && i < plan->n_steps; i++) {
        const struct build_key *key = &g->states[i].key;
        if (key->selected && build_selection_check_barren(&key->selection, all, n, err) < 0)
            r = cb_at(err, plan->steps[i]->at.line, plan->steps[i]->at.last_line);
    }
    free(all);
    return r;
}

int build_keys_define(struct build_graph *g, struct cb_error *err)
{
    CB_AUTO(df_errors) struct df_errors missing = {0}; /* independent of each other, so all are named */
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        CB_AUTO(cb_error) struct cb_error one = CB_ERROR_INIT;
        if (define(g, g->plan->steps[i], &one) == 0)
            continue;
        if (one.code != CB_E_NOT_FOUND) {
            cb_error_move(err, &one);
            return -1;
        }
        df_errors_take(&missing, &one);
    }
    return df_errors_split(&missing, err, &g->build->more_errors) < 0 ? -1 : check_barren(g, err);
}

/* ---- content --------------------------------------------------------------------------------------------- */

static void put_parent_chain(const struct build_graph *g, const struct build_step *s, struct cb_buf *k)
{
    if (s->parent)
        cb_put_digest(k, &g->states[s->parent->index].key.chain);
}

/* Part of the parent in the key; of its own among the notes, because no step of the build can be named for it. */
static void note_base(const struct build_graph *g, const struct build_step *s, struct build_notes *notes)
{
    while (s && s->op != BUILD_OP_BASE)
        s = s->parent;
    if (s)
        build_notes_add(notes, "base", NULL, &g->states[s->index].key.chain, sizeof(struct cb_digest));
}

int build_keys_content(struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    CB_AUTO(build_key_text) struct build_key_text k = {CB_BUF_INIT, &key->notes};
    cb_put_str(&k.bytes, "content");
    build_key_put_operation(&k, g, s);
    cb_buf_add(&k.bytes, key->secrets.data, key->secrets.len);
    size_t at = k.bytes.len;
    /* --link copies into an empty layer: what lies below is no input. */
    if (!(s->op == BUILD_OP_COPY && s->copy.link)) {
        put_parent_chain(g, s, &k.bytes);
        build_key_name(&k, at, "parent", NULL);
        note_base(g, s, &key->notes);
    }
    cb_put_bytes(&k.bytes, key->local_inputs.data, key->local_inputs.len);
    if (key->selected)
        build_notes_add_selection(&key->notes, &key->selection, &key->selected_digest);
    if (build_key_put_inputs(&k, g, s, err) < 0)
        return cb_at(err, s->at.line, s->at.last_line);
    cb_sha256(k.bytes.data, k.bytes.len, &key->content);
    key->has_content = true;
    return 0;
}

void build_keys_on_parent(const struct build_graph *g, const struct build_step *s, struct cb_digest *ret)
{
    CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
    cb_put_str(&k, "definition on parent");
    cb_put_digest(&k, &g->states[s->index].key.definition);
    put_parent_chain(g, s, &k);
    cb_sha256(k.data, k.len, ret);
}

void build_keys_chain(struct build_graph *g, const struct build_step *s)
{
    CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
    cb_put_str(&k, "chain");
    put_parent_chain(g, s, &k);
    if (s->op == BUILD_OP_BASE)
        for (size_t i = 0; i < s->base.image.n_layers; i++)
            cb_put_digest(&k, &s->base.image.layers[i].diff_id);
    else
        cb_put_digest(&k, &g->build->made[s->index].layer);
    cb_sha256(k.data, k.len, &g->states[s->index].key.chain);
}
