#include "registry/oci/layout-internal.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "registry/oci/reference.h"

#define MAX_LISTED 20 /* names in a message */

void oci_blob_path(const struct cb_digest *d, char out[OCI_BLOB_PATH + 1])
{
    memcpy(out, "blobs/sha256/", 13);
    cb_digest_hex(d, out + 13);
}

/* ---- files of a layout --------------------------------------------------------------------- */

/* O_NONBLOCK: a FIFO put in a file's place must not hang us. Gives the fd and its size, or -1. */
static int open_regular(int dirfd, const char *path, uint64_t *ret_size, struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_open_beneath(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    if (fd == -ENOENT || fd == -ENOTDIR)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s' is missing in the image layout", path);
    if (fd == -ELOOP || fd == -EXDEV)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is reached through a symbolic link", path);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' of the image layout", path);
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "stat '%s' of the image layout", path);
    if (!S_ISREG(st.st_mode))
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is not a regular file", path);
    *ret_size = (uint64_t)st.st_size;
    return cb_take_fd(&fd);
}

static int read_open(int fd, const char *path, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    int r = cb_read_fd(fd, max, ret);
    if (r == -EFBIG)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is larger than %zu bytes", path, max);
    return r < 0 ? cb_fail_sys(err, r, "read '%s' of the image layout", path) : 0;
}

int oci_layout_read_file(int dirfd, const char *path, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    uint64_t size = 0;
    CB_AUTO(close) int fd = open_regular(dirfd, path, &size, err);
    return fd < 0 ? -1 : read_open(fd, path, max, ret, err);
}

int oci_layout_check(int dirfd, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    const char *version = NULL;
    if (oci_layout_read_file(dirfd, "oci-layout", 4096, &bytes, err) < 0)
        return -1;
    CB_AUTO(json) json_t *j = cb_json_parse(bytes.data, bytes.len, "oci-layout", err);
    if (!j || cb_json_str(j, "imageLayoutVersion", "oci-layout", &version, err) < 0)
        return -1;
    if (!version || !cb_starts(version, "1."))
        return cb_fail(err, CB_E_UNSUPPORTED, "oci-layout: expected imageLayoutVersion 1.0.0, found '%.40s'",
                       version ? version : "");
    return 0;
}

int oci_layout_open_blob(int dirfd, const struct oci_descriptor *d, struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    uint64_t size = 0;
    if (d->foreign_digest)
        return cb_fail(err, CB_E_UNSUPPORTED, "the digest '%.200s' is of an algorithm that is not supported, only sha256 is",
                       d->foreign_digest);
    oci_blob_path(&d->digest, path);
    CB_AUTO(close) int fd = open_regular(dirfd, path, &size, err);
    if (fd < 0)
        return -1;
    if (size != d->size)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout has %llu bytes, not the %llu of its descriptor", path,
                       (unsigned long long)size, (unsigned long long)d->size);
    return cb_take_fd(&fd);
}

int oci_layout_read(int dirfd, const struct oci_descriptor *d, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    struct cb_digest is;
    size_t start = ret->len;
    oci_blob_path(&d->digest, path);
    if (!d->foreign_digest && d->size > max)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout: a document of %llu bytes, more than the %zu allowed", path,
                       (unsigned long long)d->size, max);
    CB_AUTO(close) int fd = oci_layout_open_blob(dirfd, d, err);
    if (fd < 0 || read_open(fd, path, max, ret, err) < 0)
        return -1;
    cb_sha256(ret->data + start, ret->len - start, &is);
    if (ret->len - start == d->size && cb_digest_eq(&is, &d->digest))
        return 0;
    cb_buf_truncate(ret, start);
    return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout does not have the digest it is named after", path);
}

/* ---- choosing an image --------------------------------------------------------------------- */

/* NULL: no reference. */
static char *normalized(const char *name)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return oci_ref_parse(name, &ref, &ignored) < 0 ? NULL : oci_ref_full(&ref);
}

/* How well an entry's annotation fits: 2 as it stands, 1 when both are normalised, 0 not. */
static int fit(const char *annotation, const char *name, const char *full)
{
    if (!annotation)
        return 0;
    if (strcmp(annotation, name) == 0)
        return 2;
    CB_AUTO(free) char *other = full ? normalized(annotation) : NULL;
    return other && strcmp(other, full) == 0;
}

