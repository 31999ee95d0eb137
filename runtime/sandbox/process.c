#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "runtime/confine/caps.h"
#include "runtime/confine/scope.h"
#include "runtime/confine/seccomp.h"
#include "runtime/rung/capability.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int rt_process_cwd(struct rt_child *c, struct cb_error *err)
{
    bool made;
    const char *cwd = c->s->cwd && *c->s->cwd ? c->s->cwd : "/";
    CB_AUTO(close) int dir = rt_target_open(c, cwd, RT_MAKE_CWD, &made, err);
    if (dir < 0)
        return -1;
    return fchdir(dir) < 0 ? cb_fail_sys(err, errno, "enter the working directory '%s'", cwd) : 0;
}

/* ---- identity ------------------------------------------------------------------------------- */

static int set_ids(const struct rt_child *c, struct cb_error *err)
{
    const struct rt_user *u = &c->user;
    const struct rt_rung_ops *rung = c->s->privilege->rung;
    int r = 0;
    if (c->result->emulated) /* they were told to the supervisor */
        return 0;
    /* With one id the kernel forbids setgroups; root has no use for it. */
    if (rung->many_ids && setgroups(u->n_groups, u->groups) < 0)
        r = errno;
    /* The pipes become the user's, as with runc: opening /dev/stdout, which commands that log to files do, needs
     * a pipe of that owner. Where it is refused, writing to the descriptors still works. */
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && u->uid != 0; fd++)
        (void)!fchown(fd, u->uid, (gid_t)-1);
    if (r == 0 && setresgid(u->gid, u->gid, u->gid) < 0)
        r = errno;
    if (r == 0 && setresuid(u->uid, u->uid, u->uid) < 0)
        r = errno;
    if (r == 0)
        return 0;
    cb_fail_sys(err, r, "become user '%s' (%u:%u)", c->s->user ? c->s->user : "", u->uid, u->gid);
    CB_AUTO(free) char *why = r == EINVAL ? rung->why_no_id(c->s->privilege) : NULL;
    return why ? cb_hint(err, "%s", why) : -1;
}

/* ---- limits, signals, descriptors ----------------------------------------------------------- */

/* A core file holds secrets, and would become part of the layer. One byte is too small for any, and unlike zero it also keeps the
 * kernel from running the host's handler, where core_pattern is a pipe. A command may still ask for one: the hard limit
 * stays. */
static void leave_no_core(void)
{
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = CB_MIN(core.rlim_max, 1);
        (void)setrlimit(RLIMIT_CORE, &core); /* lowering is always allowed */
    }
}

static int no_rttime(const struct rt_sandbox *s, struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED,
            "--ulimit rttime cannot be honoured where owners are emulated: that limit carries the ids of a process");
    return s->privilege->reason ? cb_hint(err, "%s", s->privilege->reason) : -1;
}

/* Ordinary users cannot raise a hard limit: then they get as much as there is. */
static int set_limits(const struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    leave_no_core();
    for (size_t i = 0; i < s->n_rlimits; i++) {
        if (c->result->emulated && s->rlimits[i].resource == RLIMIT_RTTIME && s->rlimits[i].value.rlim_cur != RLIM_INFINITY)
            return no_rttime(s, err);
        struct rlimit now, want = s->rlimits[i].value;
        if (setrlimit(s->rlimits[i].resource, &want) == 0)
            continue;
        int e = errno;
        if (e == EPERM && getrlimit(s->rlimits[i].resource, &now) == 0) {
            want.rlim_max = CB_MIN(want.rlim_max, now.rlim_max);
            want.rlim_cur = CB_MIN(want.rlim_cur, want.rlim_max);
            e = setrlimit(s->rlimits[i].resource, &want) < 0 ? errno : 0;
        }
        if (e)
            return cb_fail_sys(err, e, "set resource limit %d", s->rlimits[i].resource);
    }
    return 0;
}

/* The helper has set all others to their defaults, and exec resets handlers. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t none;
    for (size_t i = 0; i < CB_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The sandbox's own node, so that /proc/self/fd/0 names something that is there. A mount of the step may have put
 * anything in its place. */
static int open_null(const struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    if (c->null >= 0)
        return fcntl(c->null, F_DUPFD, 0);
    CB_AUTO(close) int fd = cb_open_in_root(c->root, "dev/null", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
        cb_fail(err, CB_E_UNSUPPORTED, "/dev/null of the sandbox is not the null device: a mount of the step covers it");
        return cb_hint(err, "what a command needs in /dev is there already: mount at another place, or below it as at /dev/shm");
    }
    return fcntl(fd, F_SETFL, O_RDONLY) < 0 ? cb_fail_sys(err, errno, "open /dev/null") : cb_take_fd(&fd);
}

