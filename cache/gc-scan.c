#include "cache/gc-internal.h"

#include "base/dir.h"
#include "base/json.h"
#include "base/limits.h"
#include "cache/fetch.h"
#include "cache/image.h"
#include "cache/record.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_KEY 65536 /* of a cache mount */

void cache_gc_graph_done(struct cache_gc_graph *g)
{
    struct cb_map *maps[] = {&g->layers, &g->blobs};
    for (size_t m = 0; m < CB_LEN(maps); m++) {
        for (struct cb_map_item *it = NULL; (it = cb_map_next(maps[m], it));) {
            struct cache_gc_object *o = it->value;
            free(o->needs);
            cache_gc_size_done(&o->size);
        }
        cb_map_done(maps[m]);
    }
    for (size_t i = 0; i < g->n_roots; i++) {
        free(g->roots[i].needs);
        cache_gc_size_done(&g->roots[i].size);
    }
    free(g->roots);
    free(g->dead);
    cb_map_done(&g->inodes);
    cb_arena_done(&g->arena);
    *g = (struct cache_gc_graph){0};
}

/* ---- objects -------------------------------------------------------------------------------- */

static int scan_objects(struct cache_gc_graph *g, const char *dir, bool is_layer, struct cb_map *to, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    struct cb_digest d;
    int r = cache_store_names(g->store, dir, &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/%s'", g->store->path, dir);
    for (size_t i = 0; i < names.n; i++) {
        if (!cb_digest_parse_hex(names.items[i], &d))
            continue;
        struct cache_gc_object *o = cb_arena_alloc(&g->arena, sizeof(*o));
        o->is_layer = is_layer;
        cb_digest_hex(&d, o->hex);
        cb_map_set(to, o->hex, o);
    }
    return 0;
}

static void need(struct cache_gc_object *o, struct cache_gc_object ***list, size_t *n, size_t *cap)
{
    if (!o)
        return;
    for (size_t i = 0; i < *n; i++)
        if ((*list)[i] == o)
            return;
    CB_PUSH(*list, *n, *cap) = o;
    o->refs++;
}

/* Every digest in a layer's own documents names something that the layer needs, if the store has it: whatever
 * these documents may come to say, nothing they mention is taken away from under them. */
static void need_text(struct cache_gc_graph *g, struct cache_gc_object *o, const char *text)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1];
    if (!cb_digest_parse(text, &d) && !cb_digest_parse_hex(text, &d))
        return;
    cb_digest_hex(&d, hex);
    struct cache_gc_object *layer = cb_map_get(&g->layers, hex);
    if (layer != o)
        need(layer, &o->needs, &o->n_needs, &o->cap_needs);
    need(cb_map_get(&g->blobs, hex), &o->needs, &o->n_needs, &o->cap_needs);
}

static void need_values(struct cache_gc_graph *g, struct cache_gc_object *o, json_t *j)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_string(j))
        need_text(g, o, json_string_value(j));
    json_array_foreach (j, i, v)
        need_values(g, o, v);
    json_object_foreach (j, key, v) {
        need_text(g, o, key);
        need_values(g, o, v);
    }
}

static void scan_layer(struct cache_gc_graph *g, struct cache_gc_object *o)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(free) char *dir = cb_printf("layers/%s", o->hex);
    if (cache_store_names(g->store, dir, &names) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        if (!cb_ends(names.items[i], ".json"))
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names.items[i]);
        if (cb_read_file(g->store->root, path, CB_MAX_STORE_JSON, &b) < 0)
            continue;
        CB_AUTO(json) json_t *j = cb_json_parse(b.data, cache_unseal(b.data, b.len), path, &ignored);
        need_values(g, o, j);
    }
}

/* ---- roots ---------------------------------------------------------------------------------- */

static struct cache_gc_root *add_root(struct cache_gc_graph *g, enum cache_gc_root_kind kind, const char *name, int64_t used)
{
    struct cache_gc_root *r = &CB_PUSH(g->roots, g->n_roots, g->cap_roots);
    r->kind = kind;
    r->name = cb_arena_strdup(&g->arena, name);
    r->used = used;
    return r;
}

static void root_needs(struct cache_gc_root *r, const struct cb_map *map, const struct cb_digest *d)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, hex);
    need(cb_map_get(map, hex), &r->needs, &r->n_needs, &r->cap_needs);
}

/* A record that is damaged, or whose layer is not there, is a root that needs nothing and was never used. */
static void scan_record(struct cache_gc_graph *g, const char *path, const char *name)
{
    struct cb_digest key, layer;
    int64_t used = 0;
    if (!cb_digest_parse_hex(name, &key))
        return;
    CB_AUTO(free) char *text = NULL;
    bool whole = cache_record_peek(g->store, &key, &layer, &used, &text);
    struct cache_gc_root *r = add_root(g, CACHE_GC_RECORD, path, used);
    r->text = text ? cb_arena_strdup(&g->arena, text) : NULL;
    if (whole)
        root_needs(r, &g->layers, &layer);
}

