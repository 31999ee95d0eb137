/* type=registry, and type=image with push=true. */
#include "builder/output/push.h"
#include "base/map.h"
#include "builder/output/output-internal.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"
#include "registry/transfer/transfer.h"

#define SHOWN_DIGITS 12 /* of a digest */

struct push_job {
    struct build_session *session;
    const struct oci_ref *ref;
    const struct build_index *index;
};

/* One layer on its way: in the store, or where the registry may have it from, or we. */
struct push_layer {
    const struct push_job *j;
    struct build_fetch *fetch;
    const struct build_base *base;
    const struct cache_image_layer *own; /* the image's entry */
    const struct oci_descriptor *d;
    struct cache_places places; /* of a layer that a step made */
};

static void push_progress(void *arg, const struct reg_push_progress *p)
{
    static const char what[] = "pushing";
    if (p->blob) {
        char hex[CB_DIGEST_HEX + 1];
        cb_digest_hex(&p->blob->d.digest, hex);
        hex[SHOWN_DIGITS] = '\0';
        cb_job_progress_of(arg, hex, what, p->sent, p->blob->d.size);
    }
    cb_job_progress(arg, what, p->done, p->total);
}

/* "registry.example/repo": the repository, when it is on the host we push to. */
static const char *mount_source(const struct oci_ref *ref, const char *source)
{
    size_t n = strlen(ref->domain);
    if (!source || strncmp(source, ref->domain, n) != 0 || source[n] != '/' || strcmp(source + n + 1, ref->path) == 0)
        return NULL;
    return source + n + 1;
}

static const char *mount_from(const struct push_layer *l)
{
    const char *found = mount_source(l->j->ref, l->own->source);
    for (size_t i = 0; i < l->places.n && !found; i++) {
        const struct cache_place *p = &l->places.items[i];
        if (strcmp(p->kind, BUILD_PLACE_REGISTRY) == 0 && cb_digest_eq(&p->blob, &l->d->digest))
            found = mount_source(l->j->ref, p->where);
    }
    return found;
}

/* A layer of the base, which has a blob of its own: where that is. */
static int fetch_as_it_came(const struct push_layer *l, struct cb_error *err)
{
    const struct build_base *base = l->base;
    const bool layout = base && base->layout;
    const struct cache_place place = {(char *)(layout ? BUILD_PLACE_LAYOUT : BUILD_PLACE_REGISTRY),
                                      layout ? base->layout : l->own->source, l->own->blob, l->own->blob_size,
                                      l->own->media_type};
    if (!place.where)
        return cb_fail(err, CB_E_NOT_FOUND, "it is not in the store, and where it came from cannot be asked again");
    return build_fetch_blob(l->fetch, &place, err);
}

/* The registry has the blob from nobody else: it goes through us. */
static int open_layer(void *arg, struct cb_error *err)
{
    const struct push_layer *l = arg;
    struct cache_store *s = l->j->session->store;
    bool as_it_came = l->own->blob_size && cb_digest_eq(&l->own->blob, &l->d->digest);
    if (cache_blob_fits(s, &l->d->digest, l->d->size))
        return cache_blob_open(s, &l->d->digest, err);
    int r = as_it_came ? fetch_as_it_came(l, err) : build_fetch_layer(l->fetch, &l->own->id, false, err);
    int fd = r < 0 ? -1 : cache_blob_open(s, &l->d->digest, err);
    if (fd < 0 && err->code != CB_E_SYSTEM && err->code != CB_E_CANCELED)
        err->code = CB_E_LOST;
    return fd;
}

/* Everything that the manifests name: layers; configs and attestations, which are in the store. What is equal is there once. */
struct push_blobs {
    struct reg_push_blob *items;
    size_t n;
    struct push_layer *layers;
    size_t n_layers;
    struct build_output_blob *stored;
    size_t n_stored;
    struct cb_map seen;
};
static void push_blobs_done(struct push_blobs *b)
{
    for (size_t i = 0; i < b->n_layers; i++)
        cache_places_done(&b->layers[i].places);
    free(b->items);
    free(b->layers);
    free(b->stored);
    cb_map_done(&b->seen);
}
CB_DEFINE_AUTO(push_blobs, struct push_blobs, push_blobs_done)

