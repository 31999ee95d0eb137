/* The filter of the system calls of a RUN. Internal to runtime/. */
#ifndef RT_SECCOMP_H
#define RT_SECCOMP_H

#include "runtime/confine/confinement.h"
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

const struct sock_filter *rt_seccomp_filter(size_t *n); /* the default one; static storage */
/* Docker's profile for other capabilities: its length, *ret to be freed; 0: there is no memory. `shares`: for a command that has
 * the builder's processes beside it. */
size_t rt_seccomp_filter_for(uint64_t caps, bool shares, struct sock_filter **ret);
/* Installs a filter (NULL: the default one); needs CAP_SYS_ADMIN in this namespace. 0 or -errno. */
int rt_seccomp_install(const struct rt_filter *own);

#endif
