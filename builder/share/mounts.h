/* Cache mounts in shared caches (--cache-from, --cache-to …,cache-mounts=…). A mount goes there as a list of its files and packs
 * with their bytes (mount-list.h). The last writer's list is what is there, as a whole. All that comes back is verified: a mount
 * is there as it was put there, or not at all. */
#ifndef BUILD_SHARE_MOUNTS_H
#define BUILD_SHARE_MOUNTS_H

#include "builder/share/share.h"

#define BUILD_SHARE_MOUNTS_SIZE (UINT64_C(2) << 30)   /* of a mount, when nobody says another */
#define BUILD_SHARE_MOUNTS_AGE  (INT64_C(30) * 86400) /* seconds */

/* Is the mount with this id part of the share? */
bool build_share_has_mount(const struct build_share *o, const char *id);

struct build_mount_job {
    struct build_session *session;
    struct cb_job_io *io; /* hears how far it is, and warnings; may be NULL */
    const struct build_share *share;
    const char *key;      /* of the mount (cache/mount-name.h) */
    const char *platform; /* of what is built: machines of two kinds do not take turns in overwriting each other's */
};
/* These two run in jobs of the helper. 1: the mount is here, or there. 0: it is not in the share; there is nothing new, or it is
 * in use here. -1. */
int build_mount_bring(const struct build_mount_job *j, struct cb_error *err);
int build_mount_put(const struct build_mount_job *j, struct cb_error *err);

#endif
