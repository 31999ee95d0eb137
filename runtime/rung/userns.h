/* User namespaces: making a process in one, writing its maps, saying why that is not possible. Internal to
 * runtime/. */
#ifndef RT_USERNS_H
#define RT_USERNS_H

#include "base/error.h"
#include "runtime/rung/privilege.h"

/* Like fork, in new namespaces (CLONE_NEW…). The caller has one thread. */
pid_t rt_clone(unsigned long namespaces);

/* Like vfork, in new namespaces: fn(arg), which ends or executes a program, runs in our memory, on a stack of its own,
 * and we go on when it has done so. So nothing of ours is copied for it, and what it writes stays; it must not leave
 * anything on the heap that only it knows of. */
pid_t rt_clone_briefly(unsigned long namespaces, int (*fn)(void *arg), void *arg);

/* The maps of `pid`, a child of ours in a new user namespace, by newuidmap and newgidmap (side by side). */
int rt_userns_map_ranges(pid_t pid, const struct rt_privilege *p, struct cb_error *err);
/* Our own maps: uid 0 inside is `uid` outside, and nothing else is mapped. 0 or -errno. */
int rt_userns_map_self(uid_t uid, gid_t gid);
/* Becomes uid and gid 0 of the namespace, when they are mapped. 0 or -errno. */
int rt_userns_become_root(void);
/* The maps of `pid`: every id that exists here is the same id there. We hold CAP_SETUID here. 0 or -errno. */
int rt_userns_map_identity(pid_t pid);

/* Can we give a file to another id? 0, -EINVAL: there is none in our user namespace, or another -errno. */
int rt_userns_try_owner(void);

/* Can files be given to all ids there are, and groups be set? If not, *ret_why may be set (caller frees). */
bool rt_userns_owns_ids(char **ret_why);
/* Does our own map (/proc/self/uid_map or gid_map) have these ids in one piece? */
bool rt_userns_has_ids(const char *map, uint32_t first, uint32_t count);
/* Why an id does not exist in the user namespace that we were started in. Caller frees; NULL: every id does. */
char *rt_userns_why_no_id(void);

#endif
