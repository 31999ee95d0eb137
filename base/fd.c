#include "base/fd.h"
#include "base/stepwise.h"

#include <limits.h>
#include <linux/fs.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6; the same number on every machine we build for */
#endif

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3; a machine may insist on it (vm.memfd_noexec) */
#endif

int cb_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

int cb_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static int open_resolved(int root, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
        .resolve = resolve,
    };
    /* EAGAIN: something was renamed during the walk and the kernel could not prove that ".." stayed inside. */
    for (int tries = 0; tries < 32; tries++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS || errno == EPERM) /* no such call here, or a filter; what else gives EPERM gives it again */
            return cb_open_stepwise(root, path, flags, mode, !(resolve & RESOLVE_NO_SYMLINKS));
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int cb_open_in_root(int root, const char *path, int flags, mode_t mode)
{
    return open_resolved(root, *path ? path : ".", flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int cb_open_beneath(int root, const char *path, int flags, mode_t mode)
{
    return open_resolved(root, *path ? path : ".", flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int cb_open_parent_nofollow(int root, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return -EINVAL;
    CB_AUTO(free) char *dir = slash ? cb_memdup0(path, (size_t)(slash - path)) : cb_strdup(".");
    int fd = cb_open_beneath(root, dir, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0)
        *name = last;
    return fd;
}

char *cb_fd_path(int fd)
{
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path));
    return n < 0 || n == sizeof(path) ? NULL : cb_memdup0(path, (size_t)n);
}

ssize_t cb_read(int fd, void *p, size_t n)
{
    ssize_t r = CB_RETRY(read(fd, p, n));
    return r < 0 ? -errno : r;
}

int cb_read_full(int fd, void *p, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t r = cb_read(fd, (char *)p + have, n - have);
        if (r < 0)
            return (int)r;
        if (r == 0)
            break;
        have += (size_t)r;
    }
    return (int)have;
}

int cb_write_full(int fd, const void *p, size_t n)
{
    while (n) {
        ssize_t w = CB_RETRY(write(fd, p, n));
        if (w < 0)
            return -errno;
        p = (const char *)p + w;
        n -= (size_t)w;
    }
    return 0;
}

static int read_all(int fd, const struct stat *st, size_t max, struct cb_buf *b)
{
    size_t start = b->len;
    if (S_ISREG(st->st_mode) && st->st_size > 0 && (uint64_t)st->st_size <= max)
        cb_buf_reserve(b, (size_t)st->st_size + 1);
    for (;;) {
        if (b->cap < b->len + 2)
            cb_buf_reserve(b, 16384);
        ssize_t r = cb_read(fd, b->data + b->len, b->cap - b->len - 1);
        if (r < 0)
            return (int)r;
        b->len += (size_t)r;
        b->data[b->len] = 0;
        if (b->len - start > max)
            return -EFBIG;
        if (r == 0)
            return 0;
    }
}

int cb_read_fd(int fd, size_t max, struct cb_buf *b)
{
    struct stat st = {0};
    (void)fstat(fd, &st); /* only for how much there is to read */
    return read_all(fd, &st, max, b);
}

int cb_read_file(int dirfd, const char *path, size_t max, struct cb_buf *b)
{
    CB_AUTO(close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return read_all(fd, &st, max, b);
}

#define COPY_PIECE 65536u

static int copy_by_hand(int in, int out, uint64_t n)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(COPY_PIECE);
    while (n) {
        int r = cb_read_full(in, block, CB_MIN(n, COPY_PIECE));
        if (r <= 0)
            return r;
        int w = cb_write_full(out, block, (size_t)r);
        if (w < 0)
            return w;
        n -= (uint64_t)r;
    }
    return 0;
}

int cb_copy_file(int in, int out, uint64_t n)
{
    if (ioctl(out, FICLONE, in) == 0)
        return 0;
    off_t at = lseek(in, 0, SEEK_CUR);
    uint64_t end = (uint64_t)(at < 0 ? 0 : at) + n;
    /* Piece by piece between holes, so that a sparse file stays sparse. */
    while (at >= 0 && (uint64_t)at < end) {
        off_t data = lseek(in, at, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= end)
            break;
        off_t hole = lseek(in, data, SEEK_HOLE);
        uint64_t stop = hole < 0 ? end : CB_MIN((uint64_t)hole, end);
        if (lseek(in, data, SEEK_SET) < 0 || lseek(out, data, SEEK_SET) < 0)
            return -errno;
        for (uint64_t left = stop - (uint64_t)data; left;) {
            ssize_t r = copy_file_range(in, NULL, out, NULL, left, 0);
            if (r < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
                int c = copy_by_hand(in, out, left);
                if (c < 0)
                    return c;
                break;
            }
            if (r < 0 && errno == EINTR)
                continue;
            if (r < 0)
                return -errno;
            if (r == 0)
                break;
            left -= (uint64_t)r;
        }
        at = (off_t)stop;
    }
    if (at < 0)
        return copy_by_hand(in, out, n);
    return ftruncate(out, (off_t)end) < 0 ? -errno : 0;
}

int cb_chmod(int dirfd, const char *name, mode_t mode)
{
    if (syscall(SYS_fchmodat2, dirfd, name, mode, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM) /* EPERM: seccomp filters that do not know the call give this too */
        return -errno;
    /* The C library's own way, through an O_PATH descriptor and /proc: kernels before 6.6. */
    return fchmodat(dirfd, name, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int cb_memory_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* a tmpfs, everywhere that there is one */
        fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC);
        if (fd >= 0 && fchmod(fd, 0600) < 0)
            fd = cb_close(fd);
    }
    return fd < 0 ? -errno : fd;
}

#define MOST_FILES ((rlim_t)1 << 20) /* what the kernel lets a process have, unless its administrator raised it */

static void close_now(int fd)
{
    close(fd);
}

static void close_on_exec(int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int close_all(int first, unsigned flags, void (*one)(int fd))
{
    if (close_range((unsigned)first, ~0U, flags) == 0)
        return 0;
    /* EINVAL: Linux 5.9 and 5.10 know no flags */
    if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
        return -errno;
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return -errno;
    /* Not by what /proc lists: in a sandbox that may be an image's. */
    for (int fd = first, end = (int)CB_MIN(l.rlim_max, MOST_FILES); fd < end; fd++)
        one(fd);
    return 0;
}

int cb_close_from(int first)
{
    return close_all(first, 0, close_now);
}

int cb_cloexec_from(int first)
{
    return close_all(first, CLOSE_RANGE_CLOEXEC, close_on_exec);
}

int cb_mkdirs(int dirfd, const char *path, mode_t mode)
{
    if (mkdirat(dirfd, path, mode) == 0)
        return 0;
    if (errno == EEXIST) {
        struct stat st;
        if (fstatat(dirfd, path, &st, 0) < 0)
            return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    }
    if (errno != ENOENT)
        return -errno;
    const char *slash = strrchr(path, '/');
    while (slash && slash > path && slash[-1] == '/')
        slash--;
    if (!slash || slash == path)
        return -ENOENT;
    CB_AUTO(free) char *parent = cb_memdup0(path, (size_t)(slash - path));
    int r = cb_mkdirs(dirfd, parent, mode);
    if (r < 0)
        return r;
    return mkdirat(dirfd, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int cb_publish_file(int dirfd, const char *name, const void *p, size_t n, mode_t mode)
{
    const char *slash = strrchr(name, '/');
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) < 0)
        salt = (uint64_t)getpid();
    CB_AUTO(free) char *tmp = cb_printf("%.*s.tmp-%016llx", slash ? (int)(slash - name) + 1 : 0, name, (unsigned long long)salt);
    CB_AUTO(close) int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int r = cb_write_full(fd, p, n);
    if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dirfd, tmp, 0);
    return r;
}
