/* Mount primitives over the kernel's mount API (fsopen, open_tree, move_mount; Linux >= 5.12). A mount is
 * made detached, gets its attributes, and is attached last, so nothing half-made is ever visible, and no
 * target is named by a path that could be led elsewhere. Internal to runtime/; functions without an `err` give -errno. */
#ifndef RT_MOUNTS_H
#define RT_MOUNTS_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

/* What every file system made for a RUN has unless it holds device nodes or programs. */
#define RT_ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* A device node of the host: it can be read and written, but not given another mode or owner. */
#define RT_ATTR_NODE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

struct rt_option {
    const char *key, *value;
};

/* A detached mount of a new file system: its descriptor. Close it any time after attaching. */
int rt_mount_new(const char *type, const struct rt_option *options, size_t n, uint64_t attributes);
/* A detached copy of the mounts at `path` below `dirfd` ("": dirfd itself), those below it included. The
 * source must lie in this process's mount namespace (rt_fd_localise). */
int rt_mount_clone(int dirfd, const char *path);
/* Adds attributes to a whole detached tree; none is taken away. What is mounted below the source from now on does not come
 * into it. */
int rt_mount_restrict(int mnt, uint64_t attributes);
/* Attaches at `path` below dirfd ("": dirfd itself), over whatever is there; the mount is borrowed. */
int rt_mount_attach(int mnt, int dirfd, const char *path);

/* Makes this mount read-only, and none that is in it. */
int rt_mount_read_only(int mnt);
/* Makes the whole file system that `mnt` shows read-only, for every mount of it and every descriptor into it, wherever they
 * are. -EBUSY: a file of it is open for writing. */
int rt_mount_freeze(int mnt);

/* A detached overlay of `lowers` (top first; at least one) with upper and work directories; devices on it do not open. All
 * descriptors must belong to this mount namespace. Kernels before 6.5 mount it for a moment below `hidden`, a directory of the
 * caller's. */
int rt_mount_overlay(const int *lowers, size_t n, int upper, int work, int hidden, struct cb_error *err);

/* A descriptor opened in another mount namespace cannot be mounted here: opens the same file anew by its
 * path, checks that it is the same one, and puts it under the same number (O_PATH). `what` is for messages. 0, or -1 with
 * `err` set. */
int rt_fd_localise(int fd, const char *what, struct cb_error *err);

#endif
