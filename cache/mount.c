#include "cache/mount.h"
#include "base/owner.h"

#include "cache/layer/directory.h"
#include "cache/mount-internal.h"
#include "cache/mount-seed.h"
#include "cache/store/lent.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_SLOTS 10000 /* users of one PRIVATE cache at once; more are a mistake */

struct cache_mount {
    struct cache_store *store;
    int dir, lock;
    char *note; /* store/lent.h */
    const struct cache_work *borrower;
};

/* ---- places ---------------------------------------------------------------------------------------------------------- */

void cache_mount_place(const char *key, struct cache_mount_place *ret)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1];
    cb_sha256(key, strlen(key), &d);
    cb_digest_hex(&d, hex);
    cache_mount_place_of_hex(hex, ret);
}

void cache_mount_place_of_hex(const char *hex, struct cache_mount_place *ret)
{
    *ret = (struct cache_mount_place){.dir = "mounts/"};
    memcpy(ret->hex, hex, CB_DIGEST_HEX);
    memcpy(ret->dir + 7, hex, CB_DIGEST_HEX);
}

bool cache_mount_is_slot(const char *name)
{
    return strspn(name, "0123456789") == strlen(name);
}

void cache_mount_note_use(struct cache_store *s, const struct cache_mount_place *at, const char *key)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(free) char *path = cb_printf("%s/key", at->dir);
    if (utimensat(s->root, path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
        (void)cache_store_publish(s, at->dir, "key", key, strlen(key), &ignored); /* only prune and people read it */
}

void cache_mount_note_origin(struct cache_store *s, const struct cache_mount_place *at, const char *origin)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(free) char *text = cb_printf("%s %s\n", origin, cache_directory_form());
    (void)cache_store_publish(s, at->dir, "about", text, strlen(text), &ignored); /* only people read it */
}

int cache_mount_lock(struct cache_store *s, struct cache_mount_place *at, unsigned slot, bool exclusive, bool wait, int *ret,
                     struct cb_error *err)
{
    snprintf(at->slot, sizeof(at->slot), "%u", slot);
    CB_AUTO(free) char *name = cb_printf("mount-%s-%s", at->hex, at->slot), *note = cb_printf("%s-%s", at->hex, at->slot);
    int got = cache_lock(s, name, exclusive, wait, ret, err);
    if (got > 0)
        cache_lent_fetch(s, note); /* whoever has borrowed it is dead: the lock is ours */
    return got;
}

static int choose_slot(struct cache_store *s, const struct cache_mount_request *r, struct cache_mount_place *at, int *ret,
                       struct cb_error *err)
{
    unsigned slots = r->sharing == CACHE_PRIVATE ? MAX_SLOTS : 1;
    for (unsigned i = 0; i < slots; i++) {
        int got = cache_mount_lock(s, at, i, r->sharing != CACHE_SHARED, r->sharing != CACHE_PRIVATE, ret, err);
        if (got)
            return got;
    }
    return cb_fail(err, CB_E_FAILED, "cache mount '%s' has too many users at once", at->hex);
}

int cache_mount_give(int dir, uint32_t uid, uint32_t gid)
{
    if (fchown(dir, uid, gid) == 0)
        return 0;
    if (errno != EPERM && errno != EINVAL)
        return -errno;
    (void)cb_owner_write(dir, &(struct cb_owner){.uid = uid, .gid = gid});
    return 0;
}

