/* Control groups are directories with small files. What the files of runtime/cgroup/ share to read and write these; nobody else
 * includes this. */
#ifndef RT_CGROUP_FILES_H
#define RT_CGROUP_FILES_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int rt_cgroup_write(int dir, const char *file, const char *text); /* 0 or -errno */
int rt_cgroup_read(int dir, const char *file, struct cb_buf *b);  /* appends; 0 or -errno */
/* The number that is all of a file, or follows the word `key` in it. False: there is none. */
bool rt_cgroup_number(int dir, const char *file, const char *key, uint64_t *ret);
/* The next process that cgroup.procs names; *rest points to its text, which is cut up. False: there is none. One that cannot be
 * seen from here, 0 there, is passed over. */
bool rt_cgroup_next(char **rest, pid_t *ret);
/* The sum of the numbers behind each `key` ("rbytes=", "Read "). */
uint64_t rt_cgroup_sum(int dir, const char *file, const char *key);

/* Ends what runs in the group and in those below it, and removes all of them. 0 or -errno. */
int rt_cgroup_remove(int parent, const char *name);
/* The same with those below it; `keep` (NULL: none) stays. */
void rt_cgroup_clear(int dir, const char *keep);
/* Removes from `parent` the groups of builds that are no more (struct rt_groups names them and holds a lock on each). */
void rt_cgroup_sweep(int parent);
#define RT_CGROUP_PREFIX "cbuild-"

#endif
