/* What `--call=outline` has to know of ARGs: planning notes it while it evaluates, the only time their values are known.
 * Secrets, ssh agents and cache mounts are read off the finished plan. */
#ifndef BUILD_PLAN_OUTLINE_H
#define BUILD_PLAN_OUTLINE_H

#include "base/error.h"
#include "base/map.h"

struct build_outline_arg {
    char *value; /* NULL: none */
    const char *description;
    struct cb_place at;
};
struct build_outline {
    char *name, *description; /* of the target stage; name as in FROM … AS, "" when it has none */
    struct cb_map args;       /* name -> struct build_outline_arg; a stage's own before a global one */
    struct cb_map used;       /* names of ARGs that a stage declares or a FROM line uses */
};
void build_outline_done(struct build_outline *o);

#endif
