#include "builder/execute/volumes.h"
#include "base/fd.h"

#include <unistd.h>

/* No symlink is followed: a RUN that can write to one volume cannot lead another one elsewhere. */
static int open_source(const char *path)
{
    CB_AUTO(close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -errno : cb_open_beneath(root, path[1] ? path + 1 : ".", O_PATH | O_CLOEXEC, 0);
}

static struct rt_mount tmpfs(const struct build_volume *v)
{
    return (struct rt_mount){.kind = RT_MOUNT_TMPFS,
                             .target = v->target,
                             .source_fd = -1,
                             .readonly = v->readonly,
                             .nosuid_nodev_noexec = !v->open,
                             .has_mode = v->has_mode,
                             .mode = v->mode,
                             .size = v->size};
}

int build_volumes_open(const struct build_request *q, struct build_volumes *ret, struct cb_error *err)
{
    ret->mounts = cb_alloc((q->n_volumes + 1) * sizeof(*ret->mounts));
    for (size_t i = 0; i < q->n_volumes; i++) {
        const struct build_volume *v = &q->volumes[i];
        if (!v->source) {
            ret->mounts[ret->n++] = tmpfs(v);
            continue;
        }
        int fd = open_source(v->source);
        if (fd < 0)
            return cb_fail_sys(err, fd, "--volume: open '%s'", v->source);
        ret->mounts[ret->n++] =
            (struct rt_mount){.kind = RT_MOUNT_BIND, .target = v->target, .source_fd = fd, .readonly = v->readonly};
    }
    return 0;
}

void build_volumes_done(struct build_volumes *v)
{
    for (size_t i = 0; i < v->n; i++)
        cb_close(v->mounts[i].source_fd);
    free(v->mounts);
}
