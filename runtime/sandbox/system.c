#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/mount/mounts.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Nodes of the host that a sandbox sees. mknod is refused in a user namespace, so they are bound. */
static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

/* Mounts what `mnt` holds at a directory of the root that must not be a symlink: a /proc that leads
 * elsewhere would put the kernel's files where the image wants them. */
static int mount_at(struct rt_child *c, const char *path, int mnt, struct cb_error *err)
{
    struct stat st;
    bool made;
    if (fstatat(c->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' of the image is not a directory; the sandbox must mount it", path);
    CB_AUTO(close) int at = rt_target_open(c, path, RT_MAKE_KEPT, &made, err);
    if (at < 0)
        return -1;
    int r = rt_mount_attach(mnt, at, "");
    return r < 0 ? cb_fail_sys(err, r, "mount '%s'", path) : 0;
}

/* ---- /proc and /sys ------------------------------------------------------------------------- */

/* In a container whose own /proc is partly covered the kernel refuses a fresh one, which would uncover it. Then the
 * container's is shown, read-only; rt_system_mask covers the processes in it. */
static int outer_proc(struct rt_child *c)
{
    CB_AUTO(close) int mnt = rt_mount_clone(AT_FDCWD, "/proc");
    int r = mnt < 0 ? mnt : rt_mount_restrict(mnt, RT_ATTR_SAFE | MOUNT_ATTR_RDONLY);
    if (r < 0)
        return r;
    c->result->outer_proc = true;
    return cb_take_fd(&mnt);
}

static int mount_proc(struct rt_child *c, struct cb_error *err)
{
    CB_AUTO(close) int mnt = rt_mount_new("proc", NULL, 0, RT_ATTR_SAFE);
    if (mnt == -EPERM)
        mnt = outer_proc(c);
    if (mnt < 0)
        return cb_fail_sys(err, mnt, "mount proc for the sandbox");
    return mount_at(c, "/proc", mnt, err);
}

static int mount_cgroup(struct rt_child *c, uint64_t attributes)
{
    CB_AUTO(close) int mnt = rt_mount_new("cgroup2", NULL, 0, attributes);
    CB_AUTO(close) int at = cb_open_in_root(c->root, "sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (mnt < 0 || at < 0)
        return mnt < 0 ? mnt : at;
    return rt_mount_attach(mnt, at, "");
}

/* A fresh sysfs belongs to a network namespace of our user namespace; with the host's network the host's is shown. */
static int mount_sys(struct rt_child *c, struct cb_error *err)
{
    uint64_t attributes = RT_ATTR_SAFE | (c->s->insecure ? 0 : MOUNT_ATTR_RDONLY);
    CB_AUTO(close) int mnt = -1;
    if (c->s->network->own)
        mnt = rt_mount_new("sysfs", NULL, 0, attributes);
    if (mnt < 0) {
        mnt = rt_mount_clone(AT_FDCWD, "/sys");
        int r = mnt < 0 ? mnt : rt_mount_restrict(mnt, attributes);
        if (r < 0)
            return cb_fail_sys(err, r, "bind /sys for the sandbox");
    }
    if (mount_at(c, "/sys", mnt, err) < 0)
        return -1;
    (void)mount_cgroup(c, attributes); /* where there is no cgroup2 the host's view stays, read-only */
    return 0;
}

/* ---- /dev ----------------------------------------------------------------------------------- */

static int bind_node(int dev, const char *name)
{
    char host[32];
    snprintf(host, sizeof(host), "/dev/%s", name);
    CB_AUTO(close) int mnt = rt_mount_clone(AT_FDCWD, host);
    if (mnt < 0)
        return mnt == -ENOENT ? 0 : mnt;
    /* The host's own inode: read-only keeps real root from changing its mode or owner, the device can be written. */
    int r = rt_mount_restrict(mnt, RT_ATTR_NODE);
    CB_AUTO(close) int file = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (r < 0 || file < 0)
        return r < 0 ? r : -errno;
    return rt_mount_attach(mnt, dev, name);
}

static int mount_below(int dev, const char *name, int mnt)
{
    if (mnt < 0)
        return mnt;
    if (mkdirat(dev, name, 0755) < 0)
        return -errno;
    return rt_mount_attach(mnt, dev, name);
}

static int mount_pts(const struct rt_child *c, int dev)
{
    /* Every mount is an instance of its own since Linux 4.7. */
    static const struct rt_option options[] = {{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};
    const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    /* Group 5 (tty) can be named only where it is mapped. */
    CB_AUTO(close) int mnt = -EINVAL;
    if (c->s->privilege->rung->many_ids)
        mnt = rt_mount_new("devpts", options, CB_LEN(options), attributes);
    if (mnt == -EINVAL)
        mnt = rt_mount_new("devpts", options, CB_LEN(options) - 1, attributes);
    return mount_below(dev, "pts", mnt);
}

/* Of mounts at one place only the last is made, and a step's own comes after ours. */
static bool is_replaced(const struct rt_sandbox *s, const char *path)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        CB_AUTO(free) char *target = cb_path_clean(s->mounts[i].target);
        if (strcmp(target, path) == 0)
            return true;
    }
    return false;
}

uint64_t rt_nodev(const struct rt_child *c)
{
    return c->s->privilege->rung->namespaces[RT_HELPER_COMMANDS] & CLONE_NEWUSER ? 0 : MOUNT_ATTR_NODEV;
}

static int mount_shm(const struct rt_child *c, int dev)
{
    const struct rt_sandbox *s = c->s;
    char size[32];
    if (is_replaced(s, "/dev/shm"))
        return 0;
    snprintf(size, sizeof(size), "%llu", (unsigned long long)(s->shm_size ? s->shm_size : 64u << 20));
    const struct rt_option options[] = {{"mode", "1777"}, {"size", size}};
    /* BuildKit's attributes: one whose size was asked for may hold programs, like a tmpfs of the step. */
    CB_AUTO(close)
    int mnt = rt_mount_new("tmpfs", options, CB_LEN(options), s->shm_size ? MOUNT_ATTR_NOSUID | rt_nodev(c) : RT_ATTR_SAFE);
    return mount_below(dev, "shm", mnt);
}

static int mount_mqueue(int dev)
{
    CB_AUTO(close) int mnt = rt_mount_new("mqueue", NULL, 0, RT_ATTR_SAFE);
    return mnt == -ENODEV ? 0 : mount_below(dev, "mqueue", mnt);
}

static int fill_dev(const struct rt_child *c, int dev)
{
    int r = 0;
    for (size_t i = 0; i < CB_LEN(nodes) && r == 0; i++)
        r = bind_node(dev, nodes[i]);
    for (size_t i = 0; i < CB_LEN(links) && r == 0; i++)
        if (strcmp(links[i].name, "core") != 0 || access(links[i].target, F_OK) == 0)
            r = symlinkat(links[i].target, dev, links[i].name) < 0 ? -errno : 0;
    if (r == 0)
        r = mount_pts(c, dev);
    if (r == 0)
        r = mount_shm(c, dev);
    return r == 0 ? mount_mqueue(dev) : r;
}

static int mount_dev(struct rt_child *c, struct cb_error *err)
{
    static const struct rt_option options[] = {{"mode", "755"}, {"size", "65536k"}};
    /* The nodes are mounts of their own: what a command makes beside them does not open. */
    const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_STRICTATIME;
    CB_AUTO(close) int dev = rt_mount_new("tmpfs", options, CB_LEN(options), attributes);
    if (dev < 0)
        return cb_fail_sys(err, dev, "make /dev for the sandbox");
    if (mount_at(c, "/dev", dev, err) < 0)
        return -1;
    int r = fill_dev(c, dev);
    return r < 0 ? cb_fail_sys(err, r, "fill /dev of the sandbox") : 0;
}

int rt_system_mount(struct rt_child *c, struct cb_error *err)
{
    if (mount_proc(c, err) < 0 || mount_dev(c, err) < 0)
        return -1;
    return mount_sys(c, err);
}
