/* Fault injection for tests of the store: the n-th call of the file system that changes something fails, or
 * the process is killed in its place.
 *
 *   gcc -D_GNU_SOURCE -shared -fPIC -O1 -o faultfs.so tests/tools/faultfs.c -ldl
 *   FAULTFS_AT=17 FAULTFS_ERROR=ENOSPC LD_PRELOAD=./faultfs.so cbuild …
 *
 *   FAULTFS_AT     number of the call, from 1; absent or 0: nothing fails
 *   FAULTFS_ERROR  ENOSPC (default), EIO, EDQUOT, EROFS, EOPNOTSUPP, or KILL: the process kills itself instead of calling
 *   FAULTFS_CALLS  which calls count, separated by commas: write rename link open sync mkdir unlink truncate
 *                  tmpfile attribute; absent: all of them
 *   FAULTFS_UNDER  only calls on files whose path begins with this are counted (default: every file; pipes, sockets
 *                  and terminals never count)
 *   FAULTFS_STICK  1: every later call fails as well, as on a full disk (removing always works)
 *   FAULTFS_COUNT  a file: at its end the process adds a line with the number of calls that counted, so that a
 *                  test can first count and then try each number
 *   FAULTFS_SHARED a file of at least 8 bytes: the count is kept in it, common to all processes of a build, so
 *                  that FAULTFS_AT reaches the children too; without it each process counts for itself
 *
 * write means write, pwrite, writev, copy_file_range and sendfile into regular files; open means an open with
 * O_CREAT, tmpfile one with O_TMPFILE, openat2 too where it is called through syscall(2). What the C library does inside itself
 * (stdio) is not seen, and a static program not at all. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum call {
    CALL_WRITE,
    CALL_RENAME,
    CALL_LINK,
    CALL_OPEN,
    CALL_SYNC,
    CALL_MKDIR,
    CALL_UNLINK,
    CALL_TRUNCATE,
    CALL_TMPFILE,
    CALL_ATTRIBUTE,
    CALL_COUNT
};
static const char *const call_names[CALL_COUNT] = {"write", "rename", "link",     "open",    "sync",
                                                   "mkdir", "unlink", "truncate", "tmpfile", "attribute"};

static struct {
    bool ready;
    bool counts[CALL_COUNT];
    uint64_t at;
    int error; /* 0: kill */
    bool stick;
    const char *under;
    uint64_t own, *count;
} fault;

static const struct {
    const char *name;
    int error;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EOPNOTSUPP", EOPNOTSUPP}, {"KILL", 0}};

static void share_count(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED)
        fault.count = p;
}

