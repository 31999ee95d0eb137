#include "builder/output/manifest.h"
#include "base/limits.h"
#include "cache/store/blob.h"
#include "registry/oci/config.h"

void build_manifest_done(struct build_manifest *m)
{
    oci_manifest_done(&m->m);
    cb_buf_done(&m->bytes);
    cb_buf_done(&m->config);
}

/* A layer whose files are known can be packed here when its registry cannot be reached: another blob with the same files
 * is better than none. */
static int fetch_base(struct build_session *s, const struct build_image *image, enum build_base_form form, struct cb_error *err)
{
    if (build_image_fetch_base(s, image, form, err) == 0)
        return 0;
    if (err->code != CB_E_NETWORK || !build_base_complete(s, &image->base->image, BUILD_BASE_INDEXED))
        return -1;
    build_note(s, "%s; its layers are packed anew, with other digests than there", err->msg);
    cb_error_done(err);
    return 0;
}

static int get_config(struct build_session *s, const struct build_image *image, struct build_manifest *ret, struct cb_error *err)
{
    int r = cache_blob_get(s->store, &image->stored.config, CB_MAX_CONFIG, &ret->config, err);
    return r == 0 ? cb_fail(err, CB_E_CORRUPT, "the image's config is not in the store") : r < 0 ? -1 : 0;
}

static void add_layer(struct oci_manifest *m, const struct cache_image_layer *l, const struct cache_packed *packed,
                      const struct build_packing *p)
{
    bool as_it_came = l->blob_size && cb_digest_eq(&l->blob, &packed->digest);
    char *type = !as_it_came || !l->media_type ? oci_layer_type(p->codec, p->docker_types)
                 : p->docker_types             ? oci_type_to_docker(l->media_type)
                                               : oci_type_from_docker(l->media_type);
    CB_PUSH(m->layers, m->n_layers, m->cap_layers) =
        (struct oci_descriptor){.media_type = type, .digest = packed->digest, .size = packed->size};
}

/* Layers with other times have other diff IDs, which the config names. What the inline cache says of the layers would be wrong,
 * and stays out. */
static int rewrite_config(struct build_session *s, const struct cache_image_layer *layers, size_t n, struct build_manifest *ret,
                          struct cb_error *err)
{
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    if (oci_image_config_parse(ret->config.data, ret->config.len, &c, err) < 0)
        return cb_prefix(err, "the image's config");
    for (size_t i = 0; i < n && i < c.n_diff_ids; i++)
        c.diff_ids[i] = layers[i].diff_id;
    cb_buf_reset(&ret->config);
    oci_image_config_write(&c, &ret->config);
    return cache_blob_put(s->store, ret->config.data, ret->config.len, &ret->m.config.digest, err);
}

