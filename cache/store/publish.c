#include "cache/store/files.h"

#include <stdio.h>
#include <unistd.h>

/* The call, or what it is asked for: renameat2 before Linux 3.15 and where a filter knows no more, NFS and FUSE on either. */
static bool is_refused(int sys)
{
    return sys == ENOSYS || sys == EPERM || sys == EINVAL;
}

int cache_rename_new(int from, const char *name, int to, const char *new_name)
{
    if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (!is_refused(errno))
        return -errno;
    if (renameat(from, name, to, new_name) == 0)
        return 0;
    return errno == ENOTEMPTY || errno == ENOTDIR ? -EEXIST : -errno; /* a full directory is never replaced */
}

int cache_rename_over(int from, const char *name, int to, const char *place)
{
    if (renameat2(from, name, to, place, RENAME_EXCHANGE) == 0)
        return 0;
    if (!is_refused(errno))
        return -errno;
    CB_AUTO(free) char *old = cb_printf("%s.old", name);
    if (renameat(to, place, from, old) < 0 || renameat(from, name, to, place) < 0)
        return -errno;
    return 0;
}

void cache_set_aside(struct cache_store *s, const char *path)
{
    struct cache_work work = CACHE_WORK_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (cache_work_begin(s, &work, &ignored) < 0)
        return;
    (void)renameat(s->root, path, work.dir, "damaged"); /* it may be gone already; else the next one tries again */
    cache_work_done(s, &work);
}

int cache_store_publish(struct cache_store *s, const char *dir, const char *name, const void *p, size_t n, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("%s/%s", dir, name);
    int r = cb_publish_file(s->root, path, p, n, 0600);
    if (r == -ENOENT)
        r = cb_mkdirs(s->root, dir, 0700);
    else if (r == -EISDIR)
        cache_set_aside(s, path);
    else
        return r < 0 ? cb_fail_sys(err, r, "write '%s/%s'", s->path, path) : 0;
    if (r == 0 || r == -EISDIR)
        r = cb_publish_file(s->root, path, p, n, 0600);
    return r < 0 ? cb_fail_sys(err, r, "write '%s/%s'", s->path, path) : 0;
}

/* ---- new files ------------------------------------------------------------------------------ */

int cache_newfile_begin(struct cache_store *s, const char *dir, struct cache_newfile *ret, struct cb_error *err)
{
    struct cache_newfile f = CACHE_NEWFILE_INIT;
    CB_AUTO(close) int target = cache_store_dir(s, dir);
    if (target < 0)
        return cb_fail_sys(err, target, "open '%s/%s'", s->path, dir);
    f.fd = openat(target, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (f.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
        if (cache_work_begin(s, &f.work, err) < 0)
            return -1;
        f.fd = openat(f.work.dir, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (f.fd < 0) {
        int sys = errno;
        cache_work_done(s, &f.work);
        return cb_fail_sys(err, sys, "make a file in '%s/%s'", s->path, dir);
    }
    *ret = f;
    return 0;
}

static int give_name(struct cache_newfile *f, int dir, const char *name)
{
    if (f->work.dir < 0)
        return cache_link_unnamed(f->fd, dir, name);
    return linkat(f->work.dir, "file", dir, name, 0) < 0 ? -errno : 0;
}

int cache_newfile_link(struct cache_store *s, struct cache_newfile *f, const char *dir, const char *name, bool replace)
{
    CB_AUTO(close) int target = cache_store_dir(s, dir);
    if (target < 0)
        return target;
    int r = give_name(f, target, name);
    if (r != -EEXIST || !replace)
        return r;
    char salt[CACHE_RANDOM_NAME + 1];
    cache_random_name(salt);
    CB_AUTO(free) char *tmp = cb_printf(".tmp-%s", salt);
    CB_AUTO(free) char *path = cb_printf("%s/%s", dir, name);
    r = give_name(f, target, tmp);
    if (r < 0 || renameat(target, tmp, target, name) == 0)
        return r;
    if (errno == EISDIR) /* damage */
        cache_set_aside(s, path);
    r = renameat(target, tmp, target, name) < 0 ? -errno : 0;
    if (r < 0)
        unlinkat(target, tmp, 0);
    return r;
}

void cache_newfile_done(struct cache_store *s, struct cache_newfile *f)
{
    f->fd = cb_close(f->fd);
    cache_work_done(s, &f->work);
}

int cache_store_scratch(struct cache_store *s)
{
    CB_AUTO(close) int work = cache_store_dir(s, "work");
    int fd = work < 0 ? -1 : openat(work, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return work < 0 ? work : fd < 0 ? -errno : fd;
}