/* Made whole beside its place and renamed, so nobody sees it half filled. One that came first is as good. */
static int make_slot(struct cache_store *s, const struct cache_mount_request *r, int parent, const struct cache_mount_place *at,
                     struct cb_error *err)
{
    struct cache_work work = CACHE_WORK_INIT;
    if (cache_work_begin(s, &work, err) < 0)
        return -1;
    int result = -1, e = 0;
    CB_AUTO(close)
    int dir = mkdirat(work.dir, "new", 0700) < 0 ? -1 : openat(work.dir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        cb_fail_sys(err, errno, "make a cache mount in '%s/mounts'", s->path);
    else if (r->seed >= 0 && cache_mount_seed(r->seed, dir, err) < 0)
        ;
    else if ((e = cache_mount_give(dir, r->uid, r->gid)) < 0)
        cb_fail_sys(err, e, "set the owner of a cache mount");
    else if (fchmod(dir, r->mode & 0777) < 0 && errno != EPERM)
        cb_fail_sys(err, errno, "set the mode of a cache mount");
    else if ((e = cache_rename_new(work.dir, "new", parent, at->slot)) < 0 && e != -EEXIST)
        cb_fail_sys(err, e, "make a cache mount in '%s/mounts'", s->path);
    else
        result = 0;
    cache_work_done(s, &work);
    if (result == 0)
        cache_mount_note_origin(s, at, r->seed >= 0 ? "seed" : "empty");
    return result;
}

int cache_mount_remove_slot(struct cache_store *s, int parent, const char *slot, struct cb_error *err)
{
    char name[CACHE_RANDOM_NAME + 1];
    cache_random_name(name);
    CB_AUTO(close) int work = cache_store_dir(s, "work");
    if (work < 0)
        return cb_fail_sys(err, work, "open '%s/work'", s->path);
    if (renameat(parent, slot, work, name) < 0)
        return errno == ENOENT ? 0 : cb_fail_sys(err, errno, "empty a cache mount in '%s/mounts'", s->path);
    (void)cb_remove_tree(work, name); /* what cannot go now is for the sweep */
    return 0;
}

/* In every build that wants this, the first user empties it; `fresh` says for which build that was done. */
static int empty_once(struct cache_store *s, const struct cache_mount_place *at, const char *build, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf done = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(free) char *lock_name = cb_printf("mount-%s-fresh", at->hex);
    CB_AUTO(free) char *mark = cb_printf("%s/fresh", at->dir);
    int lock = -1;
    if (cache_lock(s, lock_name, true, true, &lock, err) < 0)
        return -1;
    int r = 0;
    if (cb_read_file(s->root, mark, 256, &done) < 0 || strcmp(done.data, build) != 0) {
        CB_AUTO(close) int parent = cache_store_dir(s, at->dir);
        r = parent < 0 ? cb_fail_sys(err, parent, "open '%s/%s'", s->path, at->dir) : 0;
        (void)cache_store_names(s, at->dir, &names);
        for (size_t i = 0; i < names.n && r == 0; i++)
            if (cache_mount_is_slot(names.items[i]))
                r = cache_mount_remove_slot(s, parent, names.items[i], err);
        if (r == 0)
            r = cache_store_publish(s, at->dir, "fresh", build, strlen(build), err);
    }
    cache_unlock(s, NULL, &lock);
    return r;
}

int cache_mount_in_use(const char *hex, struct cb_error *err)
{
    cb_fail(err, CB_E_FAILED, "the cache mount %.12s is in use", hex);
    return cb_hint(err, "try again when the build that uses it has ended");
}

static int open_slot(struct cache_store *s, const struct cache_mount_request *r, const struct cache_mount_place *at,
                     struct cb_error *err)
{
    CB_AUTO(close) int parent = cache_store_dir(s, at->dir);
    if (parent < 0)
        return cb_fail_sys(err, parent, "open '%s/%s'", s->path, at->dir);
    for (int tries = 0; tries < 100; tries++) { /* another build that starts afresh may take it away at once */
        int fd = openat(parent, at->slot, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT)
            break;
        if (make_slot(s, r, parent, at, err) < 0)
            return -1;
    }
    return cb_fail_sys(err, errno, "open '%s/%s/%s'", s->path, at->dir, at->slot);
}

int cache_mount_acquire(struct cache_store *s, const struct cache_mount_request *r, struct cache_mount **ret,
                        struct cb_error *err)
{
    struct cache_mount_place at;
    CB_AUTO(close) int lock = -1;
    cache_mount_place(r->key, &at);
    if ((r->fresh && empty_once(s, &at, r->fresh, err) < 0) || choose_slot(s, r, &at, &lock, err) < 0)
        return -1;
    CB_AUTO(free) char *note = cb_printf("%s-%s", at.hex, at.slot);
    int dir = open_slot(s, r, &at, err);
    if (dir < 0)
        return -1;
    cache_mount_note_use(s, &at, r->key);
    *ret = CB_NEW(struct cache_mount);
    **ret = (struct cache_mount){s, dir, cb_take_fd(&lock), CB_TAKE(note), NULL};
    return 0;
}

int cache_mount_lend(struct cache_mount *m, const struct cache_work *w, const char *source, struct cb_error *err)
{
    CB_AUTO(close) int thing = cb_open_in_root(m->dir, source, O_PATH | O_CLOEXEC, 0);
    if (thing < 0)
        return cb_fail_sys(err, thing, "open '%s' of a cache mount", source);
    m->borrower = w;
    return cache_lend(m->store, w, m->note, thing, err);
}

int cache_mount_dir(const struct cache_mount *m)
{
    return m->dir;
}

void cache_mount_release(struct cache_mount *m)
{
    if (!m)
        return;
    if (m->borrower)
        cache_lent_is_back(m->store, m->borrower, m->note);
    cb_close(m->dir);
    cache_unlock(m->store, NULL, &m->lock);
    free(m->note);
    free(m);
}
