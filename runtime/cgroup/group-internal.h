/* What groups.c (of a build), group.c (of a command) and systemd.c share. Nobody else includes this. */
#ifndef RT_GROUP_INTERNAL_H
#define RT_GROUP_INTERNAL_H

#include "runtime/cgroup/group.h"
#include "runtime/cgroup/hierarchy.h"

#define RT_CGROUP_LEVELS (RT_CONTROLLERS + 1) /* hierarchies: version 2's, and at most one for each controller */

struct rt_level {
    bool v2;
    unsigned controllers; /* that its groups are to have */
    int parent;           /* directory in which the build's group was made */
    int dir;              /* of the build's group, locked; -1: not made (yet) */
    char *path;           /* owned: of the parent, for messages */
    bool moved;           /* we are in a group below `dir`, and belong into the parent */
};
struct rt_groups {
    const struct rt_limits *limits;
    struct rt_settings settings[2]; /* by version: [false] 1, [true] 2 */
    struct rt_level levels[RT_CGROUP_LEVELS];
    size_t n;
    char name[64]; /* of the build's group */
};

/* A cpuset of version 1 is empty when it is made, and takes no process. 0 or -errno. */
int rt_level_inherit(const struct rt_level *l, int from, int to);

/* systemd.c: has systemd move us into a scope that is ours to divide, in `slice` (NULL: where it likes). 0, or -1: there is no
 * systemd to ask, or it refuses. */
int rt_cgroup_scope(const char *slice, struct cb_error *err);

#endif
