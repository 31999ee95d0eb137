/* Where a RUN works: a directory of its own in the build's work directory, with the overlay's upper/ and work/ in it.
 * Making and removing directories is much of what a short RUN costs, so one whose upper/ stayed empty is left for the
 * next RUN of this build. Both run in the namespace. */
#ifndef BUILD_RUN_DIR_H
#define BUILD_RUN_DIR_H

#include "builder/plan/build.h"

/* The directory of step `number`, which takes one only once in a build. Gives an fd, or -1. */
int build_run_dir_take(struct build *b, size_t number, struct cb_error *err);
/* The directory of a step that has failed, as its command left it, for another command. */
int build_run_dir_again(struct build *b, size_t number, struct cb_error *err);
/* Leaves it for another, after a RUN that succeeded and whose files nobody else can have open. A directory that is not as good as
 * new stays until the end of the build, which removes it all. */
void build_run_dir_leave(struct build *b, size_t number, int dir);

#endif
