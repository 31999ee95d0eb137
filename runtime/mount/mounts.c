#include "runtime/mount/mounts.h"
#include "base/fd.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROC_FD_MAX 32
static void proc_fd_path(int fd, char out[PROC_FD_MAX])
{
    snprintf(out, PROC_FD_MAX, "/proc/self/fd/%d", fd);
}

/* `type` is also given as the source, as in the mount table of every system. */
static int finish_new(int fs, const char *type, uint64_t attributes)
{
    if (fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
        return -errno;
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int mnt = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
    return mnt < 0 ? -errno : mnt;
}

int rt_mount_new(const char *type, const struct rt_option *options, size_t n, uint64_t attributes)
{
    CB_AUTO(close) int fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    for (size_t i = 0; i < n; i++)
        if (fsconfig(fs, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) < 0)
            return -errno;
    return finish_new(fs, type, attributes);
}

int rt_mount_clone(int dirfd, const char *path)
{
    /* Always recursive: in a user namespace a mount may not be copied without what covers parts of it. */
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
    int mnt = open_tree(dirfd, path, flags | (*path ? 0 : AT_EMPTY_PATH));
    return mnt < 0 ? -errno : mnt;
}

int rt_mount_restrict(int mnt, uint64_t attributes)
{
    struct mount_attr a = {.attr_set = attributes, .propagation = MS_PRIVATE};
    return mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof(a)) < 0 ? -errno : 0;
}

int rt_mount_read_only(int mnt)
{
    struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(mnt, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0 ? -errno : 0;
}

int rt_mount_attach(int mnt, int dirfd, const char *path)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
    return move_mount(mnt, "", dirfd, path, flags) < 0 ? -errno : 0;
}

