/* OCI documents on the wire: descriptors, manifests, indexes (oci-image.md §1-§4). Parsed from the bytes
 * that were digested, never re-serialised. Docker's media types are read as their OCI equivalents; for a document
 * in Docker's form, set Docker's types with oci_type_to_docker before oci_manifest_write.
 *
 * Parsers leave *ret untouched on failure; what they fill is released by the _done functions (which take zero
 * structs too). Malformed input is CB_E_CORRUPT with the place in the document; schema 1 and digests of
 * algorithms other than sha256 are CB_E_UNSUPPORTED. Unknown fields are not an error. */
#ifndef OCI_DOCUMENT_H
#define OCI_DOCUMENT_H

#include "base/stream/codec.h"
#include "base/digest.h"
#include "registry/oci/platform.h"

#define OCI_TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar"
#define OCI_TYPE_EMPTY    "application/vnd.oci.empty.v1+json"
/* followed by ".tar": layers whose `urls` may lead away from the registry. All tars of layers: followed by what a codec adds */
#define OCI_TYPE_NONDIST_PREFIX "application/vnd.oci.image.layer.nondistributable.v1"
#define DOCKER_TYPE_LIST        "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_MANIFEST    "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_CONFIG      "application/vnd.docker.container.image.v1+json"
#define DOCKER_TYPE_LAYER       "application/vnd.docker.image.rootfs.diff.tar"

/* The OCI name of a Docker type and the reverse; any other type is given back as it is. Caller frees. */
char *oci_type_from_docker(const char *type);
char *oci_type_to_docker(const char *type);
/* The media type, OCI's or Docker's, of a layer whose tar is packed this way. Caller frees. */
char *oci_layer_type(const struct cb_codec *codec, bool docker);
/* How the tar of a layer with this media type (OCI's or Docker's name) is packed. -1: not one that can be taken apart;
 * the message begins with the type. */
int oci_layer_codec(const char *type, const struct cb_codec **ret, struct cb_error *err);

struct oci_descriptor {
    char *media_type;
    struct cb_digest digest; /* zero when foreign_digest is set */
    char *foreign_digest;    /* NULL, or the text of a digest by another algorithm: only in the entries of an index */
    uint64_t size;           /* at most CB_MAX_BLOB */
    bool has_platform;
    struct oci_platform platform; /* as written in the document, not normalised */
    struct cb_strv annotations;   /* "key=value": the key ends at the first '=' */
    struct cb_strv urls;
    char *artifact_type; /* NULL: none */
    char *data;          /* base64 of the whole blob, NULL: none. Written as it is; never trusted when read */
};
void oci_descriptor_done(struct oci_descriptor *d);
CB_DEFINE_AUTO(oci_descriptor, struct oci_descriptor, oci_descriptor_done)
/* Replaces what `to` holds (a zero struct is fine). */
void oci_descriptor_copy(struct oci_descriptor *to, const struct oci_descriptor *from);
/* The value of an annotation ("key=value" entries; the last of equal keys), borrowed; NULL: not there. */
const char *oci_annotation_get(const struct cb_strv *annotations, const char *key);

struct oci_manifest {
    char *media_type;
    char *artifact_type; /* NULL: none */
    struct oci_descriptor config;
    struct oci_descriptor *layers;
    size_t n_layers, cap_layers;
    bool has_subject;
    struct oci_descriptor subject;
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
/* The media type a manifest calls itself, with Docker's names left as they are (oci_manifest_parse gives OCI's); the
 * OCI manifest's when it gives none. Caller frees. */
char *oci_manifest_type(const char *bytes, size_t n);
int oci_manifest_parse(const char *bytes, size_t n, struct oci_manifest *ret, struct cb_error *err);
int oci_index_parse(const char *bytes, size_t n, struct oci_index *ret, struct cb_error *err);
/* Could the entry be an image? Attestations and other artifacts are not. */
bool oci_is_image(const struct oci_descriptor *entry);
/* Number of the entry that best fits `want` (normalised), the first of equals; or -1: none fits
 * (CB_E_NOT_FOUND; the message lists the platforms that are there and calls the image `name`), or the one that
 * fits has a foreign digest. Entries without a platform come last, attestations and other artifacts never. */
int oci_index_select(const struct oci_index *x, const struct oci_platform *want, const char *name, struct cb_error *err);

/* Indented by two spaces, as BuildKit writes them; keys in the order of the specification, annotations sorted. A
 * NULL media_type of the document itself is written as the OCI type. Appended to `out`. */
void oci_manifest_write(const struct oci_manifest *m, struct cb_buf *out);
void oci_index_write(const struct oci_index *x, struct cb_buf *out);

#endif
