/* The document of a cache mount in a share, and blobs beside it. For mount-bring.c and mount-put.c. */
#ifndef BUILD_MOUNT_REMOTE_H
#define BUILD_MOUNT_REMOTE_H

#include "builder/share/mount-list.h"
#include "builder/share/mounts.h"

struct build_mount_remote {
    const struct build_mount_job *job;
    struct build_share_link *link; /* NULL: not open */
};
int build_mount_remote_open(const struct build_mount_job *j, struct build_mount_remote *ret, struct cb_error *err);
void build_mount_remote_close(struct build_mount_remote *r);
CB_DEFINE_AUTO(build_mount_remote, struct build_mount_remote, build_mount_remote_close)

/* What is there: 1, with the list and its bytes as they were written. 0: nothing. -1: it cannot be had, or is not sound. */
int build_mount_remote_get(struct build_mount_remote *r, struct build_mount_list *ret, struct cb_buf *ret_bytes,
                           struct cb_error *err);
/* The bytes of a pack into the empty file `fd`; they have its digest. */
int build_mount_remote_fetch(struct build_mount_remote *r, const struct build_mount_pack *p, int fd, struct cb_error *err);

/* A blob from the file `fd`, which is all of it. */
int build_mount_remote_send(struct build_mount_remote *r, const char *type, const struct cb_digest *digest, uint64_t size, int fd,
                            struct cb_error *err);
/* The list, whose packs are there, and the document that makes it what is there. */
int build_mount_remote_put(struct build_mount_remote *r, const struct build_mount_list *l, const struct cb_buf *bytes,
                           struct cb_error *err);

#endif