static const struct oci_descriptor *find_by_name(const struct oci_index *x, const char *name)
{
    CB_AUTO(free) char *full = normalized(name);
    const struct oci_descriptor *best = NULL;
    int best_fit = 1;
    for (size_t i = 0; i < x->n_manifests; i++) {
        const struct oci_descriptor *d = &x->manifests[i];
        int by_ref = fit(oci_annotation_get(&d->annotations, OCI_REF_NAME), name, full);
        int by_full = fit(oci_annotation_get(&d->annotations, OCI_CONTAINERD_NAME), name, full);
        int how = CB_MAX(by_ref * 2, by_full == 2 ? 3 : by_full * 2); /* the tag as it stands wins */
        if (how < best_fit)
            continue;
        best = d;
        best_fit = how;
    }
    return best;
}

static const struct oci_descriptor *find_by_digest(const struct oci_index *x, const struct cb_digest *digest)
{
    for (size_t i = 0; i < x->n_manifests; i++)
        if (!x->manifests[i].foreign_digest && cb_digest_eq(&x->manifests[i].digest, digest))
            return &x->manifests[i];
    return NULL;
}

/* The only image (it may have several names), or the one called "latest". */
static const struct oci_descriptor *find_only(const struct oci_index *x)
{
    if (x->n_manifests == 0)
        return NULL;
    for (size_t i = 1; i < x->n_manifests; i++) {
        const struct oci_descriptor *a = &x->manifests[0], *b = &x->manifests[i];
        if (a->foreign_digest || b->foreign_digest || !cb_digest_eq(&a->digest, &b->digest))
            return find_by_name(x, "latest");
    }
    return &x->manifests[0];
}

static void list_names(const struct oci_index *x, struct cb_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n_manifests && n < MAX_LISTED; i++) {
        const struct cb_strv *annotations = &x->manifests[i].annotations;
        const char *name = oci_annotation_get(annotations, OCI_CONTAINERD_NAME);
        if (!name)
            name = oci_annotation_get(annotations, OCI_REF_NAME);
        if (name)
            cb_buf_printf(out, "%s'%.200s'", n++ ? ", " : "", name);
    }
    if (n == 0)
        cb_buf_adds(out, "no named image");
    else if (n == MAX_LISTED)
        cb_buf_adds(out, ", …");
}

static int fail_not_found(const struct oci_index *x, const char *name, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    list_names(x, &names);
    if (name)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s': no such image in the layout, which has %s", name, names.data);
    if (x->n_manifests == 0)
        return cb_fail(err, CB_E_NOT_FOUND, "the image layout is empty");
    cb_fail(err, CB_E_NOT_FOUND, "the image layout has several images: %s", names.data);
    return cb_hint(err, "name one of them by its tag or digest");
}

/* A manifest or index that lies among the blobs without being listed. */
static int find_blob(int dirfd, const struct cb_digest *digest, struct oci_descriptor *ret, struct cb_error *err)
{
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {.digest = *digest};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    char path[OCI_BLOB_PATH + 1];
    oci_blob_path(digest, path);
    CB_AUTO(close) int fd = open_regular(dirfd, path, &d.size, err);
    if (fd < 0 || oci_layout_read(dirfd, &d, CB_MAX_MANIFEST, &bytes, err) < 0)
        return -1;
    int kind = oci_document_kind(bytes.data, bytes.len, NULL, err);
    if (kind < 0)
        return cb_prefix(err, "'%s' in the image layout", path);
    d.media_type = cb_strdup(kind ? OCI_TYPE_INDEX : OCI_TYPE_MANIFEST);
    *ret = d;
    d = (struct oci_descriptor){0};
    return 0;
}

int oci_layout_find(int dirfd, const char *name, const char *digest, struct oci_descriptor *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_index) struct oci_index x = {0};
    const struct oci_descriptor *found;
    struct cb_digest wanted;
    if (digest && !cb_digest_parse(digest, &wanted))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' is not a sha256 digest", digest);
    if (oci_layout_check(dirfd, err) < 0 || oci_layout_read_file(dirfd, "index.json", CB_MAX_MANIFEST, &bytes, err) < 0)
        return -1;
    if (oci_index_parse(bytes.data, bytes.len, &x, err) < 0)
        return cb_prefix(err, "index.json");
    if (digest)
        found = find_by_digest(&x, &wanted);
    else
        found = name ? find_by_name(&x, name) : find_only(&x);
    if (!found && digest)
        return find_blob(dirfd, &wanted, ret, err);
    if (!found)
        return fail_not_found(&x, name, err);
    struct oci_descriptor copy = {0};
    oci_descriptor_copy(&copy, found);
    *ret = copy;
    return 0;
}
