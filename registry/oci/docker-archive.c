#include "registry/oci/docker-archive.h"

#include "base/json.h"
#include "base/limits.h"
#include "registry/oci/config.h"
#include "registry/oci/layout-internal.h"
#include "registry/oci/reference.h"
#include <unistd.h>

void oci_docker_images_done(struct oci_docker_images *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->list[i].config);
        cb_strv_done(&x->list[i].layers);
        cb_strv_done(&x->list[i].names);
    }
    free(x->list);
    *x = (struct oci_docker_images){0};
}

/* ---- manifest.json ---------------------------------------------------------------------------------------------- */

static int take_names(const struct cb_strv *tags, const char *path, struct cb_strv *ret, struct cb_error *err)
{
    for (size_t i = 0; i < tags->n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(tags->items[i], &ref, err) < 0) {
            err->code = CB_E_CORRUPT;
            return cb_prefix(err, "%s.RepoTags[%zu]", path, i);
        }
        cb_strv_take(ret, oci_ref_full(&ref));
    }
    return 0;
}

static int parse_image(json_t *j, size_t number, struct oci_docker_image *ret, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("manifest.json[%zu]", number);
    CB_AUTO(cb_strv) struct cb_strv tags = {0};
    const char *config = NULL;
    if (!json_is_object(j))
        return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", path);
    if (cb_json_str(j, "Config", path, &config, err) < 0 || cb_json_strv(j, "Layers", path, &ret->layers, err) < 0 ||
        cb_json_strv(j, "RepoTags", path, &tags, err) < 0)
        return -1;
    if (!config || !*config)
        return cb_fail(err, CB_E_CORRUPT, "%s.Config is missing", path);
    ret->config = cb_strdup(config);
    return take_names(&tags, path, &ret->names, err);
}

