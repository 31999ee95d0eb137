/* The files of a layer, as the index describes them. Order of the attributes: owner first (chown takes set-id bits and
 * capabilities away), then mode, xattrs and finally the times.
 *
 * What may not be set is decided once, from who we are: a process with one id in its namespace, or without any, sets
 * no owners at all. Where owners can be set, a failure is an error. */
#include "cache/layer/layer-internal.h"
#include "base/map.h"
#include "base/owner.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ZERO_BLOCK 4096

/* Does our namespace map more than one id? Unreadable /proc: then we take ourselves for what we seem to be. */
static bool maps_many_ids(void)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    unsigned long long sum = 0;
    if (cb_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &b) < 0)
        return true;
    unsigned long long inside, outside, count;
    int used;
    for (const char *p = b.data; sscanf(p, "%llu %llu %llu%n", &inside, &outside, &count, &used) == 3; p += used)
        sum += count;
    return sum > 1;
}

/* Asked for every inode of a layer: a process does not change its namespace, but its children may. */
bool cache_layer_can_set_owners(void)
{
    static pid_t asked;
    static bool can;
    if (asked != getpid()) {
        asked = getpid();
        can = geteuid() == 0 && maps_many_ids();
    }
    return can;
}

void cache_layer_disk_init(struct cache_layer_disk *d, int fs)
{
    *d = CACHE_LAYER_DISK_INIT;
    cache_layer_cursor_set_root(&d->cursor, fs);
    d->uid = geteuid();
    d->gid = getegid();
    d->owners = cache_layer_can_set_owners();
    d->umask = umask(0);
    umask(d->umask);
}

void cache_layer_disk_done(struct cache_layer_disk *d)
{
    d->fd = cb_close(d->fd);
    cache_layer_cursor_done(&d->cursor);
}

static int fail(struct cb_error *err, int r, const char *what, const char *path)
{
    return cb_fail_sys(err, r, "%s '/%s' of a layer", what, path);
}

static int fail_owner(struct cb_error *err, int sys, const struct cache_entry *e)
{
    cb_fail_sys(err, sys, "set the owner %u:%u of '/%s' in a layer", e->uid, e->gid, e->path);
    if (sys == EINVAL)
        cb_hint(err, "ids %u and %u must lie in the ranges of /etc/subuid and /etc/subgid: make them larger", e->uid, e->gid);
    return -1;
}

static int parent_of(struct cache_layer_disk *d, const char *path, const char **name, struct cb_error *err)
{
    int dir = cache_layer_cursor_parent(&d->cursor, path, name);
    return dir < 0 ? fail(err, dir, "open the directory of", path) : dir;
}

int cache_layer_disk_remove(struct cache_layer_disk *d, const char *path, struct cb_error *err)
{
    cache_layer_cursor_forget(&d->cursor, path);
    const char *name;
    int dir = parent_of(d, path, &name, err);
    if (dir < 0)
        return -1;
    int r = cb_remove_tree(dir, name);
    return r < 0 ? fail(err, r, "remove", path) : 0;
}

/* ---- attributes ----------------------------------------------------------------------------- */

bool cache_layer_reserved_xattr(const char *name)
{
    return cb_starts(name, "user.overlay.") || cb_starts(name, "trusted.overlay.") || cb_starts(name, "user.cbuild.");
}

/* What the unpacking user cannot set or the file system cannot hold may be missing: the index has it. */
static bool xattr_tolerated(int sys, const struct cache_entry *e, const char *name)
{
    if (sys == ENOTSUP)
        return true;
    if (sys == EPERM)
        return e->type != CB_FILE || cb_starts(name, "security.") || cb_starts(name, "trusted.");
    return sys == EINVAL && (cb_starts(name, "system.") || cb_starts(name, "security."));
}

