/* OCI image layouts and archives (oci-image.md §7, §8): reading a layout, whether it is a directory or a tar, writing `type=oci`
 * and `type=docker` archives and directories. A layout that is read is hostile: nothing is opened outside it, no
 * symlink leads out of it, and what its documents say is checked against the bytes. */
#ifndef OCI_LAYOUT_H
#define OCI_LAYOUT_H

#include "base/stream/codec.h"
#include "registry/oci/document.h"
#include "registry/oci/members.h"

/* Where the files of a layout are. */
struct oci_files {
    int dir;                 /* a directory; -1: an archive */
    struct oci_members *tar; /* of the archive; NULL: a directory */
    bool made;               /* docker save's: the manifests in it were made here, of manifest.json (docker-archive.h) */
};
#define OCI_FILES_INIT      ((struct oci_files){.dir = -1})
#define OCI_FILES_IN(dirfd) (&(const struct oci_files){.dir = (dirfd)})
/* A layout directory, or an archive that is not compressed: one of a layout, or what `docker save` writes. A directory is opened
 * whatever is in it. */
int oci_files_open(const char *path, struct oci_files *ret, struct cb_error *err);
void oci_files_done(struct oci_files *f);
CB_DEFINE_AUTO(oci_files, struct oci_files, oci_files_done)

/* What index.json lists. */
int oci_layout_index(const struct oci_files *f, struct oci_index *ret, struct cb_error *err);
/* `name` is matched against org.opencontainers.image.ref.name and
 * io.containerd.image.name (first as it stands, then both normalised; the last of equal names); NULL takes the only
 * image, or of several the one called "latest". `digest` ("sha256:…", may be NULL) chooses by digest, whatever the
 * name says, even a manifest or index that index.json does not list. Gives the descriptor in index.json
 * (oci_descriptor_done). -1: CB_E_NOT_FOUND with the names that are there, CB_E_CORRUPT, CB_E_UNSUPPORTED. */
int oci_layout_find(const struct oci_files *f, const char *name, const char *digest, struct oci_descriptor *ret,
                    struct cb_error *err);
/* A full reference that an entry of index.json has as its name; NULL: it has none, or only a tag. Caller frees. */
char *oci_layout_name(const struct oci_descriptor *d);
/* A document (manifest, index, config) of at most `max` bytes, whole and verified; appended to *ret. */
int oci_layout_read(const struct oci_files *f, const struct oci_descriptor *d, size_t max, struct cb_buf *ret,
                    struct cb_error *err);
/* All bytes of a blob into `sink`, as many as the descriptor says; the digest is the reader's to verify. Any number of threads at
 * once. */
int oci_layout_copy(const struct oci_files *f, const struct oci_descriptor *d, cb_sink_fn *sink, void *arg, struct cb_error *err);
/* A blob's fd, or -1, of a layout directory; its size has been compared; its digest is the reader's to verify. */
int oci_layout_open_blob(int dirfd, const struct oci_descriptor *d, struct cb_error *err);

struct oci_archive_blob {
    struct cb_digest digest;
    uint64_t size;
    const void *bytes; /* or NULL: open() gives an fd positioned at 0, which is closed here */
    int (*open)(void *arg, struct cb_error *err);
    /* or NULL too: gives all bytes, once each and in order */
    int (*get)(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err);
    void *arg;
};
struct oci_archive {
    const struct oci_archive_blob *blobs; /* config, layers, manifest; the first of equal digests is written */
    size_t n_blobs;
    const struct oci_descriptor *top; /* what index.json names: the manifest (with platform) */
    const char *const *names;         /* full references, "docker.io/library/app:1"; may be none */
    size_t n_names;
    const char *ref_name; /* org.opencontainers.image.ref.name; NULL: the names' tags */
    const char *created;  /* RFC 3339 or NULL */
    /* for the docker form: manifest.json too (layers must be uncompressed or gzip tars) */
    bool docker;
    struct cb_digest config;
    const struct cb_digest *layers;
    size_t n_layers;
    const struct oci_archive *next; /* another image; what is one for the whole archive (blobs, docker) the first one says */
};
/* Writes the archive as a tar into `sink`: oci-layout, blobs in the order given, manifest.json (docker form),
 * index.json. Equal input gives equal bytes. Every blob is verified while it is copied; a difference is
 * CB_E_CORRUPT, and then the sink has received part of an archive. */
int oci_archive_write(const struct oci_archive *a, cb_sink_fn *sink, void *arg, struct cb_error *err);
/* The same as the directory `name` (one component) in parent_dir (type=oci,tar=false): when there is none yet,
 * or an empty one, it is made whole beside it and renamed; else added to the layout that is there, blobs first, then
 * index.json in one step. An entry of the same name is replaced, other entries stay as they are (blobs that nothing names
 * any more are left). A directory that holds something else is refused. Writers of one layout exclude each other. */
int oci_layout_write(const struct oci_archive *a, int parent_dir, const char *name, struct cb_error *err);

/* ---- a layout that grows entry by entry (builder/share/local.c) ----------------------------------------------------- */

/* Makes the open directory one if it is empty, or somebody died doing it; -1 when it holds something else. Any number of
 * processes may do all of this to one directory at once. */
int oci_layout_begin(int dirfd, const char *name, struct cb_error *err);
/* One blob. What is there already and sound is left as it is. */
int oci_layout_put_blob(int dirfd, const struct oci_archive_blob *b, struct cb_error *err);
/* What index.json lists. 1; 0: there is no layout. */
int oci_layout_list(int dirfd, struct oci_index *ret, struct cb_error *err);
/* The entry of this tag, or NULL. */
const struct oci_descriptor *oci_layout_tagged(const struct oci_index *x, const char *tag);
/* Lists `d`, whose blob is there, under a tag (the annotation that tells it is added). 1: done. 0: the tag is taken by another
 * one, which stays; not with `replace`. */
int oci_layout_tag(int dirfd, const char *tag, const struct oci_descriptor *d, bool replace, struct cb_error *err);

#endif