int oci_docker_manifest_parse(const char *bytes, size_t n, struct oci_docker_images *ret, struct cb_error *err)
{
    CB_AUTO(oci_docker_images) struct oci_docker_images x = {0};
    CB_AUTO(json) json_t *j = cb_json_parse(bytes, n, "manifest.json", err);
    json_t *image;
    size_t i;
    if (!j)
        return -1;
    if (!json_is_array(j))
        return cb_fail(err, CB_E_CORRUPT, "manifest.json: expected an array of images");
    json_array_foreach (j, i, image) {
        if (parse_image(image, i, &CB_PUSH(x.list, x.n, x.cap), err) < 0)
            return -1;
    }
    *ret = x;
    x = (struct oci_docker_images){0};
    return 0;
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

struct translation {
    struct oci_members *m;
    struct oci_index index;
};

static int buf_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

static int read_document(const struct oci_members *m, const char *path, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    const struct oci_member *found = oci_members_find(m, path);
    if (!found)
        return cb_fail(err, CB_E_CORRUPT, "'%s' is missing in the archive", path);
    if (found->size > max)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the archive is larger than %zu bytes", path, max);
    return oci_members_copy(m, found, buf_sink, ret, err);
}

/* What a member is compressed with: its first bytes say it. */
struct first_bytes {
    const struct oci_members *m;
    const struct oci_member *member;
    uint64_t at;
};
static ssize_t read_first(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct first_bytes *f = arg;
    if (f->at == f->member->size)
        return 0;
    ssize_t r = pread(f->m->fd, p, (size_t)CB_MIN((uint64_t)n, f->member->size - f->at), (off_t)(f->member->offset + f->at));
    if (r < 0)
        return cb_fail_sys(err, errno, "read the archive");
    f->at += (uint64_t)r;
    return r;
}

static int find_codec(const struct oci_members *m, const struct oci_member *member, const struct cb_codec **ret,
                      struct cb_error *err)
{
    struct first_bytes f = {m, member, 0};
    char byte;
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(read_first, &f, "layer");
    if (cb_decoder_read(d, &byte, 1, err) < 0)
        return -1;
    *ret = cb_decoder_codec(d);
    return 0;
}

static int translate_layer(struct translation *t, const char *path, const struct cb_digest *diff_id, struct oci_manifest *to,
                           struct cb_error *err)
{
    const struct cb_codec *codec = NULL;
    struct cb_digest digest = *diff_id;
    char blob[OCI_BLOB_PATH + 1];
    struct oci_member *member = oci_members_find(t->m, path);
    if (!member)
        return cb_fail(err, CB_E_CORRUPT, "layer '%s' is missing in the archive", path);
    if (find_codec(t->m, member, &codec, err) < 0)
        return cb_prefix(err, "layer '%s'", path);
    if (codec != &cb_codec_none && oci_members_digest(t->m, member, &digest, err) < 0)
        return -1;
    oci_blob_path(&digest, blob);
    CB_PUSH(to->layers, to->n_layers, to->cap_layers) =
        (struct oci_descriptor){.media_type = oci_layer_type(codec, false), .digest = digest, .size = member->size};
    return oci_members_add(t->m, blob, member, err);
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static int add_document(struct oci_members *m, const char *path, const struct cb_buf *bytes, struct cb_error *err)
{
    return oci_members_add(m, path, &(struct oci_member){.size = bytes->len, .bytes = bytes->data}, err);
}

static int add_blob(struct oci_members *m, const struct cb_buf *bytes, struct oci_descriptor *ret, struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    cb_sha256(bytes->data, bytes->len, &ret->digest);
    ret->size = bytes->len;
    oci_blob_path(&ret->digest, path);
    return add_document(m, path, bytes, err);
}

static void list_image(struct translation *t, const struct oci_descriptor *manifest, const char *name)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it was checked when it was read */
    struct oci_descriptor *d = &CB_PUSH(t->index.manifests, t->index.n_manifests, t->index.cap_manifests);
    oci_descriptor_copy(d, manifest);
    if (!name)
        return;
    cb_strv_take(&d->annotations, cb_printf("%s=%s", OCI_CONTAINERD_NAME, name));
    if (oci_ref_parse(name, &ref, &ignored) == 0 && ref.tag)
        cb_strv_take(&d->annotations, cb_printf("%s=%s", OCI_REF_NAME, ref.tag));
}

static int translate_config(struct translation *t, const struct oci_docker_image *image, struct oci_image_config *config,
                            struct oci_manifest *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (read_document(t->m, image->config, CB_MAX_CONFIG, &bytes, err) < 0)
        return -1;
    if (oci_image_config_parse(bytes.data, bytes.len, config, err) < 0)
        return cb_prefix(err, "'%s' in the archive", image->config);
    if (image->layers.n > CB_MAX_LAYERS)
        return cb_fail(err, CB_E_UNSUPPORTED, "an image has %zu layers; %d are possible", image->layers.n, CB_MAX_LAYERS);
    if (config->n_diff_ids != image->layers.n)
        return cb_fail(err, CB_E_CORRUPT, "manifest.json has %zu layers, the config '%s' %zu", image->layers.n, image->config,
                       config->n_diff_ids);
    to->config.media_type = cb_strdup(OCI_TYPE_CONFIG);
    return add_blob(t->m, &bytes, &to->config, err);
}

static int translate_image(struct translation *t, const struct oci_docker_image *image, struct cb_error *err)
{
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(oci_manifest) struct oci_manifest manifest = {.media_type = cb_strdup(OCI_TYPE_MANIFEST)};
    CB_AUTO(oci_descriptor) struct oci_descriptor top = {.media_type = cb_strdup(OCI_TYPE_MANIFEST), .has_platform = true};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (translate_config(t, image, &config, &manifest, err) < 0)
        return -1;
    for (size_t i = 0; i < image->layers.n; i++)
        if (translate_layer(t, image->layers.items[i], &config.diff_ids[i], &manifest, err) < 0)
            return -1;
    oci_manifest_write(&manifest, &bytes);
    oci_platform_copy(&top.platform, &config.platform);
    if (add_blob(t->m, &bytes, &top, err) < 0)
        return -1;
    for (size_t i = 0; i < image->names.n; i++)
        list_image(t, &top, image->names.items[i]);
    if (!image->names.n)
        list_image(t, &top, NULL);
    return 0;
}

static int translate_all(struct translation *t, struct cb_error *err)
{
    CB_AUTO(oci_docker_images) struct oci_docker_images images = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, index = CB_BUF_INIT, header = CB_BUF_INIT;
    if (read_document(t->m, "manifest.json", CB_MAX_MANIFEST, &text, err) < 0 ||
        oci_docker_manifest_parse(text.data, text.len, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < images.n; i++)
        if (translate_image(t, &images.list[i], err) < 0)
            return -1;
    oci_index_write(&t->index, &index);
    cb_buf_adds(&header, OCI_LAYOUT_HEADER);
    return add_document(t->m, "index.json", &index, err) < 0 ? -1 : add_document(t->m, "oci-layout", &header, err);
}

int oci_docker_archive_translate(struct oci_members *m, struct cb_error *err)
{
    struct translation t = {.m = m, .index = {.media_type = cb_strdup(OCI_TYPE_INDEX)}};
    int r = translate_all(&t, err);
    oci_index_done(&t.index);
    return r;
}
