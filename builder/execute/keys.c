#include "builder/execute/keys.h"
#include "base/pack.h"
#include "base/path.h"

static void put_strv(struct cb_buf *k, const struct cb_strv *v)
{
    cb_put_u64(k, v->n);
    for (size_t i = 0; i < v->n; i++)
        cb_put_str(k, v->items[i]);
}

/* ---- the operation itself ------------------------------------------------------------------------ */

static void put_mount(struct cb_buf *k, const struct build_run_mount *mount)
{
    const struct df_mount *m = mount->m;
    cb_put_u8(k, m->type);
    cb_put_str(k, mount->target);
    cb_put_str(k, m->source);
    cb_put_u8(k, m->readonly);
    cb_put_u64(k, m->size);
    /* Of a cache only whether it has the default id counts, of a secret what it is called; never contents (dockerfile.md §18). */
    if (m->type == DF_MOUNT_CACHE)
        cb_put_u8(k, strcmp(m->id, mount->target) == 0);
    else
        cb_put_str(k, m->id);
    cb_put_str(k, m->env);
    cb_put_u32(k, m->has_mode ? m->mode : UINT32_MAX);
    cb_put_u32(k, m->has_uid ? m->uid : UINT32_MAX);
    cb_put_u32(k, m->has_gid ? m->gid : UINT32_MAX);
}

static void put_run(struct cb_buf *k, const struct build_request *r, const struct build_run *run)
{
    put_strv(k, &run->argv);
    put_strv(k, &run->env);
    cb_put_str(k, run->cwd);
    cb_put_str(k, run->user);
    cb_put_str(k, run->hostname);
    cb_put_u8(k, run->network->key);
    cb_put_u8(k, run->insecure);
    cb_put_bytes(k, run->script.p, run->script.n);
    cb_put_u64(k, r->shm_size);
    cb_put_u64(k, r->n_ulimits);
    for (size_t i = 0; i < r->n_ulimits; i++) {
        cb_put_u32(k, (uint32_t)r->ulimits[i].resource);
        cb_put_u64(k, r->ulimits[i].value.rlim_cur);
        cb_put_u64(k, r->ulimits[i].value.rlim_max);
    }
    cb_put_u64(k, r->add_hosts.n);
    for (size_t i = 0; i < r->add_hosts.n; i++) /* names of extra hosts, not their addresses (dockerfile.md §18) */
        cb_put_bytes(k, r->add_hosts.items[i], strcspn(r->add_hosts.items[i], "="));
    for (const struct build_run_mount *m = run->mounts; m; m = m->next)
        put_mount(k, m);
}

static void put_copy(struct cb_buf *k, const struct build_copy *c)
{
    CB_AUTO(free) char *dest = cb_path_abs(c->workdir, c->dest);
    bool marked = !*c->dest || cb_ends(c->dest, "/") || cb_ends(c->dest, "/.") || strcmp(c->dest, ".") == 0;
    cb_put_u8(k, c->add);
    cb_put_str(k, dest);
    cb_put_u8(k, marked);
    cb_put_str(k, c->chown);
    cb_put_str(k, c->chmod_text);
    cb_put_u8(k, c->link);
    cb_put_u8(k, c->parents);
    cb_put_u8(k, c->unpack);
    cb_put_u64(k, c->n_files);
    for (size_t i = 0; i < c->n_files; i++) {
        cb_put_str(k, c->files[i].name);
        cb_put_bytes(k, c->files[i].bytes, c->files[i].len);
    }
}

static void put_operation(struct cb_buf *k, const struct build_graph *g, const struct build_step *s)
{
    cb_put_str(k, BUILD_KEY_FORMAT);
    cb_put_u8(k, s->op);
    switch (s->op) {
    case OP_RUN: {
        CB_AUTO(free) char *platform = oci_platform_text(&g->plan->platform);
        cb_put_str(k, platform);
        put_run(k, g->build->session->request, &s->run);
        break;
    }
    case OP_COPY:
        put_copy(k, &s->copy);
        break;
    case OP_WORKDIR:
        cb_put_str(k, s->workdir.path);
        cb_put_str(k, s->workdir.user);
        break;
    case OP_BASE:
        for (size_t i = 0; i < s->base.image.n_layers; i++)
            cb_put_digest(k, &s->base.image.layers[i].diff_id);
        break;
    }
}

/* ---- inputs from local contexts -------------------------------------------------------------------- */

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
    };
    return build_select(source, &params, ret, err);
}

static int select_local(struct build_graph *g, const struct build_step *s, struct cb_buf *k, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    struct build_source *source = NULL;
    struct cb_digest d;
    if (build_local_source(g->build->session, s->copy.from.local, &source, err) < 0)
        return -1;
    key->selected = true;
    if (build_copy_select(&s->copy, source, &key->selection, err) < 0 || build_selection_digest(&key->selection, &d, err) < 0)
        return -1;
    cb_put_digest(k, &d);
    return 0;
}

static struct build_source tree_source(struct cache_tree *tree)
{
    return (struct build_source){.tree = tree};
}

/* A bind mount shows a part of a tree: its digest is that of everything below the mount's source. */
static int put_bind(struct cb_buf *k, const struct build_source *source, const char *path, struct cb_error *err)
{
    CB_AUTO(build_selection) struct build_selection sel = {0};
    const char *words[] = {*path ? path : "/"};
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
    return 0;
}

