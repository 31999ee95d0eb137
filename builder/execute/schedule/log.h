/* What a RUN prints on one stream, cut into lines; its secrets are masked. The fd is the stream's reading end, non-blocking. */
#ifndef BUILD_LOG_H
#define BUILD_LOG_H

#include "builder/execute/schedule/mask.h"

struct build_log {
    int fd; /* -1: at its end */
    int stream;
    struct cb_buf line; /* what has no end yet */
    uint64_t given;     /* bytes of lines so far */
    struct cb_buf end;  /* beyond the limit: what came last, raw */
    uint64_t left_out;  /* bytes between the two */
};
#define BUILD_LOG_INIT(n) ((struct build_log){.fd = -1, .stream = (n), .line = CB_BUF_INIT, .end = CB_BUF_INIT})

/* Of a stream that prints more than BUILD_LOG_LIMIT bytes (or $BUILDKIT_STEP_LOG_MAX_SIZE, as in BuildKit; -1: no limit) the
 * middle is left out: what a program prints without end shall fill neither the disk nor anybody's time. Its end is given when the
 * stream ends, because it says what went wrong. */
#define BUILD_LOG_LIMIT (16u << 20)

/* Takes a line without its end, NULs in it written as "\x00"; one longer than 64 KiB comes in pieces. `text` is borrowed until
 * the function returns. */
typedef void build_log_fn(void *arg, const struct build_log *l, const char *text);

/* Reads what is there, and closes the fd at the end of the stream. */
void build_log_read(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg);
/* Reads the rest, gives a last line that has no end, closes and releases. */
void build_log_finish(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg);

#endif
