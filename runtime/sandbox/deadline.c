/* Waiting for a command that gets signals meanwhile, or that may take too long. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/clock.h"
#include "base/fd.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK  0.1 /* seconds */
#define GRACE 2.0 /* between being asked to end and being killed */

struct watch {
    pid_t pid;
    int pidfd;   /* tells of its end; -1: a filter refuses it, and it is asked again and again */
    int signals; /* numbers to pass on; -1: none (any more) */
    int ended_by;
};

/* ---- signals --------------------------------------------------------------------------------------------------------- */

/* Behind its name, which begins a line of a file of /proc. */
static bool read_field(const char *file, const char *name, int base, unsigned long long *ret)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (cb_read_file(AT_FDCWD, file, 65536, &text) < 0)
        return false;
    const char *at = strstr(text.data, name);
    char *end;
    if (!at)
        return false;
    *ret = strtoull(at + strlen(name), &end, base);
    return end > at + strlen(name);
}

/* Does the command leave this signal to the kernel? It is asked by its descriptor, which knows its number in the PID namespace of
 * whatever /proc there is. */
static bool is_default(const struct watch *w, int sig)
{
    char file[64];
    unsigned long long pid, masks[3];
    static const char *const names[] = {"\nSigBlk:", "\nSigIgn:", "\nSigCgt:"};
    snprintf(file, sizeof(file), "/proc/self/fdinfo/%d", w->pidfd);
    if (w->pidfd < 0 || !read_field(file, "\nPid:", 10, &pid))
        return false;
    snprintf(file, sizeof(file), "/proc/%llu/status", pid);
    for (size_t i = 0; i < CB_LEN(names); i++)
        if (!read_field(file, names[i], 16, &masks[i]))
            return false;
    return !((masks[0] | masks[1] | masks[2]) >> (sig - 1) & 1);
}

/* The kernel spares the first process of a PID namespace what it has no handler for. Whoever sends it such a signal means what
 * that does to any other process. */
static void pass_on(struct watch *w)
{
    unsigned char sig;
    ssize_t n = CB_RETRY(read(w->signals, &sig, 1));
    if (n != 1) {
        w->signals = -1;
        return;
    }
    bool ends = sig != SIGWINCH && sig < NSIG && is_default(w, sig);
    if (ends)
        w->ended_by = sig;
    (void)kill(w->pid, ends ? SIGKILL : sig);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------------- */

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid;
}

/* Waits until the child has ended or `seconds` are over. A build may be stopped as a whole (Ctrl-Z): of a wait that took longer
 * than a tick, a tick counts. */
static bool ends_within(struct watch *w, double seconds)
{
    while (!has_ended(w->pid)) {
        if (seconds <= 0)
            return false;
        struct pollfd fds[] = {{w->pidfd, POLLIN, 0}, {w->signals, POLLIN, 0}};
        bool forever = isinf(seconds) && w->pidfd >= 0;
        struct timespec began = cb_clock_now();
        if (poll(fds, CB_LEN(fds), forever ? -1 : (int)(CB_MIN(seconds, TICK) * 1e3) + 1) > 0 && fds[1].revents)
            pass_on(w);
        seconds -= CB_MIN(cb_seconds_since(&began), TICK);
    }
    return true;
}

bool rt_deadline_keep(pid_t pid, uint64_t ms, const int *signals, int *ret_signal)
{
    CB_AUTO(close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct watch w = {pid, pidfd, signals ? *signals : -1, 0};
    bool kept = ends_within(&w, ms ? (double)ms / 1e3 : (double)INFINITY);
    if (!kept) {
        (void)kill(-pid, SIGTERM); /* its session; the kernel gives PID 1 only what that has a handler for */
        if (!ends_within(&w, GRACE))
            (void)kill(pid, SIGKILL); /* and all it started, wherever that is */
    }
    *ret_signal = w.ended_by;
    return kept;
}
