#include "builder/transport/parcel.h"
#include "base/limits.h"

#define MAX_DEPTH     3            /* of indexes: as where an image is pulled */
#define MAX_DOCUMENTS (256u << 20) /* bytes of all documents: a thousand manifests of a usual size are one MiB */

void build_parcel_done(struct build_parcel *p)
{
    for (size_t i = 0; i < p->n_images; i++) {
        oci_descriptor_done(&p->images[i].top);
        cb_strv_done(&p->images[i].names);
        oci_manifest_done(&p->images[i].manifest);
    }
    for (size_t i = 0; i < p->n_documents; i++) {
        oci_descriptor_done(&p->documents[i].d);
        cb_buf_done(&p->documents[i].bytes);
    }
    for (size_t i = 0; i < p->n_blobs; i++)
        oci_descriptor_done(&p->blobs[i]);
    free(p->images);
    free(p->documents);
    free(p->blobs);
    *p = (struct build_parcel){0};
}

/* ---- what is in the list already ---------------------------------------------------------------------------------- */

static bool is_listed(const struct build_parcel *p, const struct cb_digest *d)
{
    for (size_t i = 0; i < p->n_blobs; i++)
        if (cb_digest_eq(&p->blobs[i].digest, d))
            return true;
    return false;
}

static void add_blob(struct build_parcel *p, const struct oci_descriptor *d)
{
    if (!is_listed(p, &d->digest))
        oci_descriptor_copy(&CB_PUSH(p->blobs, p->n_blobs, p->cap_blobs), d);
}

static int add_document(struct build_parcel *p, const struct oci_descriptor *d, const struct cb_buf *bytes, struct cb_error *err)
{
    size_t sum = bytes->len;
    for (size_t i = 0; i < p->n_documents; i++) {
        if (cb_digest_eq(&p->documents[i].d.digest, &d->digest))
            return 0;
        sum += p->documents[i].bytes.len;
    }
    if (sum > MAX_DOCUMENTS)
        return cb_fail(err, CB_E_CORRUPT, "its manifests have more than %u bytes together", MAX_DOCUMENTS);
    struct build_parcel_document *x = &CB_PUSH(p->documents, p->n_documents, p->cap_documents);
    oci_descriptor_copy(&x->d, d);
    x->bytes = CB_BUF_INIT;
    cb_buf_add(&x->bytes, bytes->data, bytes->len);
    return 0;
}

/* ---- manifests ---------------------------------------------------------------------------------------------------- */

static void replace_type(char **type, bool docker)
{
    char *other = docker ? oci_type_to_docker(*type) : oci_type_from_docker(*type);
    free(*type);
    *type = other;
}

/* Docker's names exist for images alone, with layers that are tars, compressed by gzip or not at all. */
static int check_docker_types(const struct oci_manifest *m, struct cb_error *err)
{
    for (size_t i = 0; i < m->n_layers; i++) {
        const struct cb_codec *codec;
        if (oci_layer_codec(m->layers[i].media_type, &codec, err) < 0)
            return -1;
        if (!codec->docker_reads)
            return cb_fail(err, CB_E_UNSUPPORTED, "Docker's media types have no name for layers compressed by %s", codec->name);
    }
    return m->annotations.n ? cb_fail(err, CB_E_UNSUPPORTED, "Docker's media types have no annotations") : 0;
}

/* The manifest anew, with the other names for the same things: *d and *bytes are its own then. */
static int convert(struct oci_manifest *m, const char *format, struct oci_descriptor *d, struct cb_buf *bytes,
                   struct cb_error *err)
{
    bool docker = strcmp(format, "v2s2") == 0;
    const char *want = docker ? DOCKER_TYPE_MANIFEST : OCI_TYPE_MANIFEST;
    CB_AUTO(free) char *type = oci_manifest_type(bytes->data, bytes->len);
    if (strcmp(type, want) == 0)
        return 0;
    if (docker && check_docker_types(m, err) < 0)
        return -1;
    free(m->media_type);
    m->media_type = cb_strdup(want);
    replace_type(&m->config.media_type, docker);
    for (size_t i = 0; i < m->n_layers; i++)
        replace_type(&m->layers[i].media_type, docker);
    cb_buf_reset(bytes);
    oci_manifest_write(m, bytes);
    cb_sha256(bytes->data, bytes->len, &d->digest);
    d->size = bytes->len;
    free(d->media_type);
    d->media_type = cb_strdup(want);
    return 0;
}

