/* The layers of a base image into the store: each blob is downloaded, kept, decompressed, verified, indexed and
 * (when asked) unpacked in one pass, several layers side by side. */
#include "base/fd.h"
#include "base/pack.h"
#include "builder/pull/base-image.h"
#include "builder/pull/incoming.h"
#include "builder/pull/place.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"
#include "cache/layer/layer.h"
#include "registry/oci/layout.h"
#include "registry/transfer/transfer.h"

#include <pthread.h>
#include <stdatomic.h>

#define MAX_AT_ONCE  4
#define SHOWN_DIGITS 12 /* of a digest */

struct fetching {
    struct build_session *session;
    const struct cache_image *image;
    struct oci_files layout; /* where it comes from, if it comes from one */
    bool in_layout;
    struct reg_client *client;
    struct build_fetch places;
    struct oci_ref ref;
    enum build_base_form form;
    atomic_size_t next;
    atomic_uint_fast64_t *each; /* bytes that have come, a layer */
    atomic_bool failed;
    pthread_mutex_t lock;
    struct cb_error first; /* under lock */
};

struct one_layer {
    struct fetching *f;
    const struct cache_image_layer *layer;
    struct build_begun begun;
    size_t number;
};

/* Nobody else has it: a step of ours has made it. */
static int fail_gone(const struct one_layer *l, struct cb_error *err)
{
    if (!cache_layer_is_foreign(l->f->session->store, &l->layer->diff_id)) {
        cb_fail(err, CB_E_NOT_FOUND, "it is not in the store, and where it came from cannot be asked again");
        return cb_hint(err, "build '%s' again", l->f->image->name);
    }
    cb_fail(err, CB_E_NOT_FOUND, "some of its files belong to subordinate ids, which cbuild cannot use here, and cannot be read");
    return cb_hint(err, "build '%s' again, here or where the ids can be used ('cbuild doctor' says why they cannot)",
                   l->f->image->name);
}

/* An image of the store may stand on one that was never fetched: its layers are where they came from, which is not where its own
 * name leads. If both are the same repository, the name itself is used, with its tag, by which registries.conf may send it
 * elsewhere. */
static int fetch_blob(struct one_layer *l, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    struct oci_descriptor d = {.media_type = l->layer->media_type, .digest = l->layer->blob, .size = l->layer->blob_size};
    CB_AUTO(oci_ref) struct oci_ref source = {0};
    CB_AUTO(free) char *name = oci_ref_name(&l->f->ref);
    const struct oci_ref *from = &l->f->ref;
    if (!l->layer->source)
        return fail_gone(l, err);
    if (strcmp(l->layer->source, name) != 0) {
        if (oci_ref_parse(l->layer->source, &source, err) < 0)
            return -1;
        from = &source;
    }
    return reg_resume_blob(l->f->client, from, &d, l->begun.have, &l->begun.sha, sink, sink_arg, err);
}

/* From a layout the blob is copied into the store too: the layout may be gone when the image is pushed. */
static int get_bytes(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    struct one_layer *l = arg;
    struct oci_descriptor d = {.media_type = l->layer->media_type, .digest = l->layer->blob, .size = l->layer->blob_size};
    return l->f->in_layout ? oci_layout_copy(&l->f->layout, &d, sink, sink_arg, err) : fetch_blob(l, sink, sink_arg, err);
}

static int unpack(void *arg, cb_source_fn *source, void *source_arg, struct cb_error *err)
{
    struct one_layer *l = arg;
    struct cache_layer made;
    return cache_layer_unpack(l->f->session->store, source, source_arg, &l->layer->diff_id, l->f->form == BUILD_BASE_FILES, NULL,
                              &made, err);
}

/* Without unpacking: of a layer whose files are known, because a step of ours or another image brought them, in another packed
 * form. 1: another process has brought it. */
static int get_blob(struct one_layer *l, bool unpacks, struct cb_error *err)
{
    const struct build_incoming d = {.get = get_bytes,
                                     .get_arg = l,
                                     .unpack = unpacks ? unpack : NULL,
                                     .unpack_arg = l,
                                     .done = &l->f->each[l->number],
                                     .begun = l->f->in_layout ? NULL : &l->begun,
                                     .size = l->layer->blob_size};
    return build_take_blob(l->f->session->store, &l->layer->blob, &d, err);
}

