#include "base/usage.h"

#define BLOCK 512 /* the unit of ru_inblock and ru_oublock, whatever the file system's is */

static uint64_t microseconds(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

void cb_usage_add(struct cb_usage *u, const struct rusage *r)
{
    u->cpu_us += microseconds(r->ru_utime) + microseconds(r->ru_stime);
    u->peak_memory = CB_MAX(u->peak_memory, (uint64_t)r->ru_maxrss * 1024);
    u->read_bytes += (uint64_t)r->ru_inblock * BLOCK;
    u->written_bytes += (uint64_t)r->ru_oublock * BLOCK;
}

void cb_put_usage(struct cb_buf *b, const struct cb_usage *u)
{
    const uint64_t all[] = {u->wall_us, u->cpu_us, u->peak_memory, u->read_bytes, u->written_bytes};
    for (size_t i = 0; i < CB_LEN(all); i++)
        cb_put_u64(b, all[i]);
}

struct cb_usage cb_get_usage(struct cb_unpack *u)
{
    struct cb_usage r = {.wall_us = cb_get_u64(u)};
    r.cpu_us = cb_get_u64(u);
    r.peak_memory = cb_get_u64(u);
    r.read_bytes = cb_get_u64(u);
    r.written_bytes = cb_get_u64(u);
    return r;
}
