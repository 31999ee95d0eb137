/* What a RUN prints on one stream, cut into lines; its secrets are masked. The fd is the stream's reading end, non-blocking. */
#ifndef BUILD_LOG_H
#define BUILD_LOG_H

#include "builder/execute/mask.h"

struct build_log {
    int fd; /* -1: at its end */
    int stream;
    struct cb_buf line; /* what has no end yet */
};
#define BUILD_LOG_INIT(n) ((struct build_log){-1, (n), CB_BUF_INIT})

/* Takes a line without its end, NULs in it written as "\x00"; one longer than 64 KiB comes in pieces. `text` is borrowed until
 * the function returns. */
typedef void build_log_fn(void *arg, const struct build_log *l, const char *text);

/* Reads what is there, and closes the fd at the end of the stream. */
void build_log_read(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg);
/* Reads the rest, gives a last line that has no end, closes and releases. */
void build_log_finish(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg);

#endif
