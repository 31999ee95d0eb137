/* How long something takes, by the clock that nobody can set. */
#ifndef CB_CLOCK_H
#define CB_CLOCK_H

#include <time.h>

static inline struct timespec cb_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

static inline double cb_seconds_since(const struct timespec *then)
{
    struct timespec now = cb_clock_now();
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

#endif