static int take_manifest(struct build_parcel *p, struct build_parcel_image *image, const struct build_parcel_choice *choice,
                         struct oci_descriptor *d, struct cb_buf *bytes, struct cb_error *err)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    if (oci_manifest_parse(bytes->data, bytes->len, &m, err) < 0 ||
        (choice->format && convert(&m, choice->format, d, bytes, err) < 0))
        return -1;
    for (size_t i = 0; i < m.n_layers; i++)
        add_blob(p, &m.layers[i]);
    add_blob(p, &m.config);
    if (!image->manifest.media_type) {
        image->manifest = m;
        m = (struct oci_manifest){0};
    }
    return add_document(p, d, bytes, err);
}

/* ---- indexes ------------------------------------------------------------------------------------------------------ */

static int take(struct build_parcel *p, struct build_parcel_image *image, const struct build_parcel_choice *choice,
                struct oci_descriptor *d, int depth, struct cb_error *err);

static int take_entries(struct build_parcel *p, struct build_parcel_image *image, const struct build_parcel_choice *choice,
                        struct oci_index *x, int depth, struct cb_error *err)
{
    for (size_t i = 0; i < x->n_manifests; i++) {
        struct oci_descriptor *entry = &x->manifests[i];
        if (entry->foreign_digest)
            return cb_fail(err, CB_E_UNSUPPORTED, "the digest '%.200s' is not supported, only sha256 is", entry->foreign_digest);
        struct cb_digest before = entry->digest;
        if (take(p, image, choice, entry, depth + 1, err) < 0)
            return -1;
        if (!cb_digest_eq(&before, &entry->digest)) {
            cb_fail(err, CB_E_UNSUPPORTED, "an index cannot go along when its manifests change their format");
            return cb_hint(err, "copy it without --format, or without --all");
        }
    }
    return 0;
}

/* *d becomes what has the name: the index, or the one manifest that is wanted of it. */
static int take_index(struct build_parcel *p, struct build_parcel_image *image, const struct build_parcel_choice *choice,
                      struct oci_descriptor *d, const struct cb_buf *bytes, int depth, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    if (depth >= MAX_DEPTH)
        return cb_fail(err, CB_E_CORRUPT, "indexes are nested too deeply");
    if (oci_index_parse(bytes->data, bytes->len, &x, err) < 0)
        return -1;
    if (!choice->platform)
        return take_entries(p, image, choice, &x, depth, err) < 0 ? -1 : add_document(p, d, bytes, err);
    int at = oci_index_select(&x, choice->platform, choice->shown, err);
    if (at < 0)
        return -1;
    oci_descriptor_copy(d, &x.manifests[at]);
    return take(p, image, choice, d, depth + 1, err);
}

static int take(struct build_parcel *p, struct build_parcel_image *image, const struct build_parcel_choice *choice,
                struct oci_descriptor *d, int depth, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (p->source.document(p->source.arg, d, &bytes, err) < 0)
        return -1;
    int kind = oci_document_kind(bytes.data, bytes.len, d->media_type, err);
    if (kind < 0)
        return -1;
    return kind ? take_index(p, image, choice, d, &bytes, depth, err) : take_manifest(p, image, choice, d, &bytes, err);
}

/* ---- images ------------------------------------------------------------------------------------------------------- */

static void add_names(struct build_parcel_image *image, const struct cb_strv *names)
{
    for (size_t i = 0; names && i < names->n; i++)
        if (cb_strv_find(&image->names, names->items[i]) < 0)
            cb_strv_push(&image->names, names->items[i]);
}

/* The image that is in the parcel already; NULL: none. */
static struct build_parcel_image *find(struct build_parcel *p, const struct cb_digest *top)
{
    for (size_t i = 0; i + 1 < p->n_images; i++)
        if (cb_digest_eq(&p->images[i].top.digest, top))
            return &p->images[i];
    return NULL;
}

int build_parcel_add(struct build_parcel *p, const struct oci_descriptor *top, const struct cb_strv *names,
                     const struct build_parcel_choice *choice, struct cb_error *err)
{
    struct build_parcel_image *image = &CB_PUSH(p->images, p->n_images, p->cap_images), *same;
    oci_descriptor_copy(&image->top, top);
    cb_strv_done(&image->top.annotations); /* they told its name */
    if (take(p, image, choice, &image->top, 0, err) < 0)
        return cb_prefix(err, "%s", choice->shown);
    add_names(image, names);
    same = find(p, &image->top.digest);
    if (!same)
        return 0;
    add_names(same, names);
    oci_descriptor_done(&image->top);
    cb_strv_done(&image->names);
    oci_manifest_done(&image->manifest);
    p->n_images--;
    return 0;
}
