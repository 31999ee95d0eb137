/* What --iidfile and --metadata-file say of a build that is done. */
#ifndef CLI_METADATA_H
#define CLI_METADATA_H

#include "builder/execute/keys/graph.h"
#include "builder/output/output.h"

/* Writes the files that were asked for. Besides buildx's keys there are "cbuild.sandbox", how commands were run here, if any was,
 * and "cbuild.steps": each step with a layer of its own, that layer's id, and what it cost, in this build or (cached) in the one
 * that made it; "cbuild.skipped" names those that nobody had to look at, because what stands on them was known;
 * "cbuild.sharedCache" counts what went to shared caches and came from them. What they say of a manifest or an index that no
 * output made is made here, and is *r's then. */
int cli_write_metadata(const struct build_graph *g, const struct build_counts *counts, const struct build_images *images,
                       struct build_result *r, struct cb_error *err);

#endif
