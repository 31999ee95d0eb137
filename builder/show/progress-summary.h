/* What is said at the end of a build: where the time went, what was cached, what the image is made of. Pure. */
#ifndef BUILD_PROGRESS_SUMMARY_H
#define BUILD_PROGRESS_SUMMARY_H

#include "base/buf.h"
#include "builder/session/events.h"

/* The steps that ended well, as the events told of them. Zero is the valid empty one. */
struct progress_tally {
    struct progress_ended {
        char *name;
        double seconds;
        bool cached;
    } * steps;
    size_t n, cap;
};
void build_progress_tally_add(struct progress_tally *t, const struct build_event *e); /* any event; most are not of interest */
void build_progress_tally_done(struct progress_tally *t);

/* Appends the summary, in lines of at most `columns` where that is up to us. A short, small build gets one line; for others, the
 * slowest steps, the cached ones and the largest layers are named. */
void build_progress_summary(const struct build_summary *s, const struct progress_tally *t, size_t columns, struct cb_buf *out);

#endif