/* Through the descriptor's name in /proc when it is an O_PATH one: there is no setxattrat on older kernels. */
static int set_xattrs(const struct cache_entry *e, int fd, bool by_path, struct cb_error *err)
{
    char proc[32];
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < e->n_xattrs; i++) {
        const struct cb_xattr *x = &e->xattrs[i];
        if (cache_layer_reserved_xattr(x->name))
            continue;
        int r = by_path ? setxattr(proc, x->name, x->value, x->len, 0) : fsetxattr(fd, x->name, x->value, x->len, 0);
        if (r < 0 && !xattr_tolerated(errno, e, x->name))
            return cb_fail_sys(err, errno, "set the attribute '%s' of '/%s' in a layer", x->name, e->path);
    }
    return 0;
}

static bool owner_comes_by_itself(const struct cache_layer_disk *d, const struct cache_entry *e)
{
    bool was_there = d->merged && e->type == CB_DIR; /* it may have been another's */
    return !d->owners || (!was_there && e->uid == d->uid && e->gid == d->gid);
}

/* Where owners cannot be set, they are written beside the file, as are the numbers of a device. Of what can have no attribute,
 * and on a file system without, only the index knows. `name`: in the directory `fd`; NULL: the file itself. */
static int write_beside(const struct cache_layer_disk *d, const struct cache_entry *e, int fd, const char *name)
{
    bool device = e->type == CB_CHAR || e->type == CB_BLOCK;
    const struct cb_owner o = {.uid = e->uid,
                               .gid = e->gid,
                               .device = !device              ? 0
                                         : e->type == CB_CHAR ? S_IFCHR
                                                              : S_IFBLK,
                               .major = device ? e->dev_major : 0,
                               .minor = device ? e->dev_minor : 0};
    if (d->owners || cb_owner_is_plain(&o) || e->type == CB_SYMLINK || e->type == CB_FIFO)
        return 0;
    int r = name ? cb_owner_write_at(fd, name, &o) : cb_owner_write(fd, &o);
    return r == -EOPNOTSUPP ? 0 : r;
}

static void times_of(const struct cache_entry *e, long nsec, struct timespec t[2])
{
    t[0] = t[1] = (struct timespec){e->mtime, nsec};
}

