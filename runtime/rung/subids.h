/* Subordinate ids: what /etc/subuid and /etc/subgid give us, and whether newuidmap and newgidmap can map it. */
#ifndef RT_SUBIDS_H
#define RT_SUBIDS_H

#include "runtime/rung/privilege.h"

enum { RT_SUBUID = 1, RT_SUBGID = 2 };

/* Fills the ranges of `p`: our own id becomes 0, then all that the files give us from 1 on. */
void rt_subids_read(struct rt_privilege *p);
/* Why these ranges cannot be used, in one sentence with the way out; NULL: nothing speaks against it. Caller frees. */
char *rt_subids_why_not(const struct rt_privilege *p);
/* How the administrator gives us (more) ids that nobody has, in these files. Caller frees. */
char *rt_subids_advice(const struct rt_privilege *p, int files);

/* The file of this name in PATH; caller frees. NULL: there is none. */
char *rt_find_program(const char *name);

#endif
