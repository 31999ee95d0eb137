/* What a piece of work cost: what the events, the records and --metadata-file say of a step. */
#ifndef CB_USAGE_H
#define CB_USAGE_H

#include "base/pack.h"
#include <sys/resource.h>

struct cb_usage {
    uint64_t wall_us, cpu_us;           /* cpu_us: of all processors, for user and system */
    uint64_t peak_memory;               /* bytes: of the largest process, or of all together where a control group counted */
    uint64_t read_bytes, written_bytes; /* from and to disks; what the page cache had is not counted */
};

/* Adds what the kernel says of processes that have ended; the wall clock is the caller's. */
void cb_usage_add(struct cb_usage *u, const struct rusage *r);

void cb_put_usage(struct cb_buf *b, const struct cb_usage *u);
struct cb_usage cb_get_usage(struct cb_unpack *u);

#endif
