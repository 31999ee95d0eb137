/* What a command left becomes entries of a layer, whatever it was found by: an overlay's upper directory (upper.c), or the
 * comparison of a tree with what it was (worktree-commit.c). */
#include "cache/layer/layer-internal.h"

#include <endian.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

int cache_layer_get_capability(int fd, struct cache_layer_capability *ret)
{
    ssize_t n = fgetxattr(fd, "security.capability", ret->v, sizeof(ret->v));
    ret->n = 0;
    ret->foreign = false;
    if (n < 0)
        return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
    uint32_t magic;
    memcpy(&magic, ret->v, sizeof(magic));
    magic = le32toh(magic);
    if (n == 24 && (magic & 0xff000000u) == 0x03000000u) {
        magic = htole32((magic & 0x00ffffffu) | 0x02000000u);
        memcpy(ret->v, &magic, sizeof(magic));
        n = 20;
        ret->foreign = true;
    }
    ret->n = (size_t)n;
    return 0;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static int strip(int fd, const char *name, bool keep_capability, const char *path, struct cache_layer_carried *ret,
                 struct cb_error *err)
{
    int r = cache_layer_strip(fd, name, keep_capability, ret);
    if (r < 0)
        return cb_fail_sys(err, r, "take attributes off '/%s'", path);
    if (ret->redirect)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s' was renamed within the overlay: it ran with redirect_dir", path);
    if (ret->metacopy)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s' has only metadata in the upper directory: overlay ran with metacopy", path);
    return 0;
}

static int reset_flags(int fd, const char *path, unsigned flags, struct cb_error *err)
{
    int r = cache_layer_reset_flags(fd, flags);
    return r < 0 ? cb_fail_sys(err, r, "take the flags off '/%s'", path) : 0;
}

int cache_layer_settle_file(int fd, const char *path, unsigned flags, struct cache_layer_capability *ret, struct cb_error *err)
{
    struct cache_layer_carried carried;
    *ret = (struct cache_layer_capability){.n = 0};
    if (strip(fd, NULL, true, path, &carried, err) < 0 || reset_flags(fd, path, flags, err) < 0)
        return -1;
    int r = carried.capability ? cache_layer_get_capability(fd, ret) : 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read the capabilities of '/%s'", path);
    if (ret->foreign && fsetxattr(fd, "security.capability", ret->v, ret->n, 0) < 0)
        return cb_fail_sys(err, errno, "set the capabilities of '/%s'", path);
    return 0;
}

int cache_layer_settle_dir(int fd, const char *path, unsigned flags, struct cache_layer_carried *ret, struct cb_error *err)
{
    return strip(fd, NULL, false, path, ret, err) < 0 ? -1 : reset_flags(fd, path, flags, err);
}

int cache_layer_settle_name(int dir, const char *name, const char *path, struct cb_error *err)
{
    struct cache_layer_carried carried;
    return strip(dir, name, false, path, &carried, err);
}

/* ---- entries --------------------------------------------------------------------------------- */

int cache_layer_type(mode_t mode)
{
    static const struct {
        mode_t mode;
        int type;
    } types[] = {{S_IFREG, CB_FILE}, {S_IFDIR, CB_DIR},   {S_IFLNK, CB_SYMLINK},
                 {S_IFCHR, CB_CHAR}, {S_IFBLK, CB_BLOCK}, {S_IFIFO, CB_FIFO}};
    for (size_t i = 0; i < CB_LEN(types); i++)
        if (types[i].mode == (mode & S_IFMT))
            return types[i].type;
    return -1;
}

struct cache_entry cache_layer_entry_of(const char *path, int type, const struct stat *st)
{
    return (struct cache_entry){.path = path,
                                .type = type,
                                .mode = st->st_mode & 07777,
                                .uid = st->st_uid,
                                .gid = st->st_gid,
                                .mtime = st->st_mtim.tv_sec,
                                .dev_major = major(st->st_rdev),
                                .dev_minor = minor(st->st_rdev)};
}

int cache_layer_hash(int fd, char *buffer, struct cache_entry *e)
{
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    int n;
    e->size = 0;
    do {
        n = cb_read_full(fd, buffer, CACHE_LAYER_COPY_BUFFER);
        if (n < 0)
            return n;
        cb_sha256_add(&sha, buffer, (size_t)n);
        e->size += (uint64_t)n;
    } while (n == (int)CACHE_LAYER_COPY_BUFFER); /* less: the end */
    cb_sha256_end(&sha, &e->digest);
    return 0;
}
