#include "builder/output/index.h"
#include "builder/output/annotations.h"
#include "builder/output/attested.h"
#include "cache/store/blob.h"

void build_index_done(struct build_index *x)
{
    for (size_t i = 0; i < x->n; i++) {
        build_manifest_done(&x->items[i].manifest);
        oci_descriptor_done(&x->items[i].d);
    }
    free(x->items);
    free(x->media_type);
    cb_buf_done(&x->bytes);
    cb_strv_done(&x->annotations);
}

/* Annotations of the image's own come first: the last of equal keys counts. */
static int make_manifest(struct build_session *s, const struct build_image *image, const struct build_packing *p,
                         const struct cb_strv *given, bool as_pulled, struct build_manifest *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv annotations = {0};
    int r = as_pulled ? build_manifest_as_pulled(s, image, p->lazy, ret, err) : 0;
    if (r != 0)
        return r < 0 ? -1 : 0;
    cb_strv_copy(&annotations, &image->stored.annotations);
    if (given)
        build_annotations_of(given, BUILD_ANNOTATES_MANIFEST, &image->platform, &annotations);
    return build_manifest_make(s, image, p, &annotations, ret, err);
}

static void describe(struct build_listed *l, const struct cb_strv *given)
{
    l->d = (struct oci_descriptor){.media_type = cb_strdup(l->manifest.m.media_type),
                                   .digest = l->manifest.digest,
                                   .size = l->manifest.bytes.len,
                                   .has_platform = true};
    oci_platform_copy(&l->d.platform, &l->image->platform);
    if (given)
        build_annotations_of(given, BUILD_ANNOTATES_DESCRIPTOR, &l->image->platform, &l->d.annotations);
}

/* One manifest for all that is said of an image. */
static int add_attestation(struct build_session *s, const struct build_images *images, size_t of, struct build_index *x,
                           struct cb_error *err)
{
    const struct build_image *image = &images->items[of];
    struct build_listed *l = &CB_PUSH(x->items, x->n, x->cap);
    l->image = image;
    l->attests = true;
    l->manifest = BUILD_MANIFEST_INIT;
    if (build_attested_make(s, image, &images->names, &x->items[of].manifest.digest, &l->manifest, err) < 0)
        return -1;
    build_attested_describe(&l->manifest, &x->items[of].manifest.digest, &l->d);
    return 0;
}

static int write_index(struct build_session *s, const struct build_packing *p, const struct cb_strv *given, struct build_index *x,
                       struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index document = {0};
    x->media_type = cb_strdup(p->docker_types ? DOCKER_TYPE_LIST : OCI_TYPE_INDEX);
    document.media_type = cb_strdup(x->media_type);
    for (size_t i = 0; i < x->n; i++)
        oci_descriptor_copy(&CB_PUSH(document.manifests, document.n_manifests, document.cap_manifests), &x->items[i].d);
    if (given) {
        build_annotations_of(given, BUILD_ANNOTATES_INDEX, NULL, &document.annotations);
        build_annotations_of(given, BUILD_ANNOTATES_INDEX_DESCRIPTOR, NULL, &x->annotations);
    }
    oci_index_write(&document, &x->bytes);
    return cache_blob_put(s->store, x->bytes.data, x->bytes.len, &x->digest, err);
}

int build_index_make(struct build_session *s, const struct build_images *images, const struct build_packing *p,
                     const struct cb_strv *annotations, bool as_pulled, struct build_index *ret, struct cb_error *err)
{
    *ret = BUILD_INDEX_INIT;
    for (size_t i = 0; i < images->n; i++) {
        struct build_listed *l = &CB_PUSH(ret->items, ret->n, ret->cap);
        l->image = &images->items[i];
        if (make_manifest(s, l->image, p, annotations, as_pulled, &l->manifest, err) < 0)
            return -1;
        describe(l, annotations);
    }
    for (size_t i = 0; i < images->n && !p->docker_types; i++)
        if (images->items[i].n_said && add_attestation(s, images, i, ret, err) < 0)
            return -1;
    if (images->listed || ret->n > images->n)
        return write_index(s, p, annotations, ret, err);
    ret->digest = ret->items[0].manifest.digest;
    return 0;
}

void build_index_top(const struct build_index *x, struct oci_descriptor *ret)
{
    if (!x->media_type) {
        oci_descriptor_copy(ret, &x->items[0].d);
        return;
    }
    *ret = (struct oci_descriptor){.media_type = cb_strdup(x->media_type), .digest = x->digest, .size = x->bytes.len};
    cb_strv_copy(&ret->annotations, &x->annotations);
}
