/* What layout*.c, archive.c and docker-archive.c share; nobody else includes this. */
#ifndef OCI_LAYOUT_INTERNAL_H
#define OCI_LAYOUT_INTERNAL_H

#include "registry/oci/layout.h"

#define OCI_REF_NAME        "org.opencontainers.image.ref.name"
#define OCI_CREATED         "org.opencontainers.image.created"
#define OCI_CONTAINERD_NAME "io.containerd.image.name"
#define OCI_LAYOUT_HEADER   "{\"imageLayoutVersion\":\"1.0.0\"}"

/* "blobs/sha256/<hex>" */
#define OCI_BLOB_PATH (13 + CB_DIGEST_HEX)
void oci_blob_path(const struct cb_digest *d, char out[OCI_BLOB_PATH + 1]);

/* A small regular file of a layout; -1 with CB_E_NOT_FOUND when it is not there. */
int oci_layout_read_file(const struct oci_files *f, const char *path, size_t max, struct cb_buf *ret, struct cb_error *err);
int oci_layout_size(const struct oci_files *f, const char *path, uint64_t *ret, struct cb_error *err);
/* Is it a layout of a version that is known? */
int oci_layout_check(const struct oci_files *f, struct cb_error *err);

/* Copies a blob into `sink` and compares size and digest. */
int oci_blob_copy(const struct oci_archive_blob *b, cb_sink_fn *sink, void *arg, struct cb_error *err);
/* The entries of index.json for this archive: one for each name, or one without a name. */
int oci_archive_index(const struct oci_archive *a, struct oci_index *ret, struct cb_error *err);
/* manifest.json of the docker form. */
int oci_archive_docker_manifest(const struct oci_archive *a, struct cb_buf *out, struct cb_error *err);
/* Which of the blobs are to be written: blob i when (*ret)[i] is true, so each digest is written once. Caller frees. */
bool *oci_archive_distinct(const struct oci_archive *a);

#endif
