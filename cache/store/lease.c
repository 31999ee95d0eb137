#include "cache/store/lease.h"

#include "cache/store/files.h"

#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define BUILDS "locks/builds"

/* By the clock that gives files their times, which may be a file server's. */
static time_t now_there(int fd)
{
    struct stat st;
    return futimens(fd, NULL) == 0 && fstat(fd, &st) == 0 ? st.st_ctim.tv_sec : time(NULL);
}

int cache_lease_begin(struct cache_store *s, int *ret_fd, struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_open_lock(s, BUILDS);
    if (fd < 0)
        return cb_fail_sys(err, fd, "lock '%s/" BUILDS "'", s->path);
    time_t begun = now_there(fd);
    struct flock at = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = begun, .l_len = 1};
    if (CB_RETRY(fcntl(fd, F_OFD_SETLK, &at)) < 0)
        return cb_fail_sys(err, errno, "lock '%s/" BUILDS "'", s->path);
    s->lease = begun;
    *ret_fd = cb_take_fd(&fd);
    return 0;
}

static bool has_name(struct cache_store *s, const struct stat *here, const char *path)
{
    struct stat there;
    return fstatat(s->root, path, &there, AT_SYMLINK_NOFOLLOW) == 0 && here->st_ino == there.st_ino &&
           here->st_dev == there.st_dev;
}

static time_t time_of(const struct stat *st, enum cache_lease_time by)
{
    return by == CACHE_BY_USE ? st->st_mtim.tv_sec : st->st_ctim.tv_sec;
}

bool cache_lease_take(struct cache_store *s, int fd, const char *path, enum cache_lease_time by)
{
    const struct timespec now[2] = {{0, UTIME_NOW}, {0, by == CACHE_BY_USE ? UTIME_NOW : UTIME_OMIT}};
    struct stat st;
    if (!s->lease)
        return true;
    if (fstat(fd, &st) < 0)
        return false;
    if (time_of(&st, by) >= s->lease)
        return has_name(s, &st, path);
    (void)CB_RETRY(flock(fd, LOCK_SH)); /* a file system without locks has had none for the build either */
    (void)futimens(fd, now);
    bool there = has_name(s, &st, path);
    (void)flock(fd, LOCK_UN);
    return there;
}

/* Is a build running that began at this second, or before? */
static bool is_anybody_as_old(struct cache_store *s, time_t changed)
{
    CB_AUTO(close) int fd = openat(s->root, BUILDS, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct flock until = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = CB_MAX(changed, 0) + 1};
    if (fd < 0)
        return errno != ENOENT;
    return CB_RETRY(fcntl(fd, F_OFD_GETLK, &until)) < 0 || until.l_type != F_UNLCK;
}

int cache_lease_break(struct cache_store *s, const char *path, enum cache_lease_time by)
{
    struct stat st;
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (CB_RETRY(flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK)
        return -EBUSY;
    if (fstat(fd, &st) < 0)
        return -errno;
    return is_anybody_as_old(s, time_of(&st, by)) ? -EBUSY : cb_take_fd(&fd);
}
