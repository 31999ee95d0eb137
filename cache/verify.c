#include "cache/verify.h"

#include "base/text.h"
#include "cache/fetch.h"
#include "cache/gc-internal.h"
#include "cache/image.h"
#include "cache/record.h"
#include "cache/store/blob.h"
#include "cache/store/files.h"

#include <unistd.h>

struct verify {
    struct cache_store *store;
    bool dry_run;
    struct cb_job_io *io;
    void (*tell)(void *arg, const char *line);
    void *arg;
    struct cache_gc_graph graph; /* damaged objects are dead */
    struct cache_verified sum;
};

static void damaged(struct verify *v, const char *kind, const char *name, const char *why)
{
    CB_AUTO(free) char *line = cb_printf("%s %s: %s", kind, name, why);
    v->sum.damaged++;
    v->tell(v->arg, line);
}

/* ---- layers and blobs ----------------------------------------------------------------------------- */

static void verify_layer(struct verify *v, struct cache_gc_object *o)
{
    struct cb_digest id;
    struct cache_layer_seen seen;
    (void)cb_digest_parse_hex(o->hex, &id);
    int r = cache_layer_verify(v->store, &id, &seen);
    CB_AUTO(free) char *wrong = seen.wrong;
    v->sum.layers += r != -ENOENT;
    v->sum.files += seen.files;
    v->sum.bytes += seen.bytes;
    v->sum.unseen += r == -EACCES;
    if (r != 0)
        return;
    o->dead = true;
    damaged(v, "layer", o->hex, wrong);
    if (!v->dry_run)
        cache_layer_drop(v->store, &id);
}

static void verify_blob(struct verify *v, struct cache_gc_object *o)
{
    struct cb_digest d;
    uint64_t bytes;
    (void)cb_digest_parse_hex(o->hex, &d);
    int r = cache_blob_verify(v->store, &d, v->dry_run, &bytes);
    v->sum.blobs += r != -ENOENT;
    v->sum.bytes += bytes;
    o->dead = r == 0;
    if (r == 0)
        damaged(v, "blob", o->hex, "its bytes have another digest");
}

static void verify_objects(struct verify *v, struct cb_map *map, const char *what)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));) {
        struct cache_gc_object *o = it->value;
        cb_job_progress(v->io, what, v->sum.bytes, 0);
        (o->is_layer ? verify_layer : verify_blob)(v, o);
    }
}

/* ---- what names them ------------------------------------------------------------------------------ */

/* Is it there, and was not found damaged? What came meanwhile is not looked at. */
static bool is_sound(struct verify *v, bool is_layer, const struct cb_digest *d)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, hex);
    const struct cache_gc_object *o = cb_map_get(is_layer ? &v->graph.layers : &v->graph.blobs, hex);
    CB_AUTO(free) char *path = cb_printf("%s/%s", is_layer ? "layers" : "blobs/sha256", hex);
    return o ? !o->dead : faccessat(v->store->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Can it be read, and what it names be found? */
static bool is_whole(struct verify *v, const struct cache_gc_root *r, const char *name)
{
    struct cb_digest key, d;
    int64_t used;
    if (r->kind == CACHE_GC_FETCH)
        return cache_fetch_peek(v->store, name, &d) && is_sound(v, false, &d);
    return cb_digest_parse_hex(name, &key) && cache_record_peek(v->store, &key, &d, &used, NULL) == 1 && is_sound(v, true, &d);
}

/* What names something that was damaged is useless too, but no damage of its own. */
static void verify_root(struct verify *v, const struct cache_gc_root *r)
{
    bool lost = r->n_needs && r->needs[0]->dead;
    if (r->kind != CACHE_GC_RECORD && r->kind != CACHE_GC_FETCH)
        return;
    const char *name = strrchr(r->name, '/') + 1;
    ++*(r->kind == CACHE_GC_RECORD ? &v->sum.records : &v->sum.downloads);
    if (!lost && (r->n_needs || is_whole(v, r, name)))
        return;
    if (!lost)
        damaged(v, r->kind == CACHE_GC_RECORD ? "record" : "download", name, "it cannot be read, or names what is not there");
    if (!v->dry_run)
        (void)unlinkat(v->store->root, r->name, 0); /* else it is only never hit */
}

/* What was pulled can be pulled again, layer by layer. NULL: nothing is missing. */
static const char *missing_of_one(struct verify *v, const struct cache_image *i)
{
    if (!is_sound(v, false, &i->config))
        return "its config is damaged, or not there";
    for (size_t k = 0; k < i->n_layers; k++)
        if (!i->layers[k].blob_size && !is_sound(v, true, &i->layers[k].id))
            return "a layer of it is damaged, or not there: build it again";
    return NULL;
}

static const char *missing(struct verify *v, const struct cache_image *i)
{
    const char *why = NULL;
    for (size_t n = 0; n < cache_image_count(i) && !why; n++)
        why = missing_of_one(v, cache_image_nth(i, n));
    return why;
}

static int verify_images(struct verify *v, struct cb_map *files, struct cb_error *err)
{
    struct cache_image *list;
    size_t n;
    if (cache_image_list(v->store, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(free) char *file = cache_image_file(list[i].name);
        const char *why = missing(v, &list[i]);
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        cb_map_set(files, file, v);
        if (why)
            damaged(v, "image", list[i].name, why);
        if (why && !v->dry_run)
            (void)cache_image_remove(v->store, list[i].name, &ignored);
    }
    v->sum.images = n;
    cache_image_list_free(list, n);
    return 0;
}

/* Files that no image has. */
static void verify_image_files(struct verify *v, const struct cb_map *files)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    (void)cache_store_names(v->store, "images", &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("images/%s", names.items[i]);
        if (cb_map_has(files, names.items[i]) || cache_is_temporary(names.items[i]))
            continue;
        damaged(v, "image file", names.items[i], "it cannot be read");
        if (!v->dry_run)
            cache_set_aside(v->store, path);
    }
}

static int verify_all(struct verify *v, struct cb_error *err)
{
    CB_AUTO(cb_map) struct cb_map files = {0};
    if (cache_gc_scan(v->store, &v->graph, err) < 0)
        return -1;
    verify_objects(v, &v->graph.blobs, "verify blobs");
    verify_objects(v, &v->graph.layers, "verify layers");
    for (size_t i = 0; i < v->graph.n_roots; i++)
        verify_root(v, &v->graph.roots[i]);
    if (verify_images(v, &files, err) < 0)
        return -1;
    verify_image_files(v, &files);
    return 0;
}

int cache_verify(struct cache_store *s, bool dry_run, struct cb_job_io *io, void (*tell)(void *arg, const char *line), void *arg,
                 struct cache_verified *ret, struct cb_error *err)
{
    struct verify v = {.store = s, .dry_run = dry_run, .io = io, .tell = tell, .arg = arg};
    int lock = -1;
    s->lease = 0;
    if (!dry_run && cache_lock(s, "prune", false, true, &lock, err) < 0) /* what vanishes would look damaged */
        return -1;
    int r = verify_all(&v, err);
    cache_unlock(s, NULL, &lock);
    cache_gc_graph_done(&v.graph);
    *ret = v.sum;
    return r;
}
