#include "builder/transport/carry.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/output/index.h"
#include "builder/pull/incoming.h"
#include "builder/session/jobs.h"
#include "builder/transport/deliver.h"
#include "builder/transport/transport-internal.h"
#include "cache/store/blob.h"
#include "registry/oci/layout.h"
#include "registry/transfer/transfer.h"

#include <unistd.h>

struct carrying {
    struct build_session *session;
    const struct build_carry *c;
    const struct build_brought *brought; /* a layout or archive that the image is in */
    const struct build_index *indexes;   /* of the images of the store */
    struct build_parcel_choice choice;
};

/* ---- out of a layout or an archive -------------------------------------------------------------------------------- */

static int layout_document(void *arg, const struct oci_descriptor *d, struct cb_buf *ret, struct cb_error *err)
{
    return oci_layout_read(arg, d, CB_MAX_MANIFEST, ret, err);
}

static int layout_blob(void *arg, const struct oci_descriptor *d, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    return oci_layout_copy(arg, d, sink, sink_arg, err);
}

/* All names that index.json has for it. */
static int names_in_layout(const struct oci_files *files, const struct oci_descriptor *top, struct cb_strv *ret,
                           struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    if (oci_layout_index(files, &x, err) < 0)
        return -1;
    for (size_t i = 0; i < x.n_manifests; i++) {
        char *name = cb_digest_eq(&x.manifests[i].digest, &top->digest) ? oci_layout_name(&x.manifests[i]) : NULL;
        if (name)
            cb_strv_take(ret, name);
    }
    return 0;
}

static int from_layout(const struct carrying *x, struct oci_files *files, struct build_parcel *p, struct cb_error *err)
{
    const struct build_in_layout *at = &x->brought->at;
    CB_AUTO(oci_descriptor) struct oci_descriptor top = {0};
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (oci_files_open(at->path, files, err) < 0)
        return -1;
    p->source = (struct build_parcel_source){layout_document, layout_blob, files, NULL};
    if (oci_layout_find(files, at->name, at->digest, &top, err) < 0)
        return cb_prefix(err, "'%s'", at->path);
    return names_in_layout(files, &top, &names, err) < 0 ? -1 : build_parcel_add(p, &top, &names, &x->choice, err);
}

/* ---- out of a registry -------------------------------------------------------------------------------------------- */

struct asked {
    struct reg_client *client;
    struct oci_ref ref;
    char *name;
};

static int registry_document(void *arg, const struct oci_descriptor *d, struct cb_buf *ret, struct cb_error *err)
{
    struct asked *a = arg;
    char text[CB_DIGEST_TEXT + 1];
    struct oci_ref exact = a->ref;
    struct reg_document doc = {.bytes = CB_BUF_INIT};
    cb_digest_text(&d->digest, text);
    exact.digest = text;
    int r = reg_fetch_document(a->client, &exact, &doc, err);
    if (r == 0)
        cb_buf_add(ret, doc.bytes.data, doc.bytes.len);
    reg_document_done(&doc);
    return r;
}

static int registry_blob(void *arg, const struct oci_descriptor *d, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    struct asked *a = arg;
    return reg_fetch_blob(a->client, &a->ref, d, sink, sink_arg, err);
}

static int find_top(struct asked *a, struct oci_descriptor *ret, struct cb_error *err)
{
    struct reg_document doc = {.bytes = CB_BUF_INIT};
    int r = reg_fetch_document(a->client, &a->ref, &doc, err);
    if (r == 0)
        *ret = (struct oci_descriptor){
            .media_type = cb_strdup(doc.content_type ? doc.content_type : ""), .digest = doc.digest, .size = doc.bytes.len};
    reg_document_done(&doc);
    return r;
}

static int from_registry(const struct carrying *x, struct asked *a, struct build_parcel *p, struct cb_job_io *io,
                         struct cb_error *err)
{
    CB_AUTO(oci_descriptor) struct oci_descriptor top = {0};
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (oci_ref_parse(x->c->from->place, &a->ref, err) < 0 || !(a->client = reg_client_new(x->c->from_options, err)))
        return -1;
    reg_client_on_warning(a->client, cb_job_on_warning, io);
    a->name = oci_ref_name(&a->ref);
    p->source = (struct build_parcel_source){registry_document, registry_blob, a, a->name};
    if (find_top(a, &top, err) < 0)
        return -1;
    if (a->ref.tag && !a->ref.digest)
        cb_strv_take(&names, oci_ref_full(&a->ref));
    return build_parcel_add(p, &top, &names, &x->choice, err);
}

/* ---- out of the store --------------------------------------------------------------------------------------------- */

/* Manifests and indexes are blobs of the store, like all the rest. */
static int stored_document(void *arg, const struct oci_descriptor *d, struct cb_buf *ret, struct cb_error *err)
{
    int r = cache_blob_get(arg, &d->digest, CB_MAX_MANIFEST, ret, err);
    return r == 0 ? cb_fail(err, CB_E_CORRUPT, "a manifest vanished from the store") : CB_MIN(r, 0);
}

static int stored_blob(void *arg, const struct oci_descriptor *d, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_blob_open(arg, &d->digest, err);
    return fd < 0 ? -1 : build_incoming_file(fd, sink, sink_arg, err);
}

