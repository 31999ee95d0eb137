/* Several layers made one. */
#ifndef CACHE_SQUASH_H
#define CACHE_SQUASH_H

#include "cache/layer/layer.h"

/* One layer that makes of the first `n_below` layers what all `n` of them make (bottom first). The indexes of all must be in the
 * store, and the files of those above. What the lower layers have and nobody sees any more becomes whiteouts. [ns] */
int cache_squash(struct cache_store *s, const struct cb_digest *layers, size_t n, size_t n_below, struct cache_layer *ret,
                 struct cb_error *err);

#endif
