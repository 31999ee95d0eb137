#include "builder/context/unpack.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/path.h"
#include "base/stream/tar.h"

#include <limits.h>
#include <unistd.h>

#define PIECE (1u << 17)

/* Modes and times of directories are set at the end: one without w could not be filled, and filling changes times. */
struct made_dir {
    uint32_t mode;
    int64_t mtime;
};

struct unpack {
    int root;
    struct cb_tar_reader *tar;
    char *parent; /* path of parent_fd; members of one directory mostly follow one another */
    int parent_fd;
    struct cb_map dirs; /* path -> struct made_dir */
    uint64_t n_entries;
    int64_t newest;
    char *piece;
};

static void unpack_done(struct unpack *u)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&u->dirs, it));)
        free(it->value);
    cb_map_done(&u->dirs);
    free(u->parent);
    free(u->piece);
    cb_close(u->parent_fd);
    cb_tar_reader_free(u->tar);
}
CB_DEFINE_AUTO(unpack, struct unpack, unpack_done)

/* ---- directories ------------------------------------------------------------------------------------------------------ */

/* Opens the directory `path` (cleaned, relative, "" is the root), making what is missing of it. Links in it are followed
 * inside the root only. Gives an fd (O_PATH) or -errno. */
static int open_dirs(int root, const char *path)
{
    int fd = cb_open_in_root(root, *path ? path : ".", O_PATH | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;
    CB_AUTO(free) char *up = cb_strdup(path);
    char *slash = strrchr(up, '/');
    const char *name = slash ? slash + 1 : up;
    if (slash)
        *slash = 0;
    CB_AUTO(close) int parent = open_dirs(root, slash ? up : "");
    if (parent < 0)
        return parent;
    if (mkdirat(parent, name, 0755) < 0)
        return errno == EEXIST ? -ENOTDIR : -errno; /* a link that leads nowhere */
    fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The directory that `path` lies in (borrowed) and its last component. */
static int open_parent(struct unpack *u, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    CB_AUTO(free) char *dir = cb_memdup0(path, slash ? (size_t)(slash - path) : 0);
    *name = slash ? slash + 1 : path;
    if (u->parent && strcmp(u->parent, dir) == 0)
        return u->parent_fd;
    int fd = open_dirs(u->root, dir);
    if (fd < 0)
        return fd;
    cb_close(u->parent_fd);
    free(u->parent);
    u->parent_fd = fd;
    u->parent = CB_TAKE(dir);
    return fd;
}

/* A later member replaces an earlier one. */
static int clear_place(struct unpack *u, int parent, const char *name)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    free(u->parent); /* it may be what the known directory was reached through */
    u->parent = NULL;
    return cb_remove_tree(parent, name);
}

/* Without root's rights, a file that its owner may not read could not be copied later. */
static uint32_t usable_mode(const struct cb_tar_entry *e)
{
    uint32_t least = e->type == CB_DIR ? 0700 : 0400;
    return (e->mode & 07777) | (geteuid() ? least : 0);
}

/* ---- members ------------------------------------------------------------------------------------------------------------ */

static int put_dir(struct unpack *u, const struct cb_tar_entry *e, const char *path, int parent, const char *name)
{
    struct stat st;
    bool there = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int r = there && !S_ISDIR(st.st_mode) ? clear_place(u, parent, name) : 0;
    if (r < 0)
        return r;
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    struct made_dir *d = cb_map_get(&u->dirs, path);
    if (!d) {
        d = CB_NEW(struct made_dir);
        cb_map_set(&u->dirs, path, d);
    }
    *d = (struct made_dir){usable_mode(e), e->mtime};
    return 0;
}

static int copy_data(struct unpack *u, int fd, const char *path, struct cb_error *err)
{
    for (ssize_t n; (n = cb_tar_read(u->tar, u->piece, PIECE, err)) != 0;) {
        if (n < 0)
            return -1;
        int r = cb_write_full(fd, u->piece, (size_t)n);
        if (r < 0)
            return cb_fail_sys(err, r, "write '%s'", path);
    }
    return 0;
}

static int put_file(struct unpack *u, const struct cb_tar_entry *e, const char *path, int parent, const char *name,
                    struct cb_error *err)
{
    const struct timespec times[2] = {{(time_t)e->mtime, 0}, {(time_t)e->mtime, 0}};
    CB_AUTO(close) int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "make '%s'", path);
    if (copy_data(u, fd, path, err) < 0)
        return -1;
    if (fchmod(fd, usable_mode(e)) < 0)
        return cb_fail_sys(err, errno, "set the mode of '%s'", path);
    (void)futimens(fd, times); /* a time that the file system cannot hold is no reason to fail: no key holds it */
    return 0;
}

