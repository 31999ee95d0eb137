/* The sandbox's first process, from clone to exec. Stages and what is given up in each:
 *   1. namespaces are new (clone did that). All capabilities, the old root in view. Where the step has a control group of its
 *      own, it is entered before anything else.
 *   2. the merged root, then kernel file systems, then the step's mounts, each resolved inside the root
 *      by the kernel; sources are the descriptors we were given, found again in this mount namespace.
 *   3. pivot_root: the old root is gone; nothing of the host is reachable except what was mounted and the
 *      open descriptors.
 *   4. the descriptors are closed, except for the streams and two of ours that are files in memory (exec.c).
 *      Then bounding set, seccomp, ids, capabilities: what remains is Docker's default.
 *   5. exec, the first walk of an image's path in which the kernel follows its own links too. The command is
 *      PID 1: when it ends the kernel kills whatever it left behind. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "runtime/sandbox/chrooted.h"
#include "runtime/confine/label.h"
#include "runtime/mount/mounts.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- stage 1 -------------------------------------------------------------------------------- */

static int localise_sources(const struct rt_mount *m, struct cb_error *err)
{
    switch (m->kind) {
    case RT_MOUNT_TMPFS:
    case RT_MOUNT_DATA:
        return 0;
    case RT_MOUNT_LAYERS:
        for (size_t i = 0; i < m->n_layers; i++)
            if (rt_fd_localise(m->layers[i], "a layer to mount", err) < 0)
                return -1;
        return 0;
    case RT_MOUNT_BIND:
    case RT_MOUNT_SOCKET:
        break;
    }
    return rt_fd_localise(m->source_fd, m->target, err);
}

static int localise_all(struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    if (rt_fd_localise(s->work_dir, "the work directory", err) < 0)
        return -1;
    for (size_t i = 0; i < s->n_mounts; i++)
        if (localise_sources(&s->mounts[i], err) < 0)
            return -1;
    return 0;
}

/* ---- stages 2 and 3 ------------------------------------------------------------------------- */

static int attach_root(struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    int r = rt_mount_attach(c->root, AT_FDCWD, "/");
    if (r < 0 || fstat(c->root, &st) < 0)
        return cb_fail_sys(err, r < 0 ? r : errno, "mount the root of the sandbox");
    c->root_dev = st.st_dev;
    c->root_ino = st.st_ino;
    return 0;
}

/* The new root is mounted over the old one. pivot_root(".", ".") stacks the old one on it, and the unmount
 * takes it, with everything below, out of this namespace. */
static int pivot(const struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    if (fchdir(c->root) < 0)
        return cb_fail_sys(err, errno, "enter the root of the sandbox");
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) < 0)
            return cb_fail_sys(err, errno, "leave the old root");
    } else if ((errno != EINVAL && c->s->insecure) || chroot(".") < 0) {
        /* EINVAL: the machine runs from its initramfs, which cannot be replaced; it stays covered. So it does when a filter
         * refuses the call, except from a command that could uncover it. */
        return cb_fail_sys(err, errno, "change to the root of the sandbox");
    }
    /* Whatever lies over the root would show through "..": then the old one is not gone. */
    if (chdir("/") < 0 || stat("/..", &st) < 0)
        return cb_fail_sys(err, errno, "enter the root of the sandbox");
    if (st.st_dev != c->root_dev || st.st_ino != c->root_ino)
        return cb_fail(err, CB_E_FAILED, "the old root could not be left");
    return 0;
}

static int enter_group(const struct rt_child *c, struct cb_error *err)
{
    int r = c->group ? rt_group_enter(c->group) : 0;
    if (r == 0 && c->group && !c->s->privilege->rung->chroots && unshare(CLONE_NEWCGROUP) < 0)
        r = -errno;
    return r < 0 ? cb_fail_sys(err, r, "enter the control group of a step") : 0;
}

/* In a chroot the name would be that of the surrounding container. A filter that refuses it (podman's) costs nothing but the
 * name, where nobody asked for one. */
static int set_hostname(const struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    bool ours = !s->privilege->rung->chroots;
    if (!s->hostname || (ours && sethostname(s->hostname, strlen(s->hostname)) == 0))
        return 0;
    if (ours && errno != EPERM && errno != ENOSYS)
        return cb_fail_sys(err, errno, "set the hostname '%s'", s->hostname);
    c->result->no_hostname = true;
    if (!s->needs_hostname)
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "--hostname %s cannot be honoured: %s", s->hostname,
            ours ? "a filter around cbuild refuses sethostname" : "a command in a chroot has the host name of the machine");
    return cb_hint(err, "leave it away, or start the surrounding container with '--hostname %s'%s", s->hostname,
                   ours ? " or with '--security-opt seccomp=unconfined'" : "");
}

static int set_up(struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    if (c->owners.pid && (c->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) < 0)
        return cb_fail_sys(err, errno, "open the mount namespace of a sandbox");
    umask(0); /* modes are as written, until the command sets its own */
    if (enter_group(c, err) < 0 || set_hostname(c, err) < 0)
        return -1;
    if (s->privilege->rung->chroots)
        return rt_chrooted_enter(c, err) < 0 ? -1 : rt_process_drop(c, err);
    if (s->network->apply && s->network->apply(err) < 0)
        return -1;
    if (rt_label_apply("", c->confinement, err) < 0 || localise_all(c, err) < 0 || rt_attach_scratch(c, err) < 0 ||
        attach_root(c, err) < 0)
        return -1;
    /* Before the step's mounts: users are those of the image. */
    if (rt_user_lookup(c->root, s->user ? s->user : "", &c->user, err) < 0)
        return -1;
    if (rt_system_mount(c, err) < 0 || rt_attach_all(c, err) < 0 || rt_system_mask(c, err) < 0)
        return -1;
    if (pivot(c, err) < 0 || rt_process_cwd(c, err) < 0)
        return -1;
    int r = s->read_only ? rt_mount_read_only(c->root) : 0;
    return r < 0 ? cb_fail_sys(err, r, "make the root of the sandbox read-only") : rt_process_drop(c, err);
}

/* ---- the whole ------------------------------------------------------------------------------ */

void rt_child_done(struct rt_child *c)
{
    cb_close(c->report);
    cb_close(c->root);
    rt_user_done(&c->user);
    rt_stubs_done(&c->stubs);
    cb_error_done(&c->err);
    free(c->program);
    free(c->argv);
    free(c->env);
    free(c->home);
}

int rt_child_main(void *child)
{
    struct rt_child *c = child;
    /* A job that dies before this line leaves us to the helper, whose end is the end of its PID namespace. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid(); /* no controlling terminal */
    if (set_up(c, &c->err) < 0)
        _exit(1);
    c->ready = true;
    _exit(rt_exec_command(c, c->result));
}
