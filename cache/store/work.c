#include "cache/store/files.h"
#include "cache/store/lent.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Long enough for any process to get from making a temporary lock file to locking it. */
#define SWEEP_TEMPORARY_AFTER 60 /* seconds */

static int flock_now(int fd)
{
    return CB_RETRY(flock(fd, LOCK_EX | LOCK_NB)) < 0 ? -errno : 0;
}

/* A lock file that nobody can have seen unlocked. The fd, or -errno. */
static int make_lock_unnamed(int work, const char *name)
{
    CB_AUTO(close) int fd = openat(work, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = flock_now(fd);
    if (r == 0)
        r = cache_link_unnamed(fd, work, name);
    return r < 0 ? r : cb_take_fd(&fd);
}

/* For file systems without O_TMPFILE: the sweep leaves young .tmp-* files alone. */
static int make_lock_renamed(int work, const char *name)
{
    CB_AUTO(free) char *tmp = cb_printf(".tmp-%s", name);
    CB_AUTO(close) int fd = openat(work, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = flock_now(fd);
    if (r == 0 && renameat(work, tmp, work, name) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(work, tmp, 0);
        return r;
    }
    return cb_take_fd(&fd);
}

static int make_lock(int work, const char *name)
{
    int fd = make_lock_unnamed(work, name);
    if (fd >= 0 || fd == -EEXIST || fd == -ENOSPC || fd == -EDQUOT || fd == -EROFS || fd == -EACCES)
        return fd;
    return make_lock_renamed(work, name);
}

/* What is made in it becomes layers, which hold what their indexes say: nothing is inherited from the directories above, no
 * access list and no group. */
static int inherit_nothing(int dir)
{
    if (fremovexattr(dir, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return -errno;
    return fchown(dir, (uid_t)-1, getegid()) < 0 || fchmod(dir, 0700) < 0 ? -errno : 0;
}

int cache_work_begin(struct cache_store *s, struct cache_work *ret, struct cb_error *err)
{
    CB_AUTO(close) int work = cache_store_dir(s, "work");
    if (work < 0)
        return cb_fail_sys(err, work, "open '%s/work'", s->path);
    struct cache_work w = CACHE_WORK_INIT;
    char lock[sizeof(w.name) + 8];
    do {
        cache_random_name(w.name);
        snprintf(lock, sizeof(lock), "%s.lock", w.name);
        w.lock_fd = make_lock(work, lock);
    } while (w.lock_fd == -EEXIST);
    if (w.lock_fd < 0)
        return cb_fail_sys(err, w.lock_fd, "lock a work directory in '%s/work'", s->path);
    if (mkdirat(work, w.name, 0700) == 0)
        w.dir = openat(work, w.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (w.dir >= 0 && inherit_nothing(w.dir) < 0)
        w.dir = cb_close(w.dir);
    if (w.dir < 0) {
        int sys = errno;
        unlinkat(work, w.name, AT_REMOVEDIR);
        unlinkat(work, lock, 0);
        cb_close(w.lock_fd);
        return cb_fail_sys(err, sys, "make '%s/work/%s'", s->path, w.name);
    }
    *ret = w;
    return 0;
}

/* The tree goes first: as long as any of it is there, its lock file says whose it is. */
static void remove_work(struct cache_store *s, int work, const char *name, const char *lock)
{
    cache_lent_fetch_all(s, name);
    if (cb_remove_tree(work, name) == 0)
        (void)unlinkat(work, lock, 0);
}

void cache_work_done(struct cache_store *s, struct cache_work *w)
{
    if (w->lock_fd < 0)
        return;
    char lock[sizeof(w->name) + 8];
    snprintf(lock, sizeof(lock), "%s.lock", w->name);
    w->dir = cb_close(w->dir);
    CB_AUTO(close) int work = openat(s->root, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work >= 0)
        remove_work(s, work, w->name, lock);
    (void)flock(w->lock_fd, LOCK_UN); /* for a child that inherited it: what stays is for the sweep */
    w->lock_fd = cb_close(w->lock_fd);
}

void cache_work_leave(struct cache_work *w)
{
    w->dir = cb_close(w->dir);
    if (w->lock_fd >= 0)
        (void)flock(w->lock_fd, LOCK_UN);
    w->lock_fd = cb_close(w->lock_fd);
}

/* The lock file outlives the directory, and is empty else. */
int cache_work_note_secret(struct cache_store *s, const struct cache_work *w, struct cb_error *err)
{
    return CB_RETRY(pwrite(w->lock_fd, "s", 1, 0)) == 1 ? 0 : cb_fail_sys(err, errno, "write a lock in '%s/work'", s->path);
}

/* ---- sweeping ------------------------------------------------------------------------------- */

static void sweep_owner(struct cache_store *s, int work, const char *lock)
{
    CB_AUTO(close) int fd = openat(work, lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || flock_now(fd) < 0)
        return;
    CB_AUTO(free) char *name = cb_memdup0(lock, strlen(lock) - strlen(".lock"));
    remove_work(s, work, name, lock);
}

static void sweep_temporary(int work, const char *name)
{
    struct stat st;
    CB_AUTO(close) int fd = openat(work, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || flock_now(fd) < 0 || fstat(fd, &st) < 0)
        return;
    if (time(NULL) - st.st_mtim.tv_sec > SWEEP_TEMPORARY_AFTER)
        (void)unlinkat(work, name, 0);
}

/* A living owner made its lock file before its directory, and removes it after the directory. The notes of what was lent to it
 * lie beside that. */
static void sweep_orphan(int work, const char *name)
{
    struct stat st;
    CB_AUTO(free) char *owner = NULL;
    CB_AUTO(free) char *lock = cb_printf("%s.lock", cache_lent_is_notes(name, &owner) ? owner : name);
    if (fstatat(work, lock, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        (void)cb_remove_tree(work, name);
}

void cache_work_sweep(struct cache_store *s)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(close) int work = openat(s->root, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work < 0 || cache_store_names(s, "work", &names) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        if (cache_is_temporary(name))
            sweep_temporary(work, name);
        else if (cb_ends(name, ".lock"))
            sweep_owner(s, work, name);
        else
            sweep_orphan(work, name);
    }
}

void cache_work_sweep_secrets(struct cache_store *s)
{
    struct stat st;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(close) int work = openat(s->root, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work < 0 || cache_store_names(s, "work", &names) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (cb_ends(names.items[i], ".lock") && fstatat(work, names.items[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0)
            sweep_owner(s, work, names.items[i]);
}
