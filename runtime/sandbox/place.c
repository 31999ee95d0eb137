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
    int thing;   /* it (O_PATH), and the directory that it was put into: the command may move either */
    int parent;
    bool data; /* a file of ours: emptied in the end, for a command may have given it another name */
};

/* ---- in and out -------------------------------------------------------------------------------- */

static char *name_for(struct rt_child *c, const char *what)
{
    return cb_printf("%s-%u", what, c->n_scratch++);
}

/* The path below the root of what was opened there. NULL: err. */
static char *path_in_root(const struct rt_child *c, int fd, const char *target, struct cb_error *err)
{
    CB_AUTO(free) char *root = cb_fd_path(c->root), *path = cb_fd_path(fd);
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

static void placed_done(struct rt_placed *p)
{
    cb_close(p->thing);
    cb_close(p->parent);
    free(p->path);
    free(p->home);
    free(p->saved);
}
CB_DEFINE_AUTO(placed, struct rt_placed, placed_done)

/* In this directory: what is `last` there goes aside, and `name` of `from` takes its place. 0 or -errno. */
static int exchange(const struct rt_child *c, struct rt_placed *p, const char *last, int from, const char *name)
{
    struct stat st;
    p->thing = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (p->thing < 0 || fstat(p->parent, &st) < 0 || renameat(p->parent, last, c->s->work_dir, p->saved) < 0)
        return -errno;
    return renameat(from, name, p->parent, last) < 0 ? -errno : set_time(p->parent, st.st_mtim);
}

/* Moves `name` of `from` to the target, which is opened at `at`. */
static int move_in(struct rt_child *c, const char *target, int at, int from, const char *name, bool returns, struct cb_error *err)
{
    CB_AUTO(placed)
    struct rt_placed p = {.path = path_in_root(c, at, target, err), .saved = name_for(c, "saved"), .thing = -1, .parent = -1};
    const char *last;
    if (!p.path)
        return -1;
    p.parent = cb_open_parent_nofollow(c->root, p.path, &last);
    int r = p.parent < 0 ? p.parent : exchange(c, &p, last, from, name);
    if (r < 0)
        cb_fail_sys(err, r, "put what is mounted at '%s' in its place", target);
    if (r == -EXDEV)
        cb_hint(err, "a cache cannot be moved to a run root on another file system: leave --run-root out");
    if (r < 0)
        return -1;
    p.home = returns ? cb_strdup(name) : NULL;
    CB_PUSH(c->placed, c->n_placed, c->cap_placed) = p;
    p = (struct rt_placed){.thing = -1, .parent = -1};
    return 0;
}

/* 1: it was moved from there to the work directory; 0: it is not there; -errno. */
static int take_from(const struct rt_placed *p, int parent, const char *last, int work, const char *name)
{
    struct stat was, st, dir;
    if (fstat(p->thing, &was) < 0 || fstat(parent, &dir) < 0)
        return -errno;
    if (fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != was.st_dev || st.st_ino != was.st_ino)
        return 0;
    if (renameat(parent, last, work, name) < 0)
        return -errno;
    int r = set_time(parent, dir.st_mtim);
    return r < 0 ? r : 1;
}

/* The same, wherever the command has moved it. 0: the command has removed it. */
static int take(const struct rt_placed *p, int work, const char *name)
{
    const char *last;
    int r = take_from(p, p->parent, cb_path_base(p->path), work, name);
    CB_AUTO(free) char *path = r ? NULL : cb_fd_path(p->thing);
    CB_AUTO(close) int root = path ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    CB_AUTO(close) int parent = root < 0 ? -1 : cb_open_parent_nofollow(root, path + 1, &last);
    return parent < 0 ? r : take_from(p, parent, last, work, name); /* without a name its path leads nowhere */
}

/* What was there comes back, whatever the command has made in its place. Where the directory around it is gone nothing does. */
static int put_back(struct rt_child *c, const struct rt_placed *p)
{
    struct stat st;
    int work = c->s->work_dir;
    const char *last = cb_path_base(p->path);
    CB_AUTO(free) char *other = name_for(c, "other");
    if (fstat(p->parent, &st) < 0)
        return -errno;
    if (renameat(p->parent, last, work, other) < 0 && errno != ENOENT)
        return -errno;
    if (renameat(work, p->saved, p->parent, last) < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = cb_remove_tree(work, other);
    return r < 0 ? r : set_time(p->parent, st.st_mtim);
}

static int move_out(struct rt_child *c, const struct rt_placed *p)
{
    int work = c->s->work_dir;
    CB_AUTO(free) char *used = name_for(c, "used");
    int r = take(p, work, used);
    if (r > 0 && p->home)
        (void)renameat2(work, used, AT_FDCWD, p->home, RENAME_NOREPLACE); /* else it stays for whoever cleans up */
    else if (r > 0)
        r = cb_remove_tree(work, used);
    return r < 0 ? r : put_back(c, p);
}

static int empty(int file)
{
    char path[32];
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
        int emptied = p->data ? empty(p->thing) : 0, e = move_out(c, p);
        e = e < 0 ? e : emptied;
        if (e < 0 && r == 0)
            r = cb_fail_sys(err, e, "take what was mounted at '/%s' out of its place", p->path);
        placed_done(p);
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
    fd = cb_close(fd); /* nobody executes a file that is open for writing */
    if (move_in(c, m->target, at, c->s->work_dir, name, false, err) < 0)
        return -1;
    c->placed[c->n_placed - 1].data = true;
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
        fchmodat(c->s->work_dir, name,
                 m->has_mode ? m->mode
                 : made      ? 01777
                             : st.st_mode & 07777,
                 0) < 0)
        return cb_fail_sys(err, errno, "make a directory for '%s'", m->target);
    return move_in(c, m->target, at, c->s->work_dir, name, false, err);
}

static int place_movable(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    bool made;
    struct stat st;
    CB_AUTO(close) /* nothing lies beneath a socket */
    int from = m->source_path ? cb_open_in_root(m->source_fd, m->source_path, O_PATH | O_CLOEXEC, 0)
                              : fcntl(m->source_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (from < 0 || fstat(from, &st) < 0)
        return cb_fail_sys(err, from < 0 ? from : errno, "open '%s' for the mount at '%s'", m->source_path ? m->source_path : "",
                           m->target);
    CB_AUTO(close) int at = rt_target_open(c, m->target, S_ISDIR(st.st_mode) ? RT_MAKE_DIR : RT_MAKE_FILE, &made, err);
    if (at < 0)
        return -1;
    CB_AUTO(free) char *path = cb_fd_path(from);
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

/* What programs ask of the machine, as it is now: Node's os.cpus() is empty without the first, and npm 9 then runs no script.
 * Nothing of processes or of settings is among them. */
static const char *const of_machine[] = {"cpuinfo", "stat", "meminfo", "loadavg", "uptime", "version", "filesystems"};

#define MAX_OF_MACHINE (4u << 20) /* bytes; cpuinfo has one and a half KiB a processor */

static int fill_proc(struct rt_child *c, int proc)
{
    (void)c;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = 0;
    for (size_t i = 0; i < CB_LEN(of_machine) && r == 0; i++) {
        CB_AUTO(free) char *path = cb_printf("/proc/%s", of_machine[i]);
        cb_buf_reset(&text);
        if (cb_read_file(AT_FDCWD, path, MAX_OF_MACHINE, &text) < 0)
            continue; /* covered around us: no more is shown than we see */
        CB_AUTO(close) int fd = openat(proc, of_machine[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        r = fd < 0 ? -errno : cb_write_full(fd, text.data, text.len);
    }
    return r;
}

/* A directory of ours, filled, takes the place of one of the image. */
static int place_dir(struct rt_child *c, const char *path, int at, int (*fill)(struct rt_child *c, int dir), struct cb_error *err)
{
    CB_AUTO(free) char *name = name_for(c, path + 1);
    CB_AUTO(close)
    int dir = mkdirat(c->s->work_dir, name, 0755) < 0 ? -1 : openat(c->s->work_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? -errno : fill(c, dir);
    return r < 0 ? cb_fail_sys(err, r, "make %s for the command", path) : move_in(c, path, at, c->s->work_dir, name, false, err);
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
    if (sys < 0 || place_dir(c, "/proc", proc, fill_proc, err) < 0)
        return -1;
    return place_dir(c, "/dev", at, fill_dev, err);
}
