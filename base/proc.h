/* Programs of the host (git, newuidmap, docker-credential-*): one spawner. */
#ifndef CB_PROC_H
#define CB_PROC_H

#include "base/buf.h"
#include "base/error.h"

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
