/* OCI documents on the wire: descriptors, manifests, indexes (oci-image.md §1-§4). Parsed from the bytes
 * that were digested, never re-serialised. Docker's types are read as their OCI equivalents. */
#ifndef OCI_DOCUMENT_H
#define OCI_DOCUMENT_H

#include "base/digest.h"
#include "registry/platform.h"

#define OCI_TYPE_INDEX      "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG     "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER      "application/vnd.oci.image.layer.v1.tar"
#define OCI_TYPE_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_TYPE_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define DOCKER_TYPE_LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_CONFIG     "application/vnd.docker.container.image.v1+json"
#define DOCKER_TYPE_LAYER      "application/vnd.docker.image.rootfs.diff.tar"
#define DOCKER_TYPE_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

struct oci_descriptor {
    char *media_type;
    struct cb_digest digest;
    uint64_t size;
    bool has_platform;
    struct oci_platform platform;
    struct cb_strv annotations; /* "key=value" */
};
void oci_descriptor_done(struct oci_descriptor *d);

struct oci_manifest {
    char *media_type;
    struct oci_descriptor config;
    struct oci_descriptor *layers;
    size_t n_layers, cap_layers;
    struct cb_strv annotations;
};
struct oci_index {
    char *media_type;
    struct oci_descriptor *manifests;
    size_t n_manifests, cap_manifests;
    struct cb_strv annotations;
};
void oci_manifest_done(struct oci_manifest *m);
void oci_index_done(struct oci_index *x);
CB_DEFINE_AUTO(oci_manifest, struct oci_manifest, oci_manifest_done)
CB_DEFINE_AUTO(oci_index, struct oci_index, oci_index_done)

/* Which of the two a document is. `content_type` may be NULL or generic. 1: index, 0: manifest, -1: neither,
 * or the two contradict each other (err). Docker schema 1 is refused with a clear message. */
int oci_document_kind(const char *bytes, size_t n, const char *content_type, struct cb_error *err);
int oci_manifest_parse(const char *bytes, size_t n, struct oci_manifest *ret, struct cb_error *err);
int oci_index_parse(const char *bytes, size_t n, struct oci_index *ret, struct cb_error *err);
/* Index of the entry that fits `want` best, or -1 with the platforms that are there in the message.
 * Attestations (unknown/unknown) are never chosen. */
int oci_index_select(const struct oci_index *x, const struct oci_platform *want, const char *name, struct cb_error *err);

/* Two-space indented as BuildKit writes them; keys in the order of the specification. */
void oci_manifest_write(const struct oci_manifest *m, struct cb_buf *out);
void oci_index_write(const struct oci_index *x, struct cb_buf *out);

#endif
