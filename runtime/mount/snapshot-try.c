/* A file system can fail an overlay in several ways, some of them long after the mount: it is another overlay or NFS, it holds no
 * attributes, no devices, no names of types in its directories. So an overlay is mounted and does what each of them is needed
 * for. */
#include "runtime/mount/snapshot.h"
#include "base/dir.h"
#include "base/fd.h"
#include "runtime/mount/mounts.h"
#include "runtime/rung/chroot.h"

#include <unistd.h>

static int make_file(int dir, const char *path)
{
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    cb_close(fd);
    return 0;
}

static int make_dirs(const struct rt_snapshot_place *p)
{
    static const char *const dirs[] = {"upper", "work", "hidden"};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        if (mkdirat(p->dir, dirs[i], 0755) < 0)
            return -errno;
    if (mkdirat(p->lower_dir, "lower", 0755) < 0 || mkdirat(p->lower_dir, "lower/dir", 0755) < 0)
        return -errno;
    int r = make_file(p->lower_dir, "lower/gone");
    return r < 0 ? r : make_file(p->lower_dir, "lower/dir/below");
}

static int mount_it(const struct rt_snapshot_place *p, struct cb_error *err)
{
    static const char *const dirs[] = {"lower", "upper", "work", "hidden"};
    int fds[CB_LEN(dirs)], r = 0;
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        fds[i] = openat(i ? p->dir : p->lower_dir, dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (r == 0)
            r = fds[i] < 0 ? cb_fail_sys(err, errno, "open '%s'", dirs[i]) : rt_fd_localise(fds[i], dirs[i], err);
    }
    int mnt = r < 0 ? -1 : rt_mount_overlay(fds, 1, fds[1], fds[2], fds[3], err);
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        cb_close(fds[i]);
    return mnt;
}

/* 0: a directory made anew shows nothing of the one that it replaces, a removed file is gone. Else -errno. */
static int use(int root)
{
    if (unlinkat(root, "gone", 0) < 0 || unlinkat(root, "dir/below", 0) < 0 || unlinkat(root, "dir", AT_REMOVEDIR) < 0 ||
        mkdirat(root, "dir", 0755) < 0)
        return -errno;
    int r = make_file(root, "dir/new");
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(root, "dir");
    int n = 0;
    while (cb_dir_next(&d))
        n++;
    if (r < 0 || d.error)
        return r < 0 ? r : d.error;
    return n == 1 && faccessat(root, "gone", F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : -EOPNOTSUPP;
}

static bool is_shortage(int sys)
{
    return sys == ENOSPC || sys == EDQUOT || sys == ENOMEM || sys == EMFILE || sys == ENFILE || sys == EROFS;
}

struct trial {
    const struct rt_snapshot_place *place;
    int root;
    struct cb_error err;
};

static int mount_outside(void *arg)
{
    struct trial *t = arg;
    t->root = mount_it(t->place, &t->err);
    return t->root < 0 ? -t->err.sys : 0;
}

int rt_snapshot_try_overlay(const struct rt_snapshot_place *p, char **ret_why, struct cb_error *err)
{
    int r = make_dirs(p);
    if (r < 0)
        return cb_fail_sys(err, r, "make directories to try an overlay");
    struct trial t = {.place = p, .root = -1, .err = CB_ERROR_INIT};
    r = rt_chroot_outside(mount_outside, &t); /* as a sandbox does that is started in a chroot */
    CB_AUTO(cb_error) struct cb_error own = t.err;
    CB_AUTO(close) int root = t.root;
    r = root < 0 ? own.sys : r < 0 ? -r : -use(root);
    if (is_shortage(r))
        return cb_fail_sys(err, r, "try an overlay");
    if (root < 0)
        *ret_why = cb_strdup(own.msg);
    else if (r)
        *ret_why = cb_printf("an overlay there does not work: %s", strerror(r));
    return *ret_why ? 0 : 1;
}
