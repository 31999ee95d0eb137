#include "base/fd.h"
#include "runtime/owners/call.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int flags_of(const struct rt_path *p)
{
    return p->follow ? 0 : AT_SYMLINK_NOFOLLOW;
}

int rt_store_read(const struct rt_super *s, const struct rt_path *p, struct cb_owner *ret)
{
    int r = p->follow ? cb_owner_read_path(p->text, ret) : cb_owner_read_link(p->text, ret);
    return r || rt_links_empty(&s->links) ? r : rt_links_find(&s->links, p->text, p->follow, ret);
}

int rt_store_stat(const struct rt_super *s, const struct rt_path *p, struct stat *st, struct cb_owner *ret)
{
    if (fstatat(AT_FDCWD, p->text, st, flags_of(p)) < 0)
        return -errno;
    int r = rt_store_read(s, p, ret);
    if (r > 0)
        cb_owner_show(ret, st);
    else
        *ret = (struct cb_owner){.uid = st->st_uid, .gid = st->st_gid};
    return r;
}

/* Of such a file the kernel says that it was given away, but it was not. */
static bool forgets(const struct rt_path *p)
{
    CB_AUTO(close) int fd = open(p->text, O_PATH | O_CLOEXEC | (p->follow ? 0 : O_NOFOLLOW));
    return fd >= 0 && rt_is_of_proc(fd);
}

/* Its time of birth is another one once it lies in the upper directory, so it is moved there first. */
static int write_to_table(struct rt_super *s, const struct rt_path *p, const struct cb_owner *o)
{
    if (fchownat(AT_FDCWD, p->text, 0, 0, flags_of(p)) < 0)
        return -errno;
    if (forgets(p))
        return 0;
    int r = rt_links_set(&s->links, p->text, p->follow, o);
    s->full = s->full || r == -ENOSPC;
    return r;
}

int rt_store_write(struct rt_super *s, const struct rt_path *p, const struct stat *st, const struct cb_owner *o)
{
    bool holds = S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || o->device;
    int r = !holds ? -EOPNOTSUPP : p->follow ? cb_owner_write_path(p->text, o) : cb_owner_write_link(p->text, o);
    return r == -EOPNOTSUPP && !o->device ? write_to_table(s, p, o) : r;
}
