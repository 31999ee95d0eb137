/* A job: one blocking piece of work in a forked child (copy a tree, pull a layer, run a command).
 * The coordinator has no threads and never blocks: it starts jobs, polls their sockets and takes
 * their messages. A job owns what it touches until it answers; when it crashes, is killed or the
 * coordinator dies, its work directory is swept and nothing it made is visible.
 *
 * A job function runs in the child. It may send progress. It fills `answer` (at most CB_MAX_MESSAGE) and returns 0, or
 * returns -1 with `err` set, whose texts are shortened when they are long. The child then exits; it never returns to main.
 * cb_job_fork runs it as a child of the caller; runtime/helper.h runs it inside the build's user namespace. Both give a struct
 * cb_job with the same socket, so callers treat them alike. */
#ifndef CB_JOB_H
#define CB_JOB_H

#include "base/buf.h"
#include "base/error.h"
#include <sys/types.h>

struct cb_job_io; /* the child's end */

/* Tell the coordinator how far the work is. Cheap: sent at most every 50 ms. `total` 0: unknown.
 * `what` is a short constant text ("downloading", "extracting"). */
void cb_job_progress(struct cb_job_io *io, const char *what, uint64_t done, uint64_t total);
/* The same for one of several things that are on their way at once, a layer for instance. Nothing is left out: the caller takes
 * care that they are not many. */
void cb_job_progress_of(struct cb_job_io *io, const char *part, const char *what, uint64_t done, uint64_t total);
/* A warning for the user; a very long one is shortened (cb_shorten). */
void cb_job_warn(struct cb_job_io *io, const char *line);
void cb_job_on_warning(void *io, const char *line); /* the same as a callback; any thread may call it */

typedef int cb_job_fn(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err);

struct cb_job {
    int sock;  /* poll it for POLLIN; -1: none */
    pid_t pid; /* child of ours to reap, or -1 when the helper reaps it */
};

/* Runs fn in a child forked now: it sees what `ctx` points to as it is at this moment, in a copy of its own. The child dies
 * with this process. */
int cb_job_fork(cb_job_fn *fn, const void *ctx, struct cb_job *ret, struct cb_error *err);
/* The body of a job child: runs fn, sends the answer or the error over `sock`, exits. For cb_job_fork and
 * the helper only. */
__attribute__((noreturn)) void cb_job_child(int sock, cb_job_fn *fn, const void *ctx);

/* Answers in place of a job whose child could not be made. */
void cb_job_refuse(int sock, const struct cb_error *why);

enum cb_job_event_kind { CB_JOB_PROGRESS, CB_JOB_WARN, CB_JOB_DONE, CB_JOB_FAILED };
struct cb_job_event {
    enum cb_job_event_kind kind;
    char *text;            /* PROGRESS: what; WARN: the line. Owned by the event */
    char *part;            /* PROGRESS: which of several; NULL: all together. Owned by the event */
    uint64_t done, total;  /* PROGRESS */
    struct cb_buf answer;  /* DONE */
    struct cb_error error; /* FAILED; also set when the child died without an answer */
};
/* Takes the next message of the job. 1: *ret is filled (cb_job_event_done). 0: nothing there now
 * (when !block). After DONE or FAILED the job is finished: its socket is closed and its child reaped. */
int cb_job_read(struct cb_job *job, bool block, struct cb_job_event *ret);
void cb_job_event_done(struct cb_job_event *e);
/* Waits for the end, ignoring progress and warnings. 0 with `answer` (NULL: unwanted) filled, or -1. */
int cb_job_wait(struct cb_job *job, struct cb_buf *answer, struct cb_error *err);
/* Kills a child of ours and reaps it; closes the socket. */
void cb_job_kill(struct cb_job *job);

/* For long work in the process that runs the jobs, where signals are blocked and read only between them: -1 with
 * CB_E_CANCELED (the signal in err->exit_status) when one that is to end us is pending. In a job there never is one. It stops
 * here if that is asked for. */
int cb_check_signals(struct cb_error *err);

#endif
