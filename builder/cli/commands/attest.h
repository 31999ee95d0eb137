/* What a build says of its image: which packages are in it, and where it comes from. */
#ifndef CLI_ATTEST_H
#define CLI_ATTEST_H

#include "builder/execute/keys/graph.h"
#include "builder/output/image.h"

/* Adds what the request asks for to each image, whose steps are done. */
int cli_attest(const struct build_graph *g, struct build_images *images, struct cb_error *err);
/* Where an image comes from (builder/attest/provenance.h), as the request asks, or with as little as `mode=min` has. The caller
 * owns the reference. */
json_t *cli_provenance(const struct build_graph *g, const struct build_image *image);

#endif
