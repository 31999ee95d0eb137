/* Programs with set-id bits, and what every execve does to ids; roots. The kernel executes; whether it did shows when the process
 * asks for something next (target.c). */
#include "base/fd.h"
#include "runtime/owners/call.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
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

#define MAX_LINE 256 /* of a script's first, as the kernel */

/* 1: it is a script, and *p is its interpreter now. 0: it is none. -errno. */
static int interpreter(struct rt_call *c, struct rt_path *p)
{
    char line[MAX_LINE];
    CB_AUTO(close) int fd = open(p->text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (p->follow ? 0 : O_NOFOLLOW));
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    if (n < 3 || memcmp(line, "#!", 2) != 0)
        return 0;
    line[n] = '\0';
    char *name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t\n")] = '\0';
    int r = rt_path_text(c, AT_FDCWD, name, 0, p);
    return r < 0 ? r : 1;
}

/* The file whose bits count: of a script its interpreter's, which may be a script. False: nothing will be executed. */
static bool find_program(struct rt_call *c, struct rt_path *p, struct stat *st)
{
    for (int n = 0; n < 6; n++) { /* the kernel goes no further */
        if (fstatat(AT_FDCWD, p->text, st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st->st_mode) ||
            !(st->st_mode & 0111))
            return false;
        int r = interpreter(c, p);
        if (r <= 0)
            return r == 0;
    }
    return false;
}

static bool bits_ignored(const struct rt_call *c, const struct rt_path *p)
{
    struct statvfs fs;
    return (statvfs(p->text, &fs) == 0 && fs.f_flag & ST_NOSUID) || rt_call_no_new_privs(c);
}

static int64_t execute(struct rt_call *c, struct rt_path *p)
{
    const struct rt_cred *old = rt_call_cred(c);
    struct rt_cred new = *old;
    struct rt_executed f = {0};
    struct cb_owner own;
    struct stat st;
    if (!find_program(c, p, &st))
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
    int r = rt_cred_same(old, &new) ? 0 : rt_call_become_by_exec(c, &new);
    return r < 0 ? r : RT_PASS;
}

int64_t rt_on_execve(struct rt_call *c)
{
    struct rt_path p;
    rt_call_settle(c);
    return rt_path_at(c, -1, 0, 0, &p) < 0 ? RT_PASS : execute(c, &p);
}

int64_t rt_on_execveat(struct rt_call *c)
{
    struct rt_path p;
    rt_call_settle(c);
    return rt_path_at(c, 0, 1, rt_call_int(c, 4), &p) < 0 ? RT_PASS : execute(c, &p);
}

int64_t rt_on_chroot(struct rt_call *c)
{
    struct rt_path p;
    struct stat st;
    if (rt_path_at(c, -1, 0, 0, &p) < 0 || fstatat(AT_FDCWD, p.text, &st, 0) < 0 || !S_ISDIR(st.st_mode))
        return RT_PASS;
    if (!rt_cred_can(rt_call_cred(c), CAP_SYS_CHROOT))
        return -EPERM;
    c->super->chrooted = true;
    return RT_PASS;
}
