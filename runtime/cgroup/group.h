/* Control groups of RUNs: one group for the build, in which each command gets one of its own (runtime.md §10).
 *
 * The coordinator opens the build's groups before it starts a helper, because it may have to move itself: version 2 has no
 * processes in a group that gives controllers to others. A job makes the command's group, the command's first process enters it
 * before anything else, and when all of them are gone the job reads what the group has counted and removes it. The build's
 * groups are locked: what is not is left of a build that crashed, and the next one removes it. */
#ifndef RT_GROUP_H
#define RT_GROUP_H

#include "base/usage.h"
#include "runtime/cgroup/limits.h"

struct rt_groups; /* of a build */
/* Groups that can hold to the limits, which are borrowed. -1: this machine gives us no such groups; the error says why and
 * what would. */
int rt_groups_open(const struct rt_limits *l, struct rt_groups **ret, struct cb_error *err);
/* When the helpers are gone. NULL is fine. */
void rt_groups_close(struct rt_groups *g);

struct rt_group; /* of a command */
int rt_group_make(const struct rt_groups *all, struct rt_group **ret, struct cb_error *err);
/* Moves the calling process into it. Writes descriptors and allocates nothing. 0 or -errno. */
int rt_group_enter(const struct rt_group *g);

struct rt_excess {
    bool oom_killed;     /* a process was killed because the group's memory was at its limit */
    bool fork_refused;   /* for the limit of processes */
    bool memory_counted; /* the peak in the usage is the group's */
};
/* Reads what it counted, removes it and frees it. NULL is fine. */
void rt_group_end(struct rt_group *g, struct cb_usage *usage, struct rt_excess *ret);

#endif
