/* What every command shares, whether it builds, pulls or cleans up: the request, the store, who shows what happens, the
 * signals, and the helpers (builder/session/jobs.h). It knows nothing of Dockerfiles. */
#ifndef BUILD_SESSION_H
#define BUILD_SESSION_H

#include "builder/session/events.h"
#include "builder/session/request.h"
#include "cache/store/store.h"
#include "runtime/helper.h"

struct build_session {
    const struct build_request *request;
    struct cache_store *store;
    struct cache_store *run_root; /* --run-root: has no more than the work of commands; NULL: that is in the store */
    struct build_renderer *renderer;
    struct rt_privilege privilege;
    struct rt_filter filter;    /* of RUN, when it is not the one that cbuild carries; made before the helper */
    struct rt_helper *helper;   /* NULL until the first job that needs the namespace */
    struct cb_error no_helper;  /* why it could not be started: each job after that one says so, too */
    bool runs;                  /* a RUN was started: the helpers are ready for it */
    struct rt_helper *commands; /* of a rung with two helpers: NULL until the first RUN; else the helper serves both */
    struct rt_groups *groups;   /* control groups for commands; NULL: no limit asks for any, or there are none: */
    struct cb_error no_groups;  /* what a RUN says then */
    bool connected;             /* the commands' helper makes the build's network, or has made it */
    void *frozen;               /* what jobs of the helpers see besides the session: as it was when they were started */
    struct cache_work work;     /* root/: an empty root with the mount points that every RUN needs */
    struct cb_buf snapshot;     /* of RUN: what works here, as the store remembers it (execute/run-root.c) */
    struct cb_job sweep;        /* removes what dead processes left, beside the first steps */
    int gc_lock;                /* shared: nobody removes the store */
    int lease;                  /* prune leaves alone what we use (cache/store/lease.h) */
    bool reading;               /* nothing is written into the store: by a command that only looks, or because it is read-only */
    bool reason_later;          /* why RUN stands on no better rung is told by the command itself, where it matters */
    int signal_fd;              /* those that ask us to end (base/signals.h); -1: not watched */
    bool canceled;              /* one of them has ended what we do */
    struct timespec started;    /* the date: times of files, and what tells builds apart */
    struct timespec begun;      /* by cb_clock_now: how long it takes, even when somebody sets the date meanwhile */
    int last_number;            /* of a step that is shown */
};

/* Opens the store and what every command needs. `request` is borrowed; the renderer belongs to the session from here on.
 * build_session_close must be called even after a failure. */
int build_session_open(struct build_session *s, const struct build_request *request, struct build_renderer *renderer,
                       struct cb_error *err);
/* The same for a command that only looks at the store, which may be read-only. */
int build_session_open_to_read(struct build_session *s, const struct build_request *request, struct build_renderer *renderer,
                               struct cb_error *err);
/* Ends the helpers, removes what the session made for itself in the store, and frees the renderer. */
void build_session_close(struct build_session *s);

/* For build_session_open: blocks the signals that ask us to end and gives the descriptor that they are read from; -1 with errno.
 */
int build_watch_signals(void);
/* -1 with CB_E_CANCELED (the signal in err->exit_status) once a signal has asked us to end. Never blocks, unless one asks us to
 * stop: then all steps are stopped, and we are, until we are continued. */
int build_canceled(struct build_session *s, struct cb_error *err);
/* The parts of it, for whoever has another use for the signals: one that has asked us to end, or 0; what is said when it does. */
int build_take_signal(struct build_session *s);
int build_cancel(struct build_session *s, int sig, struct cb_error *err);
/* For whoever has something else to wait for: a signal has asked us to end, or does. It stays there for the others; one that asks
 * us to stop does not, see build_canceled. */
bool build_asked_to_end(struct build_session *s);

/* Tell the renderer what happened; the last two in words of our own. Strings are borrowed until they return. */
void build_emit(struct build_session *s, const struct build_event *e);
void build_note(struct build_session *s, const char *fmt, ...) CB_PRINTF(2, 3);
void build_warning(struct build_session *s, const char *fmt, ...) CB_PRINTF(2, 3);

#endif
