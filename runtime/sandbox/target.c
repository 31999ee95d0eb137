#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/owner.h"
#include "base/path.h"
#include "runtime/sandbox/place.h"

#include <string.h>
#include <unistd.h>

#define DIR_MODE  0755
#define FILE_MODE 0644

struct rt_stub {
    char *path;                    /* owned; real path inside the root, without a leading '/' */
    uint32_t mode, uid, gid;       /* as made: a set-gid parent or a default ACL may change them */
    struct timespec before, after; /* the parent's mtime before and after it was made */
};

/* ---- resolving and making ------------------------------------------------------------------- */

/* The walk along a path part of which is missing. Nobody else is in the sandbox yet, so looking and acting
 * may be two calls. */
struct walk {
    struct rt_child *c;
    enum rt_make make;
    const char *what;   /* the path asked for, for messages */
    struct cb_buf done; /* resolved so far: no symlinks; "" is the root */
    struct cb_buf rest; /* still to go, from `pos`; its '/' become NUL on the way */
    size_t pos;
    int links;
    bool made;
};

static int open_resolved(const struct walk *w, const char *path, int flags)
{
    /* With O_NOFOLLOW a symlink as the last component is itself opened. */
    return cb_open_beneath(w->c->root, path, O_PATH | flags, 0);
}

static void record_stub(struct rt_child *c, char *path, const struct stat *st, struct timespec before, struct timespec after)
{
    CB_PUSH(c->stubs.items, c->stubs.n, c->stubs.cap) =
        (struct rt_stub){path, st->st_mode, st->st_uid, st->st_gid, before, after};
}

int rt_give(const struct rt_child *c, int dir, const char *name, uid_t uid, gid_t gid)
{
    if (c->owners.pid)
        return cb_owner_write_at(dir, name, &(struct cb_owner){.uid = uid, .gid = gid});
    return fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_one(const struct walk *w, int parent, const char *name, bool dir)
{
    const struct rt_user *u = &w->c->user;
    if (dir) {
        if (mkdirat(parent, name, DIR_MODE) < 0)
            return -errno;
        return w->make == RT_MAKE_CWD && (u->uid || u->gid) ? rt_give(w->c, parent, name, u->uid, u->gid) : 0;
    }
    CB_AUTO(close) int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return fd < 0 ? -errno : 0;
}

/* Not part of something that was mounted, or put, there. What is mounted may be of the same file system as a tree. */
static bool is_of_root(const struct walk *w, int dir, const struct stat *st)
{
    struct statx own, root;
    if (st->st_dev != w->c->root_dev || rt_place_holds(w->c, w->done.data))
        return false;
    bool known =
        statx(dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &own) == 0 && statx(w->c->root, "", AT_EMPTY_PATH, STATX_MNT_ID, &root) == 0;
    return !known || own.stx_mnt_id == root.stx_mnt_id; /* before Linux 5.8 both are 0 */
}

/* Makes `name` in the directory resolved so far. What is made on another mount than the root (a tmpfs, a cache
 * directory) is not part of the layer and is not a stub. */
static int make_missing(struct walk *w, const char *name, bool dir, struct cb_error *err)
{
    struct stat before, after, st;
    CB_AUTO(close) int parent = open_resolved(w, w->done.data, O_DIRECTORY);
    if (parent < 0 || fstat(parent, &before) < 0)
        return cb_fail_sys(err, parent < 0 ? parent : errno, "open '/%s' of the sandbox", w->done.data);
    int r = make_one(w, parent, name, dir);
    if (r < 0) {
        const char *kind = w->make == RT_MAKE_CWD ? "working directory" : "mount target";
        if (r != -EROFS)
            return cb_fail_sys(err, r, "make the %s '%s'", kind, w->what);
        cb_fail(err, CB_E_NOT_FOUND, "the %s '%s' lies in a read-only mount and does not exist there", kind, w->what);
        err->sys = EROFS;
        return -1;
    }
    bool stays = w->make == RT_MAKE_CWD || w->make == RT_MAKE_KEPT;
    if (!stays && is_of_root(w, parent, &before) && fstat(parent, &after) == 0 &&
        fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        char *path = cb_printf(w->done.len ? "%s/%s" : "%s%s", w->done.data, name);
        record_stub(w->c, path, &st, before.st_mtim, after.st_mtim);
    }
    w->made = true;
    return 0;
}

static void pop(struct cb_buf *done)
{
    const char *slash = strrchr(done->data, '/');
    cb_buf_truncate(done, slash ? (size_t)(slash - done->data) : 0);
}

static int follow(struct walk *w, int link, const char *rest, struct cb_error *err)
{
    char target[4096];
    ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
    if (n <= 0 || ++w->links > CB_MAX_SYMLINKS)
        return cb_fail_sys(err, n < 0 ? errno : ELOOP, "resolve '%s' in the sandbox", w->what);
    target[n] = '\0';
    if (target[0] == '/')
        cb_buf_reset(&w->done);
    struct cb_buf next = CB_BUF_INIT;
    cb_buf_printf(&next, "%s/%s", target, rest);
    cb_buf_done(&w->rest);
    w->rest = next;
    w->pos = 0;
    return 0;
}

/* The next component that is not empty; *ret_rest is what follows it. NULL: there is none. */
static const char *next_name(struct walk *w, const char **ret_rest)
{
    char *name = w->rest.data + w->pos + strspn(w->rest.data + w->pos, "/");
    char *end = name + strcspn(name, "/");
    char *rest = end + strspn(end, "/");
    w->pos = (size_t)(rest - w->rest.data);
    *end = '\0';
    *ret_rest = rest;
    return end > name ? name : NULL;
}

static int step(struct walk *w, const char *name, const char *rest, struct cb_error *err)
{
    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        pop(&w->done);
        return 0;
    }
    struct stat st;
    size_t parent_len = w->done.len;
    cb_buf_printf(&w->done, parent_len ? "/%s" : "%s", name);
    CB_AUTO(close) int fd = open_resolved(w, w->done.data, O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
        cb_buf_truncate(&w->done, parent_len);
        return follow(w, fd, rest, err);
    }
    if (fd >= 0)
        return 0; /* a file with something after it fails at the next component */
    if (fd != -ENOENT)
        return cb_fail_sys(err, fd, "resolve '%s' in the sandbox", w->what);
    cb_buf_truncate(&w->done, parent_len);
    if (make_missing(w, name, *rest || w->make != RT_MAKE_FILE, err) < 0)
        return -1;
    cb_buf_printf(&w->done, parent_len ? "/%s" : "%s", name);
    return 0;
}

