#include "runtime/rung/filter.h"
#include "base/fd.h"

#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A new namespace cannot be had together with the old one's files. */
static long try_clone(void)
{
#if defined(__s390__) || defined(__CRIS__)
    return syscall(SYS_clone, NULL, CLONE_NEWUSER | CLONE_FS | SIGCHLD, NULL, NULL, 0);
#else
    return syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}
static long try_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0);
}
static long try_unshare(void)
{
    return syscall(SYS_unshare, CLONE_NEWUSER | 1);
}
static long try_setns(void)
{
    return syscall(SYS_setns, -1, 0);
}
static long try_mount(void)
{
    return syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
}
static long try_umount2(void)
{
    return syscall(SYS_umount2, NULL, ~0);
}
static long try_open_tree(void)
{
    return syscall(SYS_open_tree, -1, NULL, ~0);
}
static long try_mount_setattr(void)
{
    return syscall(SYS_mount_setattr, -1, NULL, ~0, NULL, 0);
}
static long try_fsconfig(void)
{
    return syscall(SYS_fsconfig, -1, 0, NULL, NULL, 0);
}
static long try_openat2(void)
{
    return syscall(SYS_openat2, -1, NULL, NULL, 0);
}
static long try_seccomp(void)
{
    return syscall(SYS_seccomp, ~0U, 0, NULL);
}
static long try_memfd_create(void)
{
    return syscall(SYS_memfd_create, NULL, ~0U);
}
static long try_close_range(void)
{
    return syscall(SYS_close_range, 1, 0, 0);
}
static long try_renameat2(void)
{
    return syscall(SYS_renameat2, -1, NULL, -1, NULL, ~0U);
}

/* Those in front are what namespaces and mounts take. */
#define N_NAMESPACES 4
const struct rt_filter_trial rt_filter_trials[] = {
    {"clone", try_clone},
    {"mount", try_mount},
    {"umount2", try_umount2},
    {"setns", try_setns},
    {"unshare", try_unshare},
    {"clone3", try_clone3},
    {"open_tree", try_open_tree},
    {"mount_setattr", try_mount_setattr},
    {"fsconfig", try_fsconfig},
    {"openat2", try_openat2},
    {"seccomp", try_seccomp},
    {"memfd_create", try_memfd_create},
    {"close_range", try_close_range},
    {"renameat2", try_renameat2},
};
const size_t rt_filter_n_trials = CB_LEN(rt_filter_trials);

int rt_filter_answer(const struct rt_filter_trial *t)
{
    if (t->make() >= 0)
        return 0;
    return errno == EPERM || errno == ENOSYS || errno == EACCES ? errno : 0;
}

bool rt_has_seccomp_filter(void)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    return cb_read_file(AT_FDCWD, "/proc/self/status", 65536, &b) == 0 && strstr(b.data, "\nSeccomp:\t2");
}

char *rt_filter_refused(void)
{
    struct cb_buf b = CB_BUF_INIT;
    const char *last = NULL;
    for (size_t i = 0; i < N_NAMESPACES; i++) {
        if (!rt_filter_answer(&rt_filter_trials[i]))
            continue;
        if (last)
            cb_buf_printf(&b, b.len ? ", %s" : "%s", last);
        last = rt_filter_trials[i].call;
    }
    if (last)
        cb_buf_printf(&b, b.len ? " and %s" : "%s", last);
    return last ? cb_buf_detach(&b) : NULL;
}
