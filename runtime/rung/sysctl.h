/* Kernel settings. */
#ifndef RT_SYSCTL_H
#define RT_SYSCTL_H

#include <stdint.h>

/* The number in this file below /proc/sys, or `missing` when it cannot be read or is not a number. */
uint64_t rt_sysctl(const char *path, uint64_t missing);

#endif
