/* `cbuild explain`, `--dry-run`: which steps would run, and why. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "builder/execute/keys/graph.h"

/* For a build whose definition keys are made; prints on standard output. 0 or -1. */
int cli_explain(struct build_graph *g, struct cb_error *err);

#endif
