#include "runtime/owners/links.h"
#include "base/dir.h"
#include "base/fd.h"

#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- keys ----------------------------------------------------------------------------------- */

/* An inode as the merged root shows it. Zeroed whole before it is filled: it is compared by its bytes. */
struct key {
    uint64_t dev, ino;
    int64_t birth;
    uint64_t birth_nsec;
};
#define KEY_BELOW offsetof(struct key, birth)

static int key_of(int dirfd, const char *path, int flags, struct key *ret, uint16_t *ret_mode)
{
    struct statx sx;
    memset(&sx, 0, sizeof(sx));
    if (syscall(SYS_statx, dirfd, path, flags, STATX_TYPE | STATX_INO | STATX_BTIME, &sx) < 0)
        return -errno;
    memset(ret, 0, sizeof(*ret));
    ret->dev = (uint64_t)sx.stx_dev_major << 32 | sx.stx_dev_minor;
    ret->ino = sx.stx_ino;
    if (sx.stx_mask & STATX_BTIME) {
        ret->birth = sx.stx_btime.tv_sec;
        ret->birth_nsec = sx.stx_btime.tv_nsec;
    }
    *ret_mode = sx.stx_mode;
    return 0;
}

static const struct cb_owner *look_up(const struct rt_links *l, const struct key *k)
{
    size_t i = (size_t)(uintptr_t)cb_map_getn(&l->made, (const char *)k, sizeof(*k));
    if (!i)
        i = (size_t)(uintptr_t)cb_map_getn(&l->below, (const char *)k, KEY_BELOW);
    return i ? &l->owners[i - 1] : NULL;
}

/* ---- the table ------------------------------------------------------------------------------ */

bool rt_links_empty(const struct rt_links *l)
{
    return l->n == 0;
}

static void keep(struct rt_links *l, struct cb_map *map, const struct key *k, size_t len, const struct cb_owner *o)
{
    size_t i = (size_t)(uintptr_t)cb_map_getn(map, (const char *)k, len);
    if (i) {
        l->owners[i - 1] = *o;
        return;
    }
    CB_PUSH(l->owners, l->n, l->cap) = *o;
    cb_map_setn(map, (const char *)k, len, (void *)(uintptr_t)l->n);
}

int rt_links_add_below(struct rt_links *l, int root, const struct cb_link_owners *below)
{
    for (size_t i = 0; below && i < below->n; i++) {
        const struct cb_owner o = {.uid = below->items[i].uid, .gid = below->items[i].gid};
        struct key k;
        uint16_t mode;
        /* A higher layer may have made a symlink of a directory on the way, which would lead to the host from here. */
        CB_AUTO(close) int fd = cb_open_beneath(root, below->items[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        int r = fd < 0 ? fd : key_of(fd, "", AT_EMPTY_PATH, &k, &mode);
        if (r == 0 && !S_ISREG(mode) && !S_ISDIR(mode)) /* what a higher layer has put there is not meant */
            keep(l, &l->below, &k, KEY_BELOW, &o);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
            return r;
    }
    return 0;
}

int rt_links_find(const struct rt_links *l, const char *path, bool follow, struct cb_owner *ret)
{
    struct key k;
    uint16_t mode;
    int r = key_of(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, &k, &mode);
    const struct cb_owner *o = r < 0 ? NULL : look_up(l, &k);
    if (!o)
        return r;
    *ret = *o;
    return 1;
}

int rt_links_set(struct rt_links *l, const char *path, bool follow, const struct cb_owner *o)
{
    struct key k;
    uint16_t mode;
    int r = key_of(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, &k, &mode);
    if (r < 0)
        return r;
    if (l->n >= RT_OWNERS_MAX_LINKS && !look_up(l, &k))
        return -ENOSPC;
    keep(l, &l->made, &k, sizeof(k), o);
    return 0;
}

/* ---- from inodes to paths ------------------------------------------------------------------- */

#define MAX_DEPTH 2048 /* as the walk that makes the layer */

struct walk {
    const struct rt_links *links;
    uint64_t dev; /* of the root: whatever has another is mounted over it */
    struct cb_buf path;
    struct cb_buf *report;
};

static int walk_dir(struct walk *w, int upper, int merged, int depth);

static int walk_below(struct walk *w, int upper, int merged, const char *name, int depth)
{
    CB_AUTO(close) int sub = openat(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CB_AUTO(close) int shown = openat(merged, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct key k;
    uint16_t mode;
    if (sub < 0 || shown < 0)
        return -errno;
    int r = key_of(shown, "", AT_EMPTY_PATH, &k, &mode);
    if (r < 0 || k.dev != w->dev)
        return r;
    return depth < MAX_DEPTH ? walk_dir(w, sub, shown, depth + 1) : 0; /* the layer's own walk refuses deeper ones */
}

static int report_one(struct walk *w, int merged, const char *name)
{
    struct key k;
    uint16_t mode;
    int r = key_of(merged, name, AT_SYMLINK_NOFOLLOW, &k, &mode);
    const struct cb_owner *o = r < 0 ? NULL : look_up(w->links, &k);
    if (o) {
        cb_buf_printf(w->report, "%u %u %s", o->uid, o->gid, w->path.data);
        cb_buf_addc(w->report, '\0');
    }
    return r;
}

static int walk_name(struct walk *w, int upper, int merged, const struct dirent *e, int depth)
{
    struct stat st;
    if (fstatat(upper, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return walk_below(w, upper, merged, e->d_name, depth);
    return S_ISLNK(st.st_mode) || S_ISFIFO(st.st_mode) ? report_one(w, merged, e->d_name) : 0;
}

static int walk_dir(struct walk *w, int upper, int merged, int depth)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(upper, ".");
    size_t len = w->path.len;
    int r = 0;
    for (const struct dirent *e; r == 0 && (e = cb_dir_next(&d));) {
        cb_buf_printf(&w->path, "%s%s", len ? "/" : "", e->d_name);
        r = walk_name(w, upper, merged, e, depth);
        cb_buf_truncate(&w->path, len);
    }
    return r ? r : d.error ? -d.error : 0;
}

int rt_links_report(const struct rt_links *l, int root, int upper, struct cb_buf *ret)
{
    struct walk w = {.links = l, .path = CB_BUF_INIT, .report = ret};
    struct key k;
    uint16_t mode;
    if (rt_links_empty(l))
        return 0;
    int r = key_of(root, "", AT_EMPTY_PATH, &k, &mode);
    w.dev = k.dev;
    if (r == 0)
        r = walk_dir(&w, upper, root, 0);
    cb_buf_done(&w.path);
    return r;
}
