#include "cache/mount-state.h"
#include "base/dir.h"
#include "base/owner.h"
#include "cache/digests.h"
#include "cache/mount-internal.h"

#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

void cache_mount_state_done(struct cache_mount_state *m)
{
    cache_index_done(&m->files);
    free(m->times);
    *m = (struct cache_mount_state){0};
}

bool cache_mount_is_empty(struct cache_store *s, const char *key)
{
    struct cache_mount_place at;
    cache_mount_place(key, &at);
    CB_AUTO(free) char *path = cb_printf("%s/0", at.dir);
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(cb_open_beneath(s->root, path, O_RDONLY | O_DIRECTORY, 0));
    return d.error == -ENOENT || (!d.error && !cb_dir_next(&d) && !d.error);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

int cache_mount_hold(struct cache_store *s, const char *key, struct cache_mount_held *ret, struct cb_error *err)
{
    struct cache_mount_place at;
    *ret = (struct cache_mount_held){-1, -1};
    cache_mount_place(key, &at);
    int got = cache_mount_lock(s, &at, 0, true, false, &ret->lock, err);
    if (got <= 0)
        return got;
    CB_AUTO(free) char *path = cb_printf("%s/%s", at.dir, at.slot);
    ret->dir = cb_open_beneath(s->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (ret->dir >= 0)
        return 1;
    int sys = ret->dir;
    cache_mount_let_go(s, ret);
    return sys == -ENOENT ? 0 : cb_fail_sys(err, sys, "open '%s/%s'", s->path, path);
}

void cache_mount_let_go(struct cache_store *s, struct cache_mount_held *h)
{
    cb_close(h->dir);
    cache_unlock(s, NULL, &h->lock);
    *h = (struct cache_mount_held){-1, -1};
}

struct reading {
    struct cache_digests *digests;
    int dir;
    bool untold; /* the file system does not note when a file is read */
    int64_t now;
};

static uint32_t day_of(const struct reading *r, int64_t seconds)
{
    return (uint32_t)(CB_MIN(CB_MAX(seconds, 0), r->now) / DAY);
}

static int read_file(struct reading *r, struct cache_entry *e, struct cache_mount_times *ret, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(close) int fd = cb_open_beneath(r->dir, e->path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return cb_fail_sys(err, fd < 0 ? fd : errno, "read '%s' of a cache mount", e->path);
    int64_t read = CB_MAX(st.st_atim.tv_sec, st.st_mtim.tv_sec);
    ret->used = day_of(r, r->untold ? r->now : read);
    ret->made = day_of(r, CB_MAX(read, st.st_ctim.tv_sec));
    if (cache_digests_digest(r->digests, r->dir, e->path, &st, &e->digest, err) < 0)
        return -1;
    e->size = (uint64_t)st.st_size;
    return 0;
}

static int read_root(const struct cache_mount_held *h, struct cache_mount_state *ret, struct cb_error *err)
{
    struct stat st;
    struct cb_owner own;
    if (fstat(h->dir, &st) < 0)
        return cb_fail_sys(err, errno, "read a cache mount");
    if (strcmp(cache_directory_form(), "beside") == 0 && cb_owner_read_at(h->dir, ".", &own) > 0)
        cb_owner_show(&own, &st);
    ret->mode = st.st_mode & 0777;
    ret->uid = st.st_uid;
    ret->gid = st.st_gid;
    return 0;
}

int cache_mount_read_state(struct cache_store *s, const char *key, const struct cache_mount_held *h,
                           struct cache_mount_state *ret, struct cb_error *err)
{
    struct cache_mount_place at;
    struct statvfs fs;
    cache_mount_place(key, &at);
    CB_AUTO(cache_digests) struct cache_digests *digests = cache_digests_open(s, at.dir);
    struct reading r = {
        .digests = digests, .dir = h->dir, .untold = fstatvfs(h->dir, &fs) < 0 || fs.f_flag & ST_NOATIME, .now = time(NULL)};
    if (read_root(h, ret, err) < 0 || cache_directory_read(h->dir, &ret->files, err) < 0)
        return -1;
    ret->times = cb_alloc((ret->files.n + 1) * sizeof(*ret->times));
    for (size_t i = 0; i < ret->files.n; i++)
        if (ret->files.entries[i].type == CB_FILE && read_file(&r, &ret->files.entries[i], &ret->times[i], err) < 0)
            return -1;
    return 0;
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

int cache_mount_draft_begin(struct cache_store *s, struct cache_mount_draft *ret, struct cb_error *err)
{
    *ret = CACHE_MOUNT_DRAFT_INIT;
    if (cache_work_begin(s, &ret->work, err) < 0)
        return -1;
    if (mkdirat(ret->work.dir, "new", 0700) == 0)
        ret->dir = openat(ret->work.dir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->dir < 0)
        return cb_fail_sys(err, errno, "make a cache mount in '%s'", s->path);
    ret->to = cache_directory_new(ret->dir);
    return 0;
}

/* The directory `new` of `work` takes the place of what everybody shares. */
static int put(struct cache_store *s, const struct cache_work *work, const struct cache_mount_place *at, struct cb_error *err)
{
    CB_AUTO(close) int parent = cache_store_dir(s, at->dir);
    int r = parent < 0 ? parent : cache_rename_new(work->dir, "new", parent, at->slot);
    if (r == -EEXIST)
        r = cache_rename_over(work->dir, "new", parent, at->slot);
    return r < 0 ? cb_fail_sys(err, r, "make a cache mount in '%s/mounts'", s->path) : 0;
}

int cache_mount_draft_put(struct cache_store *s, struct cache_mount_draft *d, const char *key,
                          const struct cache_mount_state *like, const char *origin, struct cb_error *err)
{
    struct cache_mount_place at;
    int lock = -1;
    if (cache_directory_finish(d->to, err) < 0)
        return -1;
    int r = cache_mount_give(d->dir, like->uid, like->gid);
    if (r == 0 && fchmod(d->dir, like->mode & 0777) < 0)
        r = -errno;
    if (r < 0)
        return cb_fail_sys(err, r, "set the owner of a cache mount");
    cache_mount_place(key, &at);
    int got = cache_mount_lock(s, &at, 0, true, false, &lock, err);
    if (got <= 0)
        return got < 0 ? -1 : cache_mount_in_use(at.hex, err);
    r = put(s, &d->work, &at, err);
    if (r == 0) {
        cache_mount_note_use(s, &at, key);
        cache_mount_note_origin(s, &at, origin);
    }
    cache_unlock(s, NULL, &lock);
    return r;
}

void cache_mount_draft_done(struct cache_store *s, struct cache_mount_draft *d)
{
    cache_directory_free(d->to);
    cb_close(d->dir);
    cache_work_done(s, &d->work);
    *d = CACHE_MOUNT_DRAFT_INIT;
}
