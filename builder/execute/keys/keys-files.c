/* What a step takes from contexts, from the network and from other steps, as its keys say it. */
#include "builder/execute/keys/keys-internal.h"

/* ---- selecting ------------------------------------------------------------------------------------------- */

int build_copy_select(const struct build_copy *c, const struct build_source *source, struct build_selection *ret,
                      struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv words = {0};
    for (size_t i = 0; i < c->sources.n; i++)
        if (!c->remotes[i])
            cb_strv_push(&words, c->sources.items[i]);
    struct build_select_params params = {
        .words = (const char *const *)words.items,
        .n_words = words.n,
        .exclude = (const char *const *)c->excludes.items,
        .n_exclude = c->excludes.n,
        .parents = c->parents,
        .listed = words.n == 1 && !c->n_remote,
    };
    return build_select(source, &params, ret, err);
}

/* Names of the files are noted with the content key: most builds need none. */
static int select_local(struct build_graph *g, const struct build_step *s, struct cb_buf *k, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    struct build_source *source = NULL;
    if (build_local_source(g->build->session, s->copy.from.local, &source, err) < 0)
        return -1;
    key->selected = true;
    if (build_copy_select(&s->copy, source, &key->selection, err) < 0 ||
        build_selection_digest(&key->selection, &key->selected_digest, err) < 0)
        return -1;
    cb_put_digest(k, &key->selected_digest);
    return 0;
}

static struct build_source tree_source(struct cache_tree *tree)
{
    return (struct build_source){.tree = tree};
}

/* What is copied has the modes that are hashed, so a key that holds them needs to say no more; the option is only named. A mount
 * shows the files as they are: its key says that their modes did not count. */
static void put_ignored_modes(struct build_key_text *t, const struct build_graph *g, const struct build_step *s)
{
    static const char mode[] = "mode";
    if (!g->build->session->request->ignores_modes)
        return;
    if (s->op == BUILD_OP_RUN)
        cb_put_str(&t->bytes, mode);
    if (t->notes)
        build_notes_add(t->notes, "cache-ignore", NULL, mode, strlen(mode));
}

/* A bind mount shows a part of a tree: its digest is that of everything below the mount's source. */
static int put_bind(struct build_key_text *t, const struct build_source *source, const struct build_run_mount *m,
                    struct cb_error *err)
{
    struct cb_buf *k = &t->bytes;
    size_t at = k->len;
    CB_AUTO(build_selection) struct build_selection sel = {0};
    const char *words[] = {*m->m->source ? m->m->source : "/"};
    struct build_select_params params = {.words = words, .n_words = 1, .literal = true};
    struct cb_digest d;
    if (build_select(source, &params, &sel, err) < 0 || build_selection_digest(&sel, &d, err) < 0)
        return -1;
    cb_put_digest(k, &d);
    for (size_t i = 0; i < sel.n_items; i++) { /* a mount shows the directory itself, a COPY does not */
        cb_put_u32(k, sel.items[i].node->e.mode);
        cb_put_u32(k, sel.items[i].node->e.uid);
        cb_put_u32(k, sel.items[i].node->e.gid);
    }
    build_key_name(t, at, "bind", m->target);
    return 0;
}

static int put_remote(struct build_key_text *t, const struct build_remote *r, size_t number, struct cb_error *err)
{
    CB_AUTO(build_selection) struct build_selection sel = {0};
    struct cb_digest d;
    size_t at = t->bytes.len;
    cb_put_u64(&t->bytes, number);
    cb_put_str(&t->bytes, r->name);
    cb_put_str(&t->bytes, r->identity);
    if (!r->identity && (build_select_all(&r->source, &sel, err) < 0 || build_selection_digest(&sel, &d, err) < 0))
        return -1;
    if (!r->identity)
        cb_put_digest(&t->bytes, &d);
    build_key_name(t, at, "fetched", r->git ? "git" : r->name);
    return 0;
}

static int put_remotes(struct build_key_text *t, const struct build_copy *c, struct cb_error *err)
{
    cb_put_u8(&t->bytes, c->unpack_remote);
    build_key_put_strv(&t->bytes, &c->excludes); /* of a checkout all is digested, whatever is taken */
    for (size_t i = 0; i < c->sources.n; i++)
        if (c->remotes[i] && put_remote(t, c->remotes[i], i, err) < 0)
            return -1;
    return 0;
}

int build_key_put_local(struct build_key_text *t, struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    if (s->op == BUILD_OP_COPY && s->copy.n_remote && put_remotes(t, &s->copy, err) < 0)
        return -1;
    if (s->op == BUILD_OP_COPY && s->copy.from.kind == BUILD_FILES_CONTEXT && s->copy.sources.n > s->copy.n_remote) {
        put_ignored_modes(t, g, s);
        return select_local(g, s, &t->bytes, err);
    }
    for (const struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next) {
        if (m->m->type != DF_MOUNT_BIND || m->from.kind != BUILD_FILES_CONTEXT)
            continue;
        struct build_source *source = NULL;
        put_ignored_modes(t, g, s);
        if (build_local_source(g->build->session, m->from.local, &source, err) < 0 || put_bind(t, source, m, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- from other steps ------------------------------------------------------------------------------------- */

int build_step_tree(struct build *b, const struct cb_digest *layers, size_t n, struct cache_tree **ret, struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = cache_tree_new();
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(cache_index) struct cache_index index = {0};
        if (cache_layer_index(b->session->store, &layers[i], &index, err) < 0)
            return -1;
        cache_tree_apply(tree, &index, (int)i);
    }
    *ret = CB_TAKE(tree);
    return 0;
}

static int input_tree(const struct build_graph *g, const struct build_step *input, struct cache_tree **ret, struct cb_error *err)
{
    CB_AUTO(free) struct cb_digest *layers = NULL;
    size_t n = build_step_layers(input, g->build->made, &layers);
    return build_step_tree(g->build, layers, n, ret, err);
}

static int put_copied(struct build_key_text *t, const struct build_graph *g, const struct build_copy *c, struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = NULL;
    CB_AUTO(build_selection) struct build_selection sel = {0};
    struct cb_digest d;
    if (input_tree(g, c->from.step, &tree, err) < 0)
        return -1;
    struct build_source source = tree_source(tree);
    if (build_copy_select(c, &source, &sel, err) < 0 || build_selection_digest(&sel, &d, err) < 0)
        return -1;
    cb_put_digest(&t->bytes, &d);
    if (t->notes)
        build_notes_add_selection(t->notes, &sel, &d);
    return 0;
}

int build_key_put_inputs(struct build_key_text *t, const struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    if (s->op == BUILD_OP_COPY && s->copy.from.kind == BUILD_FILES_STEP && put_copied(t, g, &s->copy, err) < 0)
        return -1;
    for (const struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next) {
        if (m->from.kind != BUILD_FILES_STEP)
            continue;
        CB_AUTO(cache_tree) struct cache_tree *tree = NULL;
        if (input_tree(g, m->from.step, &tree, err) < 0)
            return -1;
        struct build_source source = tree_source(tree);
        if (put_bind(t, &source, m, err) < 0)
            return -1;
    }
    return 0;
}