static int put_remotes(const struct build_step *s, struct cb_buf *k, struct cb_error *err)
{
    cb_put_u8(k, s->copy.unpack_remote);
    put_strv(k, &s->copy.excludes); /* of a checkout all is digested, whatever is taken */
    for (size_t i = 0; i < s->copy.sources.n; i++) {
        struct build_remote *r = s->copy.remotes[i];
        CB_AUTO(build_selection) struct build_selection sel = {0};
        struct cb_digest d;
        if (!r)
            continue;
        cb_put_u64(k, i);
        cb_put_str(k, r->name);
        cb_put_str(k, r->identity);
        if (r->identity)
            continue;
        if (build_select_all(&r->source, &sel, err) < 0 || build_selection_digest(&sel, &d, err) < 0)
            return -1;
        cb_put_digest(k, &d);
    }
    return 0;
}

static int put_local_inputs(struct build_graph *g, const struct build_step *s, struct cb_buf *k, struct cb_error *err)
{
    if (s->op == OP_COPY && s->copy.n_remote && put_remotes(s, k, err) < 0)
        return -1;
    if (s->op == OP_COPY && s->copy.from.kind == FILES_CONTEXT && s->copy.sources.n > s->copy.n_remote)
        return select_local(g, s, k, err);
    if (s->op != OP_RUN)
        return 0;
    for (struct build_run_mount *m = s->run.mounts; m; m = m->next) {
        if (m->m->type != DF_MOUNT_BIND || m->from.kind != FILES_CONTEXT)
            continue;
        struct build_source *source = NULL;
        if (build_local_source(g->build->session, m->from.local, &source, err) < 0 || put_bind(k, source, m->m->source, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- definition ------------------------------------------------------------------------------------- */

static int define(struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
    cb_put_str(&k, "definition");
    put_operation(&k, g, s);
    if (s->parent)
        cb_put_digest(&k, &g->states[s->parent->index].key.definition);
    for (size_t i = 0; i < s->n_inputs; i++)
        cb_put_digest(&k, &g->states[s->inputs[i]->index].key.definition);
    if (s->op == OP_COPY && s->copy.from.kind == FILES_STEP) {
        put_strv(&k, &s->copy.sources);
        put_strv(&k, &s->copy.excludes);
    }
    size_t before = k.len;
    if (put_local_inputs(g, s, &k, err) < 0)
        return cb_at(err, s->at.line, s->at.last_line);
    /* The content key needs them again: keep what was read. */
    cb_buf_add(&key->local_inputs, k.data + before, k.len - before);
    cb_sha256(k.data, k.len, &key->definition);
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

/* ---- content ----------------------------------------------------------------------------------------- */

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

static int put_copied(const struct build_graph *g, const struct build_copy *c, struct cb_buf *k, struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = NULL;
    CB_AUTO(build_selection) struct build_selection sel = {0};
    struct cb_digest d;
    if (input_tree(g, c->from.step, &tree, err) < 0)
        return -1;
    struct build_source source = tree_source(tree);
    if (build_copy_select(c, &source, &sel, err) < 0 || build_selection_digest(&sel, &d, err) < 0)
        return -1;
    cb_put_digest(k, &d);
    return 0;
}

static int put_step_inputs(const struct build_graph *g, const struct build_step *s, struct cb_buf *k, struct cb_error *err)
{
    if (s->op == OP_COPY && s->copy.from.kind == FILES_STEP && put_copied(g, &s->copy, k, err) < 0)
        return -1;
    for (const struct build_run_mount *m = s->op == OP_RUN ? s->run.mounts : NULL; m; m = m->next) {
        if (m->from.kind != FILES_STEP)
            continue;
        CB_AUTO(cache_tree) struct cache_tree *tree = NULL;
        if (input_tree(g, m->from.step, &tree, err) < 0)
            return -1;
        struct build_source source = tree_source(tree);
        if (put_bind(k, &source, m->m->source, err) < 0)
            return -1;
    }
    return 0;
}

static void put_parent_chain(const struct build_graph *g, const struct build_step *s, struct cb_buf *k)
{
    if (s->parent)
        cb_put_digest(k, &g->states[s->parent->index].key.chain);
}

int build_keys_content(struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    struct build_key *key = &g->states[s->index].key;
    CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
    cb_put_str(&k, "content");
    put_operation(&k, g, s);
    /* --link copies into an empty layer: what lies below is no input. */
    if (!(s->op == OP_COPY && s->copy.link))
        put_parent_chain(g, s, &k);
    cb_put_bytes(&k, key->local_inputs.data, key->local_inputs.len);
    if (put_step_inputs(g, s, &k, err) < 0)
        return cb_at(err, s->at.line, s->at.last_line);
    cb_sha256(k.data, k.len, &key->content);
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
    if (s->op == OP_BASE)
        for (size_t i = 0; i < s->base.image.n_layers; i++)
            cb_put_digest(&k, &s->base.image.layers[i].diff_id);
    else
        cb_put_digest(&k, &g->build->made[s->index].layer);
    cb_sha256(k.data, k.len, &g->states[s->index].key.chain);
}
