/* Everything is done by renaming: between the tree, the step's work directory and the directories of cache mounts, all of which
 * are in the store. So it costs the same for a file and for a cache of gigabytes. */
#include "runtime/sandbox/place.h"
#include "base/fd.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct rt_placed {
    char *path;  /* below the root, no links in it */
    char *home;  /* where it came from and goes back to; NULL: it is thrown away */
    char *saved; /* in the work directory: what was there */
    dev_t dev;
    ino_t ino;
    int data; /* a file of ours: emptied in the end, for a command may have given it another name; -1: none */
};

/* ---- in and out -------------------------------------------------------------------------------- */

static char *name_for(struct rt_child *c, const char *what)
{
    return cb_printf("%s-%u", what, c->n_scratch++);
}

/* Of an open file. NULL: errno. */
static char *path_of(int fd)
{
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path));
    return n < 0 || n == sizeof(path) ? NULL : cb_memdup0(path, (size_t)n);
}

/* The path below the root of what was opened there. NULL: err. */
static char *path_in_root(const struct rt_child *c, int fd, const char *target, struct cb_error *err)
{
    CB_AUTO(free) char *root = path_of(c->root), *path = path_of(fd);
    size_t n = root ? strlen(root) : 0;
    if (path && root && strncmp(path, root, n) == 0 && path[n] == '/' && path[n + 1])
        return cb_strdup(path + n + 1);
    cb_fail(err, CB_E_FAILED, "the place of '%s' in the tree of the step cannot be found", target);
    return NULL;
}

static int set_time(int dir, struct timespec mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};
    return utimensat(dir, ".", times, 0) < 0 ? -errno : 0;
}

/* Moves `name` of `from` to the target, which is opened at `at`. */
static int move_in(struct rt_child *c, const char *target, int at, int from, const char *name, bool returns, struct cb_error *err)
{
    struct rt_placed p = {.path = path_in_root(c, at, target, err), .saved = name_for(c, "saved"), .data = -1};
    struct stat st, moved = {0};
    const char *last;
    CB_AUTO(close) int parent = p.path ? cb_open_parent_nofollow(c->root, p.path, &last) : -1;
    int r = !p.path                                                                         ? -1
            : parent < 0                                                                    ? parent
            : fstat(parent, &st) < 0 || renameat(parent, last, c->s->work_dir, p.saved) < 0 ? -errno
                                                                                            : 0;
    if (r == 0)
        r = renameat(from, name, parent, last) < 0 || fstatat(parent, last, &moved, AT_SYMLINK_NOFOLLOW) < 0
                ? -errno
                : set_time(parent, st.st_mtim);
    if (r < 0) {
        free(p.path);
        free(p.saved);
        return err->code ? -1 : cb_fail_sys(err, r, "put what is mounted at '%s' in its place", target);
    }
    p.dev = moved.st_dev;
    p.ino = moved.st_ino;
    p.home = returns ? cb_strdup(name) : NULL;
    CB_PUSH(c->placed, c->n_placed, c->cap_placed) = p;
    return 0;
}

/* 0 or -errno. That the command has removed the directory around it is no failure. */
static int move_out(struct rt_child *c, const struct rt_placed *p)
{
    int work = c->s->work_dir;
    const char *last;
    struct stat st, is;
    CB_AUTO(free) char *used = name_for(c, "used");
    CB_AUTO(close) int parent = cb_open_parent_nofollow(c->root, p->path, &last);
    if (parent < 0)
        return parent == -ENOENT || parent == -ENOTDIR || parent == -ELOOP ? 0 : parent;
    if (fstat(parent, &st) < 0)
        return -errno;
    if (renameat(parent, last, work, used) < 0 && errno != ENOENT)
        return -errno;
    if (p->home && fstatat(work, used, &is, AT_SYMLINK_NOFOLLOW) == 0 && is.st_dev == p->dev && is.st_ino == p->ino)
        (void)renameat2(work, used, AT_FDCWD, p->home, RENAME_NOREPLACE); /* else the cache starts afresh */
    int r = cb_remove_tree(work, used);
    if (r == 0 && renameat(work, p->saved, parent, last) < 0)
        r = -errno;
    return r < 0 ? r : set_time(parent, st.st_mtim);
}

