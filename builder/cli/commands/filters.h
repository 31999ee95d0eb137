/* `--filter KEY=VALUE` of du and prune, as docker's users know it, and what both show of the things in the store. */
#ifndef CLI_FILTERS_H
#define CLI_FILTERS_H

#include "builder/cli/options/option.h"
#include "cache/gc.h"

/* What the options of du and prune fill; the strings in `filter` are owned. */
struct cli_filters {
    struct cache_filter filter;
    int64_t unused_for; /* seconds; 0: any */
};
void cli_filters_done(struct cli_filters *f);

cli_set_fn cli_set_filter; /* struct cli_filters: one more */
cli_set_fn cli_set_unused; /* struct cli_filters: the time span alone */

/* The head of the lines, and a line: kind, id, size, what of it is shared, last use, text. */
void cli_item_head(struct cb_buf *out);
void cli_item_line(struct cb_buf *out, const struct cache_item *i);

#endif
