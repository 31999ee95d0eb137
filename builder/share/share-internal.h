/* What the kinds of shared caches share: each has a file of its own, share.c chooses between them. Nobody else includes this.
 *
 * A shared cache holds small documents by key and blobs by digest; docs/cache-format.md says what is in them. All that a kind
 * does is bringing both there and back. Whatever comes back is taken for hostile by those who asked: a kind verifies nothing. */
#ifndef BUILD_SHARE_INTERNAL_H
#define BUILD_SHARE_INTERNAL_H

#include "base/stream/codec.h"
#include "builder/share/share.h"

/* All kinds. A further one is a file that defines build_share_NAME, and its name here. */
#define SHARES(X)           X(registry) X(local) X(s3) X(gha) X(inline)
#define SHARE_DECLARE(name) extern const struct build_share_ops build_share_##name;
SHARES(SHARE_DECLARE)

#define BUILD_SHARE_TAG     "cbuild1-" /* before the key: the name of a document, where it has one */
#define BUILD_SHARE_TAG_MAX (sizeof(BUILD_SHARE_TAG) + CB_DIGEST_HEX) /* with the NUL */
void build_share_tag(const struct cb_digest *key, char out[BUILD_SHARE_TAG_MAX]);

/* ---- options (keys.c) -------------------------------------------------------------------------------------------- */

/* A key of `--cache-to type=…,key=value` and of --cache-from. */
struct build_share_key {
    const char *name;
    bool from, to; /* which of the two options take it */
    /* Checks the value and puts it into the share. */
    int (*set)(struct build_share *o, const char *key, const char *value, struct cb_error *err);
};
/* Keys that all kinds take; a NULL ends them. */
extern const struct build_share_key *const build_share_common_keys[];
/* For the kinds' own keys: keeps it as a setting; puts it into `place`, which must not be empty. */
int build_share_set_setting(struct build_share *o, const char *key, const char *value, struct cb_error *err);
int build_share_set_place(struct build_share *o, const char *key, const char *value, struct cb_error *err);
/* A key that no kind takes. 0: BuildKit has it, and what it asks for is done anyway. */
int build_share_other_key(const char *key, const char *value, struct cb_error *err);

/* ---- a kind -------------------------------------------------------------------------------------------------------- */

/* A document that has come; its bytes are borrowed until it returns. -1 ends the asking. */
typedef int build_share_document_fn(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err);
typedef int build_share_open_fn(void *arg, struct cb_error *err); /* a descriptor at the beginning, closed by who asked; -1 */

struct build_share_ops {
    const char *name;                          /* type=… */
    const struct build_share_key *const *keys; /* its own; a NULL ends them; NULL: none */
    bool bare;                                 /* --cache-from NAME without type= means this kind, with NAME as its place */
    bool in_image;                             /* nothing is put there: the image of the build says it (builder/share/inline.h) */
    bool replaces;                             /* a document can be put over another one: needed by --cache-wait */
    bool at_once;                              /* put_blob and put_document may be called from several threads, and put_blob
                                                  itself looks whether the blob is there */
    const char *from;                          /* who gets a blob of it later (builder/pull/place.h), by the share's `place` */
    int (*check)(struct build_share *o, struct cb_error *err); /* when all keys are read: is one missing? NULL: never */

    /* All of these run in jobs, which may have threads, and block. Failures are told to the user as warnings. */

    /* `io` (may be NULL): for warnings. A share that is only read need not exist: then there is nothing in it. */
    int (*open)(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                struct cb_error *err);
    void (*close)(struct build_share_link *l); /* never NULL */
    /* Asks for the documents of all these keys at once; `fn` gets those that are there, as they come, each at most once, one at a
     * time. None is larger than CB_MAX_MANIFEST. One that is damaged is a warning, and as not there. -1: the cache as a whole
     * does not answer, or fn failed. */
    int (*get_documents)(struct build_share_link *l, const struct cb_digest *keys, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err);
    /* The blobs that it names are there already. 1: put. 0: another one was there first and stays; not with `replace`. */
    int (*put_document)(struct build_share_link *l, const struct cb_digest *key, const void *bytes, size_t n, bool replace,
                        struct cb_error *err);
    /* All bytes of the blob into `sink`, from the byte `offset` on, whatever their digest. -1 with CB_E_NOT_FOUND: it is not
     * there (any more). */
    int (*get_blob)(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err);
    int (*has_blob)(struct build_share_link *l, const struct build_share_blob *b, struct cb_error *err); /* 1, 0, -1 */
    /* `open` is called when the bytes are needed, at most twice. One that is there already is fine. */
    int (*put_blob)(struct build_share_link *l, const struct build_share_blob *b, build_share_open_fn *open, void *arg,
                    struct cb_error *err);
};

/* ---- for kinds on the network (network.c) -------------------------------------------------------------------------- */

/* What the command line says about registries, but with fewer tries: nobody should wait long for what only saves time. Members
 * are borrowed from the session. */
struct reg_options build_share_options(const struct build_session *s);

/* 1: its bytes are appended to *ret. 0: there is none. Called from several threads. */
typedef int build_share_get_fn(struct build_share_link *l, const struct cb_digest *key, struct cb_buf *ret, struct cb_error *err);
/* As get_documents of struct build_share_ops. */
int build_share_get_each(struct build_share_link *l, const struct cb_digest *keys, size_t n, build_share_get_fn *get,
                         build_share_document_fn *fn, void *arg, struct cb_error *err);

#endif