static int empty(int file)
{
    char path[32];
    if (file < 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    CB_AUTO(close) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    return fd < 0 ? -errno : 0;
}

bool rt_place_holds(const struct rt_child *c, const char *path)
{
    for (size_t i = 0; i < c->n_placed; i++) {
        size_t n = strlen(c->placed[i].path);
        if (strncmp(path, c->placed[i].path, n) == 0 && (path[n] == '/' || !path[n]))
            return true;
    }
    return false;
}

int rt_place_end(struct rt_child *c, struct cb_error *err)
{
    int r = 0;
    for (size_t i = c->n_placed; i-- > 0;) {
        struct rt_placed *p = &c->placed[i];
        int emptied = empty(p->data), e = move_out(c, p);
        e = e < 0 ? e : emptied;
        if (e < 0 && r == 0)
            r = cb_fail_sys(err, e, "take what was mounted at '/%s' out of its place", p->path);
        cb_close(p->data);
        free(p->path);
        free(p->home);
        free(p->saved);
    }
    free(c->placed);
    c->placed = NULL;
    c->n_placed = 0;
    return r;
}

/* ---- kinds ------------------------------------------------------------------------------------- */

static int place_data(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    bool made;
    CB_AUTO(free) char *name = name_for(c, "data");
    CB_AUTO(close) int at = rt_target_open(c, m->target, RT_MAKE_FILE, &made, err);
    if (at < 0)
        return -1;
    CB_AUTO(close) int fd = openat(c->s->work_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : cb_write_full(fd, m->data, m->data_len);
    if (r == 0 && (fchown(fd, m->uid, m->gid) < 0 || fchmod(fd, m->mode & 07777) < 0))
        r = -errno;
    if (r < 0)
        return cb_fail_sys(err, r, "make the file for '%s'", m->target);
    /* Not held open for writing: the command may execute it. */
    CB_AUTO(close) int file = openat(c->s->work_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return cb_fail_sys(err, errno, "make the file for '%s'", m->target);
    if (move_in(c, m->target, at, c->s->work_dir, name, false, err) < 0)
        return -1;
    c->placed[c->n_placed - 1].data = cb_take_fd(&file);
    return 0;
}

static int place_tmpfs(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    bool made;
    struct stat st;
    CB_AUTO(free) char *name = name_for(c, "tmpfs");
    CB_AUTO(close) int at = rt_target_open(c, m->target, RT_MAKE_DIR, &made, err);
    if (at < 0)
        return -1;
    if (fstat(at, &st) < 0 || mkdirat(c->s->work_dir, name, 0700) < 0 ||
        fchmodat(c->s->work_dir, name, made ? 01777 : st.st_mode & 07777, 0) < 0)
        return cb_fail_sys(err, errno, "make a directory for '%s'", m->target);
    return move_in(c, m->target, at, c->s->work_dir, name, false, err);
}

static int place_movable(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    bool made;
    struct stat st;
    CB_AUTO(close) int from = cb_open_in_root(m->source_fd, m->source_path ? m->source_path : "", O_PATH | O_CLOEXEC, 0);
    if (from < 0 || fstat(from, &st) < 0)
        return cb_fail_sys(err, from < 0 ? from : errno, "open '%s' for the mount at '%s'", m->source_path ? m->source_path : "",
                           m->target);
    CB_AUTO(close) int at = rt_target_open(c, m->target, S_ISDIR(st.st_mode) ? RT_MAKE_DIR : RT_MAKE_FILE, &made, err);
    if (at < 0)
        return -1;
    CB_AUTO(free) char *path = path_of(from);
    if (!path)
        return cb_fail_sys(err, errno, "find the source of the mount at '%s'", m->target);
    return move_in(c, m->target, at, AT_FDCWD, path, true, err);
}

int rt_place_mount(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    switch (m->kind) {
    case RT_MOUNT_DATA:
        return place_data(c, m, err);
    case RT_MOUNT_TMPFS:
        return place_tmpfs(c, m, err);
    case RT_MOUNT_BIND:
    case RT_MOUNT_SOCKET:
    case RT_MOUNT_LAYERS:
        break;
    }
    if (m->movable)
        return place_movable(c, m, err);
    cb_fail(err, CB_E_UNSUPPORTED, "nothing can be mounted at '%s': this machine allows RUN no mounts", m->target);
    return cb_hint(err, "%s", c->s->privilege->reason ? c->s->privilege->reason : "allow namespaces");
}

/* ---- /dev, /proc, /sys ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned major, minor;
} nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

static const struct {
    const char *name, *target;
} links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};

/* A device, if it may be made and opened here: not without CAP_MKNOD, nor on a volume that is mounted nodev. */
static bool make_node(int dev, const char *name, dev_t number)
{
    if (mknodat(dev, name, S_IFCHR | 0666, number) < 0)
        return false;
    CB_AUTO(close) int fd = openat(dev, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 || errno == ENXIO; /* there is no terminal to be opened */
}

/* A file takes what is thrown away and has nothing to read; that is most of what /dev/null is for. */
static int make_false_null(int dev)
{
    (void)unlinkat(dev, "null", 0);
    int fd = openat(dev, "null", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    cb_close(fd);
    return 0;
}

static int fill_dev(struct rt_child *c, int dev)
{
    int r = 0;
    for (size_t i = 0; i < CB_LEN(nodes); i++)
        if (!make_node(dev, nodes[i].name, makedev(nodes[i].major, nodes[i].minor))) {
            (void)unlinkat(dev, nodes[i].name, 0);
            c->result->no_devices = true;
        }
    if (c->result->no_devices)
        r = make_false_null(dev);
    for (size_t i = 0; i < CB_LEN(links) && r == 0; i++)
        r = symlinkat(links[i].target, dev, links[i].name) < 0 ? -errno : 0;
    if (r == 0)
        r = mkdirat(dev, "shm", 01777) < 0 || mkdirat(dev, "pts", 0755) < 0 ? -errno : 0;
    return r;
}

/* As system.c: a directory that the image lacks is made and stays. */
static int open_dir(struct rt_child *c, const char *path, struct cb_error *err)
{
    struct stat st;
    bool made;
    if (fstatat(c->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' of the image is not a directory; the sandbox needs it", path);
    return rt_target_open(c, path, RT_MAKE_KEPT, &made, err);
}

int rt_place_system(struct rt_child *c, struct cb_error *err)
{
    CB_AUTO(close) int proc = open_dir(c, "/proc", err);
    CB_AUTO(close) int at = proc < 0 ? -1 : open_dir(c, "/dev", err);
    CB_AUTO(close) int sys = at < 0 ? -1 : open_dir(c, "/sys", err);
    CB_AUTO(free) char *name = name_for(c, "dev");
    if (sys < 0)
        return -1;
    CB_AUTO(close)
    int dev = mkdirat(c->s->work_dir, name, 0755) < 0 ? -1 : openat(c->s->work_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = dev < 0 ? -errno : fill_dev(c, dev);
    return r < 0 ? cb_fail_sys(err, r, "make /dev for the command") : move_in(c, "/dev", at, c->s->work_dir, name, false, err);
}