static bool is_new(struct push_blobs *b, const struct cb_digest *d)
{
    const char *key = (const char *)d->b;
    bool new = !cb_map_getn(&b->seen, key, sizeof(d->b));
    cb_map_setn(&b->seen, key, sizeof(d->b), b);
    return new;
}

static void add_stored(const struct push_job *j, const struct oci_descriptor *d, struct push_blobs *b)
{
    struct build_output_blob *blob = &b->stored[b->n_stored++];
    *blob = (struct build_output_blob){j->session->store, d->digest};
    b->items[b->n++] = (struct reg_push_blob){.d = *d, .open = build_output_open_blob, .arg = blob};
}

static void add_blobs(const struct push_job *j, const struct build_listed *listed, struct build_fetch *fetch,
                      struct push_blobs *b)
{
    const struct oci_manifest *m = &listed->manifest.m;
    for (size_t i = 0; i < m->n_layers; i++) {
        if (!is_new(b, &m->layers[i].digest))
            continue;
        if (listed->attests) {
            add_stored(j, &m->layers[i], b);
            continue;
        }
        struct push_layer *l = &b->layers[b->n_layers++];
        *l = (struct push_layer){j, fetch, listed->image->base, &listed->image->stored.layers[i], &m->layers[i], {0}};
        (void)cache_layer_places(j->session->store, &l->own->id, &l->places);
        b->items[b->n++] = (struct reg_push_blob){.d = m->layers[i], .open = open_layer, .arg = l, .mount_from = mount_from(l)};
    }
    if (is_new(b, &m->config.digest))
        add_stored(j, &m->config, b);
}

static void list_blobs(const struct push_job *j, struct build_fetch *fetch, struct push_blobs *b)
{
    const struct build_index *x = j->index;
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        n += x->items[i].manifest.m.n_layers + 1;
    b->items = cb_alloc(n * sizeof(*b->items));
    b->layers = cb_alloc(n * sizeof(*b->layers));
    b->stored = cb_alloc(n * sizeof(*b->stored));
    for (size_t i = 0; i < x->n; i++)
        add_blobs(j, &x->items[i], fetch, b);
}

static int push_all(const struct push_job *j, struct reg_client *c, struct cb_job_io *io, struct cb_error *err)
{
    CB_AUTO(build_fetch) struct build_fetch fetch;
    CB_AUTO(push_blobs) struct push_blobs blobs = {0};
    build_fetch_init(&fetch, j->session, io);
    list_blobs(j, &fetch, &blobs);
    return reg_push_blobs(c, j->ref, blobs.items, blobs.n, push_progress, io, err);
}

/* Manifests that an index names have no name of their own. */
static int push_documents(const struct push_job *j, struct reg_client *c, struct cb_error *err)
{
    const struct build_index *x = j->index;
    struct oci_ref unnamed = *j->ref;
    unnamed.tag = unnamed.digest = NULL;
    for (size_t i = 0; i < x->n; i++) {
        const struct build_manifest *m = &x->items[i].manifest;
        if (reg_push_document(c, x->media_type ? &unnamed : j->ref, m->m.media_type, m->bytes.data, m->bytes.len, err) < 0)
            return -1;
    }
    return x->media_type ? reg_push_document(c, j->ref, x->media_type, x->bytes.data, x->bytes.len, err) : 0;
}

static int push_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)answer;
    const struct push_job *j = ctx;
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(&j->session->request->registry, err);
    if (!c)
        return -1;
    reg_client_on_warning(c, cb_job_on_warning, io);
    if (push_all(j, c, io, err) < 0) {
        build_output_drop_damaged(j->session->store, j->index, err);
        return -1;
    }
    return push_documents(j, c, err);
}

static int try_push(struct build_session *s, const struct build_images *images, const struct build_packing *p,
                    const struct cb_strv *annotations, const struct oci_ref *ref, struct cb_digest *ret_top, struct cb_error *err)
{
    CB_AUTO(build_index) struct build_index x = BUILD_INDEX_INIT;
    CB_AUTO(free) char *name = oci_ref_full(ref), *shown = cb_printf("push %s", name);
    struct cb_job job;
    if (build_index_make(s, images, p, annotations, true, &x, err) < 0)
        return -1;
    *ret_top = x.digest;
    struct push_job j = {s, ref, &x};
    if (cb_job_fork(push_job, &j, &job, err) < 0 || build_wait_job(s, &job, shown, NULL, err) < 0)
        return -1;
    return 0;
}

