/* What a build came to: the one place where a plan and its results become an image, which outputs take. */
#ifndef BUILD_BUILT_H
#define BUILD_BUILT_H

#include "builder/output/image.h"
#include "builder/execute/keys/graph.h"

/* Makes the images of the plan's targets, whose steps are done (dockerfile.md §17): layers, diff IDs, config, history. The
 * configs are in the store afterwards; no name is given. They borrow from the plan. */
int cli_images_of(const struct build_graph *g, struct build_images *ret, struct cb_error *err);

/* Bytes of the files of the images just made, by the step that made the layer; the layers of a base are one. Bottom first,
 * into *ret (caller frees), with names borrowed from the plan. */
size_t cli_layer_sizes(const struct build *b, struct build_layer_size **ret);

#endif
