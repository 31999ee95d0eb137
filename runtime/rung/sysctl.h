/* Settings of the kernel. */
#ifndef RT_SYSCTL_H
#define RT_SYSCTL_H

#include <stdint.h>

/* The number in this file below /proc/sys, or `missing` when it cannot be read or is none. */
uint64_t rt_sysctl(const char *path, uint64_t missing);

#endif