static int from_store(const struct carrying *x, struct build_parcel *p, struct cb_error *err)
{
    p->source = (struct build_parcel_source){stored_document, stored_blob, x->session->store, NULL};
    for (size_t i = 0; i < x->c->n_stored; i++) {
        CB_AUTO(oci_descriptor) struct oci_descriptor top = {0};
        build_index_top(&x->indexes[i], &top);
        if (build_parcel_add(p, &top, &x->c->stored[i].names, &x->choice, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the job ------------------------------------------------------------------------------------------------------ */

static int carry_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct carrying *x = ctx;
    CB_AUTO(build_parcel) struct build_parcel p = {0};
    struct oci_files files = OCI_FILES_INIT;
    struct asked a = {0};
    int r = x->brought   ? from_layout(x, &files, &p, err)
            : x->c->from ? from_registry(x, &a, &p, io, err)
                         : from_store(x, &p, err);
    if (r == 0)
        r = build_deliver(&(struct build_delivery){x->session, io, &p, x->c->to, x->c->to_options}, err);
    if (r == 0)
        cb_put_digest(answer, &p.images[p.n_images - 1].top.digest);
    oci_files_done(&files);
    reg_client_free(a.client);
    oci_ref_done(&a.ref);
    free(a.name);
    return r;
}

static int carry(struct carrying *x, struct cb_digest *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(free) char *shown = cb_printf("copy %s", x->c->shown);
    struct cb_job job;
    if (cb_job_fork(carry_job, x, &job, err) < 0 || build_wait_job(x->session, &job, shown, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    *ret = cb_get_digest(&u);
    return 0;
}

/* ---- images of the store get their manifests ---------------------------------------------------------------------- */

/* Whether docker load could read it. */
static bool docker_reads(const struct build_index *x)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; !x->items[i].attests && k < x->items[i].manifest.m.n_layers; k++) {
            const struct cb_codec *codec;
            if (oci_layer_codec(x->items[i].manifest.m.layers[k].media_type, &codec, &ignored) < 0 || !codec->docker_reads)
                return false;
        }
    return true;
}

/* An image that is alone need not say what it is for; an index does. */
static int find_platform(struct build_session *s, struct build_image *image, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    if (image->platform.os && *image->platform.os)
        return 0;
    int r = cache_blob_get(s->store, &image->stored.config, CB_MAX_CONFIG, &bytes, err);
    if (r == 0)
        return cb_fail(err, CB_E_CORRUPT, "the image's config is not in the store");
    if (r < 0 || oci_image_config_parse(bytes.data, bytes.len, &config, err) < 0)
        return -1;
    oci_platform_copy(&image->platform, &config.platform);
    oci_platform_normalize(&image->platform);
    return 0;
}

static int make_images(struct build_session *s, const struct cache_image *stored, struct build_images *ret, struct cb_error *err)
{
    if (build_images_of(stored, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->n; i++)
        if (find_platform(s, &ret->items[i], err) < 0)
            return -1;
    return 0;
}

static int make_index(struct build_session *s, const struct build_carry *c, const struct cache_image *image,
                      struct build_images *images, struct build_index *ret, struct cb_error *err)
{
    struct build_packing packing = {.codec = cb_codecs[0], .level = -1};
    packing.docker_types = image->manifest_type && strcmp(image->manifest_type, DOCKER_TYPE_MANIFEST) == 0;
    if (make_images(s, image, images, err) < 0 || build_index_make(s, images, &packing, NULL, true, ret, err) < 0)
        return -1;
    if (!c->to->ops->docker || docker_reads(ret))
        return 0;
    build_index_done(ret);
    packing.force = true;
    return build_index_make(s, images, &packing, NULL, false, ret, err);
}

static int carry_stored(struct carrying *x, struct cb_digest *ret, struct cb_error *err)
{
    size_t n = x->c->n_stored;
    struct build_images *images = cb_alloc((n + 1) * sizeof(*images));
    struct build_index *indexes = cb_alloc((n + 1) * sizeof(*indexes));
    int r = 0;
    for (size_t i = 0; i < n; i++)
        indexes[i] = BUILD_INDEX_INIT;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = make_index(x->session, x->c, &x->c->stored[i].image, &images[i], &indexes[i], err);
    x->indexes = indexes;
    if (r == 0)
        r = carry(x, ret, err);
    for (size_t i = 0; i < n; i++) {
        build_index_done(&indexes[i]);
        build_images_done(&images[i]);
    }
    free(indexes);
    free(images);
    return r;
}

int build_carry(struct build_session *s, const struct build_carry *c, struct cb_digest *ret, struct cb_error *err)
{
    struct build_brought brought = BUILD_BROUGHT_INIT;
    struct carrying x = {.session = s, .c = c, .choice = {c->platform, c->format, c->shown}};
    if (strcmp(c->to->place, "-") == 0 && isatty(STDOUT_FILENO))
        return cb_fail(err, CB_E_USAGE, "standard output is a terminal; redirect it");
    if (c->stored)
        return carry_stored(&x, ret, err);
    bool registry = build_location_is_registry(c->from);
    int r = registry ? 0 : build_transport_bring(s, c->from, &brought, err);
    x.brought = registry ? NULL : &brought;
    if (r == 0)
        r = carry(&x, ret, err);
    build_brought_done(s, &brought);
    return r;
}
