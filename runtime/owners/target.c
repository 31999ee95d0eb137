#include "runtime/owners/call.h"
#include "base/fd.h"

#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

uint32_t rt_call_id(const struct rt_call *c, unsigned i)
{
    uint32_t id = (uint32_t)c->arg[i];
    return !c->row->short_ids ? id : (id & 0xffff) == 0xffff ? RT_CRED_SAME : id & 0xffff;
}

bool rt_call_valid(const struct rt_call *c)
{
    uint64_t id = c->id;
    return ioctl(c->super->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

int rt_call_read(const struct rt_call *c, uint64_t at, void *p, size_t n)
{
    struct iovec here = {p, n}, there = {(void *)(uintptr_t)at, n};
    if (process_vm_readv(c->tid, &here, 1, &there, 1, 0) != (ssize_t)n)
        return -EFAULT;
    return rt_call_valid(c) ? 0 : -ESRCH;
}

/* It cannot run before it is answered, and only a fatal signal ends its waiting: its number is not another process's yet. */
int rt_call_write(const struct rt_call *c, uint64_t at, const void *p, size_t n)
{
    struct iovec here = {(void *)p, n}, there = {(void *)(uintptr_t)at, n};
    if (!rt_call_valid(c))
        return -ESRCH;
    return process_vm_writev(c->tid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

/* Page by page: the one after the string's last may not be there. */
int rt_call_string(const struct rt_call *c, uint64_t at, char *ret, size_t max)
{
    size_t len = 0;
    while (len < max) {
        size_t piece = CB_MIN(max - len, 4096 - (at + len) % 4096);
        struct iovec here = {ret + len, piece}, there = {(void *)(uintptr_t)(at + len), piece};
        ssize_t n = process_vm_readv(c->tid, &here, 1, &there, 1, 0);
        if (n <= 0)
            return -EFAULT;
        const char *end = memchr(ret + len, '\0', (size_t)n);
        if (end)
            return rt_call_valid(c) ? (int)(end - ret) : -ESRCH;
        len += (size_t)n;
    }
    return -ENAMETOOLONG;
}

#define MAX_STATUS 16384

/* ---- who it is ------------------------------------------------------------------------------ */

#define MARK 0x3fffffff

/* What it executes, as far as it shows from outside: the file, and where the kernel has put it, which nobody inside can
 * change (table.c refuses PR_SET_MM). 30 bits; every execve makes another. 0: it cannot be told. */
static uint64_t mark_of(const struct rt_super *s, pid_t pid)
{
    char path[32];
    struct stat exe = {0};
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    snprintf(path, sizeof(path), "%d/exe", (int)pid);
    (void)fstatat(s->proc, path, &exe, 0); /* it may have been removed */
    uint64_t hash = exe.st_dev * 31 + exe.st_ino;
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    if (cb_read_file(s->proc, path, MAX_STATUS, &b) < 0)
        return 0;
    const char *p = strrchr(b.data, ')'); /* a name may hold anything */
    for (unsigned field = 2; p && *p; field++, p = strchr(p + 1, ' '))
        if ((field >= 26 && field <= 28) || (field >= 45 && field <= 51)) /* addresses of code, stack, data, arguments */
            hash = (hash ^ strtoull(p, NULL, 10)) * UINT64_C(0x100000001b3);
    return CB_MAX((hash ^ hash >> 30) & MARK, 1);
}

_Static_assert(RT_CRED_SETS <= 65536, "two numbers in one limit");

static bool in_doubt(uint64_t limit)
{
    return limit != RLIM_INFINITY && limit & RT_CRED_DOUBT;
}

/* Fork and exec hand the limits of a process on, its threads share them, and nobody inside can change this one: that
 * makes it the place for the number of its set. It limits real-time tasks only, which a sandbox does not have. */
static const struct rt_cred *read_cred(const struct rt_super *s, pid_t pid, uint64_t *ret_limit, bool *ret_executed)
{
    struct rlimit now;
    if (prlimit(pid, RLIMIT_RTTIME, NULL, &now) < 0)
        return NULL;
    *ret_limit = now.rlim_cur;
    uint64_t mark = in_doubt(now.rlim_cur) ? mark_of(s, pid) : 0;
    *ret_executed = mark && mark != (now.rlim_cur >> 32 & MARK);
    uint64_t number = !in_doubt(now.rlim_cur) ? now.rlim_cur - RT_CRED_BASE
                      : *ret_executed         ? now.rlim_cur & 0xffff
                                              : now.rlim_cur >> 16 & 0xffff;
    const struct rt_cred *c = rt_creds_get(s->creds, number);
    return c ? c : rt_creds_get(s->creds, 0);
}

const struct rt_cred *rt_cred_of(const struct rt_super *s, pid_t pid)
{
    uint64_t limit;
    bool executed;
    return read_cred(s, pid, &limit, &executed);
}

static int write_limit(const struct rt_call *c, uint64_t value)
{
    const struct rlimit limit = {value, RLIM_INFINITY};
    if (!rt_call_valid(c))
        return -ESRCH;
    return prlimit(c->tid, RLIMIT_RTTIME, &limit, NULL) < 0 ? -errno : 0;
}

/* Where the execve has not succeeded, another thread may still be in it: the doubt stays. */
static const struct rt_cred *find_cred(struct rt_call *c)
{
    uint64_t limit;
    bool executed;
    const struct rt_cred *cred = read_cred(c->super, c->tid, &limit, &executed);
    c->unsettled = cred && in_doubt(limit) && !executed;
    if (cred && executed)
        (void)write_limit(c, RT_CRED_BASE + (limit & 0xffff)); /* ESRCH: it has been killed */
    return cred;
}

const struct rt_cred *rt_call_cred(struct rt_call *c)
{
    if (!c->cred)
        c->cred = find_cred(c);
    return c->cred ? c->cred : rt_creds_get(c->super->creds, 0);
}

static int number_of(struct rt_call *c, const struct rt_cred *cred)
{
    int number = rt_creds_intern(c->super->creds, cred);
    c->super->full = c->super->full || number < 0;
    return number;
}

int rt_call_become(struct rt_call *c, const struct rt_cred *cred)
{
    int number = number_of(c, cred);
    return number < 0 ? number : write_limit(c, RT_CRED_BASE + (uint64_t)number);
}

int rt_call_become_by_exec(struct rt_call *c, const struct rt_cred *cred)
{
    int old = number_of(c, rt_call_cred(c)), new = number_of(c, cred);
    if (old < 0 || new < 0)
        return old < 0 ? old : new;
    return write_limit(c, RT_CRED_DOUBT | mark_of(c->super, c->tid) << 32 | (uint64_t)old << 16 | (uint64_t) new);
}

void rt_call_settle(struct rt_call *c)
{
    const struct rt_cred *cred = rt_call_cred(c);
    if (c->unsettled)
        (void)rt_call_become(c, cred); /* a set that is known; ESRCH: it has been killed */
}

/* ---- its /proc ------------------------------------------------------------------------------ */

/* The number after `label` in /proc/TID/status, in this base; `otherwise` when it is not there. */
static unsigned long status_of(const struct rt_super *s, pid_t pid, const char *label, int base, unsigned long otherwise)
{
    char path[32];
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    snprintf(path, sizeof(path), "%d/status", (int)pid);
    if (cb_read_file(s->proc, path, MAX_STATUS, &b) < 0)
        return otherwise;
    const char *at = strstr(b.data, label);
    if (!at)
        return otherwise;
    at += strlen(label);
    for (const char *next; (next = strpbrk(at, "\t\n")) && *next == '\t';) /* of several, the last */
        at = next + 1;
    return strtoul(at, NULL, base);
}

mode_t rt_call_umask(const struct rt_call *c)
{
    return (mode_t)status_of(c->super, c->tid, "\nUmask:\t", 8, 022);
}

bool rt_call_no_new_privs(const struct rt_call *c)
{
    return status_of(c->super, c->tid, "\nNoNewPrivs:\t", 10, 0) != 0;
}

uint32_t rt_pid_inside(const struct rt_super *s, pid_t pid)
{
    return (uint32_t)status_of(s, pid, "\nNSpid:\t", 10, 0);
}

uint32_t rt_call_pid(const struct rt_call *c)
{
    return rt_pid_inside(c->super, c->tid);
}

int rt_call_take_fd(const struct rt_call *c, int fd)
{
    pid_t group = (pid_t)status_of(c->super, c->tid, "\nTgid:\t", 10, 0);
    CB_AUTO(close) int pidfd = group > 0 ? (int)syscall(SYS_pidfd_open, group, 0) : -1;
    int got = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (got < 0)
        return -errno;
    if (rt_call_valid(c))
        return got;
    cb_close(got);
    return -ESRCH;
}

/* ---- paths ---------------------------------------------------------------------------------- */

#define MAX_LINKS 40 /* as the kernel */

/* What leads to the caller's own descriptors leads nowhere from here: these become the caller's, in the sandbox's /proc. Not
 * in the supervisor's own: what follows is the caller's text, and ".." in it would lead to every process outside. */
static const struct {
    const char *prefix, *instead;
} own[] = {
    {"/proc/self/", ""},    {"/proc/thread-self/", ""}, {"/dev/fd/", "fd/"},
    {"/dev/stdin", "fd/0"}, {"/dev/stdout", "fd/1"},    {"/dev/stderr", "fd/2"},
};

static int join(struct rt_path *p, int n)
{
    return n < 0 || (size_t)n >= sizeof(p->text) ? -ENAMETOOLONG : 0;
}

static int absolute(const struct rt_call *c, const char *path, struct rt_path *ret)
{
    for (size_t i = 0; i < CB_LEN(own); i++) {
        size_t n = strlen(own[i].prefix);
        if (strncmp(path, own[i].prefix, n) == 0 && (own[i].prefix[n - 1] == '/' || !path[n]))
            return join(ret, snprintf(ret->text, sizeof(ret->text), "/proc/%u/%s%s", rt_call_pid(c), own[i].instead, path + n));
    }
    return join(ret, snprintf(ret->text, sizeof(ret->text), "%s", path));
}

void rt_path_fd(const struct rt_call *c, int fd, struct rt_path *ret)
{
    ret->follow = true; /* the kernel's own link, which ends at the file itself */
    if (fd == AT_FDCWD)
        (void)snprintf(ret->text, sizeof(ret->text), "%d/cwd", (int)c->tid);
    else
        (void)snprintf(ret->text, sizeof(ret->text), "%d/fd/%d", (int)c->tid, fd);
}

static bool same_root(const struct rt_super *s, const char *root)
{
    struct stat a, b;
    return stat(root, &a) < 0 || fstat(s->root, &b) < 0 || (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static int go_to(const struct rt_super *s, int root)
{
    return fchdir(root) < 0 || chroot(".") < 0 || fchdir(s->proc) < 0 ? -errno : 0;
}

/* Absolute paths and symlinks are to mean what they mean to the caller. */
static int follow_root(struct rt_call *c)
{
    char root[32];
    snprintf(root, sizeof(root), "%d/root", (int)c->tid);
    if (!c->super->chrooted || c->elsewhere || same_root(c->super, root))
        return 0;
    CB_AUTO(close) int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    c->elsewhere = true;
    return go_to(c->super, fd);
}

void rt_path_return(struct rt_call *c)
{
    if (c->elsewhere && go_to(c->super, c->super->root) < 0)
        _exit(1); /* it must not answer from there: without it every call that is notified fails */
    c->elsewhere = false;
}

/* A path that leaves no room for what would stand before it: the supervisor goes to where it begins. */
static int go_along(struct rt_call *c, const char *path, struct rt_path *ret)
{
    CB_AUTO(close) int dir = open(ret->text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    c->elsewhere = true;
    return fchdir(dir) < 0 ? -errno : join(ret, snprintf(ret->text, sizeof(ret->text), "%s", path));
}

int rt_path_text(struct rt_call *c, int dirfd, const char *path, int flags, struct rt_path *ret)
{
    int r = c->elsewhere && fchdir(c->super->proc) < 0 ? -errno : follow_root(c);
    if (r < 0)
        return r;
    if (!*path && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    rt_path_fd(c, dirfd, ret);
    if (!*path)
        return 0;
    ret->follow = !(flags & AT_SYMLINK_NOFOLLOW);
    if (*path == '/')
        return absolute(c, path, ret);
    size_t n = strlen(ret->text), room = sizeof(ret->text) - n;
    if (strlen(path) + 1 >= room)
        return go_along(c, path, ret);
    (void)snprintf(ret->text + n, room, "/%s", path);
    return 0;
}

bool rt_call_has_dir(const struct rt_call *c, unsigned dir, const struct rt_path *p)
{
    struct rt_path at;
    struct stat st;
    rt_path_fd(c, rt_call_int(c, dir), &at);
    return *p->text == '/' || fstatat(c->super->proc, at.text, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int rt_path_at(struct rt_call *c, int dir, int path, int flags, struct rt_path *ret)
{
    char text[PATH_MAX] = "";
    int r = 0;
    if (c->arg[path] || !(flags & AT_EMPTY_PATH)) /* newer kernels take no path at all for an empty one */
        r = rt_call_string(c, c->arg[path], text, sizeof(text));
    return r < 0 ? r : rt_path_text(c, dir < 0 ? AT_FDCWD : rt_call_int(c, (unsigned)dir), text, flags, ret);
}

int rt_path_how(struct rt_call *c, struct rt_path *ret)
{
    if (c->row->how != RT_FD)
        return rt_path_at(c, -1, 0, c->row->how == RT_LINK ? AT_SYMLINK_NOFOLLOW : 0, ret);
    if (rt_call_int(c, 0) < 0)
        return -EBADF;
    rt_path_fd(c, rt_call_int(c, 0), ret);
    return 0;
}

/* The link in /proc has a mode by what the descriptor is open for. None: for its path only, or for ioctl(2) only, which hardly
 * anybody knows. */
int rt_path_open(struct rt_call *c, struct rt_path *ret)
{
    struct stat st;
    int r = rt_path_how(c, ret);
    if (r < 0 || c->row->how != RT_FD)
        return r;
    return fstatat(AT_FDCWD, ret->text, &st, AT_SYMLINK_NOFOLLOW) < 0 || !(st.st_mode & 0600) ? -EBADF : 0;
}

bool rt_is_of_proc(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC;
}

/* 1: it is a symlink, and *p is now what that says. 0: it is none, or one of /proc's, which lead elsewhere than they say. */
static int one_link(const struct rt_call *c, struct rt_path *p)
{
    char target[PATH_MAX], dir[PATH_MAX];
    CB_AUTO(close) int fd = open(p->text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || rt_is_of_proc(fd))
        return 0;
    ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
    if (n <= 0)
        return 0;
    target[n] = '\0';
    if (*target == '/')
        return absolute(c, target, p) < 0 ? -ENAMETOOLONG : 1;
    const char *slash = strrchr(p->text, '/');
    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash + 1 - p->text) : 0, p->text);
    return join(p, snprintf(p->text, sizeof(p->text), "%s%s", dir, target)) < 0 ? -ENAMETOOLONG : 1;
}

int rt_path_links(const struct rt_call *c, struct rt_path *p)
{
    int r = 1;
    for (int n = 0; n < MAX_LINKS && r > 0 && p->follow; n++)
        r = one_link(c, p);
    return r;
}

bool rt_path_split(const struct rt_path *p, struct rt_path *ret_dir, const char **ret_name)
{
    const char *slash = strrchr(p->text, '/');
    if (!slash || !slash[1] || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0)
        return false;
    size_t n = slash == p->text ? 1 : (size_t)(slash - p->text);
    memcpy(ret_dir->text, p->text, n);
    ret_dir->text[n] = '\0';
    ret_dir->follow = true;
    *ret_name = slash + 1;
    return true;
}
