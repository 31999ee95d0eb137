/* The stat family. What has no owner of its own, and every error, is the kernel's to tell. */
#include "runtime/owners/call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the forms of 32-bit programs ------------------------------------------------------------- */

struct stat64_of_32 {
    uint64_t dev;
    uint32_t pad0, ino_low, mode, nlink, uid, gid;
    uint32_t rdev_low, rdev_high, pad3;
    uint32_t size_low, size_high, blksize, blocks_low, blocks_high;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint32_t ino_words[2];
} __attribute__((packed));
_Static_assert(sizeof(struct stat64_of_32) == 96, "struct stat64 of i386");

struct stat_of_32 {
    uint32_t dev, ino;
    uint16_t mode, nlink, uid, gid;
    uint32_t rdev, size, blksize, blocks;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct stat_of_32) == 64, "struct stat of i386");

static struct stat64_of_32 to_stat64(const struct stat *st)
{
    uint64_t ino = st->st_ino, rdev = st->st_rdev, size = (uint64_t)st->st_size, blocks = (uint64_t)st->st_blocks;
    return (struct stat64_of_32){.dev = st->st_dev,
                                 .ino_low = (uint32_t)ino,
                                 .mode = st->st_mode,
                                 .nlink = (uint32_t)st->st_nlink,
                                 .uid = st->st_uid,
                                 .gid = st->st_gid,
                                 .rdev_low = (uint32_t)rdev,
                                 .rdev_high = (uint32_t)(rdev >> 32),
                                 .size_low = (uint32_t)size,
                                 .size_high = (uint32_t)(size >> 32),
                                 .blksize = (uint32_t)st->st_blksize,
                                 .blocks_low = (uint32_t)blocks,
                                 .blocks_high = (uint32_t)(blocks >> 32),
                                 .atime = (uint32_t)st->st_atim.tv_sec,
                                 .atime_nsec = (uint32_t)st->st_atim.tv_nsec,
                                 .mtime = (uint32_t)st->st_mtim.tv_sec,
                                 .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
                                 .ctime = (uint32_t)st->st_ctim.tv_sec,
                                 .ctime_nsec = (uint32_t)st->st_ctim.tv_nsec,
                                 .ino_words = {(uint32_t)ino, (uint32_t)(ino >> 32)}};
}

static uint32_t old_device(dev_t d)
{
    return (major(d) & 0xff) << 8 | (minor(d) & 0xff);
}

static uint16_t narrow(uint32_t id)
{
    return (uint16_t)(id > 0xffff ? 65534 : id);
}

static struct stat_of_32 to_stat32(const struct stat *st)
{
    return (struct stat_of_32){.dev = old_device(st->st_dev),
                               .ino = (uint32_t)st->st_ino,
                               .mode = (uint16_t)st->st_mode,
                               .nlink = (uint16_t)st->st_nlink,
                               .uid = narrow(st->st_uid),
                               .gid = narrow(st->st_gid),
                               .rdev = old_device(st->st_rdev),
                               .size = (uint32_t)st->st_size,
                               .blksize = (uint32_t)st->st_blksize,
                               .blocks = (uint32_t)st->st_blocks,
                               .atime = (uint32_t)st->st_atim.tv_sec,
                               .atime_nsec = (uint32_t)st->st_atim.tv_nsec,
                               .mtime = (uint32_t)st->st_mtim.tv_sec,
                               .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
                               .ctime = (uint32_t)st->st_ctim.tv_sec,
                               .ctime_nsec = (uint32_t)st->st_ctim.tv_nsec};
}

static int64_t write_stat(const struct rt_call *c, uint64_t at, const struct stat *st, bool large)
{
    if (!c->compat)
        return rt_call_write(c, at, st, sizeof(*st));
    if (large) {
        struct stat64_of_32 wide = to_stat64(st);
        return rt_call_write(c, at, &wide, sizeof(wide));
    }
    /* What does not fit is an overflow, which the kernel knows better. */
    if (st->st_size > INT32_MAX || st->st_ino > UINT32_MAX || st->st_nlink > UINT16_MAX)
        return RT_PASS;
    struct stat_of_32 old = to_stat32(st);
    return rt_call_write(c, at, &old, sizeof(old));
}

/* ---- the calls -------------------------------------------------------------------------------- */

static int read_owner(const struct rt_call *c, struct rt_path *p, struct cb_owner *ret)
{
    int r = rt_store_read(c->super, p, ret);
    return r == -ENOENT && rt_path_links(c, p) == 0 ? rt_store_read(c->super, p, ret) : r;
}

/* `r`: how the path was found. */
static int64_t tell(const struct rt_call *c, struct rt_path *p, int r, unsigned buffer, bool large)
{
    struct cb_owner own;
    struct stat st;
    if (r < 0 || read_owner(c, p, &own) <= 0)
        return RT_PASS;
    if (fstatat(AT_FDCWD, p->text, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return RT_PASS;
    cb_owner_show(&own, &st);
    return write_stat(c, c->arg[buffer], &st, large);
}

static int64_t tell_named(struct rt_call *c, bool large)
{
    struct rt_path p;
    int r = rt_path_how(c, &p);
    return tell(c, &p, r, 1, large);
}

int64_t rt_on_stat(struct rt_call *c)
{
    return tell_named(c, false);
}

int64_t rt_on_stat64(struct rt_call *c)
{
    return tell_named(c, true);
}

int64_t rt_on_fstatat(struct rt_call *c)
{
    int flags = rt_call_int(c, 3);
    struct rt_path p;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return RT_PASS;
    int r = rt_path_at(c, 0, 1, flags, &p);
    return tell(c, &p, r, 2, true);
}

int64_t rt_on_statx(struct rt_call *c)
{
    int flags = rt_call_int(c, 2);
    struct cb_owner own;
    struct rt_path p;
    struct statx sx;
    memset(&sx, 0, sizeof(sx));
    if (rt_path_at(c, 0, 1, flags, &p) < 0 || read_owner(c, &p, &own) <= 0)
        return RT_PASS;
    flags = (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) | (p.follow ? 0 : AT_SYMLINK_NOFOLLOW);
    if (syscall(SYS_statx, AT_FDCWD, p.text, flags, (unsigned)c->arg[3], &sx) < 0)
        return RT_PASS;
    sx.stx_uid = own.uid;
    sx.stx_gid = own.gid;
    if (own.device) {
        sx.stx_mode = (uint16_t)((sx.stx_mode & 07777) | own.device);
        sx.stx_rdev_major = own.major;
        sx.stx_rdev_minor = own.minor;
        sx.stx_size = sx.stx_blocks = 0;
    }
    return rt_call_write(c, c->arg[4], &sx, sizeof(sx));
}
