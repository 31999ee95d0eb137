#include "builder/measure/replay.h"
#include "base/fd.h"
#include "base/job.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/signals.h"
#include "builder/measure/child.h"
#include "builder/measure/events.h"
#include "builder/measure/peer.h"
#include "builder/measure/place.h"
#include "cache/store/store.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_EVENTS (256u << 20) /* of one build, logs and all */

/* ---- the directory ----------------------------------------------------------------------------------------------- */

static char *own_program(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    return n > 0 && (size_t)n < sizeof(path) ? cb_memdup0(path, (size_t)n) : cb_strdup("cbuild");
}

int measure_replay_open(struct measure_replay *r, const char *root, bool keep, const char *range, uint64_t every,
                        struct cb_error *err)
{
    CB_AUTO(free) char *given = cache_store_default_path(root, err);
    CB_AUTO(free) char *cwd = getcwd(NULL, 0);
    if (!given)
        return -1;
    CB_AUTO(free) char *store = cb_path_abs(cwd ? cwd : "/", given);
    sigset_t ends;
    cb_end_signals(&ends);
    sigprocmask(SIG_BLOCK, &ends, &r->signals);
    r->opened = true;
    r->keep = keep;
    r->program = own_program();
    if ((r->dir_fd = measure_place_make(r->program, store, &r->dir, err)) < 0)
        return -1;
    r->store = keep ? cb_strdup(store) : cb_path_join(r->dir, "store");
    return measure_history_open(range, every, r->dir, r->dir_fd, &r->history, err);
}

void measure_replay_empty(const struct measure_replay *r)
{
    measure_store_remove(r->program, r->store);
}

void measure_replay_set_store(struct measure_replay *r, const char *name)
{
    free(r->store);
    r->store = cb_path_join(r->dir, name);
}

