#include "builder/measure/child.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/signals.h"

#include <signal.h>
#include <sys/wait.h>

/* SIGCHLD is blocked: it waits until it is asked for. Gives the signal that asked us to end, or 0. */
static int wait_for(pid_t pid, const sigset_t *awaited, int *ret_status)
{
    int ended_by = 0;
    while (CB_RETRY(waitpid(pid, ret_status, WNOHANG)) == 0) {
        int sig = sigwaitinfo(awaited, NULL);
        if (sig <= 0 || sig == SIGCHLD)
            continue;
        ended_by = sig;
        (void)kill(pid, sig);
    }
    return ended_by;
}

static int run(const struct measure_child *c, const sigset_t *awaited, int *ret_status, struct cb_error *err)
{
    struct cb_spawn s = {.argv = c->argv, .cwd_fd = c->cwd, .streams = {-1, c->output, c->output}};
    pid_t pid;
    int r = cb_spawn(&s, &pid), ended_by;
    if (r == -ENOENT)
        return cb_fail(err, CB_E_NOT_FOUND, "program '%s' is not installed", c->argv[0]);
    if (r < 0)
        return cb_fail_sys(err, r, "start '%s'", c->argv[0]);
    ended_by = wait_for(pid, awaited, ret_status);
    if (!ended_by)
        return 0;
    cb_fail(err, CB_E_CANCELED, "ended by signal %d", ended_by);
    err->exit_status = ended_by;
    return -1;
}

int measure_child_run(const struct measure_child *c, int *ret_status, double *ret_seconds, struct cb_error *err)
{
    sigset_t awaited, old;
    int status = 0;
    cb_end_signals(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, &old);
    struct timespec begun = cb_clock_now();
    int r = run(c, &awaited, &status, err);
    *ret_seconds = cb_seconds_since(&begun);
    sigprocmask(SIG_SETMASK, &old, NULL);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return r;
}
