/* The capabilities of this process, as sets of bits. */
#ifndef RT_CAPS_H
#define RT_CAPS_H

#include <stdint.h>

/* 0 or -errno. */
int rt_caps_bound(uint64_t set); /* drops all others from the bounding set */
int rt_caps_set(uint64_t set);   /* permitted and effective: those of the set that we hold */

#endif
