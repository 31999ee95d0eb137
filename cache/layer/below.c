/* What the layers below an upper directory show, as overlay merges them. Paths go to the kernel as they are: that each
 * directory on the way is a directory and not a symlink was checked when the walk came through it, and published layers
 * do not change. */
#include "cache/layer/layer-internal.h"
#include "base/dir.h"
#include "base/map.h"

#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

int cache_layer_overlay_mark(int dir, const char *path, const char *what)
{
    static const char *const forms[] = {"user.overlay.", "trusted.overlay."};
    CB_AUTO(free) char *proc = cb_printf("/proc/self/fd/%d/%s", dir, path);
    for (size_t i = 0; i < CB_LEN(forms); i++) {
        CB_AUTO(free) char *name = cb_printf("%s%s", forms[i], what);
        char value;
        ssize_t n = lgetxattr(proc, name, &value, 1);
        if (n == 1)
            return (unsigned char)value;
        if (n == 0 || errno == ERANGE)
            return 'x'; /* set, to something else */
        if (errno != ENODATA && errno != EPERM && errno != ENOTSUP)
            return -errno;
    }
    return 0;
}

int cache_layer_is_whiteout(int dir, const char *path, const struct stat *st)
{
    if (S_ISCHR(st->st_mode))
        return st->st_rdev == 0;
    if (!S_ISREG(st->st_mode) || st->st_size != 0)
        return 0;
    int mark = cache_layer_overlay_mark(dir, path, "whiteout");
    return mark < 0 ? mark : mark > 0;
}

static int fail(struct cb_error *err, int r, const char *path)
{
    return cb_fail_sys(err, r, "look up '/%s' in the layers below", path);
}

int cache_layer_below_find(const struct cache_layer_lowers *l, const struct cache_layer_merge *dir, const char *path, int *top,
                           struct stat *st, struct cache_layer_merge *ret, struct cb_error *err)
{
    bool found = false;
    for (size_t i = 0; i < dir->n; i++) {
        int number = dir->lower[i], fd = l->fds[number];
        struct stat here;
        if (fstatat(fd, path, &here, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT)
                continue;
            return fail(err, errno, path);
        }
        int mark = cache_layer_is_whiteout(fd, path, &here);
        if (mark < 0)
            return fail(err, mark, path);
        if (mark > 0 || (found && !S_ISDIR(here.st_mode)))
            break;
        if (!found) {
            found = true;
            *top = number;
            *st = here;
        }
        if (!S_ISDIR(here.st_mode))
            break;
        CB_PUSH(ret->lower, ret->n, ret->cap) = number;
        mark = cache_layer_overlay_mark(fd, path, "opaque");
        if (mark < 0)
            return fail(err, mark, path);
        if (mark == 'y')
            break;
    }
    return found;
}

static int names_of(int root, const char *path, struct cb_map *seen, struct cb_strv *ret)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(root, *path ? path : ".");
    for (const struct dirent *e; (e = cb_dir_next(&d));) {
        struct stat st;
        int fd = dirfd(d.stream);
        if (cb_map_has(seen, e->d_name))
            continue;
        cb_map_set(seen, e->d_name, NULL);
        int gone = fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : cache_layer_is_whiteout(fd, e->d_name, &st);
        if (gone < 0)
            return gone;
        if (gone == 0)
            cb_strv_push(ret, e->d_name);
    }
    return d.error;
}

int cache_layer_below_names(const struct cache_layer_lowers *l, const struct cache_layer_merge *dir, const char *path,
                            struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    for (size_t i = 0; i < dir->n; i++) {
        int r = names_of(l->fds[dir->lower[i]], path, &seen, ret);
        if (r < 0)
            return cb_fail_sys(err, r, "read '/%s' in the layers below", path);
    }
    cb_strv_sort(ret);
    return 0;
}
