/* Shared caches (--cache-from, --cache-to): what steps gave, for other machines (docs/cache-format.md). The kinds of places where
 * one can be are a table, as those of outputs; option parsing and --help read it too. All but the reading of options runs in
 * jobs: these wait for networks and take apart what others wrote. */
#ifndef BUILD_SHARE_H
#define BUILD_SHARE_H

#include "builder/session/session.h"

const struct build_share_ops *build_share_find(const char *type); /* NULL: there is none of that name */
const struct build_share_ops *build_share_bare(void);             /* what a name without type= is; NULL: no kind takes one */
/* All names, with `between` between them. */
void build_share_types(struct cb_buf *out, const char *between);
const char *build_share_kind(const struct build_share *o); /* "registry" */

/* Reading what was asked for: begin (`o` is zero or raw), each key, end. Messages do not name the option. */
void build_share_begin(struct build_share *o, const struct build_share_ops *ops, bool writes);
int build_share_set(struct build_share *o, const char *key, const char *value, struct cb_error *err);
int build_share_set_bare(struct build_share *o, const char *name, struct cb_error *err);
int build_share_end(struct build_share *o, struct cb_error *err);
/* Nothing is kept there: the image of the build is to say what its steps gave. */
bool build_share_is_image(const struct build_share *o);
/* Reading: also what its steps gave is wanted that an image says, if it is one that is meant. False: none can be meant. `image`
 * is zero or raw. */
bool build_share_also(const struct build_share *o, struct build_share *image);

struct build_share_blob {
    struct cb_digest digest;
    uint64_t size;
    const char *media_type; /* borrowed */
};

struct build_share_link; /* an open share, as its kind needs it */

#endif
