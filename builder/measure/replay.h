/* A history built commit by commit, each by a `cbuild build` of its own, in a store of its own. */
#ifndef MEASURE_REPLAY_H
#define MEASURE_REPLAY_H

#include "builder/measure/history.h"
#include "builder/measure/model.h"
#include <signal.h>

struct build_request;
struct measure_peer;

struct measure_replay {
    struct measure_history history;
    char *dir; /* owned: a directory for all of it, removed at the end */
    int dir_fd;
    char *store;                                             /* owned: the store that the builds use */
    const char *run_root;                                    /* --run-root of the builds, or NULL; borrowed */
    bool keep;                                               /* it is the user's */
    char *program;                                           /* owned: our own */
    const struct cb_strv *options;                           /* of the build, as they were given; borrowed */
    const struct build_request *request;                     /* what they came to; borrowed */
    const struct measure_peer *peer;                         /* NULL: none */
    void (*done)(const struct measure_report *r, void *arg); /* called after each build; NULL: nothing is */
    void *arg;
    sigset_t signals; /* as they were before: those that end us wait between builds, so that what was made is removed */
    bool opened;
};
#define MEASURE_REPLAY_INIT ((struct measure_replay){.dir_fd = -1, .history = {.dir_fd = -1}})

/* Makes the directory, beside the store that `root` (--root, may be NULL) or the environment names, and reads the history.
 * `keep`: builds work in that store, else in one of their own. After a failure, too, it has to be closed. */
int measure_replay_open(struct measure_replay *r, const char *root, bool keep, const char *range, uint64_t every,
                        struct cb_error *err);
/* Builds all commits, each after the other. A build that fails is part of the report. -1: it could not be done, or a signal
 * ended it. */
int measure_replay_run(struct measure_replay *r, struct measure_report *ret, struct cb_error *err);
/* Builds the i-th, with these options behind all others (NULL: none), and appends it to the report. */
int measure_replay_commit(struct measure_replay *r, size_t i, const struct cb_strv *more, struct measure_report *ret,
                          struct cb_error *err);
/* Puts another store of its own, a directory `name` below `dir`, in the place of the one it has. */
void measure_replay_set_store(struct measure_replay *r, const char *name);
/* Where its builds are called: in the checkout, as deep as we were called in the repository. A descriptor, or -1. */
int measure_replay_place(const struct measure_replay *r, struct cb_error *err);
/* Removes the store. It can be built in again. */
void measure_replay_empty(const struct measure_replay *r);
/* Removes what it made. Safe on what was never opened. */
void measure_replay_close(struct measure_replay *r);

/* The options of one build: what stands in braces in them is replaced: {commit} by its id, {short} by 12 digits of it, {time} by
 * its seconds. Appended. */
void measure_fill_options(const struct cb_strv *options, const struct measure_commit *c, struct cb_strv *ret);

#endif
