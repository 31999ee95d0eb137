/* The end of a command that takes too long. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/clock.h"

#include <signal.h>
#include <sys/wait.h>

#define TICK  0.1 /* seconds */
#define GRACE 2.0 /* between being asked to end and being killed */

/* Waits until the child has ended, which stays to be reaped, or `seconds` are over. A build may be stopped as a whole (Ctrl-Z):
 * of a wait that took longer than a tick, a tick counts. SIGCHLD is blocked. */
static bool ends_within(pid_t pid, double seconds)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid)
            return true;
        if (seconds <= 0)
            return false;
        struct timespec began = cb_clock_now(), tick = {0, (long)(CB_MIN(seconds, TICK) * 1e9)};
        (void)sigtimedwait(&child, NULL, &tick); /* whoever woke us: the state of the child is asked again */
        seconds -= CB_MIN(cb_seconds_since(&began), TICK);
    }
}

bool rt_deadline_keep(pid_t pid, uint64_t ms)
{
    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    bool kept = ends_within(pid, (double)ms / 1e3);
    if (!kept) {
        (void)kill(-pid, SIGTERM); /* its session; the kernel gives PID 1 only what that has a handler for */
        if (!ends_within(pid, GRACE))
            (void)kill(pid, SIGKILL); /* and all it started, wherever that is */
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return kept;
}
