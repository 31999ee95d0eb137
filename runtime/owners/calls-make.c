/* What a process makes belongs to it, and below a set-group-id directory to that directory's group. Where that is root the
 * kernel makes it; else the supervisor does, gives it its owner, and hands it over. */
#include "base/fd.h"
#include "runtime/owners/call.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/seccomp.h, whose oldest form does not know it. */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

/* ---- whose it is to be ------------------------------------------------------------------------ */

/* 1: *ret is the owner. 0: root's, as the kernel makes it. -errno. `dir`: where it is made. */
static int owner_in(struct rt_call *c, const struct rt_path *dir, struct cb_owner *ret)
{
    const struct rt_cred *cred = rt_call_cred(c);
    bool root = cred->uid[RT_FS] == 0 && cred->gid[RT_FS] == 0;
    struct cb_owner above;
    struct stat st;
    if (root && rt_store_read(c->super, dir, &above) <= 0)
        return 0; /* the group of root's directory is root's */
    int r = rt_store_stat(c->super, dir, &st, &above);
    if (r < 0)
        return 0; /* the kernel says what is wrong */
    *ret = (struct cb_owner){.uid = cred->uid[RT_FS], .gid = st.st_mode & S_ISGID ? above.gid : cred->gid[RT_FS]};
    return !cb_owner_is_plain(ret);
}

/* Everything belongs to us: that a mode keeps this process out must be found out here. */
bool rt_call_may(struct rt_call *c, const struct rt_path *p, unsigned rights)
{
    const struct rt_cred *cred = rt_call_cred(c);
    struct cb_owner own;
    struct stat st;
    if (rt_cred_can(cred, CAP_DAC_OVERRIDE) || rt_store_stat(c->super, p, &st, &own) < 0)
        return true;
    unsigned shift = cred->uid[RT_FS] == own.uid ? 6 : rt_cred_in_group(cred, own.gid) ? 3 : 0;
    return (st.st_mode >> shift & rights) == rights;
}

static bool may_write(struct rt_call *c, const struct rt_path *dir)
{
    return rt_call_may(c, dir, 3);
}

