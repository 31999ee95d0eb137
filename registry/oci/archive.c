/* The parts of an image layout that is written, and its tar form. */
#include "registry/oci/layout-internal.h"

#include "base/fd.h"
#include "base/map.h"
#include "base/stream/tar.h"
#include "registry/oci/emit.h"
#include "registry/oci/reference.h"
#include <unistd.h>

#define BLOCK (256u << 10)

/* ---- blobs --------------------------------------------------------------------------------- */

static int copy_fd(int fd, uint64_t size, struct cb_sha256 *sha, uint64_t *ret_copied, cb_sink_fn *sink, void *arg,
                   struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(BLOCK);
    uint64_t copied = 0;
    /* One byte more than expected is asked for, so that a blob that grew is noticed; that byte is not passed on. */
    for (;;) {
        int r = cb_read_full(fd, block, (size_t)CB_MIN((uint64_t)BLOCK, size - copied + 1));
        if (r < 0)
            return cb_fail_sys(err, r, "read a blob");
        if (r == 0)
            break;
        if ((uint64_t)r > size - copied) {
            copied += (uint64_t)r;
            break;
        }
        cb_sha256_add(sha, block, (size_t)r);
        if (sink(arg, block, (size_t)r, err) < 0)
            return -1;
        copied += (uint64_t)r;
    }
    *ret_copied = copied;
    return 0;
}

/* The bytes of a blob that comes in pieces. */
struct passing {
    const struct oci_archive_blob *b;
    struct cb_sha256 *sha;
    uint64_t copied;
    cb_sink_fn *sink;
    void *arg;
};

/* What is too much is not passed on. */
static int pass(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct passing *x = arg;
    x->copied += n;
    if (x->copied > x->b->size)
        return cb_fail(err, CB_E_CORRUPT, "longer than the %llu bytes expected", (unsigned long long)x->b->size);
    cb_sha256_add(x->sha, p, n);
    return x->sink(x->arg, p, n, err);
}

static int copy_coming(const struct oci_archive_blob *b, struct cb_sha256 *sha, uint64_t *ret_copied, cb_sink_fn *sink, void *arg,
                       struct cb_error *err)
{
    struct passing x = {b, sha, 0, sink, arg};
    int r = b->get(b->arg, pass, &x, err);
    *ret_copied = x.copied;
    return r;
}

int oci_blob_copy(const struct oci_archive_blob *b, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    struct cb_sha256 sha;
    struct cb_digest is;
    uint64_t copied = b->size;
    cb_digest_text(&b->digest, text);
    cb_sha256_init(&sha);
    if (b->bytes) {
        cb_sha256_add(&sha, b->bytes, (size_t)b->size);
        if (sink(arg, b->bytes, (size_t)b->size, err) < 0)
            return -1;
    } else if (b->get) {
        if (copy_coming(b, &sha, &copied, sink, arg, err) < 0)
            return cb_prefix(err, "blob %s", text);
    } else {
        CB_AUTO(close) int fd = b->open(b->arg, err);
        if (fd < 0)
            return cb_prefix(err, "blob %s", text);
        if (copy_fd(fd, b->size, &sha, &copied, sink, arg, err) < 0)
            return cb_prefix(err, "blob %s", text);
    }
    cb_sha256_end(&sha, &is);
    if (copied != b->size)
        return cb_fail(err, CB_E_CORRUPT, "blob %s: %s than the %llu bytes expected", text,
                       copied < b->size ? "shorter" : "longer", (unsigned long long)b->size);
    if (!cb_digest_eq(&is, &b->digest))
        return cb_fail(err, CB_E_CORRUPT, "blob %s: the bytes do not have this digest", text);
    return 0;
}

bool *oci_archive_distinct(const struct oci_archive *a)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    bool *first = cb_alloc((a->n_blobs + 1) * sizeof(*first));
    for (size_t i = 0; i < a->n_blobs; i++) {
        const char *key = (const char *)a->blobs[i].digest.b;
        first[i] = !cb_map_getn(&seen, key, sizeof(a->blobs[i].digest.b));
        cb_map_setn(&seen, key, sizeof(a->blobs[i].digest.b), first);
    }
    return first;
}

/* ---- documents ----------------------------------------------------------------------------- */

static void annotate(struct oci_descriptor *d, const char *key, const char *value)
{
    cb_strv_take(&d->annotations, cb_printf("%s=%s", key, value));
}