static bool names_call(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

__attribute__((constructor)) static void setup(void)
{
    const char *at = getenv("FAULTFS_AT"), *error = getenv("FAULTFS_ERROR"), *calls = getenv("FAULTFS_CALLS");
    const char *stick = getenv("FAULTFS_STICK"), *shared = getenv("FAULTFS_SHARED");
    fault.at = at ? strtoull(at, NULL, 10) : 0;
    fault.error = ENOSPC;
    for (size_t i = 0; error && i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(error, errors[i].name) == 0)
            fault.error = errors[i].error;
    for (int i = 0; i < CALL_COUNT; i++)
        fault.counts[i] = !calls || names_call(calls, call_names[i]);
    fault.stick = stick && *stick == '1';
    fault.under = getenv("FAULTFS_UNDER");
    fault.count = &fault.own;
    if (shared)
        share_count(shared);
    fault.ready = true;
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("FAULTFS_COUNT");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    dprintf(fd, "%llu\n", (unsigned long long)*fault.count);
    close(fd);
}

/* The path behind a descriptor, and what follows it when `name` is relative. */
static bool is_under(int fd, const char *name)
{
    char link[64], path[PATH_MAX];
    if (!fault.under)
        return true;
    if (name && *name == '/')
        return strncmp(name, fault.under, strlen(fault.under)) == 0;
    if (fd == AT_FDCWD)
        snprintf(link, sizeof(link), "/proc/self/cwd");
    else
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return false;
    path[n] = 0;
    return strncmp(path, fault.under, strlen(fault.under)) == 0;
}

static bool is_file(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Must this call fail? Then errno is set. */
static bool fails(enum call call, int fd, const char *name)
{
    int saved = errno;
    if (!fault.ready || !fault.counts[call] || !is_under(fd, name)) {
        errno = saved;
        return false;
    }
    uint64_t n = __atomic_add_fetch(fault.count, 1, __ATOMIC_RELAXED);
    bool hit = fault.at && (n == fault.at || (fault.stick && n > fault.at && call != CALL_UNLINK));
    if (hit && fault.error == 0) {
        kill(getpid(), SIGKILL);
        _exit(128 + SIGKILL); /* the first process of a pid namespace does not die of a signal of its own */
    }
    errno = hit ? fault.error : saved;
    return hit;
}

static bool file_fails(enum call call, int fd)
{
    int saved = errno;
    bool file = is_file(fd);
    errno = saved;
    return file && fails(call, fd, NULL);
}

/* The real one: the next `name` behind us. */
#define REAL(name)                                                                                                               \
    static __typeof__(name) *real;                                                                                               \
    if (!real)                                                                                                                   \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* ---- data ----------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *p, size_t n)
{
    REAL(write);
    return file_fails(CALL_WRITE, fd) ? -1 : real(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    REAL(pwrite);
    return file_fails(CALL_WRITE, fd) ? -1 : real(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    REAL(pwrite64);
    return file_fails(CALL_WRITE, fd) ? -1 : real(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    REAL(writev);
    return file_fails(CALL_WRITE, fd) ? -1 : real(fd, v, n);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
    REAL(copy_file_range);
    return file_fails(CALL_WRITE, out) ? -1 : real(in, in_at, out, out_at, n, flags);
}

ssize_t sendfile(int out, int in, off_t *at, size_t n)
{
    REAL(sendfile);
    return file_fails(CALL_WRITE, out) ? -1 : real(out, in, at, n);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    return file_fails(CALL_TRUNCATE, fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(ftruncate64);
    return file_fails(CALL_TRUNCATE, fd) ? -1 : real(fd, size);
}

int fsync(int fd)
{
    REAL(fsync);
    return fails(CALL_SYNC, fd, NULL) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return fails(CALL_SYNC, fd, NULL) ? -1 : real(fd);
}

int syncfs(int fd)
{
    REAL(syncfs);
    return fails(CALL_SYNC, fd, NULL) ? -1 : real(fd);
}

/* ---- names ---------------------------------------------------------------------------------- */

int renameat(int from, const char *a, int to, const char *b)
{
    REAL(renameat);
    return fails(CALL_RENAME, to, b) ? -1 : real(from, a, to, b);
}

int renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    REAL(renameat2);
    return fails(CALL_RENAME, to, b) ? -1 : real(from, a, to, b, flags);
}

int rename(const char *a, const char *b)
{
    REAL(rename);
    return fails(CALL_RENAME, AT_FDCWD, b) ? -1 : real(a, b);
}

int linkat(int from, const char *a, int to, const char *b, int flags)
{
    REAL(linkat);
    return fails(CALL_LINK, to, b) ? -1 : real(from, a, to, b, flags);
}

int symlinkat(const char *target, int dir, const char *name)
{
    REAL(symlinkat);
    return fails(CALL_LINK, dir, name) ? -1 : real(target, dir, name);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
    REAL(mkdirat);
    return fails(CALL_MKDIR, dir, name) ? -1 : real(dir, name, mode);
}

int mknodat(int dir, const char *name, mode_t mode, dev_t dev)
{
    REAL(mknodat);
    return fails(CALL_MKDIR, dir, name) ? -1 : real(dir, name, mode, dev);
}

int unlinkat(int dir, const char *name, int flags)
{
    REAL(unlinkat);
    return fails(CALL_UNLINK, dir, name) ? -1 : real(dir, name, flags);
}

/* ---- owners, modes, times and extended attributes ---------------------------------------------- */

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod);
    return fails(CALL_ATTRIBUTE, fd, NULL) ? -1 : real(fd, mode);
}

int fchmodat(int dir, const char *name, mode_t mode, int flags)
{
    REAL(fchmodat);
    return fails(CALL_ATTRIBUTE, dir, name) ? -1 : real(dir, name, mode, flags);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
    REAL(fchown);
    return fails(CALL_ATTRIBUTE, fd, NULL) ? -1 : real(fd, uid, gid);
}

int fchownat(int dir, const char *name, uid_t uid, gid_t gid, int flags)
{
    REAL(fchownat);
    return fails(CALL_ATTRIBUTE, dir, name) ? -1 : real(dir, name, uid, gid, flags);
}

int futimens(int fd, const struct timespec t[2])
{
    REAL(futimens);
    return fails(CALL_ATTRIBUTE, fd, NULL) ? -1 : real(fd, t);
}

int utimensat(int dir, const char *name, const struct timespec t[2], int flags)
{
    REAL(utimensat);
    return fails(CALL_ATTRIBUTE, dir, name) ? -1 : real(dir, name, t, flags);
}

int fsetxattr(int fd, const char *name, const void *p, size_t n, int flags)
{
    REAL(fsetxattr);
    return fails(CALL_ATTRIBUTE, fd, NULL) ? -1 : real(fd, name, p, n, flags);
}

int setxattr(const char *path, const char *name, const void *p, size_t n, int flags)
{
    REAL(setxattr);
    return fails(CALL_ATTRIBUTE, AT_FDCWD, path) ? -1 : real(path, name, p, n, flags);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool makes(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static bool open_fails(int dir, const char *name, int flags)
{
    return makes(flags) && fails((flags & O_TMPFILE) == O_TMPFILE ? CALL_TMPFILE : CALL_OPEN, dir, name);
}

#define MODE_ARGUMENT(flags, mode)                                                                                               \
    mode_t mode = 0;                                                                                                             \
    if (makes(flags)) {                                                                                                          \
        va_list ap;                                                                                                              \
        va_start(ap, flags);                                                                                                     \
        mode = va_arg(ap, mode_t);                                                                                               \
        va_end(ap);                                                                                                              \
    }

int openat(int dir, const char *name, int flags, ...)
{
    REAL(openat);
    MODE_ARGUMENT(flags, mode)
    return open_fails(dir, name, flags) ? -1 : real(dir, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...)
{
    REAL(openat64);
    MODE_ARGUMENT(flags, mode)
    return open_fails(dir, name, flags) ? -1 : real(dir, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
    REAL(open);
    MODE_ARGUMENT(flags, mode)
    return open_fails(AT_FDCWD, name, flags) ? -1 : real(name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    REAL(open64);
    MODE_ARGUMENT(flags, mode)
    return open_fails(AT_FDCWD, name, flags) ? -1 : real(name, flags, mode);
}

/* openat2 has no wrapper in the C library. */
long syscall(long number, ...)
{
    REAL(syscall);
    va_list ap;
    long a[6];
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    /* how.flags is the first member of struct open_how */
    if (number == SYS_openat2 && open_fails((int)a[0], (const char *)a[1], (int)*(const uint64_t *)a[2]))
        return -1;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