/* Of anything but a regular file, by its name. The file system clips times that it cannot hold. */
static int set_attributes_at(struct cache_layer_disk *d, int dir, const char *name, const struct cache_entry *e,
                             struct cb_error *err)
{
    struct timespec t[2];
    times_of(e, 0, t);
    if (!owner_comes_by_itself(d, e) && fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_owner(err, errno, e);
    int r = write_beside(d, e, dir, name);
    if (r < 0)
        return fail(err, r, "note the owner of", e->path);
    r = e->type == CB_SYMLINK ? 0 : cb_chmod(dir, name, e->mode & 07777);
    if (r < 0)
        return fail(err, r, "set the mode of", e->path);
    if (e->n_xattrs) {
        CB_AUTO(close) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return fail(err, errno, "open", e->path);
        if (e->type != CB_SYMLINK && set_xattrs(e, fd, true, err) < 0)
            return -1;
    }
    if (utimensat(dir, name, t, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "set the time of", e->path);
    return 0;
}

int cache_layer_disk_own(struct cache_layer_disk *d, int dir, const char *name, const struct cache_entry *e, struct cb_error *err)
{
    if (d->owners)
        return set_attributes_at(d, dir, name, e, err);
    int r = write_beside(d, e, dir, name);
    return r < 0 ? fail(err, r, "note the owner of", e->path) : 0;
}

/* ---- things without data -------------------------------------------------------------------- */

/* A device that may not be made is an empty file: the index says what it is. */
static int make_node(struct cache_layer_disk *d, int dir, const char *name, const struct cache_entry *e)
{
    mode_t type = e->type == CB_FIFO ? S_IFIFO : e->type == CB_CHAR ? S_IFCHR : S_IFBLK;
    if (e->type == CB_FIFO || !d->no_devices) {
        if (mknodat(dir, name, type | 0600, makedev(e->dev_major, e->dev_minor)) == 0)
            return 0;
        if (errno != EPERM || e->type == CB_FIFO)
            return -errno;
        d->no_devices = true;
    }
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    cb_close(fd);
    return 0;
}

static int make_link(struct cache_layer_disk *d, int dir, const char *name, const struct cache_entry *e)
{
    struct cache_layer_cursor *c = &d->cursor;
    CB_AUTO(close) int here = fcntl(dir, F_DUPFD_CLOEXEC, 3); /* the cursor moves on to the target */
    if (here < 0)
        return -errno;
    const char *target;
    int there = cache_layer_cursor_parent(c, e->link, &target);
    if (there < 0)
        return there;
    return linkat(there, target, here, name, 0) < 0 ? -errno : 0;
}

static int make_dir(int dir, const char *name)
{
    if (mkdirat(dir, name, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -EEXIST;
}

int cache_layer_disk_make(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err)
{
    const char *name;
    int dir = parent_of(d, e->path, &name, err), r = 0;
    if (dir < 0)
        return -1;
    switch (e->type) {
    case CB_DIR:
        r = make_dir(dir, name);
        return r < 0 ? fail(err, r, "make the directory", e->path) : 0;
    case CB_HARDLINK:
        r = make_link(d, dir, name, e);
        return r < 0 ? fail(err, r, "make the hard link", e->path) : 0;
    case CB_SYMLINK:
        r = symlinkat(e->link, dir, name) < 0 ? -errno : 0;
        break;
    case CB_CHAR:
    case CB_BLOCK:
    case CB_FIFO:
        r = make_node(d, dir, name, e);
        break;
    default: /* whiteouts and opaque marks come at the end */
        return 0;
    }
    return r < 0 ? fail(err, r, "make", e->path) : set_attributes_at(d, dir, name, e, err);
}

/* ---- files ---------------------------------------------------------------------------------- */

int cache_layer_disk_begin(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err)
{
    const char *name;
    int dir = parent_of(d, e->path, &name, err);
    if (dir < 0)
        return -1;
    d->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->mode & 0777);
    if (d->fd < 0)
        return fail(err, errno, "make", e->path);
    d->size = 0;
    d->nsec = 0;
    d->holes = false;
    return 0;
}

static bool all_zero(const char *p, size_t n)
{
    return *p == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Long runs of zeros become holes, so a sparse file stays sparse. */
int cache_layer_disk_write(struct cache_layer_disk *d, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err)
{
    if (n >= ZERO_BLOCK && all_zero(p, n)) {
        d->holes = true;
        d->size += n;
        return 0;
    }
    if (d->holes && lseek(d->fd, (off_t)d->size, SEEK_SET) < 0)
        return fail(err, errno, "write", e->path);
    int r = cb_write_full(d->fd, p, n);
    if (r < 0)
        return fail(err, r, "write", e->path);
    d->size += n;
    return 0;
}

int cache_layer_disk_end(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_take_fd(&d->fd);
    mode_t mode = e->mode & 07777;
    bool chown = !owner_comes_by_itself(d, e);
    struct timespec t[2];
    times_of(e, d->nsec, t);
    if (d->holes && ftruncate(fd, (off_t)d->size) < 0)
        return fail(err, errno, "write", e->path);
    if (chown && fchown(fd, e->uid, e->gid) < 0)
        return fail_owner(err, errno, e);
    int r = write_beside(d, e, fd, NULL);
    if (r < 0)
        return fail(err, r, "note the owner of", e->path);
    if ((mode & (07000 | d->umask)) && fchmod(fd, mode) < 0)
        return fail(err, errno, "set the mode of", e->path);
    if (e->n_xattrs && set_xattrs(e, fd, false, err) < 0)
        return -1;
    return futimens(fd, t) < 0 ? fail(err, errno, "set the time of", e->path) : 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

bool cache_layer_holds_marks(int fd)
{
    static const unsigned without[] = {OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, V9FS_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return true;
    for (size_t i = 0; i < CB_LEN(without); i++)
        if ((unsigned)fs.f_type == without[i])
            return false;
    return true;
}

/* Where the file system cannot hold them the index alone has them. Nothing is stacked there either. */
static int refused(int dir)
{
    int sys = errno;
    bool marks = cache_layer_holds_marks(dir);
    return marks || (sys != EPERM && sys != ENOTSUP && sys != EINVAL) ? -sys : 0;
}

static int make_whiteout(int dir, const char *name)
{
    return mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0 && errno != EEXIST ? refused(dir) : 0;
}

static int make_opaque(int dir, const char *name)
{
    CB_AUTO(close) int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char proc[32];
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    return setxattr(proc, "user.overlay.opaque", "y", 1, 0) < 0 ? refused(fd) : 0;
}

/* From the end to the beginning: the contents of a directory are done before it. */
int cache_layer_disk_finish(struct cache_layer_disk *d, const struct cache_index *x, struct cb_error *err)
{
    for (size_t i = x->n; i-- > 0;) {
        const struct cache_entry *e = &x->entries[i];
        bool mark = e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE;
        if (e->type != CB_DIR && (!mark || d->merged))
            continue;
        const char *name;
        int dir = parent_of(d, e->path, &name, err);
        if (dir < 0)
            return -1;
        if (e->type == CB_DIR) {
            if (set_attributes_at(d, dir, name, e, err) < 0)
                return -1;
            continue;
        }
        int r = e->type == CACHE_WHITEOUT ? make_whiteout(dir, name) : make_opaque(dir, name);
        if (r < 0)
            return fail(err, r, e->type == CACHE_WHITEOUT ? "make a whiteout for" : "hide what is below", e->path);
    }
    return 0;
}

/* ---- hard links in an index ------------------------------------------------------------------ */

/* The entry that has the data: links may point to links. NULL: there is none. */
static struct cache_entry *data_of(const struct cache_index *x, struct cache_entry *e)
{
    for (int hops = 0; e && e->type == CB_HARDLINK; hops++)
        e = hops < 64 ? (struct cache_entry *)cache_index_find(x, e->link) : NULL; /* the index is ours to change */
    return e;
}

static void point_at(struct cache_entry *e, const struct cache_entry *head)
{
    *e = (struct cache_entry){.path = e->path,
                              .type = CB_HARDLINK,
                              .mode = head->mode,
                              .uid = head->uid,
                              .gid = head->gid,
                              .mtime = head->mtime,
                              .link = head->path};
}

static void swap_places(struct cache_entry *link, struct cache_entry *data)
{
    const char *path = link->path;
    *link = *data;
    link->path = path;
    point_at(data, link);
}

void cache_layer_settle_links(struct cache_index *x)
{
    CB_AUTO(cb_map) struct cb_map first = {0}; /* path of the data -> the name that comes first */
    cache_index_sort(x);
    for (size_t i = 0; i < x->n; i++) {
        struct cache_entry *e = &x->entries[i], *data = e->type == CB_HARDLINK ? data_of(x, e) : NULL;
        if (data && !cb_map_has(&first, data->path))
            cb_map_set(&first, data->path, data < e ? data : e);
    }
    for (size_t i = 0; first.n && i < x->n; i++) { /* all now point at the one with the data, so that the data can move */
        struct cache_entry *e = &x->entries[i], *data = e->type == CB_HARDLINK ? data_of(x, e) : NULL;
        if (data)
            e->link = data->path;
    }
    for (size_t i = 0; first.n && i < x->n; i++) {
        struct cache_entry *e = &x->entries[i], *head = e->type == CB_HARDLINK ? cb_map_get(&first, e->link) : NULL;
        if (head == e)
            swap_places(e, (struct cache_entry *)cache_index_find(x, e->link));
        else if (head)
            point_at(e, head);
    }
}
