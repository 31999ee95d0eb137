#include "runtime/network/uplink.h"
#include "base/fd.h"
#include "base/signals.h"
#include "runtime/network/network.h"
#include "runtime/rung/userns.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum phase { NONE, STARTING, READY, MISSING };

/* Seen by the coordinator, the helper and its jobs. One process writes it, before it closes the pipe on which jobs wait. */
struct shared {
    _Atomic enum phase phase;
    char why[512];
};
static struct shared *shared;

/* Of the helper and the jobs that it forks; -1: not begun. */
static int netns = -1, ready = -1;

void rt_uplink_share(void)
{
    if (shared)
        return;
    void *p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared = p == MAP_FAILED ? NULL : p;
}

static void conclude(struct cb_error *err)
{
    if (err->code)
        snprintf(shared->why, sizeof(shared->why), "%s%s%s", err->msg, err->hint ? ": " : "", err->hint ? err->hint : "");
    shared->phase = err->code ? MISSING : READY;
    cb_error_done(err);
}

/* ---- in the helper -------------------------------------------------------------------------- */

/* In the new network namespace, with the helper's memory and descriptors. */
static int make_namespace(void *arg)
{
    struct cb_error *err = arg;
    if (rt_network_prepare(err) == 0 && (netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        cb_fail_sys(err, errno, "open a network namespace");
    return 0;
}

__attribute__((noreturn)) static void starter(pid_t helper)
{
    struct cb_error err = CB_ERROR_INIT;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != helper)
        _exit(1);
    (void)rt_pasta_start(netns, &err);
    conclude(&err);
    _exit(0); /* the pipe is closed now, which wakes the jobs */
}

static int begin(struct cb_error *err)
{
    int ends[2];
    if (rt_clone_briefly(CLONE_NEWNET | CLONE_FILES, make_namespace, err) < 0)
        return cb_fail_sys(err, errno, "make a network namespace");
    if (err->code)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "make a pipe");
    pid_t helper = getpid(), pid = fork();
    if (pid == 0)
        starter(helper);
    cb_close(ends[1]);
    ready = ends[0];
    return pid < 0 ? cb_fail_sys(err, errno, "start a process for the network") : 0;
}

void rt_uplink_begin(void)
{
    struct cb_error err = CB_ERROR_INIT;
    if (!shared || shared->phase != NONE)
        return;
    shared->phase = STARTING;
    if (begin(&err) < 0)
        conclude(&err);
}

void rt_uplink_end(void)
{
    netns = cb_close(netns);
    ready = cb_close(ready);
    if (shared)
        shared->phase = NONE;
}

/* ---- in its jobs, and in the coordinator ---------------------------------------------------- */

bool rt_uplink_wait(char **ret_why)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    while (shared && shared->phase == STARTING && ready >= 0 && poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    enum phase phase = shared ? shared->phase : NONE;
    if (phase == READY)
        return true;
    if (phase != NONE)
        *ret_why = cb_printf("RUN has the host's network, because it cannot have one of its own here: %s",
                             phase == MISSING ? shared->why : "the process that makes it has ended");
    return false;
}

bool rt_uplink_missing(void)
{
    return shared && shared->phase == MISSING;
}

/* The interface goes with pasta: a command would find names that do not resolve, and nothing that says why. */
int rt_uplink_join(struct cb_error *err)
{
    if (setns(netns, CLONE_NEWNET) < 0)
        return cb_fail_sys(err, errno, "enter the network of the build");
    if (if_nametoindex(RT_UPLINK_INTERFACE) || errno != ENODEV)
        return 0;
    cb_fail(err, CB_E_FAILED, "the network of the build is gone: pasta has ended");
    return cb_hint(err, "build again: what was made so far is in the cache");
}
