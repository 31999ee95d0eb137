/* type=inline: the records of an image's steps are in its config, their layers are its own. Nothing else has to be kept, and
 * nothing is kept that is not the image; so there is no index of a layer either, and whoever takes one has its blob brought at
 * once (open.c). Written it is with the image (builder/cli/commands/built.c). */
#include "base/limits.h"
#include "builder/pull/base-image.h"
#include "builder/pull/place.h"
#include "builder/share/artifact.h"
#include "builder/share/inline.h"
#include "builder/share/share-internal.h"
#include "cache/store/blob.h"
#include "registry/transfer/transfer.h"

struct build_share_link {
    struct reg_options options; /* members are borrowed */
    struct reg_client *client;
    struct oci_ref ref;
    struct oci_manifest manifest;
    struct oci_image_config config;
    struct build_inline_steps steps;
};

/* ---- options -------------------------------------------------------------------------------------------------------- */

static const struct build_share_key key_ref = {.name = "ref", .from = true, .set = build_share_set_setting};
static const struct build_share_key *const keys[] = {&key_ref, NULL};

/* Its place is the repository, as that of the kind "registry" is. */
static int check(struct build_share *o, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    const char *image = build_share_setting(o, "ref");
    if (o->writes && o->all)
        return cb_fail(err, CB_E_UNSUPPORTED, "mode=max cannot be honoured: an image holds its own layers only");
    if (o->writes)
        return 0;
    if (!image)
        return cb_fail(err, CB_E_USAGE, "ref= is missing: the image that the records are in");
    if (oci_ref_parse(image, &ref, err) < 0)
        return -1;
    o->place = oci_ref_name(&ref);
    return 0;
}

/* ---- the image ------------------------------------------------------------------------------------------------------ */

static void close_link(struct build_share_link *l)
{
    reg_client_free(l->client);
    oci_ref_done(&l->ref);
    oci_manifest_done(&l->manifest);
    oci_image_config_done(&l->config);
    build_inline_steps_done(&l->steps);
    free(l);
}

/* What is no image has no records, and what has none need not be sound. */
static int read_config(struct build_session *s, struct build_share_link *l, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    int r = cache_blob_get(s->store, &l->manifest.config.digest, CB_MAX_CONFIG, &bytes, err);
    if (r <= 0)
        return r < 0 ? -1 : cb_fail(err, CB_E_NOT_FOUND, "the image's config has gone");
    if (build_inline_read(bytes.data, bytes.len, &l->steps, err) < 0)
        return -1;
    if (l->steps.n == 0)
        return 0;
    if (oci_image_config_parse(bytes.data, bytes.len, &l->config, err) < 0)
        return -1;
    return l->config.n_diff_ids == l->manifest.n_layers
               ? 0
               : cb_fail(err, CB_E_CORRUPT, "the image has %zu layers, its config names %zu", l->manifest.n_layers,
                         l->config.n_diff_ids);
}

/* Of several, the first: an image is looked at for one. */
static int platform_of(const struct build_request *r, struct oci_platform *ret, struct cb_error *err)
{
    struct oci_platform *list;
    size_t n;
    if (oci_platforms_parse(r->platform, &list, &n, err) < 0)
        return -1;
    oci_platform_copy(ret, &list[0]);
    oci_platforms_free(list, n);
    return 0;
}

/* An image that is not there yet is one without records; and of one that only may be meant nobody wants to hear. */
static int look(struct build_session *s, const struct build_share *o, struct build_share_link *l, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    struct build_documents found = {0};
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    if (platform_of(s->request, &platform, err) < 0)
        return -1;
    int r = build_fetch_documents(s, l->client, &l->ref, &platform, build_share_setting(o, "ref"), &found, &why);
    l->manifest = found.manifest;
    if (r == 0)
        return read_config(s, l, err);
    if (why.code == CB_E_NOT_FOUND || build_share_setting(o, "perhaps"))
        return 0;
    cb_error_move(err, &why);
    return -1;
}

static int open_link(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                     struct cb_error *err)
{
    struct build_share_link *l = CB_NEW(struct build_share_link);
    l->options = build_share_options(s);
    if (oci_ref_parse(build_share_setting(o, "ref"), &l->ref, err) == 0 && (l->client = reg_client_new(&l->options, err))) {
        if (io)
            reg_client_on_warning(l->client, cb_job_on_warning, io);
        if (look(s, o, l, err) == 0) {
            *ret = l;
            return 0;
        }
    }
    close_link(l);
    return -1;
}

/* ---- its records ---------------------------------------------------------------------------------------------------- */

/* When the layer was made, and by what, are in the history: the entries with a layer are in the order of the layers. */
static const struct oci_history *history_of(const struct oci_image_config *c, size_t number)
{
    for (size_t i = 0; i < c->n_history; i++)
        if (!c->history[i].empty_layer && number-- == 0)
            return &c->history[i];
    return NULL;
}

static int write_document(const struct build_share_link *l, const struct build_inline_step *step, struct cb_buf *ret,
                          struct cb_error *err)
{
    CB_AUTO(build_artifact) struct build_artifact a = BUILD_ARTIFACT_INIT;
    const struct oci_descriptor *d = &l->manifest.layers[step->number];
    const struct oci_history *h = history_of(&l->config, step->number);
    a.record.layer = step->layer;
    a.record.created = h && h->has_created ? h->created : l->config.created;
    a.record.instruction = cb_strdup(h && h->created_by ? h->created_by : "");
    a.diff_id = l->config.diff_ids[step->number];
    a.parent = step->parent;
    a.platform = oci_platform_text(&l->config.platform);
    a.maker = cb_strdup("inline");
    a.layer.digest = d->digest;
    a.layer.size = d->size;
    a.layer.media_type = cb_strdup(d->media_type);
    return build_artifact_write(&a, ret, err);
}

static int give(const struct build_share_link *l, const struct cb_digest *key, size_t number, build_share_document_fn *fn,
                void *arg, struct cb_error *err)
{
    for (size_t i = 0; i < l->steps.n; i++) {
        CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
        const struct build_inline_step *step = &l->steps.items[i];
        if (!cb_digest_eq(&step->definition, key) || step->number >= l->manifest.n_layers)
            continue;
        return write_document(l, step, &bytes, err) < 0 ? -1 : fn(arg, number, bytes.data, bytes.len, err);
    }
    return 0;
}

static int get_documents(struct build_share_link *l, const struct cb_digest *digests, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (give(l, &digests[i], i, fn, arg, err) < 0)
            return -1;
    return 0;
}

static int get_blob(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err)
{
    const struct oci_descriptor d = {.media_type = (char *)b->media_type, .digest = b->digest, .size = b->size};
    if (offset)
        return cb_fail(err, CB_E_UNSUPPORTED, "a part of an image's layer cannot be had");
    return reg_fetch_blob(l->client, &l->ref, &d, sink, arg, err);
}

const struct build_share_ops build_share_inline = {
    .name = "inline",
    .keys = keys,
    .in_image = true,
    .from = BUILD_PLACE_REGISTRY,
    .check = check,
    .open = open_link,
    .close = close_link,
    .get_documents = get_documents,
    .get_blob = get_blob,
};