static int add_entry(const struct oci_archive *a, const char *name, struct oci_index *x, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (name && oci_ref_parse(name, &ref, err) < 0)
        return cb_prefix(err, "name '%s'", name);
    struct oci_descriptor *d = &CB_PUSH(x->manifests, x->n_manifests, x->cap_manifests);
    oci_descriptor_copy(d, a->top);
    if (a->created)
        annotate(d, OCI_CREATED, a->created);
    if (a->ref_name)
        annotate(d, OCI_REF_NAME, a->ref_name);
    if (!name)
        return 0;
    annotate(d, OCI_CONTAINERD_NAME, name);
    if (ref.tag && !a->ref_name)
        annotate(d, OCI_REF_NAME, ref.tag);
    return 0;
}

static int add_entries(const struct oci_archive *a, struct oci_index *x, struct cb_error *err)
{
    for (size_t i = 0; i < a->n_names; i++)
        if (add_entry(a, a->names[i], x, err) < 0)
            return -1;
    return a->n_names == 0 ? add_entry(a, NULL, x, err) : 0;
}

int oci_archive_index(const struct oci_archive *a, struct oci_index *ret, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {.media_type = cb_strdup(OCI_TYPE_INDEX)};
    for (; a; a = a->next)
        if (add_entries(a, &x, err) < 0)
            return -1;
    *ret = x;
    x = (struct oci_index){0};
    return 0;
}

static json_t *blob_path_text(const struct cb_digest *d)
{
    char path[OCI_BLOB_PATH + 1];
    oci_blob_path(d, path);
    return oci_emit_string(path);
}

static int add_docker_image(const struct oci_archive *a, json_t *doc, struct cb_error *err)
{
    json_t *image = json_object(), *tags = a->n_names ? json_array() : json_null(), *layers = json_array();
    oci_emit_append(doc, image);
    oci_emit_set(image, "Config", blob_path_text(&a->config));
    oci_emit_set(image, "RepoTags", tags);
    oci_emit_set(image, "Layers", layers);
    for (size_t i = 0; i < a->n_names; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(a->names[i], &ref, err) < 0)
            return cb_prefix(err, "name '%s'", a->names[i]);
        CB_AUTO(free) char *familiar = oci_ref_familiar(&ref);
        oci_emit_append(tags, oci_emit_string(familiar));
    }
    for (size_t i = 0; i < a->n_layers; i++)
        oci_emit_append(layers, blob_path_text(&a->layers[i]));
    return 0;
}

int oci_archive_docker_manifest(const struct oci_archive *a, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(json) json_t *doc = json_array();
    for (; a; a = a->next)
        if (add_docker_image(a, doc, err) < 0)
            return -1;
    cb_json_dump(doc, CB_JSON_COMPACT, out);
    return 0;
}

/* ---- tar ----------------------------------------------------------------------------------- */

static int put_dir(struct cb_tar_writer *t, const char *path, struct cb_error *err)
{
    struct cb_tar_entry e = {.path = path, .type = CB_DIR, .mode = 0755};
    return cb_tar_entry_begin(t, &e, err);
}

static int put_file(struct cb_tar_writer *t, const char *path, const void *p, size_t n, struct cb_error *err)
{
    struct cb_tar_entry e = {.path = path, .type = CB_FILE, .mode = 0644, .size = n};
    return cb_tar_entry_begin(t, &e, err) < 0 ? -1 : cb_tar_write(t, p, n, err);
}

static int tar_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cb_tar_write(arg, p, n, err);
}

static int put_blobs(struct cb_tar_writer *t, const struct oci_archive *a, struct cb_error *err)
{
    CB_AUTO(free) bool *distinct = oci_archive_distinct(a);
    for (size_t i = 0; i < a->n_blobs; i++) {
        char path[OCI_BLOB_PATH + 1];
        struct cb_tar_entry e = {.path = path, .type = CB_FILE, .mode = 0644, .size = a->blobs[i].size};
        if (!distinct[i])
            continue;
        oci_blob_path(&a->blobs[i].digest, path);
        if (cb_tar_entry_begin(t, &e, err) < 0 || oci_blob_copy(&a->blobs[i], tar_sink, t, err) < 0)
            return -1;
    }
    return 0;
}

int oci_archive_write(const struct oci_archive *a, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf docker = CB_BUF_INIT;
    if (oci_archive_index(a, &x, err) < 0 || (a->docker && oci_archive_docker_manifest(a, &docker, err) < 0))
        return -1;
    oci_index_write(&x, &index);
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *t = cb_tar_writer_new(sink, arg, err);
    if (!t || put_file(t, "oci-layout", OCI_LAYOUT_HEADER, strlen(OCI_LAYOUT_HEADER), err) < 0 || put_dir(t, "blobs", err) < 0 ||
        put_dir(t, "blobs/sha256", err) < 0 || put_blobs(t, a, err) < 0 ||
        (a->docker && put_file(t, "manifest.json", docker.data, docker.len, err) < 0) ||
        put_file(t, "index.json", index.data, index.len, err) < 0)
        return -1;
    return cb_tar_end(t, err);
}
