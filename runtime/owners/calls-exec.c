/* Programs with set-id bits, and what every execve does to ids; roots. The kernel executes; the ids are set before, where it
 * seems that it will succeed. */
#include "base/fd.h"
#include "runtime/owners/call.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define VERSION_MASK 0xff000000u
#define IS_EFFECTIVE 0x00000001u

/* security.capability, in its second or third form. */
static void read_capability(const struct rt_path *p, struct rt_executed *ret)
{
    uint32_t v[6];
    ssize_t n = p->follow ? getxattr(p->text, "security.capability", v, sizeof(v))
                          : lgetxattr(p->text, "security.capability", v, sizeof(v));
    if (n < 20 || (le32toh(v[0]) & VERSION_MASK) < 0x02000000u)
        return;
    ret->has_capability = true;
    ret->capability_effective = le32toh(v[0]) & IS_EFFECTIVE;
    ret->file_permitted = le32toh(v[1]) | (uint64_t)le32toh(v[3]) << 32;
    ret->file_inheritable = le32toh(v[2]) | (uint64_t)le32toh(v[4]) << 32;
}

/* Of a script only its interpreter's bits would count. */
static bool is_script(const struct rt_path *p)
{
    char start[2];
    CB_AUTO(close) int fd = open(p->text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (p->follow ? 0 : O_NOFOLLOW));
    return fd >= 0 && read(fd, start, sizeof(start)) == sizeof(start) && memcmp(start, "#!", 2) == 0;
}

static bool bits_ignored(const struct rt_call *c, const struct rt_path *p)
{
    struct statvfs fs;
    return (statvfs(p->text, &fs) == 0 && fs.f_flag & ST_NOSUID) || rt_call_no_new_privs(c) || is_script(p);
}

static int64_t execute(struct rt_call *c, const struct rt_path *p)
{
    const struct rt_cred *old = rt_call_cred(c);
    struct rt_cred new = *old;
    struct rt_executed f = {0};
    struct cb_owner own;
    struct stat st;
    if (fstatat(AT_FDCWD, p->text, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
        return RT_PASS;
    f.mode = st.st_mode;
    if (old->uid[RT_REAL] || old->uid[RT_EFFECTIVE])
        read_capability(p, &f);
    if (st.st_mode & (S_ISUID | S_ISGID) || f.has_capability)
        f.ignore_bits = bits_ignored(c, p);
    if (st.st_mode & (S_ISUID | S_ISGID) && rt_store_read(c->super, p, &own) > 0) {
        f.uid = own.uid;
        f.gid = own.gid;
    }
    rt_cred_exec(&new, c->super->bounding, &f);
    int r = rt_cred_same(old, &new) ? 0 : rt_call_become(c, &new);
    return r < 0 ? r : RT_PASS;
}

int64_t rt_on_execve(struct rt_call *c)
{
    struct rt_path p;
    return rt_path_at(c, -1, 0, 0, &p) < 0 ? RT_PASS : execute(c, &p);
}

int64_t rt_on_execveat(struct rt_call *c)
{
    struct rt_path p;
    return rt_path_at(c, 0, 1, rt_call_int(c, 4), &p) < 0 ? RT_PASS : execute(c, &p);
}

int64_t rt_on_chroot(struct rt_call *c)
{
    c->super->chrooted = true;
    return RT_PASS;
}
