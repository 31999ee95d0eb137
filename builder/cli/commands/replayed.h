/* The build that `cache bench` and `cache advise` replay. */
#ifndef CLI_REPLAYED_H
#define CLI_REPLAYED_H

#include "builder/cli/options/command.h"
#include "builder/measure/replay.h"

/* What both take. */
struct cli_replayed {
    struct cli_invocation common; /* its arguments are the options of the build */
    char *range;
    uint64_t every; /* 0: not given */
    bool use_store;
    struct cli_invocation *build; /* what they come to, once parsed */
    struct measure_replay replay;
};
extern const struct cli_table cli_replay_options;

/* Parses and checks the build's options, and opens the replay. */
int cli_replay_open(struct cli_replayed *v, struct cb_error *err);
void cli_replay_close(void *filled); /* a command's `done` */

#endif
