/* What the live display draws. Pure: what is known, and the size of the terminal, become lines. */
#ifndef BUILD_PROGRESS_LAYOUT_H
#define BUILD_PROGRESS_LAYOUT_H

#include "base/buf.h"

#define BUILD_PROGRESS_LOG_LINES 6 /* of a running step, where there is room */

struct progress_size {
    size_t columns, rows;
};

/* A step that runs. */
struct progress_running {
    const char *name;
    double seconds;
    uint64_t done, total;                      /* bytes; total 0: not known */
    const char *log[BUILD_PROGRESS_LOG_LINES]; /* its last lines, the oldest first: as build_terminal_line gives them */
    size_t n_log;
};

/* One of several things that a step has on their way at once. */
struct progress_part {
    const char *name;
    uint64_t done, total; /* bytes */
    uint64_t rate;        /* of them in a second; 0: not known yet */
};
/* Appends a line of a log that shows it, without a line end: its name, a bar, bytes, and the rate. */
void build_progress_part(const struct progress_part *p, struct cb_buf *out);

struct progress_state {
    int done, total; /* steps; total 0: this is no build */
    double seconds;  /* since it began */
    bool colours;
    const struct progress_running *running; /* in the order they began in */
    size_t n_running;
};

/* Appends the block that shows what runs: a head line, then each step with its last lines. Never more than rows - 1 lines (but at
 * least one), each narrower than the terminal; steps for which there is no room are only counted. Gives the number of lines. */
size_t build_progress_layout(const struct progress_state *s, struct progress_size size, struct cb_buf *out);

/* Appends the line that remains of a step that has ended; it says how. */
enum progress_end { BUILD_PROGRESS_DONE, BUILD_PROGRESS_CACHED, BUILD_PROGRESS_FAILED, BUILD_PROGRESS_CANCELED };
void build_progress_layout_end(enum progress_end end, const char *name, double seconds, bool colours, size_t columns,
                               struct cb_buf *out);

/* Appends the dim line below it that says why it ran. */
void build_progress_layout_why(const char *why, bool colours, size_t columns, struct cb_buf *out);

#endif
