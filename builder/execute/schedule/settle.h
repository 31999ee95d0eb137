/* The end of a build, where nobody waits: what it stands on is brought to the disk, so that no later boot has to check it. */
#ifndef BUILD_SETTLE_H
#define BUILD_SETTLE_H

#include "builder/plan/build.h"

/* After a build that succeeded: starts a process that outlives us, if steps were executed and a later boot could not check
 * their layers from outside the namespace. Without it they are made again after a boot, so it never fails. */
void build_settle(struct build *b);

#endif
