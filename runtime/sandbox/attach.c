#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/mount/mounts.h"
#include "runtime/sandbox/place.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int rt_attach_scratch(struct rt_child *c, struct cb_error *err)
{
    static const struct rt_option options[] = {{"mode", "700"}};
    c->scratch = rt_mount_new("tmpfs", options, CB_LEN(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    /* Over our own work directory, all of which is open already. It goes with the old root; only files
     * bound out of it stay. (Over "/" it would come to lie on the old root and be unmounted in its place.) */
    int r = c->scratch < 0 ? c->scratch : rt_mount_attach(c->scratch, c->s->work_dir, "");
    return r < 0 ? cb_fail_sys(err, r, "mount a tmpfs for the sandbox") : 0;
}

/* ---- sources: each gives a detached mount or fails ------------------------------------------ */

static int bind_source(const struct rt_mount *m, struct cb_error *err)
{
    const char *below = m->source_path ? m->source_path : "";
    if (!*below) {
        int mnt = rt_mount_clone(m->source_fd, "");
        return mnt < 0 ? cb_fail_sys(err, mnt, "bind the source of '%s'", m->target) : mnt;
    }
    CB_AUTO(close) int fd = cb_open_in_root(m->source_fd, below, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' for the mount at '%s'", below, m->target);
    int mnt = rt_mount_clone(fd, "");
    return mnt < 0 ? cb_fail_sys(err, mnt, "bind '%s' at '%s'", below, m->target) : mnt;
}

/* A file in memory: on the scratch tmpfs, bound from there. */
static int data_source(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    char name[32];
    snprintf(name, sizeof(name), "data-%u", c->n_scratch++);
    CB_AUTO(close) int fd = openat(c->scratch, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : cb_write_full(fd, m->data, m->data_len);
    /* An id that does not exist inside belongs to no process: then the file is root's, as everything else there is. */
    if (r == 0 && (m->uid || m->gid))
        r = rt_give(c, c->scratch, name, m->uid, m->gid);
    r = r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
    if (r == 0 && fchmod(fd, m->mode & 07777) < 0)
        r = -errno;
    if (r == 0)
        r = rt_mount_clone(c->scratch, name);
    return r < 0 ? cb_fail_sys(err, r, "make the file for '%s'", m->target) : r;
}

/* The root directory of a tmpfs looks like the directory it covers; 1777 where that had to be made. */
static int tmpfs_source(const struct rt_mount *m, int at, bool made, struct cb_error *err)
{
    char mode[16], size[32];
    struct stat st;
    if (fstat(at, &st) < 0)
        return cb_fail_sys(err, errno, "look at '%s'", m->target);
    snprintf(mode, sizeof(mode), "%o", m->has_mode ? m->mode : made ? 01777u : (unsigned)st.st_mode & 07777u);
    snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
    const struct rt_option options[] = {{"mode", mode}, {"size", size}};
    int mnt = rt_mount_new("tmpfs", options, m->size ? 2 : 1, MOUNT_ATTR_NOSUID);
    return mnt < 0 ? cb_fail_sys(err, mnt, "make a tmpfs for '%s'", m->target) : mnt;
}

static int make_layer_dirs(int base, const struct stat *like, int *ret_upper, int *ret_work)
{
    if (mkdirat(base, "upper", 0755) < 0 || mkdirat(base, "work", 0755) < 0)
        return -errno;
    *ret_upper = openat(base, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret_work = openat(base, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_upper < 0 || *ret_work < 0)
        return -errno;
    /* An owner that is not mapped here cannot be set; then it is root's. */
    (void)!fchown(*ret_upper, like->st_uid, like->st_gid);
    return fchmod(*ret_upper, like->st_mode & 07777) < 0 ? -errno : 0;
}

/* An overlay of these directories; what is written goes to a directory that the job throws away. The root
 * that is shown looks like `lowers[0]`. */
static int throwaway_overlay(struct rt_child *c, const struct rt_mount *m, const int *lowers, size_t n, struct cb_error *err)
{
    char name[48];
    struct stat st;
    CB_AUTO(close) int base = -1;
    CB_AUTO(close) int upper = -1;
    CB_AUTO(close) int work = -1;
    snprintf(name, sizeof(name), RT_THROWAWAY "/%u", c->n_scratch++);
    if (mkdirat(c->s->work_dir, RT_THROWAWAY, 0700) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "make a directory for the writes to '%s'", m->target);
    int r = fstat(lowers[0], &st) < 0 || mkdirat(c->s->work_dir, name, 0700) < 0 ? -errno : 0;
    if (r == 0) {
        base = openat(c->s->work_dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = base < 0 ? -errno : make_layer_dirs(base, &st, &upper, &work);
    }
    if (r < 0)
        return cb_fail_sys(err, r, "make a directory for the writes to '%s'", m->target);
    return rt_mount_overlay(lowers, n, upper, work, c->scratch, err);
}

/* The path is looked up in the stacked layers. */
static int layers_source(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    const char *below = m->source_path ? m->source_path : "";
    CB_AUTO(close) int empty = -1;
    if (!m->n_layers) {
        char name[32];
        snprintf(name, sizeof(name), "empty-%u", c->n_scratch++);
        if (mkdirat(c->scratch, name, 0755) < 0 || (empty = openat(c->scratch, name, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
            return cb_fail_sys(err, errno, "make an empty directory for '%s'", m->target);
    }
    CB_AUTO(close) int all = throwaway_overlay(c, m, m->n_layers ? m->layers : &empty, m->n_layers ? m->n_layers : 1, err);
    if (all < 0 || !*below)
        return cb_take_fd(&all);
    /* Attached out of sight: before Linux 6.15 a part of a detached mount cannot be cloned. */
    char name[32];
    snprintf(name, sizeof(name), "layers-%u", c->n_scratch++);
    int r = mkdirat(c->scratch, name, 0700) < 0 ? -errno : rt_mount_attach(all, c->scratch, name);
    if (r < 0)
        return cb_fail_sys(err, r, "mount layers for '%s'", m->target);
    CB_AUTO(close) int fd = cb_open_in_root(all, below, O_PATH | O_CLOEXEC, 0);
    int mnt = fd < 0 ? fd : rt_mount_clone(fd, "");
    return mnt < 0 ? cb_fail_sys(err, mnt, "open '%s' for the mount at '%s'", below, m->target) : mnt;
}

/* ---- attaching ------------------------------------------------------------------------------ */

static bool source_is_dir(const struct rt_mount *m)
{
    struct stat st;
    switch (m->kind) {
    case RT_MOUNT_TMPFS:
        return true;
    case RT_MOUNT_DATA:
    case RT_MOUNT_SOCKET:
        return false;
    case RT_MOUNT_BIND:
    case RT_MOUNT_LAYERS:
        break;
    }
    CB_AUTO(close) int fd = cb_open_in_root(m->source_fd, m->source_path ? m->source_path : "", O_PATH | O_CLOEXEC, 0);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int open_source(struct rt_child *c, const struct rt_mount *m, int at, bool made, struct cb_error *err)
{
    switch (m->kind) {
    case RT_MOUNT_BIND:
    case RT_MOUNT_SOCKET:
        return bind_source(m, err);
    case RT_MOUNT_TMPFS:
        return tmpfs_source(m, at, made, err);
    case RT_MOUNT_DATA:
        return data_source(c, m, err);
    case RT_MOUNT_LAYERS:
        return layers_source(c, m, err);
    }
    return cb_fail(err, CB_E_FAILED, "unknown kind of mount at '%s'", m->target);
}

static int attach_one(struct rt_child *c, const struct rt_mount *m, struct cb_error *err)
{
    bool made;
    struct stat st;
    if (c->s->privilege->rung->chroots)
        return rt_place_mount(c, m, err);
    /* Whether layers show a file or a directory is known once they are mounted. */
    CB_AUTO(close) int mnt = m->kind == RT_MOUNT_LAYERS ? open_source(c, m, -1, false, err) : -1;
    if (m->kind == RT_MOUNT_LAYERS && mnt < 0)
        return -1;
    bool dir = mnt >= 0 ? fstat(mnt, &st) == 0 && S_ISDIR(st.st_mode) : source_is_dir(m);
    CB_AUTO(close) int at = rt_target_open(c, m->target, dir ? RT_MAKE_DIR : RT_MAKE_FILE, &made, err);
    if (at >= 0 && mnt < 0)
        mnt = open_source(c, m, at, made, err);
    if (at < 0 || mnt < 0)
        return -1;
    /* For real root a device of the host's file system would be a real device; without a user namespace, one that it makes,
     * too. */
    uint64_t attributes = m->kind == RT_MOUNT_TMPFS ? rt_nodev(c) : MOUNT_ATTR_NODEV;
    if (m->readonly)
        attributes |= MOUNT_ATTR_RDONLY;
    if (m->nosuid_nodev_noexec)
        attributes |= RT_ATTR_SAFE;
    int r = rt_mount_restrict(mnt, attributes);
    if (r == 0)
        r = rt_mount_attach(mnt, at, "");
    return r < 0 ? cb_fail_sys(err, r, "mount at '%s'", m->target) : 0;
}

/* The mounts in order: by target, and those of one target as they were given. */
struct entry {
    char *target; /* cleaned */
    size_t order;
    struct rt_mount m;
    bool ours; /* hosts or resolv.conf */
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int r = strcmp(x->target, y->target);
    return r ? r : x->order < y->order ? -1 : 1;
}

static struct entry text_file(const char *target, const char *text)
{
    return (struct entry){.m = {.kind = RT_MOUNT_DATA,
                                .target = target,
                                .data = text,
                                .data_len = text ? strlen(text) : 0,
                                .mode = 0644,
                                .readonly = true},
                          .ours = true};
}

/* Of the sandbox itself, by the name that its command sees: a filter or the lack of namespaces may have left it another than was
 * asked for. By both families, or who asks for the one that is missing asks a name server. */
static char *hosts_text(const struct rt_sandbox *s)
{
    char seen[HOST_NAME_MAX + 1] = "";
    (void)gethostname(seen, sizeof(seen));
    bool differs = s->hostname && strcmp(s->hostname, seen) != 0;
    CB_AUTO(free) char *names = cb_printf("%s%s%s", seen, differs ? " " : "", differs ? s->hostname : "");
    return cb_printf("127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback %s\n%s", names, names, s->hosts);
}

int rt_attach_all(struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    CB_AUTO(free) char *hosts = s->hosts ? hosts_text(s) : NULL;
    struct entry *all = cb_alloc((s->n_mounts + 2) * sizeof(*all));
    size_t n = 0;
    if (hosts)
        all[n++] = text_file("/etc/hosts", hosts);
    if (s->resolv)
        all[n++] = text_file("/etc/resolv.conf", s->resolv);
    for (size_t i = 0; i < s->n_mounts; i++)
        all[n++] = (struct entry){.m = s->mounts[i]};
    for (size_t i = 0; i < n; i++) {
        all[i].order = i;
        all[i].target = cb_path_clean(all[i].m.target);
        all[i].m.target = all[i].target;
    }
    qsort(all, n, sizeof(*all), compare);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        CB_AUTO(cb_error) struct cb_error own = CB_ERROR_INIT;
        r = attach_one(c, &all[i].m, &own);
        if (r < 0 && all[i].ours && own.sys == EROFS)
            r = 0; /* a read-only /etc of the step's own without such a file: that is what the step wants */
        else if (r < 0)
            cb_error_move(err, &own);
    }
    for (size_t i = 0; i < n; i++)
        free(all[i].target);
    free(all);
    return r;
}
