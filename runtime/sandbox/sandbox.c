/* The job's side of a sandbox: has the root of the sandbox made, starts the child in its namespaces, waits,
 * has the root made read-only, and removes what was made for mounts only. Everything inside the namespaces happens in child.c. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/cgroup/oom.h"
#include "runtime/sandbox/chrooted.h"
#include "runtime/sandbox/exec.h"
#include "runtime/sandbox/foreign.h"
#include "runtime/rung/capability.h"
#include "runtime/rung/chroot.h"
#include "runtime/rung/filter.h"
#include "runtime/rung/userns.h"
#include "runtime/rung/why.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child ------------------------------------------------------------------------------ */

struct run {
    const struct rt_sandbox *s;
    struct rt_child child;
    int upper;
    pid_t pid;
    const char *no_foreign; /* why the programs of its architecture cannot be executed here; NULL: they can */
};

static unsigned long namespaces(const struct rt_sandbox *s)
{
    if (s->privilege->rung->chroots)
        return 0;
    /* With a group of its own that becomes the root of its view of groups, once it is there. */
    unsigned long cgroup = s->groups ? 0 : CLONE_NEWCGROUP;
    return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | cgroup | s->network->namespaces;
}

static int start_failed(int e, struct cb_error *err)
{
    if (e == EAGAIN || e == ENOMEM)
        return cb_fail_sys(err, e, "start a sandbox");
    CB_AUTO(free) char *why = rt_userns_why(e);
    /* Not cb_fail_sys: its hint for ENOSPC is about disks. */
    cb_fail(err, CB_E_UNSUPPORTED, "make the namespaces of a sandbox: %s", strerror(e));
    err->sys = e;
    return cb_hint(err, "%s", why);
}

rlim_t rt_rlimit_ceiling(const struct rt_rlimit *l)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    uint64_t most;
    if (l->resource != RLIMIT_NOFILE || cb_read_file(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &text) < 0)
        return l->value.rlim_max;
    cb_buf_truncate(&text, strcspn(text.data, "\n"));
    return cb_parse_u64(text.data, UINT64_MAX, &most) ? CB_MIN(l->value.rlim_max, (rlim_t)most) : l->value.rlim_max;
}

bool rt_rlimit_allowed(const struct rt_rlimit *l, uint64_t *ret_most)
{
    struct rlimit now, higher;
    if (getrlimit((__rlimit_resource_t)l->resource, &now) < 0 || l->value.rlim_max <= now.rlim_max)
        return true;
    *ret_most = now.rlim_max;
    higher = (struct rlimit){now.rlim_cur, rt_rlimit_ceiling(l)};
    if (setrlimit((__rlimit_resource_t)l->resource, &higher) < 0)
        return false;
    (void)setrlimit((__rlimit_resource_t)l->resource, &now); /* a hard limit can always be lowered */
    *ret_most = higher.rlim_max;
    return higher.rlim_max == l->value.rlim_max;
}

/* Before the sandbox: a job sleeps until its child has executed the command. */
static int start_owners(struct run *r, struct rt_result *res, struct cb_error *err)
{
    uint64_t caps = r->s->insecure ? RT_EVERY_CAPABILITY : rt_confinement_caps(r->child.confinement);
    const struct rt_owners_world w = {r->child.root, r->upper, r->s->link_owners, caps & rt_capabilities_permitted()};
    if (!r->s->privilege->rung->emulates)
        return 0;
    return rt_owners_start(&w, &r->child.owners, &res->no_emulation, err) < 0 ? -1 : 0;
}

/* When this returns, the child is executing its command or has ended. */
static int start(struct run *r, struct cb_error *err)
{
    r->child.report = cb_memory_file("report");
    if (r->child.report < 0)
        return cb_fail_sys(err, r->child.report, "make a file for a sandbox");
    r->pid = rt_clone_briefly(namespaces(r->s), rt_child_main, &r->child);
    return r->pid < 0 ? start_failed(errno, err) : 0;
}

/* When this returns, the child, everything it left behind and its mounts are gone: the kernel ends the PID
 * namespace and the mount namespace before the child can be waited for. */
static int reap(struct run *r, struct rt_result *res)
{
    int status = 0, ended_by = 0;
    struct rusage use = {0};
    if (r->s->timeout_ms || r->s->signals)
        res->timed_out = !rt_deadline_keep(r->pid, r->s->timeout_ms, r->s->signals, &ended_by);
    if (CB_RETRY(wait4(r->pid, &status, 0, &use)) < 0)
        return -1;
    if (WIFSIGNALED(status))
        res->signal = ended_by ? ended_by : WTERMSIG(status);
    else
        res->exit_code = WEXITSTATUS(status);
    cb_usage_add(&res->usage, &use);
    return 0;
}

/* What the child left in our memory, and the stub in its file. */
static int hear(struct run *r, struct rt_result *res, struct cb_error *err)
{
    if (r->child.err.code) {
        cb_error_move(err, &r->child.err);
        return -1;
    }
    if (!r->child.ready)
        return cb_fail(err, CB_E_FAILED,
                       res->signal ? "a sandbox was killed by signal %d before its command started"
                                   : "a sandbox ended before its command started",
                       res->signal);
    int e = rt_exec_read_report(&r->child, res);
    if (e == ENOEXEC)
        rt_foreign_explain(r->child.root, r->child.program, r->no_foreign, res->advice, sizeof(res->advice));
    return e < 0 ? cb_fail_sys(err, e, "read the report of a sandbox") : 0;
}