/* The one that is to be `fd`, at a number away from 0-2, which are about to be overwritten. */
static int stream_for(const struct rt_child *c, int fd, struct cb_error *err)
{
    const int given[] = {c->s->stdin_fd, c->s->stdout_fd, c->s->stderr_fd};
    CB_AUTO(close) int null = given[fd] < 0 ? open_null(c, err) : -1;
    if (given[fd] < 0 && null < 0)
        return -1;
    int moved = fcntl(null < 0 ? given[fd] : null, F_DUPFD_CLOEXEC, 3);
    return moved < 0 ? cb_fail_sys(err, errno, "set up the standard streams") : moved;
}

static int set_terminal(const struct rt_child *c, struct cb_error *err)
{
    CB_AUTO(close) int terminal = rt_terminal_open(c, err);
    for (int fd = 0; fd <= STDERR_FILENO && terminal >= 0; fd++)
        if (dup2(terminal, fd) < 0)
            return cb_fail_sys(err, errno, "set up the standard streams");
    return terminal < 0 ? -1 : 0;
}

static int set_stdio(const struct rt_child *c, struct cb_error *err)
{
    int streams[3];
    if (c->s->terminal >= 0)
        return set_terminal(c, err);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if ((streams[fd] = stream_for(c, fd, err)) < 0)
            return -1;
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (dup2(streams[fd], fd) < 0)
            return cb_fail_sys(err, errno, "set up the standard streams");
    return 0;
}

/* Filters and domains take CAP_SYS_ADMIN, or no_new_privs, with which set-user-ID programs do nothing: root has no use for them,
 * another user may need sudo. 1: they can be set; 0: they cannot; -errno. */
static int may_restrict(const struct rt_child *c)
{
    if (!c->s->privilege->rung->chroots || rt_capabilities() & RT_CAP(SYS_ADMIN))
        return 1;
    if (c->user.uid != 0)
        return 0;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 1;
}

/* Those that a program can have. Where ids are emulated every process is the kernel's root still, and execve gives it back what
 * it drops; so for another user what lets him pass by modes of files is gone for good. */
static uint64_t caps_allowed(const struct rt_child *c)
{
    const uint64_t passes = c->result->emulated && c->user.uid != 0 ? RT_CAP(DAC_OVERRIDE) | RT_CAP(DAC_READ_SEARCH) : 0;
    if (c->s->insecure)
        return RT_EVERY_CAPABILITY & ~passes;
    return rt_confinement_caps(c->confinement) & ~(c->s->privilege->rung->withholds & ~c->confinement->add) & ~passes;
}

/* In a chroot the builder's processes have numbers: the filter is another one, and no profile of the user's own. */
static int install_filter(const struct rt_child *c)
{
    struct rt_filter shares = {0};
    if (!c->s->privilege->rung->chroots)
        return rt_seccomp_install(c->s->filter);
    shares.n = rt_seccomp_filter_for(caps_allowed(c), true, &shares.code);
    int r = shares.n ? rt_seccomp_install(&shares) : -ENOMEM;
    free(shares.code);
    return r;
}

/* While SETPCAP and, where there is one, SYS_ADMIN are held. */
static int restrict_kernel(const struct rt_child *c, bool may_filter)
{
    const struct rt_confinement *k = c->confinement;
    if (c->s->insecure) /* whatever the command line says: none of it is in the key of such a step */
        return c->result->emulated ? rt_caps_bound(caps_allowed(c)) : 0;
    if (k->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    int r = rt_caps_bound(caps_allowed(c));
    return r < 0 || k->unconfined || !may_filter ? r : install_filter(c);
}

/* Those of the bounding set; another user than root has none, as far as the kernel knows of him. */
static uint64_t caps_of_command(const struct rt_child *c)
{
    return c->user.uid != 0 && !c->result->emulated ? 0 : caps_allowed(c);
}

/* From here on ids and owners are those that the supervisor tells. */
static int enter_owners(struct rt_child *c, struct cb_error *err)
{
    if (!c->owners.pid)
        return 0;
    int r = rt_owners_enter(&c->owners, c->mounts, c->root, &c->user, &c->result->no_emulation, err);
    c->result->emulated = r == 0;
    return r < 0 ? -1 : 0;
}

int rt_process_drop(struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    reset_signals();
    umask(022);
    if (enter_owners(c, err) < 0 || set_stdio(c, err) < 0 || rt_exec_close_host(c, err) < 0)
        return -1;
    const struct rt_rung_ops *rung = s->privilege->rung;
    int may = may_restrict(c);
    c->result->as_root = c->user.uid == 0;
    /* Takes a descriptor, so it comes before the limits. */
    int r = may > 0 ? rt_scope_enter(rung->chroots, &c->result->walled) : may;
    c->result->scoped = r > 0;
    if (r >= 0 && set_limits(c, err) < 0)
        return -1;
    if (r >= 0)
        r = restrict_kernel(c, may > 0);
    if (r < 0)
        return cb_fail_sys(err, r, "restrict the sandbox");
    if (set_ids(c, err) < 0)
        return -1;
    r = rt_caps_set(caps_of_command(c));
    if (r < 0)
        return cb_fail_sys(err, r, "set the sandbox's capabilities");
    /* Changing ids has cleared it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return 0;
}
