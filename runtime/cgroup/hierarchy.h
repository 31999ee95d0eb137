/* Where control groups are: the hierarchies that are mounted here, and our own group in each. Version 2 has one for all of its
 * controllers, version 1 one for each or for a few; a machine may have both. */
#ifndef RT_HIERARCHY_H
#define RT_HIERARCHY_H

#include "runtime/cgroup/limits.h"

struct rt_hierarchy {
    bool v2;
    unsigned controllers; /* 1 << enum rt_controller; of version 2: those that its own group says are there */
    char *top;            /* owned: where it is mounted */
    char *own;            /* owned: the directory of our group; NULL: it is not below the mount */
};
struct rt_hierarchies {
    struct rt_hierarchy *items;
    size_t n, cap;
};

/* From the texts of /proc/self/mountinfo and /proc/self/cgroup. Pure; what version 2 has is left open. */
void rt_hierarchies_parse(const char *mountinfo, const char *cgroup, struct rt_hierarchies *ret);
/* The same of this process, now; with what is in cgroup.controllers. None when /proc says nothing. */
void rt_hierarchies_read(struct rt_hierarchies *ret);
/* The hierarchy with the controller that has our own group below its mount; NULL: none. */
const struct rt_hierarchy *rt_hierarchy_with(const struct rt_hierarchies *h, enum rt_controller c);
void rt_hierarchies_done(struct rt_hierarchies *h);
CB_DEFINE_AUTO(rt_hierarchies, struct rt_hierarchies, rt_hierarchies_done)

/* The controllers named in a list that blanks or commas separate. */
unsigned rt_controllers_in(const char *list, size_t n, bool v2);

#endif
