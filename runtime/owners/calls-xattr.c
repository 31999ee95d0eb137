/* The attribute that holds an owner is not shown to anybody inside, and nobody inside can write it. Writes are done here
 * rather than passed on: a name that another thread changes after it was looked at would get through. */
#include "base/mem.h"
#include "runtime/owners/call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

/* 1: it is ours. 0: another one, in `ret`. -errno. */
static int read_name(const struct rt_call *c, char ret[XATTR_NAME_MAX + 2])
{
    int n = rt_call_string(c, c->arg[1], ret, XATTR_NAME_MAX + 2);
    if (n < 0)
        return n == -ENAMETOOLONG ? -ERANGE : n;
    return n == 0 || n > XATTR_NAME_MAX ? -ERANGE : strcmp(ret, CB_OWNER_XATTR) == 0;
}

/* ---- names ------------------------------------------------------------------------------------ */

static size_t without_ours(char *names, size_t n)
{
    size_t kept = 0;
    for (size_t at = 0, len; at < n; at += len) {
        len = strnlen(names + at, n - at) + 1;
        if (strcmp(names + at, CB_OWNER_XATTR) == 0)
            continue;
        memmove(names + kept, names + at, len);
        kept += len;
    }
    return kept;
}

int64_t rt_on_listxattr(struct rt_call *c)
{
    struct cb_owner own;
    struct rt_path p;
    if (rt_path_open(c, &p) < 0 || (p.follow ? cb_owner_read_path(p.text, &own) : cb_owner_read_link(p.text, &own)) <= 0)
        return RT_PASS;
    CB_AUTO(free) char *names = cb_alloc(XATTR_LIST_MAX + 1);
    ssize_t n = p.follow ? listxattr(p.text, names, XATTR_LIST_MAX) : llistxattr(p.text, names, XATTR_LIST_MAX);
    if (n < 0)
        return -errno;
    size_t kept = without_ours(names, (size_t)n);
    if (c->arg[2] == 0)
        return (int64_t)kept;
    int r = kept > c->arg[2] ? -ERANGE : kept ? rt_call_write(c, c->arg[1], names, kept) : 0;
    return r < 0 ? r : (int64_t)kept;
}

/* ---- values ----------------------------------------------------------------------------------- */

int64_t rt_on_getxattr(struct rt_call *c)
{
    char name[XATTR_NAME_MAX + 2];
    return read_name(c, name) == 1 ? -ENODATA : RT_PASS;
}

/* The file, and whether the caller has the rights that we have. 0 or -errno. */
static int find(struct rt_call *c, const char *name, struct rt_path *p)
{
    struct stat st;
    int r = rt_path_open(c, p);
    if (r == 0 && p->follow && fstatat(AT_FDCWD, p->text, &st, 0) < 0)
        r = errno == ENOENT ? rt_path_links(c, p) : -errno;
    if (r < 0)
        return r;
    if (strcmp(name, "security.capability") == 0)
        return rt_cred_can(rt_call_cred(c), CAP_SETFCAP) && c->super->bounding >> CAP_SETFCAP & 1 ? 0 : -EPERM;
    return rt_call_may(c, p, 2) ? 0 : -EACCES;
}

int64_t rt_on_setxattr(struct rt_call *c)
{
    char name[XATTR_NAME_MAX + 2];
    struct rt_path p;
    int r = read_name(c, name);
    if (r != 0)
        return r < 0 ? r : -EPERM;
    if (c->arg[3] > XATTR_SIZE_MAX)
        return -E2BIG;
    CB_AUTO(free) char *value = cb_alloc(c->arg[3] + 1);
    r = find(c, name, &p);
    if (r == 0 && c->arg[3])
        r = rt_call_read(c, c->arg[2], value, c->arg[3]);
    if (r < 0)
        return r;
    int flags = rt_call_int(c, 4);
    r = p.follow ? setxattr(p.text, name, value, c->arg[3], flags) : lsetxattr(p.text, name, value, c->arg[3], flags);
    return r < 0 ? -errno : 0;
}

int64_t rt_on_removexattr(struct rt_call *c)
{
    char name[XATTR_NAME_MAX + 2];
    struct rt_path p;
    int r = read_name(c, name);
    if (r == 1)
        return -ENODATA;
    if (r == 0)
        r = find(c, name, &p);
    if (r < 0)
        return r;
    r = p.follow ? removexattr(p.text, name) : lremovexattr(p.text, name);
    return r < 0 ? -errno : 0;
}
