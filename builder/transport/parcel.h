/* Images on their way from one place to another, without being unpacked: their documents, whole and verified, and a list of the
 * blobs that belong to them, which whoever takes them asks the source for, one by one. */
#ifndef BUILD_PARCEL_H
#define BUILD_PARCEL_H

#include "base/stream/codec.h"
#include "registry/oci/document.h"

struct build_parcel_image {
    struct oci_descriptor top; /* manifest or index */
    struct cb_strv names;      /* full references; may be none */
    /* of a manifest, or the first one of an index: what the form of docker save has */
    struct oci_manifest manifest;
};
struct build_parcel_document {
    struct oci_descriptor d;
    struct cb_buf bytes;
};

/* Where the parts of an image come from. */
struct build_parcel_source {
    /* A manifest or index of at most CB_MAX_MANIFEST, verified. */
    int (*document)(void *arg, const struct oci_descriptor *d, struct cb_buf *ret, struct cb_error *err);
    /* All bytes of a blob; verified by whoever asks. Any number of threads at once. */
    int (*blob)(void *arg, const struct oci_descriptor *d, cb_sink_fn *sink, void *sink_arg, struct cb_error *err);
    void *arg;
    const char *repository; /* "registry.example/repo" it is; NULL: none */
};

struct build_parcel {
    struct build_parcel_source source;
    struct build_parcel_image *images;
    size_t n_images, cap_images;
    struct build_parcel_document *documents; /* what an index names stands before it */
    size_t n_documents, cap_documents;
    struct oci_descriptor *blobs; /* layers and configs, each once */
    size_t n_blobs, cap_blobs;
};
void build_parcel_done(struct build_parcel *p);
CB_DEFINE_AUTO(build_parcel, struct build_parcel, build_parcel_done)

/* What of an image goes along. */
struct build_parcel_choice {
    const struct oci_platform *platform; /* of an index, the manifest for this one goes alone; NULL: all of it */
    const char *format;                  /* media types that manifests get: "oci", "v2s2" (Docker's); NULL: those they have */
    const char *shown;                   /* for messages */
};
/* Adds the image that `top` describes, with its names (NULL: none): reads its documents, lists its blobs. */
int build_parcel_add(struct build_parcel *p, const struct oci_descriptor *top, const struct cb_strv *names,
                     const struct build_parcel_choice *choice, struct cb_error *err);

#endif