static int walk_and_make(struct rt_child *c, const char *path, enum rt_make make, bool *ret_made, struct cb_error *err)
{
    struct walk w = {.c = c, .make = make, .what = path, .done = CB_BUF_INIT, .rest = CB_BUF_INIT};
    cb_buf_adds(&w.rest, path);
    const char *name, *rest;
    int r = 0;
    while (r == 0 && (name = next_name(&w, &rest)))
        r = step(&w, name, rest, err);
    if (r == 0) {
        r = open_resolved(&w, w.done.data, 0);
        if (r < 0)
            r = cb_fail_sys(err, r, "open '%s' in the sandbox", path);
    }
    *ret_made = w.made;
    cb_buf_done(&w.done);
    cb_buf_done(&w.rest);
    return r;
}

int rt_target_open(struct rt_child *c, const char *path, enum rt_make make, bool *ret_made, struct cb_error *err)
{
    struct stat st;
    *ret_made = false;
    CB_AUTO(close) int fd = cb_open_in_root(c->root, path, O_PATH | O_CLOEXEC, 0);
    if (fd == -ENOENT)
        fd = walk_and_make(c, path, make, ret_made, err);
    else if (fd < 0)
        fd = cb_fail_sys(err, fd, "open '%s' in the sandbox", path);
    if (fd < 0)
        return -1;
    if (make == RT_MAKE_CWD)
        return cb_take_fd(&fd);
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "look at '%s' in the sandbox", path);
    if (st.st_dev == c->root_dev && st.st_ino == c->root_ino)
        return cb_fail(err, CB_E_UNSUPPORTED, "mount target '%s' is the root of the sandbox", path);
    bool dir = make != RT_MAKE_FILE;
    if (S_ISDIR(st.st_mode) != dir)
        return cb_fail(err, CB_E_UNSUPPORTED, "mount target '%s' is %s a directory, what is to be mounted there is%s", path,
                       dir ? "not" : "", dir ? "" : " not");
    return cb_take_fd(&fd);
}

/* ---- removing ------------------------------------------------------------------------------- */

void rt_stubs_done(struct rt_stubs *stubs)
{
    for (size_t i = 0; i < stubs->n; i++)
        free(stubs->items[i].path);
    free(stubs->items);
    *stubs = (struct rt_stubs){0};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool untouched(const struct rt_stub *s, const struct stat *st)
{
    return st->st_mode == s->mode && st->st_uid == s->uid && st->st_gid == s->gid &&
           (S_ISDIR(st->st_mode) || (st->st_size == 0 && st->st_nlink == 1));
}

static void remove_stub(const struct rt_stub *s, int upper)
{
    const char *name;
    struct stat st, before;
    CB_AUTO(close) int parent = cb_open_parent_nofollow(upper, s->path, &name);
    if (parent < 0 || fstat(parent, &before) < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* the command removed that place */
    if (!untouched(s, &st) || unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
        return; /* something is in it now: it belongs to the layer */
    /* Nothing else happened in the parent: as if it had never been. Otherwise the command's time stays. */
    struct timespec mtime = same_time(before.st_mtim, s->after) ? s->before : before.st_mtim;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};
    CB_AUTO(close) int dir = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0)
        (void)futimens(dir, times); /* without it the layer is right but not reproducible */
}

void rt_stubs_remove(const struct rt_stubs *stubs, int upper)
{
    for (size_t i = stubs->n; i-- > 0;)
        remove_stub(&stubs->items[i], upper);
}
