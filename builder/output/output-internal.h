/* What the kinds of outputs share: each has a file of its own, output.c chooses between them. Nobody else includes this. */
#ifndef BUILD_OUTPUT_INTERNAL_H
#define BUILD_OUTPUT_INTERNAL_H

#include "builder/output/index.h"
#include "builder/output/output.h"

/* All kinds. A further one is a file that defines build_output_NAME, and its name here. */
#define OUTPUTS(X)                                                                                                               \
    X(image)                                                                                                                     \
    X(registry)                                                                                                                  \
    X(oci)                                                                                                                       \
    X(docker)                                                                                                                    \
    X(tar)                                                                                                                       \
    X(local)                                                                                                                     \
    X(cacheonly)
#define OUTPUT_DECLARE(name) extern const struct build_output_ops build_output_##name;
OUTPUTS(OUTPUT_DECLARE)

/* ---- keys that several kinds take (keys.c) ---------------------------------------------------------------------- */

extern const struct build_output_key build_output_key_dest, build_output_key_tar, build_output_key_name, build_output_key_push,
    build_output_key_by_digest, build_output_key_compression, build_output_key_level, build_output_key_force,
    build_output_key_types, build_output_key_rewrite, build_output_key_annotation, build_output_key_split;
/* Keys of what has layers and a name. */
#define OUTPUT_IMAGE_KEYS                                                                                                        \
    &build_output_key_name, &build_output_key_compression, &build_output_key_level, &build_output_key_force,                     \
        &build_output_key_types, &build_output_key_rewrite, &build_output_key_annotation
/* A key that no kind takes. 0: BuildKit has it, and what it asks for is done anyway. */
int build_output_other_key(const char *key, const char *value, struct cb_error *err);

/* ---- what an output asks for (wanted.c) ------------------------------------------------------------------------- */

struct build_packing build_output_packing(const struct build_output *o);
/* The names this output gives the image, as full references. */
int build_output_names(struct build_session *s, const struct build_output *o, struct cb_strv *ret, struct cb_error *err);
/* The annotations that are asked for, as a request holds them. */
void build_output_annotations(const struct build_session *s, const struct build_output *o, struct cb_strv *ret);

/* ---- pushing (push.c) ------------------------------------------------------------------------------------------- */

int build_output_check_push(struct build_output *o, struct cb_error *err);
/* Pushes to all names of the output. */
int build_output_push_names(struct build_session *s, const struct build_output *o, const struct build_images *images,
                            struct build_result *ret, struct cb_error *err);

/* ---- bytes (bytes.c) -------------------------------------------------------------------------------------------- */

struct build_output_blob {
    struct cache_store *store;
    struct cb_digest digest;
};
int build_output_open_blob(void *blob, struct cb_error *err); /* the descriptor; -1 */
int build_output_write_fd(void *fd, const void *p, size_t n, struct cb_error *err);
/* A damaged blob would fail every output with the same words: it is removed, to be made or fetched anew. */
void build_output_drop_damaged(struct cache_store *s, const struct build_index *x, struct cb_error *err);

#endif
