/* Talking to registries (oci-distribution.md): resolve a name, fetch blobs, push. HTTP by libcurl, which is
 * loaded at the first use. All functions block and are called in jobs (base/job.h), where they may use
 * threads of their own. Nothing here knows where bytes are kept: they go to and come from callbacks. */
#ifndef REG_TRANSFER_H
#define REG_TRANSFER_H

#include "base/stream/codec.h"
#include "registry/oci/document.h"
#include "registry/oci/reference.h"
#include "registry/transfer/options.h"

struct reg_client; /* connections, tokens, credentials, registries.conf: one per job */

/* Reads registries.conf and the credential files of the environment; a mistake in one is an error with its
 * file and line. `o` is borrowed. */
struct reg_client *reg_client_new(const struct reg_options *o, struct cb_error *err);
void reg_client_free(struct reg_client *c);
CB_DEFINE_AUTO_PTR(reg_client, struct reg_client, reg_client_free)
/* Warnings (retries, `Warning:` headers, mirror failures, credential helpers) go here; may be NULL. Called from
 * whatever thread works for the client, one call at a time; it must not call the client itself. */
void reg_client_on_warning(struct reg_client *c, void (*fn)(void *arg, const char *text), void *arg);

/* The manifest or index a reference names. Mirrors are tried in order. */
struct reg_document {
    struct cb_buf bytes;
    char *content_type;
    struct cb_digest digest; /* of the bytes; verified against the reference's digest when it has one */
};
void reg_document_done(struct reg_document *d);
int reg_fetch_document(struct reg_client *c, const struct oci_ref *ref, struct reg_document *ret, struct cb_error *err);
/* Only the digest (HEAD; GET where HEAD gives none). A reference with a digest is its own answer: nobody is asked. */
int reg_resolve(struct reg_client *c, const struct oci_ref *ref, struct cb_digest *ret, struct cb_error *err);

/* One blob into `sink`, in order, each byte once: a broken connection is resumed with Range. Size and digest
 * are verified; the last bytes may have reached the sink before a mismatch is found, so the sink's owner
 * publishes only after success. Thread-safe: several may run at once on one client. */
int reg_fetch_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, cb_sink_fn *sink, void *arg,
                   struct cb_error *err);

/* The same for a blob of which the first `have` bytes, with this digest so far, are somewhere already: the sink gets the others.
 */
int reg_resume_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, uint64_t have,
                    const struct cb_sha256 *sha, cb_sink_fn *sink, void *arg, struct cb_error *err);

/* ---- push ---------------------------------------------------------------------------------- */
struct reg_push_blob {
    struct oci_descriptor d;
    const char *mount_from; /* repository on the same registry that may hold it ("library/busybox"), or NULL */
    /* Opens the bytes anew for each try: an fd positioned at 0, or -1 with err. NULL: never needed. */
    int (*open)(void *arg, struct cb_error *err);
    void *arg;
    enum { REG_BLOB_EXISTED, REG_BLOB_MOUNTED, REG_BLOB_UPLOADED } outcome; /* set by reg_push_blobs */
};
struct reg_push_progress {
    uint64_t done, total;             /* of all blobs: what is there counts */
    const struct reg_push_blob *blob; /* that is being sent, or was just sent; NULL: none of them */
    uint64_t sent;                    /* of it */
};
/* Mounted, or there already (HEAD), else uploaded, several at once. `progress` may be NULL;
 * it is called from several threads, one at a time, and what is sent again counts once. A blob that is in the list
 * twice may be sent twice. */
int reg_push_blobs(struct reg_client *c, const struct oci_ref *ref, struct reg_push_blob *blobs, size_t n,
                   void (*progress)(void *arg, const struct reg_push_progress *p), void *arg, struct cb_error *err);
/* 1: the repository, and not only a mirror of it, has the blob. 0: it has not, or does not say. */
int reg_has_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, struct cb_error *err);
/* By tag (or by digest when the reference has no tag). Everything it names must be there already. */
int reg_push_document(struct reg_client *c, const struct oci_ref *ref, const char *media_type, const void *p, size_t n,
                      struct cb_error *err);

/* ---- plain HTTP(S) for ADD and contexts ------------------------------------------------------ */
struct reg_get {
    const char *url;
    const char *if_none_match; /* ETag of an earlier answer, or NULL */
    const char *authorization; /* header value, or NULL */
    uint64_t max_size;         /* 0: none */
};
struct reg_get_answer {
    int status;                                /* 200, or 304 */
    char *etag, *last_modified, *content_type; /* NULL when absent or not fit to be sent back */
};
void reg_get_answer_done(struct reg_get_answer *a);
/* Redirects are followed; user information in the URL is sent to its own host only. Status >= 400 is an error "invalid response
 * status 404". */
int reg_get(struct reg_client *c, const struct reg_get *get, cb_sink_fn *sink, void *arg, struct reg_get_answer *ret,
            struct cb_error *err);

#endif
