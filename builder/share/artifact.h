/* The document that says what a step gave, as shared caches hold it: an image manifest of OCI (docs/cache-format.md). Its config
 * is the record; beside it the layer's blob, the layer's index and, where a record would be large, the names of its inputs. What
 * is small lies in the document itself, so that it can be read without asking for more.
 *
 * Reading takes the bytes for hostile: after build_artifact_read every member has the form that it should have, and the record's
 * bytes have their digest. That the index is the layer's, build_artifact_index tells; that the blob is, whoever unpacks it. */
#ifndef BUILD_ARTIFACT_H
#define BUILD_ARTIFACT_H

#include "builder/share/share.h"
#include "cache/record.h"

#define BUILD_ARTIFACT_TYPE       "application/vnd.cbuild.record.v1"
#define BUILD_ARTIFACT_RECORD     "application/vnd.cbuild.record.v1+json"
#define BUILD_ARTIFACT_INDEX      "application/vnd.cbuild.index.v1+zstd"
#define BUILD_ARTIFACT_INPUTS     "application/vnd.cbuild.inputs.v1+zstd"
#define BUILD_ARTIFACT_EMBED      32768u       /* bytes of an index, packed, that lie in the document itself */
#define BUILD_ARTIFACT_SMALL      8192u        /* a record that would be larger leaves its inputs out */
#define BUILD_ARTIFACT_MAX_RECORD (1u << 20)   /* of the record; its inputs are elsewhere when they are many */
#define BUILD_ARTIFACT_MAX_INDEX  (256u << 20) /* of an index, not packed: some two million files */
#define BUILD_ARTIFACT_MAX_INPUTS (16u << 20)  /* of inputs, not packed */

struct build_artifact_part {
    struct cb_digest digest;
    uint64_t size;
    char *media_type; /* NULL: there is no such part */
    bool here;        /* `data` holds its bytes */
    struct cb_buf data;
};
struct build_artifact {
    struct cache_record record; /* with inputs, as far as they are here */
    struct cb_digest diff_id;
    uint64_t entries, size;  /* of the layer: as its index says */
    struct cb_digest parent; /* chain of the snapshot that it stands on; zero: of none */
    bool has_content;
    struct cb_digest content; /* its content key, where the writer knew it */
    char *platform;           /* these two are only said */
    char *maker;
    struct build_artifact_part config, layer, index, inputs; /* no index: the blob has to be read for it (inline.c) */
};
#define BUILD_ARTIFACT_INIT                                                                                                      \
    ((struct build_artifact){                                                                                                    \
        .config.data = CB_BUF_INIT, .layer.data = CB_BUF_INIT, .index.data = CB_BUF_INIT, .inputs.data = CB_BUF_INIT})
void build_artifact_done(struct build_artifact *a);
CB_DEFINE_AUTO(build_artifact, struct build_artifact, build_artifact_done)

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* Fills in the index part, the entries and the size. -1: it is larger than BUILD_ARTIFACT_MAX_INDEX. */
int build_artifact_set_index(struct build_artifact *a, const struct cache_index *x, struct cb_error *err);
void build_artifact_set_layer(struct build_artifact *a, const struct cache_packed *p);
/* Appends the document. The parts for config and inputs are made of the record on the way. */
int build_artifact_write(struct build_artifact *a, struct cb_buf *out, struct cb_error *err);

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Fills an initialised *ret, which stays the caller's to free even after a failure (CB_E_CORRUPT, CB_E_UNSUPPORTED). */
int build_artifact_read(const void *bytes, size_t n, struct build_artifact *ret, struct cb_error *err);
/* The index from its packed bytes; CB_E_CORRUPT unless it is the one of the layer that the record names. */
int build_artifact_index(const struct build_artifact *a, const void *packed, size_t n, struct cache_index *ret,
                         struct cb_error *err);
/* Adds the inputs, from their packed bytes, to the record. */
int build_artifact_inputs(struct build_artifact *a, const void *packed, size_t n, struct cb_error *err);

/* What is small, packed and unpacked in memory; more than `max` bytes of `what` are CB_E_CORRUPT. */
int build_share_pack(const struct cb_buf *bytes, struct cb_buf *ret, struct cb_error *err);
int build_share_unpack(const void *packed, size_t n, size_t max, const char *what, struct cb_buf *ret, struct cb_error *err);

struct build_share_blob build_artifact_blob(const struct build_artifact_part *p);

#endif
