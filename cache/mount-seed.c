#include "cache/mount-seed.h"

#include "base/dir.h"
#include "base/fd.h"
#include "base/limits.h"

#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_DEPTH 200 /* two descriptors per level */

/* Owners outside the namespace's ids and attributes that only a real root may set are left out. */
static bool may_lack(int sys)
{
    return sys == EPERM || sys == EINVAL || sys == EOPNOTSUPP || sys == EACCES;
}

static int fail(struct cb_error *err, int sys, const char *name)
{
    return cb_fail_sys(err, sys, "copy '%s' into a new cache mount", name);
}

static int copy_xattrs(int from, int to)
{
    CB_AUTO(free) char *names = cb_alloc_buffer(CB_MAX_XATTR);
    ssize_t n = flistxattr(from, names, CB_MAX_XATTR);
    if (n <= 0)
        return n == 0 || may_lack(errno) ? 0 : -errno;
    CB_AUTO(free) char *value = cb_alloc(CB_MAX_XATTR);
    for (const char *p = names; p < names + n; p += strlen(p) + 1) {
        ssize_t size = fgetxattr(from, p, value, CB_MAX_XATTR);
        if (size >= 0 && fsetxattr(to, p, value, (size_t)size, 0) < 0 && !may_lack(errno))
            return -errno;
    }
    return 0;
}

/* Owner first (it clears the set-id bits), then mode, then xattrs (the owner change drops capabilities), then times,
 * which everything before it has changed. Set-id bits are meant for that owner alone. */
static int copy_attributes(int from, int to, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    bool owned = fchown(to, st->st_uid, st->st_gid) == 0;
    if (!owned && !may_lack(errno))
        return -errno;
    if (fchmod(to, st->st_mode & (owned || S_ISDIR(st->st_mode) ? 07777 : 01777)) < 0 && !may_lack(errno))
        return -errno;
    int r = copy_xattrs(from, to);
    if (r < 0)
        return r;
    return futimens(to, times) < 0 && !may_lack(errno) ? -errno : 0;
}

static int copy_regular(int from, int to, const char *name)
{
    struct stat st;
    CB_AUTO(close) int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (in < 0 || fstat(in, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESTALE;
    CB_AUTO(close) int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return -errno;
    int r = cb_copy_file(in, out, (uint64_t)st.st_size);
    return r < 0 ? r : copy_attributes(in, out, &st);
}

static int copy_symlink(int from, int to, const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    target[n] = 0;
    return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_special(int to, const char *name, const struct stat *st)
{
    if (!S_ISFIFO(st->st_mode))
        return 0;
    if (mkfifoat(to, name, st->st_mode & 07777) == 0)
        return cb_chmod(to, name, st->st_mode & 07777);
    return may_lack(errno) ? 0 : -errno;
}

/* Attributes of what was not opened. */
static int copy_link_attributes(int to, const char *name, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && !may_lack(errno) && errno != ENOENT)
        return -errno;
    (void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW); /* a link's times matter to nobody */
    return 0;
}

static int copy_directory(int from, int to, int depth, struct cb_error *err);

static int copy_subdirectory(int from, int to, const char *name, const struct stat *st, int depth, struct cb_error *err)
{
    if (depth >= MAX_DEPTH)
        return fail(err, ELOOP, name);
    CB_AUTO(close) int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || mkdirat(to, name, 0700) < 0)
        return fail(err, errno, name);
    CB_AUTO(close) int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0)
        return fail(err, errno, name);
    if (copy_directory(in, out, depth + 1, err) < 0)
        return -1;
    int r = copy_attributes(in, out, st);
    return r < 0 ? fail(err, r, name) : 0;
}

static int copy_entry(int from, int to, const char *name, int depth, struct cb_error *err)
{
    struct stat st;
    int r = 0;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, name);
    if (S_ISDIR(st.st_mode))
        return copy_subdirectory(from, to, name, &st, depth, err);
    if (S_ISREG(st.st_mode))
        r = copy_regular(from, to, name);
    else if (S_ISLNK(st.st_mode))
        r = copy_symlink(from, to, name);
    else
        r = copy_special(to, name, &st);
    if (r == 0 && !S_ISREG(st.st_mode))
        r = copy_link_attributes(to, name, &st);
    return r < 0 ? fail(err, r, name) : 0;
}

static int copy_directory(int from, int to, int depth, struct cb_error *err)
{
    /* A descriptor of its own: `from` may be O_PATH, and its position is the caller's. */
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(from, ".");
    for (const struct dirent *e; (e = cb_dir_next(&d));)
        if (copy_entry(from, to, e->d_name, depth, err) < 0)
            return -1;
    return d.error ? cb_fail_sys(err, d.error, "read the content of a new cache mount") : 0;
}

int cache_mount_seed(int from, int to, struct cb_error *err)
{
    return copy_directory(from, to, 0, err);
}