static ssize_t read_fd(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = cb_read(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read layer") : r;
}

static int unpack_blob(struct one_layer *l, struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_blob_open(l->f->session->store, &l->layer->blob, err);
    return fd < 0 ? -1 : unpack(l, read_fd, &fd, err);
}

/* 1: another process has brought the blob, so that the matter is another now. */
static int get_layer_once(struct one_layer *l, bool blob, struct cb_error *err)
{
    struct cache_layer have;
    struct cache_store *s = l->f->session->store;
    int found = cache_layer_find(s, &l->layer->id, &have, err);
    if (found < 0)
        return -1;
    if (found && l->f->form == BUILD_BASE_PACKED)
        return blob || !l->layer->blob_size ? 0 : get_blob(l, false, err);
    if (found && (have.has_files || l->f->form != BUILD_BASE_FILES))
        return 0;
    if (found && (blob || !l->layer->blob_size)) /* one that a step of ours made has no blob of an image's */
        return build_fetch_layer(&l->f->places, &l->layer->id, true, err);
    const struct cb_codec *unsaid = cb_digest_eq(&l->layer->blob, &l->layer->diff_id) ? &cb_codec_none : cb_codecs[0];
    struct cache_packed packed = {.digest = l->layer->blob, .size = l->layer->blob_size, .codec = unsaid};
    if (l->layer->media_type && oci_layer_codec(l->layer->media_type, &packed.codec, err) < 0)
        return -1;
    int r = blob ? unpack_blob(l, err) : get_blob(l, true, err);
    return r != 0 ? r : cache_layer_set_packed(s, &l->layer->diff_id, &packed, err);
}

/* A blob of the store that turns out to be damaged is removed, and then fetched like any that is missing. */
static int get_layer(struct one_layer *l, struct cb_error *err)
{
    struct cache_store *s = l->f->session->store;
    bool blob;
    int r;
    do {
        blob = l->layer->blob_size && cache_blob_fits(s, &l->layer->blob, l->layer->blob_size);
        r = get_layer_once(l, blob, err);
    } while (r > 0);
    if (r == 0 || !blob || err->code != CB_E_CORRUPT || cache_blob_check(s, &l->layer->blob) == 1)
        return r;
    cb_error_done(err);
    r = get_layer_once(l, false, err);
    return r > 0 ? get_layer(l, err) : r;
}

static void *worker(void *arg)
{
    struct fetching *f = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&f->next, 1);
        if (i >= f->image->n_layers || atomic_load(&f->failed))
            return NULL;
        struct one_layer l = {.f = f, .layer = &f->image->layers[i], .number = i};
        struct cb_error err = CB_ERROR_INIT;
        if (get_layer(&l, &err) == 0)
            continue;
        char digest[CB_DIGEST_TEXT + 1];
        cb_digest_text(l.layer->blob_size ? &l.layer->blob : &l.layer->diff_id, digest);
        cb_prefix(&err, "layer %s", digest);
        pthread_mutex_lock(&f->lock);
        if (!atomic_exchange(&f->failed, true))
            cb_error_move(&f->first, &err);
        pthread_mutex_unlock(&f->lock);
        cb_error_done(&err);
    }
}

static uint64_t total_size(const struct cache_image *image)
{
    uint64_t n = 0;
    for (size_t i = 0; i < image->n_layers; i++)
        n += image->layers[i].blob_size;
    return n;
}

/* What comes now, and all of it together. */
static void tell(struct fetching *f, struct cb_job_io *io, uint64_t *told, uint64_t total)
{
    static const char what[] = "downloading";
    uint64_t done = 0;
    for (size_t i = 0; i < f->image->n_layers; i++) {
        const struct cache_image_layer *l = &f->image->layers[i];
        uint64_t n = atomic_load(&f->each[i]);
        char hex[CB_DIGEST_HEX + 1];
        done += n;
        if (n == told[i])
            continue;
        told[i] = n;
        cb_digest_hex(&l->blob, hex);
        hex[SHOWN_DIGITS] = '\0';
        cb_job_progress_of(io, hex, what, CB_MIN(n, l->blob_size), l->blob_size);
    }
    cb_job_progress(io, what, CB_MIN(done, total), total);
}

