/* The root of a sandbox as an overlay: the layers below, upper/ for what the command changes. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "runtime/mount/mounts.h"

#include <sys/socket.h>
#include <unistd.h>

/* ---- directories ---------------------------------------------------------------------------- */

#define FREEZE_LAST_WAIT_MS 64 /* 127 ms in all */

static int make_dirs(int base, int *ret_upper, struct cb_error *err)
{
    static const char *const dirs[] = {"upper", "work"};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        if (mkdirat(base, dirs[i], 0755) < 0 && errno != EEXIST)
            return cb_fail_sys(err, errno, "make the directories of a new layer");
    *ret_upper = openat(base, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_upper < 0 ? cb_fail_sys(err, errno, "open the directory of a new layer") : 0;
}

/* The merged root shows the upper directory's own attributes. Those of a root are in no layer: they are always the same, and
 * its times are those of the layer below. */
static int dress_upper(const struct rt_sandbox *s, int upper, struct cb_error *err)
{
    struct stat own, like;
    if (fstat(upper, &own) < 0 || fstat(s->lowers[0], &like) < 0)
        return cb_fail_sys(err, errno, "look at the top layer");
    if ((own.st_uid || own.st_gid) && fchown(upper, 0, 0) < 0)
        return cb_fail_sys(err, errno, "give the new layer its owner");
    if (fchmod(upper, 0755) < 0)
        return cb_fail_sys(err, errno, "give the new layer its mode");
    struct timespec times[2] = {like.st_atim, like.st_mtim};
    return futimens(upper, times) < 0 ? cb_fail_sys(err, errno, "give the new layer its times") : 0;
}

static int prepare(const struct rt_sandbox *s, int *ret_upper, struct cb_error *err)
{
    if (s->n_lowers > RT_MAX_LOWERS)
        return cb_fail(err, CB_E_UNSUPPORTED, "%zu layers are more than the %d that overlay can stack", s->n_lowers,
                       RT_MAX_LOWERS);
    return make_dirs(s->work_dir, ret_upper, err) < 0 ? -1 : dress_upper(s, *ret_upper, err);
}

/* ---- the root ------------------------------------------------------------------------------- */

static int mount_root(const struct rt_sandbox *s, struct cb_error *err)
{
    CB_AUTO(close) int dir = fcntl(s->work_dir, F_DUPFD_CLOEXEC, 0); /* the caller's stays as it is */
    if (dir < 0)
        return cb_fail_sys(err, errno, "open the work directory of a step");
    if (rt_fd_localise(dir, "the work directory", err) < 0)
        return -1;
    for (size_t i = 0; i < s->n_lowers; i++)
        if (rt_fd_localise(s->lowers[i], "a layer", err) < 0)
            return -1;
    CB_AUTO(close) int upper = openat(dir, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CB_AUTO(close) int work = openat(dir, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (upper < 0 || work < 0)
        return cb_fail_sys(err, errno, "open the directories of the layer");
    return rt_mount_overlay(s->lowers, s->n_lowers, upper, work, dir, err);
}

/* Sockets that carry each other, and files with them, are released by a garbage collection in the kernel, which the end of
 * their processes does not always start; closing any socket does. */
static void collect_sockets(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    cb_close(pair[0]);
    cb_close(pair[1]);
}

/* Whoever was handed a descriptor of the step's files (a parallel step, by a socket in a shared cache mount) may still have
 * it. From here on nothing is written through it: what becomes a layer changes no more. A short while is given to what
 * the kernel closes in its own time, such as descriptors in sockets that nobody holds any more. */
static int freeze_root(int root, struct cb_error *err)
{
    int r = rt_mount_freeze(root);
    for (int wait_ms = 1; r == -EBUSY && wait_ms <= FREEZE_LAST_WAIT_MS; wait_ms *= 2) {
        collect_sockets();
        usleep((useconds_t)wait_ms * 1000);
        r = rt_mount_freeze(root);
    }
    if (r == -EBUSY) {
        cb_fail(err, CB_E_FAILED, "a file of the step is still open for writing although the step has ended");
        err->sys = EBUSY;
        return cb_hint(err, "has the command passed it to a parallel step, through a socket in a cache mount? It must be closed "
                            "there before the step ends");
    }
    return r < 0 ? cb_fail_sys(err, r, "make the files of the step read-only") : 0;
}

const struct rt_snapshot_ops rt_snapshot_overlay = {"overlay", prepare, mount_root, freeze_root};
