/* What the kinds of outputs share: each has a file of its own, output.c chooses between them. Nobody else includes this. */
#ifndef BUILD_OUTPUT_INTERNAL_H
#define BUILD_OUTPUT_INTERNAL_H

#include "builder/output/manifest.h"
#include "builder/output/output.h"

/* ---- what an output asks for (wanted.c) ------------------------------------------------------------------------- */

struct build_packing build_output_packing(const struct build_output *o);
/* The names this output gives the image, as full references. */
int build_output_names(struct build_session *s, const struct build_output *o, struct cb_strv *ret, struct cb_error *err);
/* Those that name another platform are not of this image, as in BuildKit. */
void build_output_annotations(const struct build_session *s, const struct build_output *o, const struct build_image *image,
                              struct cb_strv *ret);

/* ---- bytes (bytes.c) -------------------------------------------------------------------------------------------- */

struct output_blob {
    struct cache_store *store;
    struct cb_digest digest;
};
int output_open_blob(void *blob, struct cb_error *err); /* the descriptor; -1 */
int output_write_fd(void *fd, const void *p, size_t n, struct cb_error *err);
/* A damaged blob would fail every output with the same words: it goes, and is made or fetched anew. */
void output_drop_damaged(struct cache_store *s, const struct oci_manifest *m, struct cb_error *err);

/* ---- the kinds -------------------------------------------------------------------------------------------------- */

typedef int output_write_fn(struct build_session *s, const struct build_output *o, const struct build_image *image,
                            struct build_result *ret, struct cb_error *err);
output_write_fn build_output_store, build_output_archive, build_output_rootfs, build_output_push;

#endif
