/* What files of a layer carry besides what its index says of them: access lists that are inherited, user attributes, the
 * overlay's own marks, owner and mode of the root. Since nobody can see these in the index, they must not affect those who
 * get the layer by its content ID. */
#include "cache/layer/layer-internal.h"
#include "base/owner.h"

#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

struct inode { /* an open one, or one by its name */
    int fd;
    const char *path;
};

static ssize_t list(const struct inode *i, char *p, size_t n)
{
    return i->path ? llistxattr(i->path, p, n) : flistxattr(i->fd, p, n);
}

static ssize_t get(const struct inode *i, const char *name, char *p, size_t n)
{
    return i->path ? lgetxattr(i->path, name, p, n) : fgetxattr(i->fd, name, p, n);
}

/* The file system's own attributes cannot be removed, nor made by anybody. */
static int take_off(const struct inode *i, const char *name)
{
    int r = i->path ? lremovexattr(i->path, name) : fremovexattr(i->fd, name);
    return r < 0 && errno != ENODATA && errno != EOPNOTSUPP ? -errno : 0;
}

static int note_opaque(const struct inode *i, const char *name, struct cache_layer_carried *ret)
{
    char value[8];
    ssize_t n = get(i, name, value, sizeof(value));
    if (n < 0)
        return -errno;
    ret->opaque = n == 1 && *value == 'y';
    return 0;
}

/* A label that a step gave itself. Where a policy is in force, no step may do that, and nobody may take a label off. */
static int take_off_label(const struct inode *i, const char *name)
{
    int r = take_off(i, name);
    return r == -EACCES || r == -EPERM ? 0 : r;
}

/* One attribute. Other labels of security modules are the machine's, which gives them to every file. What a copied file's
 * origin was means nothing in a lower layer, and removing it costs as much as all the rest here. */
static int strip_one(const struct inode *i, const char *name, bool keep_capability, struct cache_layer_carried *ret)
{
    if (strcmp(name, CB_OWNER_XATTR) == 0 && !cache_layer_can_set_owners())
        return 0;
    const char *mark = cache_layer_reserved_xattr(name) ? strchr(strchr(name, '.') + 1, '.') + 1 : "";
    if (strcmp(name, "security.capability") == 0 && keep_capability) {
        ret->capability = true;
        return 0;
    }
    if (strcmp(name, "security.selinux") == 0)
        return take_off_label(i, name);
    if ((cb_starts(name, "security.") && strcmp(name, "security.capability") != 0) || strcmp(mark, "origin") == 0)
        return 0;
    ret->redirect |= strcmp(mark, "redirect") == 0;
    ret->metacopy |= strcmp(mark, "metacopy") == 0;
    int r = 0;
    if (strcmp(mark, "opaque") == 0)
        r = note_opaque(i, name, ret);
    return r < 0 ? r : take_off(i, name);
}

int cache_layer_strip(int fd, const char *name, bool keep_capability, struct cache_layer_carried *ret)
{
    CB_AUTO(free) char *path = name ? cb_printf("/proc/self/fd/%d/%s", fd, name) : NULL;
    struct inode i = {fd, path};
    CB_AUTO(free) char *names = cb_alloc_buffer(XATTR_LIST_MAX);
    ssize_t n = list(&i, names, XATTR_LIST_MAX);
    *ret = (struct cache_layer_carried){0};
    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : -errno;
    for (const char *p = names; p < names + n; p += strlen(p) + 1) {
        int r = strip_one(&i, p, keep_capability, ret);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What an owner may set by chattr(1); the others are the file system's. */
#define OWNERS_FLAGS                                                                                                             \
    (FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL |       \
     FS_NOCOMP_FL | FS_JOURNAL_DATA_FL | FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_NOCOW_FL | FS_DAX_FL |                 \
     FS_PROJINHERIT_FL | FS_CASEFOLD_FL)

unsigned cache_layer_flags(int fd)
{
    unsigned flags = 0; /* the kernel writes an int, whatever the request's name says */
    return ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 ? 0 : flags;
}

int cache_layer_reset_flags(int fd, unsigned like)
{
    unsigned flags = cache_layer_flags(fd), want = (flags & ~(unsigned)OWNERS_FLAGS) | (like & (unsigned)OWNERS_FLAGS);
    return flags != want && ioctl(fd, FS_IOC_SETFLAGS, &want) < 0 && errno != EOPNOTSUPP ? -errno : 0;
}

int cache_layer_plain_root(int fs)
{
    struct stat st;
    if (fstat(fs, &st) < 0)
        return -errno;
    if ((st.st_uid != geteuid() || st.st_gid != getegid()) && fchown(fs, geteuid(), getegid()) < 0)
        return -errno;
    if ((st.st_mode & 07777) != 0755 && fchmod(fs, 0755) < 0)
        return -errno;
    struct cache_layer_carried ignored;
    int r = take_off(&(struct inode){.fd = fs}, CB_OWNER_XATTR);
    return r < 0 ? r : cache_layer_strip(fs, NULL, false, &ignored);
}