int rt_mount_freeze(int mnt)
{
    CB_AUTO(close) int fs = fspick(mnt, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
        return -errno;
    return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* Directories are named to the kernel by descriptors, which say nothing to a reader. */
static void strike_out(char *text, const char *word)
{
    for (char *at; (at = strstr(text, word));) {
        char *end = at + strlen(word);
        end += strspn(end, "0123456789");
        memmove(at, end, strlen(end) + 1);
    }
}

/* The kernel's own words about the last failure, without their "e overlay: " in front; "" when it has none. */
static void read_fs_log(int fs, char *out, size_t size)
{
    ssize_t n = read(fs, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    if (n > 2 && out[1] == ' ')
        memmove(out, out + 2, (size_t)n - 1);
    out[strcspn(out, "\n")] = '\0';
    strike_out(out, "overlay: ");
    strike_out(out, " on /proc/self/fd/");
    strike_out(out, " /proc/self/fd/");
}

static int set_fd_path(int fs, const char *key, int fd)
{
    char path[PROC_FD_MAX];
    proc_fd_path(fd, path);
    return fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0) < 0 ? -errno : 0;
}

static int overlay_configure(int fs, const int *lowers, size_t n, int upper, int work)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = set_fd_path(fs, "lowerdir+", lowers[i]);
    if (r == 0)
        r = set_fd_path(fs, "upperdir", upper);
    if (r == 0)
        r = set_fd_path(fs, "workdir", work);
    /* userxattr: what a mount in a user namespace may write; neither redirect_dir nor metacopy may be given
     * with it. volatile: otherwise umount would sync the whole file system below. */
    if (r == 0 && fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        r = -errno;
    if (r == 0 && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
        r = -errno;
    /* Since Linux 6.6 an overlay notes an identity of its own in an attribute of the upper directory, unless it has none:
     * it would cost a write and make the directory unfit for another RUN. */
    if (r == 0)
        (void)!fsconfig(fs, FSCONFIG_SET_STRING, "uuid", "null", 0);
    return r;
}

static int mount_by_options(const struct cb_buf *options, int hidden)
{
    char target[PROC_FD_MAX + 16];
    CB_AUTO(close) int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(target, sizeof(target), "/proc/self/fd/%d/overlay", hidden);
    if (chdir("/proc/self/fd") < 0)
        return -errno;
    int r = mount("overlay", target, "overlay", MS_NODEV, options->data) < 0 ? -errno : 0;
    CB_AUTO(close) int at = r < 0 ? -1 : open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int mnt = r < 0 ? r : at < 0 ? -errno : rt_mount_clone(at, "");
    if (r == 0)
        (void)umount2(target, MNT_DETACH); /* at the latest it goes with the namespace */
    if (cwd >= 0 && fchdir(cwd) < 0 && mnt >= 0) {
        mnt = cb_close(mnt);
        return -errno;
    }
    return mnt;
}

/* Before Linux 6.5 there is no "lowerdir+" and an option of fsconfig may hold only 256 bytes: mount(2) takes
 * a page. Names relative to /proc/self/fd keep 500 layers within it. */
static int overlay_old_api(const int *lowers, size_t n, int upper, int work, int hidden)
{
    CB_AUTO(cb_buf) struct cb_buf o = CB_BUF_INIT;
    cb_buf_adds(&o, "userxattr,volatile,lowerdir=");
    for (size_t i = 0; i < n; i++)
        cb_buf_printf(&o, i ? ":%d" : "%d", lowers[i]);
    cb_buf_printf(&o, ",upperdir=%d,workdir=%d", upper, work);
    if (mkdirat(hidden, "overlay", 0700) < 0 && errno != EEXIST)
        return -errno;
    int mnt = mount_by_options(&o, hidden);
    (void)unlinkat(hidden, "overlay", AT_REMOVEDIR); /* what stays does no harm */
    return mnt;
}

static int overlay_failed(int r, const char *log, struct cb_error *err)
{
    cb_fail_sys(err, r, "mount an overlay%s%s", *log ? ": " : "", log);
    if (r == -EINVAL || r == -EOPNOTSUPP)
        return cb_hint(err, "the store must be on a file system that overlay can write to (ext4, xfs, btrfs, tmpfs); "
                            "not NFS and not another overlay");
    if (r == -EPERM || r == -ENODEV || r == -EACCES)
        return cb_hint(err, "overlay mounts in a user namespace need Linux 5.11 or later and the module 'overlay'");
    return -1;
}

int rt_mount_overlay(const int *lowers, size_t n, int upper, int work, int hidden, struct cb_error *err)
{
    char log[256] = "";
    CB_AUTO(close) int fs = fsopen("overlay", FSOPEN_CLOEXEC);
    int r = fs < 0 ? -errno : overlay_configure(fs, lowers, n, upper, work);
    if (r == 0)
        r = finish_new(fs, "overlay", MOUNT_ATTR_NODEV);
    if (r >= 0)
        return r;
    if (fs >= 0)
        read_fs_log(fs, log, sizeof(log));
    if (r == -EINVAL) {
        int old = overlay_old_api(lowers, n, upper, work, hidden);
        if (old >= 0)
            return old;
    }
    return overlay_failed(r, log, err);
}

/* Opens anew, by its path in this namespace, what `fd` is open on. */
static int open_here(int fd)
{
    char link[PROC_FD_MAX], path[PATH_MAX];
    struct stat was, is;
    proc_fd_path(fd, link);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    if (fstat(fd, &was) < 0)
        return -errno;
    CB_AUTO(close) int here = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (here < 0 || fstat(here, &is) < 0)
        return -errno;
    return was.st_dev == is.st_dev && was.st_ino == is.st_ino ? cb_take_fd(&here) : -ESTALE;
}

int rt_fd_localise(int fd, const char *what, struct cb_error *err)
{
    CB_AUTO(close) int here = open_here(fd);
    if (here == -ESTALE)
        return cb_fail(err, CB_E_FAILED, "'%s' was moved or covered by a mount while the build ran", what);
    if (here < 0 || dup3(here, fd, O_CLOEXEC) < 0)
        return cb_fail_sys(err, here < 0 ? here : errno, "find '%s' in the sandbox's mount namespace", what);
    return 0;
}
