#include "base/clock.h"

static struct timespec skipped;

static struct timespec minus(struct timespec a, struct timespec b)
{
    struct timespec r = {a.tv_sec - b.tv_sec, a.tv_nsec - b.tv_nsec};
    if (r.tv_nsec < 0) {
        r.tv_sec--;
        r.tv_nsec += 1000000000;
    }
    return r;
}

struct timespec cb_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return minus(now, skipped);
}

double cb_seconds_since(const struct timespec *then)
{
    struct timespec passed = minus(cb_clock_now(), *then);
    return (double)passed.tv_sec + (double)passed.tv_nsec / 1e9;
}

void cb_clock_skip(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    skipped = minus(now, *then);
}

double cb_clock_skipped(void)
{
    return (double)skipped.tv_sec + (double)skipped.tv_nsec / 1e9;
}
