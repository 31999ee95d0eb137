/* Sets of processors and of memory nodes, as --cpuset-cpus and --cpuset-mems name them and the kernel writes them: 0-3,5. */
#ifndef RT_SETS_H
#define RT_SETS_H

#include "runtime/cgroup/limits.h"

/* Whether `list` is numbers and ranges, with commas between them. */
bool rt_set_is(const char *list);
/* The first number of `list` that is not in `have`; -1: all are. */
int64_t rt_set_lacks(const char *list, const char *have);
/* Whether the limits name sets, and this machine has what they name. One that does not say what it has is not asked. 0, or -1
 * with `err` set. */
int rt_sets_check_online(const struct rt_limits *l, struct cb_error *err);
/* The same of a control group, which may have less than the machine. `path`: of the group above, for messages. */
int rt_sets_check_group(const struct rt_limits *l, bool v2, int dir, const char *path, struct cb_error *err);

#endif
