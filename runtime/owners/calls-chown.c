/* The chown family. */
#include "runtime/owners/call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

/* Without CAP_CHOWN the owner may give a file to a group of his, and to nobody else. */
static bool may_change(const struct rt_cred *cred, const struct cb_owner *old, const struct cb_owner *new)
{
    if (rt_cred_can(cred, CAP_CHOWN))
        return true;
    bool own = cred->uid[RT_FS] == old->uid, group = new->gid == old->gid || rt_cred_in_group(cred, new->gid);
    return own && new->uid == old->uid &&group;
}

/* What the kernel can do as it was asked: root's file stays root's. */
static bool is_plain_request(uint32_t uid, uint32_t gid)
{
    return (uid == 0 || uid == RT_CRED_SAME) && (gid == 0 || gid == RT_CRED_SAME);
}

static int64_t change(struct rt_call *c, struct rt_path *p, uint32_t uid, uint32_t gid)
{
    const struct rt_cred *cred = rt_call_cred(c);
    struct cb_owner old;
    struct stat st;
    int r = rt_store_stat(c->super, p, &st, &old);
    if (r == -ENOENT && rt_path_links(c, p) == 0)
        r = rt_store_stat(c->super, p, &st, &old);
    if (r < 0)
        return r;
    struct cb_owner new = old;
    new.uid = uid == RT_CRED_SAME ? old.uid : uid;
    new.gid = gid == RT_CRED_SAME ? old.gid : gid;
    bool asked = uid != RT_CRED_SAME || gid != RT_CRED_SAME;
    if (asked && !may_change(cred, &old, &new))
        return -EPERM;
    if (r == 0 && is_plain_request(uid, gid))
        return RT_PASS;
    if (!rt_call_valid(c))
        return -ESRCH;
    /* The kernel takes set-id bits and capabilities off, as it does for every change of an owner. */
    if (S_ISREG(st.st_mode) && (st.st_mode & 06111) && fchownat(AT_FDCWD, p->text, 0, 0, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return rt_store_write(c->super, p, &st, &new);
}

int64_t rt_on_chown(struct rt_call *c)
{
    struct rt_path p;
    int r = rt_path_open(c, &p);
    return r < 0 ? r : change(c, &p, rt_call_id(c, 1), rt_call_id(c, 2));
}

int64_t rt_on_fchownat(struct rt_call *c)
{
    int flags = rt_call_int(c, 4);
    struct rt_path p;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int r = rt_path_at(c, 0, 1, flags, &p);
    int64_t result = r < 0 ? r : change(c, &p, rt_call_id(c, 2), rt_call_id(c, 3));
    return result == -ENOENT && !rt_call_has_dir(c, 0, &p) ? -EBADF : result;
}
