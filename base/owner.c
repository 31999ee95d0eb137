#include "base/owner.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

size_t cb_owner_format(const struct cb_owner *o, char ret[CB_OWNER_MAX])
{
    int n = snprintf(ret, CB_OWNER_MAX, "%u:%u", o->uid, o->gid);
    if (o->device)
        n += snprintf(ret + n, CB_OWNER_MAX - (size_t)n, ":%c:%u:%u", S_ISCHR(o->device) ? 'c' : 'b', o->major, o->minor);
    return (size_t)n;
}

/* Digits up to `end` or the end of the text; NULL: not a number of 32 bits. */
static const char *number(const char *p, char end, uint32_t *ret)
{
    uint64_t v = 0;
    const char *start = p;
    for (; *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    if (p == start || v > UINT32_MAX || *p != end)
        return NULL;
    *ret = (uint32_t)v;
    return end ? p + 1 : p;
}

static bool parse_device(const char *p, struct cb_owner *o)
{
    if ((*p != 'c' && *p != 'b') || p[1] != ':')
        return false;
    o->device = *p == 'c' ? S_IFCHR : S_IFBLK;
    p = number(p + 2, ':', &o->major);
    return p && number(p, '\0', &o->minor);
}

bool cb_owner_parse(const char *p, size_t n, struct cb_owner *ret)
{
    char text[CB_OWNER_MAX + 1];
    struct cb_owner o = {0};
    if (n > CB_OWNER_MAX)
        return false;
    memcpy(text, p, n);
    text[n] = '\0';
    const char *rest = number(text, ':', &o.uid);
    if (!rest)
        return false;
    const char *device = number(rest, ':', &o.gid);
    if (device ? !parse_device(device, &o) : !number(rest, '\0', &o.gid))
        return false;
    if (o.uid == UINT32_MAX || o.gid == UINT32_MAX || (o.device && o.major == 0 && o.minor == 0)) /* 0:0 is a whiteout */
        return false;
    *ret = o;
    return true;
}

bool cb_owner_is_plain(const struct cb_owner *o)
{
    return o->uid == 0 && o->gid == 0 && !o->device;
}

/* ---- of one inode --------------------------------------------------------- */

static int read_inode(const char *path, bool follow, struct cb_owner *ret)
{
    char value[CB_OWNER_MAX];
    ssize_t n =
        follow ? getxattr(path, CB_OWNER_XATTR, value, sizeof(value)) : lgetxattr(path, CB_OWNER_XATTR, value, sizeof(value));
    if (n >= 0)
        return cb_owner_parse(value, (size_t)n, ret);
    return errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE || errno == EPERM ? 0 : -errno;
}

struct inode {
    int fd;
    const char *path;
    bool follow;
};

static int write_inode(const struct inode *i, const struct cb_owner *o)
{
    char value[CB_OWNER_MAX];
    size_t n = cb_owner_format(o, value);
    int r = !i->path    ? fsetxattr(i->fd, CB_OWNER_XATTR, value, n, 0)
            : i->follow ? setxattr(i->path, CB_OWNER_XATTR, value, n, 0)
                        : lsetxattr(i->path, CB_OWNER_XATTR, value, n, 0);
    return r < 0 ? -errno : 0;
}

int cb_owner_read_path(const char *path, struct cb_owner *ret)
{
    return read_inode(path, true, ret);
}

int cb_owner_read_link(const char *path, struct cb_owner *ret)
{
    return read_inode(path, false, ret);
}

int cb_owner_write(int fd, const struct cb_owner *o)
{
    return write_inode(&(struct inode){.fd = fd}, o);
}

int cb_owner_write_path(const char *path, const struct cb_owner *o)
{
    return write_inode(&(struct inode){.path = path, .follow = true}, o);
}

int cb_owner_write_link(const char *path, const struct cb_owner *o)
{
    return write_inode(&(struct inode){.path = path}, o);
}

/* Kernels before 6.13 have no call for a name in a directory. False: the name is too long. */
static bool name_at(int dirfd, const char *name, char ret[PATH_MAX])
{
    return snprintf(ret, PATH_MAX, "/proc/self/fd/%d/%s", dirfd, name) < PATH_MAX;
}

int cb_owner_read_at(int dirfd, const char *name, struct cb_owner *ret)
{
    char path[PATH_MAX];
    return name_at(dirfd, name, path) ? cb_owner_read_link(path, ret) : -ENAMETOOLONG;
}

int cb_owner_write_at(int dirfd, const char *name, const struct cb_owner *o)
{
    char path[PATH_MAX];
    return name_at(dirfd, name, path) ? cb_owner_write_link(path, o) : -ENAMETOOLONG;
}

void cb_owner_show(const struct cb_owner *o, struct stat *st)
{
    st->st_uid = o->uid;
    st->st_gid = o->gid;
    if (!o->device)
        return;
    st->st_mode = (st->st_mode & 07777) | o->device;
    st->st_rdev = makedev(o->major, o->minor);
    st->st_size = 0;
    st->st_blocks = 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct cb_link_owner *)a)->path, ((const struct cb_link_owner *)b)->path);
}

void cb_link_owners_sort(struct cb_link_owners *l)
{
    if (l->n)
        qsort(l->items, l->n, sizeof(*l->items), compare);
}

static int by_path(const void *path, const void *owner)
{
    return strcmp(path, ((const struct cb_link_owner *)owner)->path);
}

const struct cb_link_owner *cb_link_owners_find(const struct cb_link_owners *l, const char *path)
{
    return l->n ? bsearch(path, l->items, l->n, sizeof(*l->items), by_path) : NULL;
}
