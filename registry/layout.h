/* OCI image layouts and archives (oci-image.md §7, §8): reading a layout directory, writing `type=oci` and
 * `type=docker` archives. */
#ifndef OCI_LAYOUT_H
#define OCI_LAYOUT_H

#include "base/codec.h"
#include "registry/document.h"

/* A layout directory (fd borrowed). `name` is matched against org.opencontainers.image.ref.name and
 * io.containerd.image.name; NULL with a single entry takes that. `digest` chooses by digest. Gives the
 * descriptor in index.json. */
int oci_layout_find(int dirfd, const char *name, const char *digest, struct oci_descriptor *ret, struct cb_error *err);
/* A blob's fd; its size is compared, its digest is the reader's to verify. */
int oci_layout_open_blob(int dirfd, const struct oci_descriptor *d, struct cb_error *err);
/* A document (manifest, index, config), whole and verified. */
int oci_layout_read(int dirfd, const struct oci_descriptor *d, size_t max, struct cb_buf *ret, struct cb_error *err);

struct oci_archive_blob {
    struct cb_digest digest;
    uint64_t size;
    const void *bytes; /* or NULL: open() gives an fd */
    int (*open)(void *arg, struct cb_error *err);
    void *arg;
};
struct oci_archive {
    const struct oci_archive_blob *blobs; /* config, layers, manifest; written once each */
    size_t n_blobs;
    const struct oci_descriptor *top; /* what index.json names: the manifest (with platform) */
    const char *const *names;         /* full references, "docker.io/library/app:1"; may be none */
    size_t n_names;
    const char *created;              /* RFC 3339 or NULL */
    /* for the docker form: manifest.json too (layers must be uncompressed or gzip tars) */
    bool docker;
    struct cb_digest config;
    const struct cb_digest *layers;
    size_t n_layers;
};
/* Writes the archive as a tar into `sink`; every blob is verified while it is copied. */
int oci_archive_write(const struct oci_archive *a, cb_sink_fn *sink, void *arg, struct cb_error *err);
/* The same as a directory (type=oci,tar=false): made whole beside and renamed, or added to an existing
 * layout whose entry of the same name is replaced. */
int oci_layout_write(const struct oci_archive *a, int parent_dir, const char *name, struct cb_error *err);

#endif