static int put_hard_link(struct unpack *u, const struct cb_tar_entry *e, int parent, const char *name)
{
    CB_AUTO(free) char *target = cb_path_rel(e->link ? e->link : "");
    const char *slash = strrchr(target, '/'), *last = slash ? slash + 1 : target;
    CB_AUTO(free) char *dir = cb_memdup0(target, slash ? (size_t)(slash - target) : 0);
    CB_AUTO(close) int from = cb_open_in_root(u->root, *dir ? dir : ".", O_PATH | O_DIRECTORY, 0);
    if (!*last)
        return -EINVAL;
    if (from < 0)
        return from;
    return linkat(from, last, parent, name, 0) < 0 ? -errno : 0;
}

static int put_other(struct unpack *u, const struct cb_tar_entry *e, const char *path, int parent, const char *name)
{
    const struct timespec times[2] = {{(time_t)e->mtime, 0}, {(time_t)e->mtime, 0}};
    int r = 0;
    switch (e->type) {
    case CB_DIR:
        return put_dir(u, e, path, parent, name);
    case CB_SYMLINK:
        r = symlinkat(e->link, parent, name);
        break;
    case CB_FIFO:
        r = mknodat(parent, name, S_IFIFO | (usable_mode(e) & 0777), 0);
        break;
    case CB_HARDLINK:
        return put_hard_link(u, e, parent, name);
    case CB_CHAR:
    case CB_BLOCK:
    case CB_FILE:
    case CB_FTYPE_COUNT:
        return 0;
    }
    if (r < 0)
        return -errno;
    (void)utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int put_member(struct unpack *u, const struct cb_tar_entry *e, struct cb_error *err)
{
    if (strlen(e->path) >= PATH_MAX || (e->link && strlen(e->link) >= PATH_MAX))
        return cb_fail(err, CB_E_CORRUPT, "the path '%.80s...' is longer than the system allows", e->path);
    if (++u->n_entries > CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_CORRUPT, "more than %u members", CB_MAX_ENTRIES);
    u->newest = CB_MAX(u->newest, e->mtime);
    CB_AUTO(free) char *path = cb_path_rel(e->path);
    const char *name;
    if (!*path || e->type == CB_CHAR || e->type == CB_BLOCK) /* "./" is the directory that is there */
        return 0;
    int parent = open_parent(u, path, &name), r = parent < 0 ? parent : 0;
    if (r == 0 && e->type != CB_DIR) {
        r = clear_place(u, parent, name);
        if (r == 0 && e->type == CB_FILE)
            return put_file(u, e, path, parent, name, err);
    }
    if (r == 0)
        r = put_other(u, e, path, parent, name);
    return r < 0 ? cb_fail_sys(err, r, "make '%s'", path) : 0;
}

/* Last made, first set: what is below a directory comes before it. One that was replaced meanwhile is not touched. */
static void set_dirs(struct unpack *u)
{
    for (size_t i = u->dirs.n; i-- > 0;) {
        const struct cb_map_item *it = &u->dirs.items[i];
        const struct made_dir *d = it->value;
        const struct timespec times[2] = {{(time_t)d->mtime, 0}, {(time_t)d->mtime, 0}};
        CB_AUTO(close) int fd = cb_open_in_root(u->root, it->key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd < 0)
            continue;
        (void)fchmod(fd, d->mode); /* ours: it cannot fail */
        (void)futimens(fd, times);
    }
}

int build_unpack(cb_source_fn *source, void *arg, int root, int64_t *ret_newest, struct cb_error *err)
{
    CB_AUTO(unpack) struct unpack u = {.root = root, .parent_fd = -1, .newest = INT64_MIN, .piece = cb_alloc_buffer(PIECE)};
    struct cb_tar_entry e;
    int r;
    u.tar = cb_tar_reader_new(source, arg, true, err);
    if (!u.tar)
        return -1;
    while ((r = cb_tar_next(u.tar, &e, err)) > 0)
        if (put_member(&u, &e, err) < 0)
            return -1;
    if (r < 0)
        return -1;
    set_dirs(&u);
    if (ret_newest)
        *ret_newest = u.newest;
    return 0;
}