/* A layer of the base was missed, and none that a step made: that would be gone from the store. */
static bool misses_base(struct build_session *s, const struct build_images *images, const struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    bool base = err->code == CB_E_LOST;
    struct cache_layer l;
    for (size_t k = 0; k < images->n; k++) {
        const struct build_image *image = &images->items[k];
        base = base && image->base;
        for (size_t i = 0; i < image->stored.n_layers && base; i++) {
            const struct cache_image_layer *each = &image->stored.layers[i];
            base = each->blob_size || cache_layer_find(s->store, &each->id, &l, &ignored) == 1;
        }
    }
    return base;
}

/* What the registry has already, or can have from a repository of its own, does not come here. When something that must come here
 * cannot, another packed form may do: then all of it is brought here first. */
int build_push(struct build_session *s, const struct build_images *images, const struct build_packing *p,
               const struct cb_strv *annotations, const struct oci_ref *ref, struct cb_digest *ret_top, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error first = CB_ERROR_INIT;
    struct build_packing lazy = *p;
    lazy.lazy = true;
    if (try_push(s, images, &lazy, annotations, ref, ret_top, &first) == 0)
        return 0;
    if (misses_base(s, images, &first))
        return try_push(s, images, p, annotations, ref, ret_top, err);
    cb_error_move(err, &first);
    return -1;
}

/* Registries have no code for it, but all say so. */
static bool is_kept(const struct build_session *s, struct cb_error *err)
{
    if (!s->request->ignores_immutable || !err->msg || !strcasestr(err->msg, "immutable"))
        return false;
    cb_error_done(err);
    return true;
}

static bool has_tag(const char *name)
{
    const char *slash = strrchr(name, '/');
    return strchr(slash ? slash : name, ':') != NULL;
}

int build_output_check_push(struct build_output *o, struct cb_error *err)
{
    if (o->by_digest && !o->push)
        return cb_fail(err, CB_E_USAGE, "push-by-digest=true goes with push=true");
    for (const char *p = o->name && o->by_digest ? o->name : ""; *p;) {
        size_t n = strcspn(p, ",");
        CB_AUTO(free) char *name = cb_memdup0(p, n);
        if (has_tag(name))
            return cb_fail(err, CB_E_USAGE, "name=%s: what is pushed by its digest has no tag", name);
        p += n + (p[n] == ',');
    }
    return 0;
}

int build_output_push_names(struct build_session *s, const struct build_output *o, const struct build_images *images,
                            struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0}, annotations = {0};
    struct build_packing packing = build_output_packing(o);
    build_output_annotations(s, o, &annotations);
    if (build_output_names(s, o, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(names.items[i], &ref, err) < 0)
            return -1;
        if (o->by_digest) /* without a tag it goes under its digest */
            free(CB_TAKE(ref.tag));
        CB_AUTO(free) char *name = oci_ref_full(&ref);
        int r = build_push(s, images, &packing, &annotations, &ref, &ret->manifest, err);
        if (r < 0 && !is_kept(s, err))
            return -1;
        if (r < 0)
            build_note(s, "%s stays as it is: its registry lets nobody move the tag", name);
        ret->has_manifest = true;
        if (cb_strv_find(&ret->image_names, name) < 0)
            cb_strv_push(&ret->image_names, name);
        cb_strv_take(&ret->names, cb_printf(r < 0 ? "%s (kept by its registry)" : "%s (pushed)", name));
    }
    return 0;
}

static const struct build_output_key *const keys[] = {&build_output_key_push, &build_output_key_by_digest, OUTPUT_IMAGE_KEYS,
                                                      NULL};

/* The check of type=image with push=true, which type=registry is as far as this goes. */
static int check(struct build_output *o, struct cb_error *err)
{
    o->push = true;
    return build_output_check_push(o, err);
}

const struct build_output_ops build_output_registry = {
    .name = "registry", .keys = keys, .attests = true, .check = check, .write = build_output_push_names};
