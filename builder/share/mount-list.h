/* What a cache mount is in a shared cache (docs/cache-format.md "Cache mounts"): a list of its files, and packs with their bytes,
 * of which an upload adds what is new. Pure.
 *
 * A pack is packed (by any codec that is known from its first bytes); unpacked it is files, one behind the other, each as its
 * digest, its size (64 bits, little-endian) and its bytes. The list, unpacked: a version, the owner and mode of the directory,
 * the packs, for each entry the day of its last use and its pack, and the entries as an index. */
#ifndef BUILD_MOUNT_LIST_H
#define BUILD_MOUNT_LIST_H

#include "cache/mount-state.h"

#define BUILD_MOUNT_TYPE     "application/vnd.cbuild.mount.v1"
#define BUILD_MOUNT_LIST     "application/vnd.cbuild.mount.list.v1"
#define BUILD_MOUNT_PACK     "application/vnd.cbuild.mount.pack.v1"
#define BUILD_MOUNT_MAX_LIST (256u << 20) /* of a list, not packed */
#define BUILD_MOUNT_MAX      10000u       /* packs of one mount */
#define BUILD_MOUNT_NO_PACK  UINT32_MAX   /* of what is no file, or is not packed yet */

struct build_mount_pack {
    struct cb_digest digest;
    uint64_t size; /* of the blob */
    uint64_t raw;  /* of the files in it, together */
};
struct build_mount_list {
    uint32_t mode, uid, gid;
    struct cache_index files;
    uint32_t *used, *pack; /* of each entry */
    struct build_mount_pack *packs;
    size_t n_packs, cap_packs;
};
void build_mount_list_done(struct build_mount_list *l);
CB_DEFINE_AUTO(build_mount_list, struct build_mount_list, build_mount_list_done)

void build_mount_list_write(const struct build_mount_list *l, struct cb_buf *out);
/* Takes the bytes for hostile (CB_E_CORRUPT, CB_E_UNSUPPORTED); fills a zero *ret, which is the caller's also after a failure. */
int build_mount_list_read(const void *bytes, size_t n, struct build_mount_list *ret, struct cb_error *err);

/* ---- what is to be there (mount-plan.c) ---------------------------------------------------------------------------- */

#define BUILD_MOUNT_PACK_FULL (32u << 20) /* a pack with so many bytes is not added to */
#define BUILD_MOUNT_FILE_BIG  (8u << 20)  /* such a file has a pack of its own, and goes with it */

struct build_mount_limits {
    uint64_t max_size; /* of all files, together */
    uint32_t max_age;  /* days since the last use */
    uint32_t today;
};
/* The list that is to be in the share, from what is `here` and what is `there` (NULL: nothing). What was not used for too long is
 * left out, and then what was used least recently, until the rest is small enough. Files whose pack is good have its number; the
 * others have none yet: they are new, or their pack is mostly of files that are gone, or so small that it is not worth keeping
 * beside the new ones. Fills a zero *ret. */
void build_mount_plan(const struct cache_mount_state *here, const struct build_mount_list *there,
                      const struct build_mount_limits *limits, struct build_mount_list *ret);

#endif
