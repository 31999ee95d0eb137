/* The root of a sandbox as a directory of real files, which somebody else has made and will compare. Nothing can make it
 * read-only for those who were handed a descriptor of it: see the caller. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "runtime/mount/mounts.h"

#include <unistd.h>

static int prepare(const struct rt_sandbox *s, int *ret_upper, struct cb_error *err)
{
    *ret_upper = openat(*s->tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_upper < 0 ? cb_fail_sys(err, errno, "open the tree of a step") : 0;
}

/* Where nothing can be mounted, the directory itself. nodev: for real root a device of the tree would be a real device. */
static int mount_root(const struct rt_sandbox *s, struct cb_error *err)
{
    CB_AUTO(close) int dir = fcntl(*s->tree, F_DUPFD_CLOEXEC, 0); /* the caller's stays as it is */
    if (dir < 0)
        return cb_fail_sys(err, errno, "open the tree of a step");
    if (s->privilege->rung->chroots)
        return cb_take_fd(&dir);
    if (rt_fd_localise(dir, "the tree of a step", err) < 0)
        return -1;
    CB_AUTO(close) int mnt = rt_mount_clone(dir, "");
    int r = mnt < 0 ? mnt : rt_mount_restrict(mnt, MOUNT_ATTR_NODEV);
    return r < 0 ? cb_fail_sys(err, r, "mount the tree of a step") : cb_take_fd(&mnt);
}

static int finish(int root, struct cb_error *err)
{
    (void)root, (void)err;
    return 0;
}

const struct rt_snapshot_ops rt_snapshot_tree = {"tree", prepare, mount_root, finish};