static int run_workers(struct fetching *f, struct cb_job_io *io, struct cb_error *err)
{
    pthread_t threads[MAX_AT_ONCE];
    size_t n = 0;
    for (; n < MAX_AT_ONCE && n < f->image->n_layers; n++)
        if (pthread_create(&threads[n], NULL, worker, f) != 0)
            break;
    if (!n && f->image->n_layers)
        return cb_fail(err, CB_E_FAILED, "no thread could be started");
    uint64_t total = total_size(f->image);
    CB_AUTO(free) uint64_t *told = cb_alloc((f->image->n_layers + 1) * sizeof(*told));
    for (size_t i = 0; i < n;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        i += pthread_timedjoin_np(threads[i], NULL, &until) == 0;
        tell(f, io, told, total);
    }
    if (!atomic_load(&f->failed))
        return 0;
    cb_error_move(err, &f->first);
    return -1;
}

/* ---- what the job is told ------------------------------------------------------------------------------------------- */

static char *none_if_empty(char *s)
{
    return *s ? s : (free(s), NULL);
}

static void put_layer(struct cb_buf *to, const struct cache_image_layer *l)
{
    cb_put_digest(to, &l->id);
    cb_put_digest(to, &l->diff_id);
    cb_put_digest(to, &l->blob);
    cb_put_u64(to, l->blob_size);
    cb_put_str(to, l->media_type);
    cb_put_str(to, l->source);
}

static void get_layer_of(struct cb_unpack *u, struct cache_image *image)
{
    struct cache_image_layer *l = &CB_PUSH(image->layers, image->n_layers, image->cap_layers);
    l->id = cb_get_digest(u);
    l->diff_id = cb_get_digest(u);
    l->blob = cb_get_digest(u);
    l->blob_size = cb_get_u64(u);
    l->media_type = none_if_empty(cb_get_str(u));
    l->source = none_if_empty(cb_get_str(u));
}

static void put_base(struct cb_buf *to, const struct build_base *base)
{
    cb_put_str(to, base->name);
    cb_put_str(to, base->layout);
    cb_put_str(to, base->image.name);
    cb_put_u64(to, base->image.n_layers);
    for (size_t i = 0; i < base->image.n_layers; i++)
        put_layer(to, &base->image.layers[i]);
}

/* A base with what fetching its layers takes. */
static void get_base(struct cb_unpack *u, struct build_base *ret)
{
    *ret = (struct build_base){.name = cb_get_str(u)};
    ret->layout = none_if_empty(cb_get_str(u));
    ret->image.name = none_if_empty(cb_get_str(u));
    for (uint64_t n = cb_get_u64(u); n > 0 && !u->failed; n--)
        get_layer_of(u, &ret->image);
}

static int open_source(struct fetching *f, const struct build_base *base, struct cb_job_io *io, struct cb_error *err)
{
    f->in_layout = base->layout;
    if (f->in_layout)
        return oci_files_open(base->layout, &f->layout, err);
    const struct reg_options *options = &f->session->request->registry;
    if (oci_ref_parse(base->image.name ? base->image.name : base->name, &f->ref, err) < 0 ||
        !(f->client = reg_client_new(options, err)))
        return -1;
    reg_client_on_warning(f->client, cb_job_on_warning, io);
    return 0;
}

static int fetch_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)answer;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct build_base base;
    struct fetching f = {.session = world,
                         .image = &base.image,
                         .layout = OCI_FILES_INIT,
                         .form = cb_get_u8(&u),
                         .lock = PTHREAD_MUTEX_INITIALIZER};
    get_base(&u, &base);
    build_fetch_init(&f.places, world, io);
    f.each = cb_alloc((base.image.n_layers + 1) * sizeof(*f.each));
    int r = open_source(&f, &base, io, err) < 0 || run_workers(&f, io, err) < 0 ? cb_prefix(err, "%s", base.name) : 0;
    oci_files_done(&f.layout);
    free(f.each);
    reg_client_free(f.client);
    build_fetch_done(&f.places);
    oci_ref_done(&f.ref);
    build_base_done(&base);
    return r;
}

int build_base_start(struct build_session *session, const struct build_base *base, enum build_base_form form, struct cb_job *ret,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    cb_put_u8(&bytes, form);
    put_base(&bytes, base);
    struct rt_job_request req = {bytes.data, bytes.len, NULL, 0};
    return build_ns_job(session, RT_HELPER_FILES, fetch_job, &req, ret, err);
}

int build_base_fetch(struct build_session *session, const struct build_base *base, enum build_base_form form, const char *shown,
                     struct cb_error *err)
{
    struct cb_job job;
    if (build_base_complete(session, &base->image, form))
        return 0;
    return build_base_start(session, base, form, &job, err) < 0 ? -1 : build_wait_job(session, &job, shown, NULL, err);
}
