/* The parts of /proc and /sys that a command can neither read nor write. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/dir.h"
#include "base/fd.h"
#include "runtime/mount/mounts.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* As moby and runc have them (runtime.md §3). What this kernel does not have is skipped. */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/devices/virtual/powercap",
};
/* What a system mounts there for its administrator; to these file systems, root in a container is one. Covered where something
 * is mounted. */
static const char *const administrators[] = {
    "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security",     "/sys/kernel/config",
    "/sys/fs/bpf",       "/sys/fs/pstore",      "/sys/fs/fuse/connections", "/sys/firmware/efi/efivars",
};
static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

struct covers {
    int null_fd;  /* the host's /dev/null: covers files */
    int empty_fd; /* an empty directory of the scratch tmpfs: covers directories */
};

/* Did the user ask for it to stay as it is? Paths of tables may lack their first slash. */
static bool stays_open(const struct rt_child *c, const char *path)
{
    const struct cb_strv *open = &c->confinement->unmask;
    CB_AUTO(free) char *full = cb_printf("%s%s", *path == '/' ? "" : "/", path);
    for (size_t i = 0; i < open->n; i++)
        if (fnmatch(open->items[i], full, 0) == 0)
            return true;
    return false;
}

/* 1: covered; 0: there is nothing to cover; -errno. */
static int mask(struct rt_child *c, const struct covers *k, const char *path)
{
    struct stat st;
    if (stays_open(c, path))
        return 0;
    CB_AUTO(close) int at = cb_open_in_root(c->root, path, O_PATH | O_CLOEXEC, 0);
    if (at < 0)
        return at == -ENOENT || at == -ENOTDIR || at == -EACCES ? 0 : at;
    if (fstat(at, &st) < 0)
        return -errno;
    CB_AUTO(close) int mnt = rt_mount_clone(S_ISDIR(st.st_mode) ? k->empty_fd : k->null_fd, "");
    if (mnt < 0)
        return mnt;
    int r = rt_mount_restrict(mnt, S_ISDIR(st.st_mode) ? RT_ATTR_SAFE | MOUNT_ATTR_RDONLY : RT_ATTR_NODE);
    if (r == 0)
        r = rt_mount_attach(mnt, at, "");
    return r < 0 ? r : 1;
}

/* These names are only looked at, so a link in them does no harm; `mask` follows none out of the root. */
static int mask_administrators(struct rt_child *c, const struct covers *k)
{
    struct stat sys, st;
    int r = 0;
    if (fstatat(c->root, "sys", &sys, AT_NO_AUTOMOUNT) < 0)
        return -errno;
    for (size_t i = 0; i < CB_LEN(administrators) && r >= 0; i++)
        if (fstatat(c->root, administrators[i] + 1, &st, AT_NO_AUTOMOUNT) == 0 && st.st_dev != sys.st_dev)
            r = mask(c, k, administrators[i]);
    return CB_MIN(r, 0);
}

static int make_readonly(struct rt_child *c, const char *path)
{
    if (stays_open(c, path))
        return 0;
    CB_AUTO(close) int at = cb_open_in_root(c->root, path, O_PATH | O_CLOEXEC, 0);
    if (at < 0)
        return at == -ENOENT || at == -ENOTDIR ? 0 : at;
    CB_AUTO(close) int mnt = rt_mount_clone(at, "");
    int r = mnt < 0 ? mnt : rt_mount_restrict(mnt, RT_ATTR_SAFE | MOUNT_ATTR_RDONLY);
    return r < 0 ? r : rt_mount_attach(mnt, at, "");
}

/* One per processor, on real machines only. */
static int mask_thermal(struct rt_child *c, const struct covers *k)
{
    char path[80];
    long n = sysconf(_SC_NPROCESSORS_CONF);
    for (long i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%ld/thermal_throttle", i);
        int r = mask(c, k, path);
        if (r <= 0)
            return r;
    }
    return 0;
}