/* Or it is no name at all: then the kernel says what is wrong. */
static bool exists(const struct rt_path *p)
{
    struct stat st;
    return fstatat(AT_FDCWD, p->text, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Of a name that is to be made. 1: by us, for *ret. 0: by the kernel. -errno. */
static int prepare(struct rt_call *c, const struct rt_path *p, struct cb_owner *ret)
{
    struct rt_path dir;
    const char *name;
    if (!rt_path_split(p, &dir, &name))
        return 0;
    int r = owner_in(c, &dir, ret);
    if (r <= 0 || exists(p))
        return r < 0 ? r : 0;
    if (!may_write(c, &dir))
        return -EACCES;
    return rt_call_valid(c) ? 1 : -ESRCH;
}

/* What was made gets its owner, or is taken away again. */
static int give(struct rt_call *c, const struct rt_path *p, const struct cb_owner *o)
{
    struct rt_path made = *p;
    struct stat st;
    made.follow = false;
    if (fstatat(AT_FDCWD, made.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    int r = rt_store_write(c->super, &made, &st, o);
    if (r < 0)
        (void)unlinkat(AT_FDCWD, made.text, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
    return r;
}

/* ---- files ------------------------------------------------------------------------------------ */

struct opening {
    struct rt_path path;
    struct open_how how;
    int dir; /* with how.resolve: where it starts from; else AT_FDCWD */
    const char *text;
};

static bool makes(const struct open_how *how)
{
    return how->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
}

static int hand_over(struct rt_call *c, int fd, bool cloexec)
{
    struct seccomp_notif_addfd add = {
        .id = c->id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd, .newfd_flags = cloexec ? O_CLOEXEC : 0};
    return ioctl(c->super->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

static int make_file(struct rt_call *c, const struct opening *o)
{
    struct open_how how = o->how;
    how.flags |= O_CLOEXEC | O_NOCTTY | ((how.flags & O_CREAT) ? O_EXCL : 0);
    mode_t ours = umask(rt_call_umask(c));
    int fd = how.resolve ? (int)syscall(SYS_openat2, o->dir, o->text, &how, sizeof(how))
                         : openat(o->dir, o->text, (int)how.flags, (mode_t)how.mode);
    int r = fd < 0 ? -errno : fd;
    umask(ours);
    return r;
}

static int64_t open_made(struct rt_call *c, const struct opening *o, const struct cb_owner *own)
{
    CB_AUTO(close) int fd = make_file(c, o);
    if (fd == -EEXIST && o->how.flags & O_EXCL)
        return -EEXIST;
    if (fd < 0)
        return RT_PASS; /* it is there meanwhile, or the kernel says what is wrong */
    int r = cb_owner_write(fd, own);
    if (r == -EOPNOTSUPP && o->how.flags & O_CREAT)
        r = give(c, &o->path, own);
    if (r == 0)
        r = hand_over(c, fd, o->how.flags & O_CLOEXEC);
    if (r < 0 && o->how.flags & O_CREAT)
        (void)unlinkat(AT_FDCWD, o->path.text, 0);
    return r < 0 ? r : RT_SENT;
}

static int64_t open_path(struct rt_call *c, struct opening *o)
{
    struct cb_owner own;
    if (o->how.flags & (O_PATH | O_DIRECTORY) && o->how.flags & O_CREAT)
        return RT_PASS;
    if (o->how.flags & O_CREAT && !(o->how.flags & (O_EXCL | O_NOFOLLOW)) && !o->how.resolve && rt_path_links(c, &o->path) < 0)
        return RT_PASS;
    int r = o->how.flags & O_CREAT ? prepare(c, &o->path, &own) : owner_in(c, &o->path, &own);
    if (r == 1 && !(o->how.flags & O_CREAT) && !may_write(c, &o->path))
        r = -EACCES;
    return r < 0 ? r : r == 0 ? RT_PASS : open_made(c, o, &own);
}

/* `dir`: the argument with the directory, -1: the working directory. */
static int64_t open_plain(struct rt_call *c, int dir, unsigned path, unsigned flags, unsigned mode)
{
    struct opening o = {.how = {.flags = (uint32_t)c->arg[flags], .mode = c->arg[mode] & 07777}, .dir = AT_FDCWD};
    o.text = o.path.text;
    return rt_path_at(c, dir, (int)path, 0, &o.path) < 0 ? RT_PASS : open_path(c, &o);
}

int64_t rt_on_open(struct rt_call *c)
{
    return open_plain(c, -1, 0, 1, 2);
}

int64_t rt_on_openat(struct rt_call *c)
{
    return open_plain(c, 0, 1, 2, 3);
}

int64_t rt_on_creat(struct rt_call *c)
{
    c->arg[2] = c->arg[1];
    c->arg[1] = O_CREAT | O_WRONLY | O_TRUNC;
    return open_plain(c, -1, 0, 1, 2);
}

int64_t rt_on_openat2(struct rt_call *c)
{
    char text[PATH_MAX];
    struct opening o = {.dir = AT_FDCWD, .text = text};
    CB_AUTO(close) int dir = -1;
    if (c->arg[3] < sizeof(o.how) || rt_call_read(c, c->arg[2], &o.how, sizeof(o.how)) < 0 || !makes(&o.how) ||
        o.how.resolve & RESOLVE_IN_ROOT || /* then a name here is not a name there */
        rt_call_string(c, c->arg[1], text, sizeof(text)) < 0 || rt_path_text(c, rt_call_int(c, 0), text, 0, &o.path) < 0)
        return RT_PASS;
    if (!o.how.resolve) {
        o.text = o.path.text;
        return open_path(c, &o);
    }
    struct rt_path from;
    rt_path_fd(c, rt_call_int(c, 0), &from);
    o.dir = dir = open(from.text, O_PATH | O_CLOEXEC);
    return dir < 0 ? RT_PASS : open_path(c, &o);
}

/* ---- everything else -------------------------------------------------------------------------- */

typedef int make_fn(const char *path, mode_t mode, const void *arg);

/* `mode`: as asked for, before the mask. */
static int64_t make(struct rt_call *c, const struct rt_path *p, make_fn *fn, mode_t mode, const void *arg)
{
    struct cb_owner own;
    int r = prepare(c, p, &own);
    if (r <= 0)
        return r < 0 ? r : RT_PASS;
    mode_t ours = umask(rt_call_umask(c));
    r = fn(p->text, mode, arg) < 0 ? -errno : 0;
    umask(ours);
    return r < 0 ? r : give(c, p, &own);
}

static int make_dir(const char *path, mode_t mode, const void *arg)
{
    (void)arg;
    return mkdir(path, mode);
}

static int64_t on_mkdir(struct rt_call *c, int dir, unsigned path, unsigned mode)
{
    struct rt_path p;
    if (rt_path_at(c, dir, (int)path, 0, &p) < 0)
        return RT_PASS;
    for (size_t n = strlen(p.text); n > 1 && p.text[n - 1] == '/'; n--)
        p.text[n - 1] = '\0';
    return make(c, &p, make_dir, c->arg[mode] & 07777, NULL);
}

int64_t rt_on_mkdir(struct rt_call *c)
{
    return on_mkdir(c, -1, 0, 1);
}

int64_t rt_on_mkdirat(struct rt_call *c)
{
    return on_mkdir(c, 0, 1, 2);
}

static int make_symlink(const char *path, mode_t mode, const void *target)
{
    (void)mode;
    return symlink(target, path);
}

static int64_t on_symlink(struct rt_call *c, int dir, unsigned path)
{
    char target[PATH_MAX];
    struct rt_path p;
    if (rt_path_at(c, dir, (int)path, AT_SYMLINK_NOFOLLOW, &p) < 0 || rt_call_string(c, c->arg[0], target, sizeof(target)) < 0)
        return RT_PASS;
    return make(c, &p, make_symlink, 0, target);
}

int64_t rt_on_symlink(struct rt_call *c)
{
    return on_symlink(c, -1, 1);
}

int64_t rt_on_symlinkat(struct rt_call *c)
{
    return on_symlink(c, 1, 2);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static int make_node(const char *path, mode_t mode, const void *arg)
{
    (void)arg;
    return mknod(path, mode, 0);
}

/* An empty file that says which device it is. */
static int64_t make_device(struct rt_call *c, const struct rt_path *p, mode_t mode, uint32_t dev)
{
    struct cb_owner own = {0};
    struct rt_path dir;
    const char *name;
    if (!rt_cred_can(rt_call_cred(c), CAP_MKNOD))
        return -EPERM;
    if (!rt_path_split(p, &dir, &name) || exists(p))
        return RT_PASS;
    (void)owner_in(c, &dir, &own);
    if (!may_write(c, &dir))
        return -EACCES;
    own.device = mode & S_IFMT;
    own.major = dev >> 8 & 0xfff;
    own.minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
    if (!rt_call_valid(c))
        return -ESRCH;
    mode_t ours = umask(rt_call_umask(c));
    int r = mknod(p->text, S_IFREG | (mode & 07777), 0) < 0 ? -errno : 0;
    umask(ours);
    return r < 0 ? r : give(c, p, &own);
}

static int64_t on_mknod(struct rt_call *c, int dir, unsigned path)
{
    mode_t mode = (mode_t)c->arg[path + 1];
    uint32_t dev = (uint32_t)c->arg[path + 2];
    struct rt_path p;
    if (rt_path_at(c, dir, (int)path, AT_SYMLINK_NOFOLLOW, &p) < 0)
        return RT_PASS;
    if (S_ISBLK(mode) || (S_ISCHR(mode) && dev)) /* 0:0 anybody may make: overlay's whiteout */
        return make_device(c, &p, mode, dev);
    return S_ISCHR(mode) ? RT_PASS : make(c, &p, make_node, mode, NULL);
}

int64_t rt_on_mknod(struct rt_call *c)
{
    return on_mknod(c, -1, 0);
}

int64_t rt_on_mknodat(struct rt_call *c)
{
    return on_mknod(c, 0, 1);
}