static int scan_records(struct cache_gc_graph *g, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv dirs = {0};
    int r = cache_store_names(g->store, "records", &dirs);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/records'", g->store->path);
    for (size_t i = 0; i < dirs.n; i++) {
        CB_AUTO(cb_strv) struct cb_strv names = {0};
        CB_AUTO(free) char *dir = cb_printf("records/%s", dirs.items[i]);
        r = cache_store_names(g->store, dir, &names);
        if (r < 0 && r != -ENOTDIR)
            return cb_fail_sys(err, r, "read '%s/%s'", g->store->path, dir);
        for (size_t n = 0; n < names.n; n++) {
            CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names.items[n]);
            scan_record(g, path, names.items[n]);
        }
    }
    return 0;
}

static void need_image(struct cache_gc_graph *g, struct cache_gc_root *r, const struct cache_image *i)
{
    root_needs(r, &g->blobs, &i->config);
    root_needs(r, &g->blobs, &i->manifest);
    root_needs(r, &g->blobs, &i->index);
    for (size_t n = 0; n < i->n_layers; n++) {
        root_needs(r, &g->layers, &i->layers[n].id);
        root_needs(r, &g->layers, &i->layers[n].diff_id);
        root_needs(r, &g->blobs, &i->layers[n].blob);
    }
}

static int scan_images(struct cache_gc_graph *g, struct cb_error *err)
{
    struct cache_image *list;
    size_t n;
    if (cache_image_list(g->store, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct cache_image *m = &list[i];
        struct cache_gc_root *r = add_root(g, CACHE_GC_IMAGE, m->name, m->updated.tv_sec);
        r->unnamed = cache_image_is_unnamed(m);
        for (size_t k = 0; k < cache_image_count(m); k++)
            need_image(g, r, cache_image_nth(m, k));
    }
    cache_image_list_free(list, n);
    return 0;
}

static int scan_mounts(struct cache_gc_graph *g, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(g->store, "mounts", &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/mounts'", g->store->path);
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        CB_AUTO(free) char *dir = cb_printf("mounts/%s", names.items[i]);
        CB_AUTO(free) char *key = cb_printf("%s/key", dir);
        int64_t used = fstatat(g->store->root, key, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mtim.tv_sec;
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        struct cache_gc_root *root = add_root(g, CACHE_GC_MOUNT, names.items[i], used);
        if (cb_read_file(g->store->root, key, MAX_KEY, &text) == 0)
            root->text = cb_arena_strdup(&g->arena, text.data);
    }
    return 0;
}

/* What can no longer be used is a root that needs nothing, as a damaged record is. */
static int scan_fetched(struct cache_gc_graph *g, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(g->store, "fetch", &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/fetch'", g->store->path);
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        struct cb_digest blob;
        CB_AUTO(free) char *path = cb_printf("fetch/%s", names.items[i]);
        if (cache_is_temporary(names.items[i]) || fstatat(g->store->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        struct cache_gc_root *root = add_root(g, CACHE_GC_FETCH, path, st.st_mtim.tv_sec);
        if (cache_fetch_peek(g->store, names.items[i], &blob))
            root_needs(root, &g->blobs, &blob);
    }
    return 0;
}

static void mark_by_image(struct cache_gc_object **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i]->by_image)
            continue;
        list[i]->by_image = true;
        mark_by_image(list[i]->needs, list[i]->n_needs);
    }
}

int cache_gc_scan(struct cache_store *s, struct cache_gc_graph *g, struct cb_error *err)
{
    g->store = s;
    if (scan_objects(g, "layers", true, &g->layers, err) < 0 || scan_objects(g, "blobs/sha256", false, &g->blobs, err) < 0)
        return -1;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&g->layers, it));)
        scan_layer(g, it->value);
    if (scan_records(g, err) < 0 || scan_images(g, err) < 0 || scan_mounts(g, err) < 0 || scan_fetched(g, err) < 0)
        return -1;
    for (size_t i = 0; i < g->n_roots; i++)
        if (g->roots[i].kind == CACHE_GC_IMAGE && !g->roots[i].unnamed)
            mark_by_image(g->roots[i].needs, g->roots[i].n_needs);
    for (size_t i = 0; i < g->n_roots; i++) {
        struct cache_gc_root *r = &g->roots[i];
        if (r->kind == CACHE_GC_RECORD)
            r->by_image = r->n_needs && r->needs[0]->by_image;
    }
    return 0;
}