void measure_replay_close(struct measure_replay *r)
{
    measure_peer_close(r);
    measure_history_done(&r->history);
    if (r->dir)
        measure_place_remove(r->program, r->dir);
    r->dir_fd = cb_close(r->dir_fd);
    char *strings[] = {r->dir, r->store, r->program};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    r->dir = r->store = r->program = NULL;
    if (r->opened)
        sigprocmask(SIG_SETMASK, &r->signals, NULL);
    r->opened = false;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void fill(const char *option, const struct measure_commit *c, struct cb_buf *out)
{
    CB_AUTO(free) char *time = cb_printf("%lld", (long long)c->time);
    CB_AUTO(free) char *brief = cb_memdup0(c->id, CB_MIN(strlen(c->id), 12));
    const char *const words[][2] = {{"{commit}", c->id}, {"{short}", brief}, {"{time}", time}};
    while (*option) {
        size_t i = 0;
        while (i < CB_LEN(words) && !cb_starts(option, words[i][0]))
            i++;
        if (i == CB_LEN(words)) {
            cb_buf_addc(out, *option++);
            continue;
        }
        cb_buf_adds(out, words[i][1]);
        option += strlen(words[i][0]);
    }
}

void measure_fill_options(const struct cb_strv *options, const struct measure_commit *c, struct cb_strv *ret)
{
    for (size_t i = 0; i < options->n; i++) {
        CB_AUTO(cb_buf) struct cb_buf filled = CB_BUF_INIT;
        fill(options->items[i], c, &filled);
        cb_strv_take(ret, cb_buf_detach(&filled));
    }
}

/* ---- one build ---------------------------------------------------------------------------------------------------------------
 */

int measure_replay_place(const struct measure_replay *r, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_path_join("tree", r->history.prefix);
    int fd = cb_open_beneath(r->dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
    return fd >= 0 ? fd : cb_fail_sys(err, fd, "open '%s' of the commit", *r->history.prefix ? r->history.prefix : ".");
}

static int open_output(const struct measure_replay *r, const char *name, struct cb_error *err)
{
    int fd = openat(r->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : cb_fail_sys(err, errno, "open '%s/%s'", r->dir, name);
}

/* What people are told of a build that failed: its last line that says so. */
static char *last_error(const struct cb_buf *events)
{
    const char *found = NULL;
    for (const char *p = events->data; (p = strstr(p, "\nERROR: ")); p++)
        found = p + strlen("\nERROR: ");
    if (!found && cb_starts(events->data, "ERROR: "))
        found = events->data + strlen("ERROR: ");
    return found ? cb_memdup0(found, strcspn(found, "\n")) : NULL;
}

static int read_results(const struct measure_replay *r, int status, struct measure_build *b, struct measure_seen_list *seen,
                        struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf events = CB_BUF_INIT, metadata = CB_BUF_INIT;
    int e = cb_read_file(r->dir_fd, "events", MAX_EVENTS, &events);
    if (e < 0)
        return cb_fail_sys(err, e, "read '%s/events'", r->dir);
    measure_read_events(events.data, events.len, seen);
    if (status != 0) {
        b->error = last_error(&events);
        b->error = b->error ? b->error : cb_printf("exit status %d", status);
        return 0;
    }
    e = cb_read_file(r->dir_fd, "metadata", CB_MAX_STORE_JSON, &metadata);
    if (e < 0)
        return cb_fail_sys(err, e, "read '%s/metadata'", r->dir);
    return measure_read_metadata(metadata.data, metadata.len, seen, b, err);
}

static int build(const struct measure_replay *r, const struct measure_commit *c, const struct cb_strv *more,
                 struct measure_build *b, struct measure_seen_list *seen, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    const char *const own[] = {r->program, "build", "--root", r->store, "--progress=rawjson"};
    for (size_t i = 0; i < CB_LEN(own); i++)
        cb_strv_push(&argv, own[i]);
    if (r->run_root)
        cb_strv_take(&argv, cb_printf("--run-root=%s", r->run_root));
    cb_strv_take(&argv, cb_printf("--metadata-file=%s/metadata", r->dir));
    measure_fill_options(r->options, c, &argv);
    if (more)
        cb_strv_copy(&argv, more);
    CB_AUTO(close) int place = measure_replay_place(r, err);
    CB_AUTO(close) int output = place < 0 ? -1 : open_output(r, "events", err);
    int status;
    struct measure_child child = {(const char *const *)argv.items, place, output};
    if (output < 0 || measure_child_run(&child, &status, &b->seconds, err) < 0)
        return -1;
    return read_results(r, status, b, seen, err);
}

static int build_peer(const struct measure_replay *r, size_t i, struct measure_build *b, struct cb_error *err)
{
    CB_AUTO(close) int place = measure_replay_place(r, err);
    CB_AUTO(close) int output = place < 0 ? -1 : open_output(r, "peer", err);
    return output < 0 ? -1 : measure_peer_build(r, i, place, output, b, err);
}

int measure_replay_commit(struct measure_replay *r, size_t i, const struct cb_strv *more, struct measure_report *ret,
                          struct cb_error *err)
{
    const struct measure_commit *c = &r->history.commits[i];
    struct measure_build b = {.commit = cb_strdup(c->id), .subject = cb_strdup(c->subject), .time = c->time};
    CB_AUTO(measure_seen) struct measure_seen_list seen = {0};
    int e = cb_check_signals(err) < 0 ? -1 : measure_history_checkout(&r->history, i, err);
    if (e == 0 && r->peer && i % 2) /* they take turns in going first */
        e = build_peer(r, i, &b, err);
    if (e == 0)
        e = build(r, c, more, &b, &seen, err);
    if (e == 0 && r->peer && i % 2 == 0)
        e = build_peer(r, i, &b, err);
    measure_report_add(ret, &b, &seen);
    return e < 0 ? cb_prefix(err, "commit %.12s", c->id) : 0;
}

int measure_replay_run(struct measure_replay *r, struct measure_report *ret, struct cb_error *err)
{
    ret->peer = r->peer ? measure_peer_name(r->peer) : NULL;
    for (size_t i = 0; i < r->history.n; i++) {
        if (measure_replay_commit(r, i, NULL, ret, err) < 0)
            return -1;
        if (r->done)
            r->done(ret, r->arg);
    }
    return 0;
}
