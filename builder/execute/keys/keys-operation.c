/* What a step does, as its keys say it. */
#include "base/path.h"
#include "base/text.h"
#include "builder/execute/keys/keys-internal.h"

#include <assert.h>

void build_key_name(struct build_key_text *k, size_t at, const char *kind, const char *name)
{
    if (k->notes)
        build_notes_add(k->notes, kind, name, k->bytes.data + at, k->bytes.len - at);
}

void build_key_put_strv(struct cb_buf *k, const struct cb_strv *v)
{
    cb_put_u64(k, v->n);
    for (size_t i = 0; i < v->n; i++)
        cb_put_str(k, v->items[i]);
}

/* A text, named as one of its own. */
static void put_named(struct build_key_text *k, const char *kind, const char *text)
{
    size_t at = k->bytes.len;
    cb_put_str(&k->bytes, text);
    build_key_name(k, at, kind, NULL);
}

static void put_mount(struct build_key_text *t, const struct build_run_mount *mount)
{
    struct cb_buf *k = &t->bytes;
    const struct df_mount *m = mount->m;
    size_t at = k->len;
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
    build_key_name(t, at, "mount", mount->target ? mount->target : m->id);
}

/* Variables, each with what set it. */
static void put_env(struct build_key_text *k, const struct build_run *run)
{
    cb_put_u64(&k->bytes, run->env.n);
    for (size_t i = 0; i < run->env.n; i++) {
        const char *pair = run->env.items[i];
        size_t at = k->bytes.len;
        cb_put_str(&k->bytes, pair);
        if (!k->notes)
            continue;
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(pair, &value);
        build_key_name(k, at, cb_strv_find(&run->args, name) >= 0 ? "arg" : "env", name);
    }
}

static void put_limits(struct build_key_text *k, const struct build_request *r)
{
    size_t at = k->bytes.len;
    cb_put_u64(&k->bytes, r->shm_size);
    build_key_name(k, at, "shm-size", NULL);
    cb_put_u64(&k->bytes, r->n_ulimits);
    for (size_t i = 0; i < r->n_ulimits; i++) {
        at = k->bytes.len;
        cb_put_u32(&k->bytes, (uint32_t)r->ulimits[i].resource);
        cb_put_u64(&k->bytes, r->ulimits[i].value.rlim_cur);
        cb_put_u64(&k->bytes, r->ulimits[i].value.rlim_max);
        build_key_name(k, at, "ulimit", r->ulimits[i].name);
    }
}

/* Names of extra hosts, not their addresses (dockerfile.md §18). */
static void put_hosts(struct build_key_text *k, const struct cb_strv *hosts)
{
    size_t at = k->bytes.len;
    cb_put_u64(&k->bytes, hosts->n);
    for (size_t i = 0; i < hosts->n; i++)
        cb_put_bytes(&k->bytes, hosts->items[i], strcspn(hosts->items[i], "="));
    build_key_name(k, at, "hosts", NULL);
}

/* What was asked for on the command line. No mount begins with this byte, so a key without it is what it always was. */
#define CONFINED 0xff
static void put_confinement(struct build_key_text *k, const struct build_request *r, const struct build_run *run)
{
    static_assert(DF_MOUNT_COUNT < CONFINED, "a mount begins with its type");
    if (run->insecure || rt_confinement_is_default(&r->confinement))
        return;
    size_t at = k->bytes.len;
    cb_put_u8(&k->bytes, CONFINED);
    rt_confinement_key(&r->confinement, &k->bytes);
    build_key_name(k, at, "confinement", NULL);
}

static void put_run(struct build_key_text *k, const struct build_request *r, const struct build_run *run)
{
    size_t at = k->bytes.len;
    build_key_put_strv(&k->bytes, &run->argv);
    build_key_name(k, at, "command", NULL);
    put_env(k, run);
    put_named(k, "workdir", run->cwd);
    put_named(k, "user", run->user);
    put_named(k, "hostname", run->hostname);
    at = k->bytes.len;
    cb_put_u8(&k->bytes, run->network->key);
    build_key_name(k, at, "network", NULL);
    at = k->bytes.len;
    cb_put_u8(&k->bytes, run->insecure);
    build_key_name(k, at, "security", NULL);
    at = k->bytes.len;
    cb_put_bytes(&k->bytes, run->script, run->script_len);
    build_key_name(k, at, "script", NULL);
    put_limits(k, r);
    put_hosts(k, &r->add_hosts);
    put_confinement(k, r, run);
    for (const struct build_run_mount *m = run->mounts; m; m = m->next)
        put_mount(k, m);
}

static void put_copy(struct build_key_text *t, const struct build_copy *c)
{
    struct cb_buf *k = &t->bytes;
    CB_AUTO(free) char *dest = cb_path_abs(c->workdir, c->dest);
    bool marked = !*c->dest || cb_ends(c->dest, "/") || cb_ends(c->dest, "/.") || strcmp(c->dest, ".") == 0;
    cb_put_u8(k, c->add);
    size_t at = k->len;
    cb_put_str(k, dest);
    cb_put_u8(k, marked);
    build_key_name(t, at, "destination", NULL);
    put_named(t, "chown", c->chown);
    put_named(t, "chmod", c->chmod_text);
    at = k->len;
    cb_put_u8(k, c->link);
    cb_put_u8(k, c->parents);
    cb_put_u8(k, c->unpack);
    build_key_name(t, at, "options", NULL);
    cb_put_u64(k, c->n_files);
    for (size_t i = 0; i < c->n_files; i++) {
        at = k->len;
        cb_put_str(k, c->files[i].name);
        cb_put_bytes(k, c->files[i].bytes, c->files[i].len);
        build_key_name(t, at, "heredoc", c->files[i].name);
    }
}

void build_key_put_operation(struct build_key_text *k, const struct build_graph *g, const struct build_step *s)
{
    cb_put_str(&k->bytes, BUILD_KEY_FORMAT);
    cb_put_u8(&k->bytes, s->op);
    switch (s->op) {
    case BUILD_OP_RUN:
        put_named(k, "platform", s->platform);
        put_run(k, g->build->session->request, &s->run);
        break;
    case BUILD_OP_COPY:
        put_copy(k, &s->copy);
        break;
    case BUILD_OP_WORKDIR:
        put_named(k, "workdir", s->workdir.path);
        put_named(k, "user", s->workdir.user);
        break;
    case BUILD_OP_BASE:
        for (size_t i = 0; i < s->base.image.n_layers; i++)
            cb_put_digest(&k->bytes, &s->base.image.layers[i].diff_id);
        break;
    }
}
