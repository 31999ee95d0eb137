/* Hides the secrets of a RUN in what it prints. Each line of a secret is a text to hide, without blanks around it: output
 * is seen line by line. Texts under BUILD_MASK_LEAST bytes are left alone: they would turn up in everything. A secret that
 * a command encodes or cuts in pieces is not found. */
#ifndef BUILD_MASK_H
#define BUILD_MASK_H

#include "base/buf.h"

#define BUILD_MASK_LEAST 4
#define BUILD_MASK_MOST  4096 /* longer lines are hidden in pieces of this size */
#define BUILD_MASK       "****"

struct build_mask {
    struct cb_strv texts; /* longest first, once build_mask_ready was called */
    bool first[256];      /* bytes that one of them begins with */
};
void build_mask_done(struct build_mask *m); /* wipes the texts */
/* Adds a secret, which is copied. When all are added, build_mask_ready must be called before the mask is used. */
void build_mask_add(struct build_mask *m, const char *secret, size_t n);
void build_mask_ready(struct build_mask *m);
/* Appends the line to *out, replacing the longest text at each place by BUILD_MASK. Gives how many of its bytes are dealt with:
 * all of a line that is `whole`, else all but those that may be the beginning of a text. */
size_t build_mask_apply(const struct build_mask *m, struct cb_str line, bool whole, struct cb_buf *out);

#endif
