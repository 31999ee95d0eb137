/* Which image of a layout is meant. */
#include "registry/oci/layout-internal.h"

#include "base/limits.h"
#include "registry/oci/reference.h"

#define MAX_LISTED 20 /* names in a message */

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
static int find_blob(const struct oci_files *f, const struct cb_digest *digest, struct oci_descriptor *ret, struct cb_error *err)
{
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {.digest = *digest};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    char path[OCI_BLOB_PATH + 1];
    oci_blob_path(digest, path);
    if (oci_layout_size(f, path, &d.size, err) < 0 || oci_layout_read(f, &d, CB_MAX_MANIFEST, &bytes, err) < 0)
        return -1;
    int kind = oci_document_kind(bytes.data, bytes.len, NULL, err);
    if (kind < 0)
        return cb_prefix(err, "'%s' in the image layout", path);
    d.media_type = cb_strdup(kind ? OCI_TYPE_INDEX : OCI_TYPE_MANIFEST);
    *ret = d;
    d = (struct oci_descriptor){0};
    return 0;
}

int oci_layout_index(const struct oci_files *f, struct oci_index *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (oci_layout_check(f, err) < 0 || oci_layout_read_file(f, "index.json", CB_MAX_MANIFEST, &bytes, err) < 0)
        return -1;
    return oci_index_parse(bytes.data, bytes.len, ret, err) < 0 ? cb_prefix(err, "index.json") : 0;
}

/* As "registry.example/app:1" or "app:1": one word alone is a tag that somebody gave it. */
char *oci_layout_name(const struct oci_descriptor *d)
{
    const char *name = oci_annotation_get(&d->annotations, OCI_CONTAINERD_NAME);
    const char *ref = oci_annotation_get(&d->annotations, OCI_REF_NAME);
    if (!name && ref && strpbrk(ref, "/:"))
        name = ref;
    return name ? normalized(name) : NULL;
}

int oci_layout_find(const struct oci_files *f, const char *name, const char *digest, struct oci_descriptor *ret,
                    struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    const struct oci_descriptor *found;
    struct cb_digest wanted;
    if (digest && !cb_digest_parse(digest, &wanted))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' is not a sha256 digest", digest);
    if (oci_layout_index(f, &x, err) < 0)
        return -1;
    if (digest)
        found = find_by_digest(&x, &wanted);
    else
        found = name ? find_by_name(&x, name) : find_only(&x);
    if (!found && digest)
        return find_blob(f, &wanted, ret, err);
    if (!found)
        return fail_not_found(&x, name, err);
    struct oci_descriptor copy = {0};
    oci_descriptor_copy(&copy, found);
    *ret = copy;
    return 0;
}
