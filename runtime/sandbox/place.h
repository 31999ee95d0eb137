/* A command's files, where nothing can be mounted: they lie in its tree for as long as it runs. Internal to runtime/. */
#ifndef RT_PLACE_H
#define RT_PLACE_H

#include "runtime/sandbox/sandbox-internal.h"

/* /dev, of /proc what says something of the machine, and an empty /sys. In the job, before the command starts. */
int rt_place_system(struct rt_child *c, struct cb_error *err);
/* Puts what the mount shows in its place; what was there is kept aside. Ways in which it is not a mount: what is written is not
 * refused, and a tmpfs has no limit. */
int rt_place_mount(struct rt_child *c, const struct rt_mount *m, struct cb_error *err);
/* Is this path, resolved, in something that was put there? */
bool rt_place_holds(const struct rt_child *c, const char *path);
/* Takes all of it out again, in whatever state it is, and puts back what was there. -1: the tree cannot be used any more. */
int rt_place_end(struct rt_child *c, struct cb_error *err);

#endif
