/* The hard cap on the size of a store (--store-limit, $CBUILD_STORE_LIMIT, `max-size` of the settings). What has been unused for
 * longest goes until all that is under the store is no larger; what this and other running builds use, and images with a name,
 * stay. The store is measured only when a sixteenth of the cap has been written since it was measured last. */
#ifndef BUILD_CEILING_H
#define BUILD_CEILING_H

#include "builder/session/session.h"

struct build_schedule;
struct build_running;

struct build_ceiling {
    uint64_t used;    /* by the store, when it was measured last; the cap where it was not */
    uint64_t free;    /* what the file system had left then */
    uint64_t written; /* by steps since then, as they say */
    bool looking;     /* a job makes room: steps wait */
};

void build_ceiling_begin(struct build_schedule *s);
/* A step has written so much, or (0) something else has been written. From now on steps may have to wait. */
void build_ceiling_wrote(struct build_schedule *s, uint64_t bytes);
/* The job has ended; `answer` NULL: it failed, which the end of the build will notice if it lasts. */
void build_ceiling_event(struct build_schedule *s, const struct cb_buf *answer);

/* At the end of a build that has made something; a warning says so if more stays than the cap allows. 0 or -1. */
int build_ceiling_keep(struct build_session *s, struct cb_error *err);

#endif
