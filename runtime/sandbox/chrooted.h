/* A command without namespaces: in a chroot of its tree. Internal to runtime/. */
#ifndef RT_CHROOTED_H
#define RT_CHROOTED_H

#include "runtime/sandbox/sandbox-internal.h"

/* What this cannot give is refused, with the reason. 0 or -1. */
int rt_chrooted_check(const struct rt_sandbox *s, struct cb_error *err);
/* In the job: the user, and everything that other sandboxes have mounted. */
int rt_chrooted_begin(struct rt_child *c, struct cb_error *err);
/* In the child: the tree becomes its root. */
int rt_chrooted_enter(struct rt_child *c, struct cb_error *err);
/* In the job, when the child is gone: ends what it has left running, and takes out what was put into the tree. Call it after a
 * failure too. */
int rt_chrooted_end(struct rt_child *c, struct cb_error *err);

#endif
