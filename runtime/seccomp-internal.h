/* The filter that a RUN gets, for tests. Internal to runtime/. */
#ifndef RT_SECCOMP_INTERNAL_H
#define RT_SECCOMP_INTERNAL_H

#include <linux/filter.h>
#include <stddef.h>

const struct sock_filter *rt_seccomp_filter(size_t *n); /* static storage */

#endif
