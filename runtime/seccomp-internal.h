/* The filter that a RUN gets by default. Internal to runtime/. */
#ifndef RT_SECCOMP_INTERNAL_H
#define RT_SECCOMP_INTERNAL_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

const struct sock_filter *rt_seccomp_filter(size_t *n); /* static storage */
/* Docker's profile for other capabilities: its length, *ret to be freed; 0: there is no memory. */
size_t rt_seccomp_filter_for(uint64_t caps, struct sock_filter **ret);

#endif
