/* A command in a sandbox that a person works with: its streams are passed on to ours and back, or it has a terminal of its own
 * that is shown on ours. Nothing that we have open gets into the sandbox. */
#ifndef BUILD_ATTACH_H
#define BUILD_ATTACH_H

#include "base/job.h"
#include "builder/session/session.h"

struct build_attachment;

struct build_attach_mode {
    bool input;    /* what comes on our standard input is passed on, else there is nothing to read */
    bool terminal; /* it has one of its own; our standard input must be a terminal when it is passed on (CB_E_USAGE) */
    bool signals;  /* those that we get are passed on; else those that ask us to end, end it */
};
int build_attach_open(const struct build_attach_mode *mode, struct build_attachment **ret, struct cb_error *err);
/* The ends for the job, which gets them as the last descriptors of its request (build_streams_take), that of the signals behind
 * those of the streams; close them with build_attach_started. Gives how many there are. */
#define BUILD_ATTACH_MAX_FDS 4
size_t build_attach_fds(const struct build_attachment *a, int fds[BUILD_ATTACH_MAX_FDS]);
/* The job has been started, or will not be. */
void build_attach_started(struct build_attachment *a);
/* Passes everything on until the job has ended, and what it still had to say. Our terminal is as before afterwards. */
int build_attach_wait(struct build_attachment *a, struct build_session *s, struct cb_job *job, struct cb_buf *answer,
                      struct cb_error *err);
void build_attach_free(struct build_attachment *a); /* NULL is fine */
CB_DEFINE_AUTO_PTR(build_attachment, struct build_attachment, build_attach_free)

/* In the job: the ends as the sandbox takes them (runtime/sandbox/sandbox.h); -1: it has none. */
struct build_streams {
    int in, out, err, terminal;
};
#define BUILD_NO_STREAMS ((struct build_streams){-1, -1, -1, -1})
struct build_streams build_streams_take(const int *fds, size_t n, bool terminal);

#endif
