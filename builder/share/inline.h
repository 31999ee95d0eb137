/* What steps gave, in the config of the image that they made (type=inline; docs/cache-format.md). It says only what follows from
 * the Dockerfile and the files, so that the image is the same whoever builds it: a step's definition key, the snapshot it
 * stands on, and the layer. */
#ifndef BUILD_INLINE_H
#define BUILD_INLINE_H

#include "base/digest.h"

struct build_inline_step {
    struct cb_digest definition; /* the key under which it is looked up */
    struct cb_digest parent;     /* chain of the snapshot that it stands on; zero: of none */
    struct cb_digest layer;      /* content ID */
    size_t number;               /* of the layer among those of the image, from the bottom */
};
struct build_inline_steps {
    struct build_inline_step *items;
    size_t n, cap;
};
void build_inline_steps_done(struct build_inline_steps *i);
CB_DEFINE_AUTO(build_inline_steps, struct build_inline_steps, build_inline_steps_done)

/* The text of the config's member (registry/oci/config.h). Appended. */
void build_inline_write(const struct build_inline_steps *i, struct cb_buf *out);
/* From the bytes of a whole config, taken for hostile; one without the member gives none. *ret is initialised. */
int build_inline_read(const char *config, size_t n, struct build_inline_steps *ret, struct cb_error *err);

#endif
