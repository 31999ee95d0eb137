/* Programs of the host (git, newuidmap, docker-credential-*, pasta): one spawner. */
#ifndef CB_PROC_H
#define CB_PROC_H

#include "base/buf.h"
#include "base/error.h"
#include <sys/types.h>

/* The directories of $PATH, one after another: NAME in the next of them, whether it is there or not (caller frees); NULL: there
 * are no more. Those that are not absolute are left out. Begin with *rest = getenv("PATH"), which may be NULL. */
char *cb_path_next(const char **rest, const char *name);

struct cb_spawn {
    const char *const *argv; /* argv[0] is looked up in PATH */
    const char *const *env;  /* NULL: ours */
    int cwd_fd;              /* -1: ours */
    int streams[3];          /* -1: /dev/null */
    bool all_signals;        /* none is ignored; else those that were when we began */
};
/* Starts it, with no signal blocked or caught. The caller waits for *ret_pid. 0 or -errno (-ENOENT: no such program). */
int cb_spawn(const struct cb_spawn *s, pid_t *ret_pid);

struct cb_proc {
    const char *const *argv; /* argv[0] is looked up in PATH */
    const char *const *env;  /* NULL: ours */
    const char *stdin_bytes; /* NULL: /dev/null */
    size_t stdin_len;
    int cwd_fd;        /* -1: ours */
    size_t max_output; /* of stdout and of stderr; more is an error */
};
/* Runs it to its end. 0 when it exited (whatever the status: *ret_status, 128 + signal when it was
 * killed); -1 when it could not be started (CB_E_NOT_FOUND: no such program). */
int cb_proc_run(const struct cb_proc *p, struct cb_buf *out, struct cb_buf *errout, int *ret_status, struct cb_error *err);

#endif