/* Packs the layers and lists them. It works on a copy: the image's own entries stay as they are. */
static int add_layers(struct build_session *s, const struct build_image *from, const struct build_packing *p,
                      struct build_manifest *ret, struct cb_error *err)
{
    const struct cache_image *image = &from->stored;
    size_t n = image->n_layers, n_base = from->base ? from->base->image.n_layers : 0;
    CB_AUTO(free) struct cache_image_layer *layers = cb_alloc((n + 1) * sizeof(*layers));
    CB_AUTO(free) struct cache_packed *packed = cb_alloc((n + 1) * sizeof(*packed));
    if (n == 0)
        return 0;
    memcpy(layers, image->layers, n * sizeof(*layers));
    if (build_pack_layers(s, layers, n, n_base, p, packed, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        add_layer(&ret->m, &layers[i], &packed[i], p);
        if (p->rewrites && i >= n_base && !p->docker_types)
            cb_strv_take(&ret->m.layers[i].annotations, cb_printf("buildkit/rewritten-timestamp=%lld", (long long)p->latest));
    }
    return p->rewrites ? rewrite_config(s, layers, n, ret, err) : 0;
}

/* A docker archive has layers that are not compressed, and what is made of them here has to be made of something. */
static bool needs_bytes(const struct cache_image *image)
{
    for (size_t i = 0; i < image->n_layers; i++)
        if (image->layers[i].blob_size && !image->layers[i].media_type)
            return true;
    return false;
}

/* SOURCE_DATE_EPOCH is known when the Dockerfile has been read, and an image has its own. */
static int find_latest(struct build_session *s, const struct build_image *image, struct build_packing *p, struct cb_error *err)
{
    p->rewrites = p->rewrites || s->request->rewrites_times;
    p->latest = image->epoch;
    if (!p->rewrites || image->has_epoch)
        return 0;
    cb_fail(err, CB_E_USAGE, "rewrite-timestamp=true: there is no time to set the files to");
    return cb_hint(err, "give one: SOURCE_DATE_EPOCH=SECONDS in the environment, or --build-arg SOURCE_DATE_EPOCH=SECONDS");
}

int build_manifest_make(struct build_session *s, const struct build_image *image, const struct build_packing *packing,
                        const struct cb_strv *annotations, struct build_manifest *ret, struct cb_error *err)
{
    *ret = BUILD_MANIFEST_INIT;
    struct oci_manifest *m = &ret->m;
    struct build_packing asked = *packing, *p = &asked;
    m->config.digest = image->stored.config;
    if (find_latest(s, image, p, err) < 0)
        return -1;
    if (p->docker_types && !p->codec->docker_reads)
        return cb_fail(err, CB_E_USAGE, "compression=%s needs OCI media types: leave oci-mediatypes=false out", p->codec->name);
    if (((p->force || !p->lazy || needs_bytes(&image->stored)) &&
         fetch_base(s, image, p->force ? BUILD_BASE_INDEXED : BUILD_BASE_PACKED, err) < 0) ||
        get_config(s, image, ret, err) < 0 || add_layers(s, image, p, ret, err) < 0)
        return -1;
    m->media_type = cb_strdup(p->docker_types ? DOCKER_TYPE_MANIFEST : OCI_TYPE_MANIFEST);
    m->config.media_type = cb_strdup(p->docker_types ? DOCKER_TYPE_CONFIG : OCI_TYPE_CONFIG);
    m->config.size = ret->config.len;
    if (annotations)
        cb_strv_copy(&m->annotations, annotations);
    oci_manifest_write(m, &ret->bytes);
    return cache_blob_put(s->store, ret->bytes.data, ret->bytes.len, &ret->digest, err);
}

static int get_as_pulled(struct build_session *s, const struct build_image *image, bool lazy, struct build_manifest *ret,
                         struct cb_error *err)
{
    int r = cache_blob_get(s->store, &image->stored.manifest, CB_MAX_MANIFEST, &ret->bytes, err);
    if (r > 0 && oci_manifest_parse(ret->bytes.data, ret->bytes.len, &ret->m, err) < 0)
        return -1;
    if (r > 0)
        r = cache_blob_get(s->store, &image->stored.config, CB_MAX_CONFIG, &ret->config, err);
    if (r <= 0)
        return r;
    /* A registry compares what it is told with what the bytes say. */
    free(ret->m.media_type);
    ret->m.media_type = oci_manifest_type(ret->bytes.data, ret->bytes.len);
    return !lazy && build_image_fetch_base(s, image, BUILD_BASE_PACKED, err) < 0 ? -1 : 1;
}

int build_manifest_as_pulled(struct build_session *s, const struct build_image *image, bool lazy, struct build_manifest *ret,
                             struct cb_error *err)
{
    *ret = BUILD_MANIFEST_INIT;
    ret->digest = image->stored.manifest;
    int r = image->stored.pulled ? get_as_pulled(s, image, lazy, ret, err) : 0;
    if (r <= 0) {
        build_manifest_done(ret);
        *ret = BUILD_MANIFEST_INIT;
    }
    return r;
}