static int open_covers(struct rt_child *c, struct covers *ret, struct cb_error *err)
{
    struct stat st;
    ret->null_fd = open("/dev/null", O_PATH | O_CLOEXEC);
    if (ret->null_fd < 0 || fstat(ret->null_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return cb_fail(err, CB_E_UNSUPPORTED, "/dev/null of this machine is not the null device");
    if (mkdirat(c->scratch, "empty", 0555) < 0)
        return cb_fail_sys(err, errno, "make an empty directory");
    ret->empty_fd = openat(c->scratch, "empty", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return ret->empty_fd < 0 ? cb_fail_sys(err, errno, "open an empty directory") : 0;
}

/* A task that has ended meanwhile needs no cover. */
static int mask_task(struct rt_child *c, const struct covers *k, const char *number)
{
    char path[64];
    snprintf(path, sizeof(path), "proc/%s", number);
    int r = mask(c, k, path);
    return r == -ENOENT || r == -ESRCH ? 0 : r;
}

typedef int task_fn(struct rt_child *c, const struct covers *k, const char *number);

/* Calls fn for each number in the directory `path` of the root, except `except`. */
static int each_task(struct rt_child *c, const struct covers *k, const char *path, const char *except, task_fn *fn)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(cb_open_in_root(c->root, path, O_RDONLY | O_DIRECTORY, 0));
    if (d.error)
        return d.error == -ENOENT || d.error == -ESRCH || d.error == -EACCES ? 0 : d.error;
    for (const struct dirent *e; (e = cb_dir_next(&d));) {
        if (!isdigit((unsigned char)e->d_name[0]) || strcmp(e->d_name, except) == 0)
            continue;
        int r = fn(c, k, e->d_name);
        if (r < 0)
            return r;
    }
    return 0; /* a process that ends while its threads are read need not be hidden */
}

/* Its threads have numbers too, under which it can be looked at although no list has them. */
static int mask_process(struct rt_child *c, const struct covers *k, const char *number)
{
    char path[64];
    snprintf(path, sizeof(path), "proc/%s/task", number);
    int r = each_task(c, k, path, number, mask_task);
    return r < 0 ? r : mask_task(c, k, number);
}

/* The processes that are there now, except ourselves: their command lines may hold what is not for the step. The kernel
 * takes a cover away when its process ends, so that no later one lies under it. */
static int mask_processes(struct rt_child *c, const struct covers *k)
{
    char self[16] = "";
    CB_AUTO(close) int proc = cb_open_in_root(c->root, "proc", O_PATH | O_DIRECTORY, 0);
    if (proc < 0 || readlinkat(proc, "self", self, sizeof(self) - 1) < 0)
        return proc < 0 ? proc : -errno;
    return each_task(c, k, "proc", self, mask_process);
}

static int mask_all(struct rt_child *c, const struct covers *k, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(masked); i++) {
        int r = mask(c, k, masked[i]);
        if (r < 0)
            return cb_fail_sys(err, r, "mask '%s' of the sandbox", masked[i]);
    }
    const struct cb_strv *more = &c->confinement->mask;
    for (size_t i = 0; i < more->n; i++) {
        int r = mask(c, k, more->items[i]);
        if (r < 0)
            return cb_fail_sys(err, r, "mask '%s' of the sandbox", more->items[i]);
    }
    int r = mask_thermal(c, k);
    if (r < 0)
        return cb_fail_sys(err, r, "mask the processors' thermal counters");
    r = mask_administrators(c, k);
    if (r < 0)
        return cb_fail_sys(err, r, "mask the administrator's file systems in /sys");
    r = c->result->outer_proc ? mask_processes(c, k) : 0;
    return r < 0 ? cb_fail_sys(err, r, "mask the processes outside of the sandbox") : 0;
}

int rt_system_mask(struct rt_child *c, struct cb_error *err)
{
    struct covers k;
    if (c->s->insecure)
        return 0;
    if (open_covers(c, &k, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(readonly); i++) {
        int r = make_readonly(c, readonly[i]);
        if (r < 0)
            return cb_fail_sys(err, r, "make '%s' of the sandbox read-only", readonly[i]);
    }
    return mask_all(c, &k, err);
}