static int run(struct run *r, struct rt_result *res, struct cb_error *err)
{
    uint64_t kills = rt_oom_kills();
    struct timespec began = cb_clock_now();
    if (start_owners(r, res, err) < 0 || start(r, err) < 0)
        return -1;
    if (reap(r, res) < 0)
        return cb_fail_sys(err, errno, "wait for a sandbox");
    res->usage.wall_us = (uint64_t)(cb_seconds_since(&began) * 1e6);
    if (hear(r, res, err) < 0)
        return -1;
    /* Without a group of its own it shares the counter with the whole build. */
    bool killed = res->signal == SIGKILL || res->exit_code == 128 + SIGKILL;
    res->oom_killed = killed && rt_oom_kills() > kills;
    return rt_owners_finish(&r->child.owners, &res->links, err);
}

/* Without namespaces, what they would do before and after the command. */
static int run_whole(struct run *r, struct rt_result *res, struct cb_error *err)
{
    if (!r->s->privilege->rung->chroots)
        return run(r, res, err);
    CB_AUTO(cb_error) struct cb_error later = CB_ERROR_INIT;
    int result = rt_chrooted_begin(&r->child, err) < 0 ? -1 : run(r, res, err);
    if (rt_chrooted_end(&r->child, result < 0 ? &later : err) < 0)
        result = -1;
    return result;
}

/* In a control group of its own, where there are any. */
static int run_in_group(struct run *r, struct rt_result *res, struct cb_error *err)
{
    struct rt_group *group = NULL;
    if (r->s->groups && rt_group_make(r->s->groups, &group, err) < 0)
        return -1;
    r->child.group = group;
    int result = run_whole(r, res, err);
    rt_group_end(group, &res->usage, &res->excess);
    res->oom_killed |= res->excess.oom_killed;
    return result;
}

static int check(const struct rt_sandbox *s, struct cb_error *err)
{
    if (!s->privilege->rung->runs) {
        cb_fail(err, CB_E_UNSUPPORTED, "RUN needs namespaces, which this machine does not allow");
        return cb_hint(err, "%s", s->privilege->reason ? s->privilege->reason : "allow user namespaces");
    }
    if (s->privilege->rung->chroots && rt_chrooted_check(s, err) < 0)
        return -1;
    return s->argv && s->argv[0] ? 0 : cb_fail(err, CB_E_UNSUPPORTED, "arguments are required");
}

static bool succeeded(const struct rt_result *res)
{
    return !res->not_started && !res->timed_out && !res->signal && res->exit_code == 0;
}

/* In a chroot our root is a place below that of the mount namespace, and a command that may chroot(2) climbs out of such a
 * place; so the sandbox replaces the true root. Where there are user namespaces we are in none: the kernel makes none there. */
static int leave_chroot(const struct rt_sandbox *s, struct cb_error *err)
{
    if (s->privilege->rung->chroots || s->privilege->rung->namespaces[RT_HELPER_COMMANDS] & CLONE_NEWUSER)
        return 0;
    int r = rt_chroot_leave();
    return r < 0 ? cb_fail_sys(err, r, "leave the chroot that cbuild was started in") : 0;
}

static int run_sandbox(const struct rt_sandbox *s, struct rt_result *ret, struct cb_error *err)
{
    const struct rt_snapshot_ops *snapshot = s->tree ? &rt_snapshot_tree : &rt_snapshot_overlay;
    struct rt_result res = {0};
    CB_AUTO(close) int upper = -1;
    if (check(s, err) < 0 || leave_chroot(s, err) < 0 || rt_exec_prepare(err) < 0 || snapshot->prepare(s, &upper, err) < 0)
        return -1;
    struct run r = {.s = s, .pid = -1, .upper = upper};
    static const struct rt_confinement docker = {0};
    r.child = (struct rt_child){.s = s,
                                .confinement = s->confinement ? s->confinement : &docker,
                                .report = -1,
                                .root = snapshot->mount(s, err),
                                .null = -1,
                                .scratch = -1,
                                .mounts = -1,
                                .owners = RT_OWNERS_INIT,
                                .result = &res};
    CB_AUTO(free) char *no_foreign = s->arch ? rt_foreign_enable(s->privilege, s->arch) : NULL;
    r.no_foreign = no_foreign;
    int result = r.child.root < 0 ? -1 : run_in_group(&r, &res, err);
    if (result == 0 && succeeded(&res))
        result = snapshot->finish(r.child.root, err);
    rt_owners_done(&r.child.owners);
    rt_stubs_remove(&r.child.stubs, upper);
    rt_child_done(&r.child);
    int e = cb_remove_tree(s->work_dir, RT_THROWAWAY);
    if (e < 0 && result == 0)
        result = cb_fail_sys(err, e, "remove what was written to throw-away mounts");
    if (result == 0)
        *ret = res;
    else
        free(res.links.items);
    return result;
}

/* What the kernel grants to a sandbox, a filter around us may still refuse. */
int rt_sandbox_run(const struct rt_sandbox *s, struct rt_result *ret, struct cb_error *err)
{
    int r = run_sandbox(s, ret, err);
    if (r < 0 && err->sys == EPERM && !err->hint && rt_has_seccomp_filter())
        cb_hint(err, "a seccomp filter around cbuild refuses a call that a sandbox needs: in a container, run it with "
                     "'--security-opt seccomp=unconfined'");
    return r;
}
