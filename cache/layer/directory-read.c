#include "base/dir.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/owner.h"
#include "cache/layer/directory.h"
#include "cache/layer/layer-internal.h"

#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_DEPTH 200 /* a descriptor per level */

struct reading {
    struct cache_index *x;
    struct cb_map inodes; /* "device:inode" -> path of its first name */
    struct cb_arena arena;
    struct cb_buf path;
    char *names, *value; /* CB_MAX_XATTR bytes */
    bool beside;
    int depth;
};

static int fail(const struct reading *r, int sys, struct cb_error *err)
{
    return cb_fail_sys(err, sys, "read '/%s' of a cache mount", r->path.data);
}

/* ---- attributes ------------------------------------------------------------------------------------------------------ */

/* What would be of use elsewhere: labels and access lists are about this machine's policy and ids. */
static bool is_wanted(const char *name)
{
    return (cb_starts(name, "user.") && !cache_layer_reserved_xattr(name)) || strcmp(name, "security.capability") == 0;
}

static size_t read_xattrs(struct reading *r, int dir, const char *name, struct cb_xattr **ret)
{
    char at[PATH_MAX];
    size_t n = 0, cap = 0;
    if (snprintf(at, sizeof(at), "/proc/self/fd/%d/%s", dir, name) >= (int)sizeof(at))
        return 0;
    ssize_t all = llistxattr(at, r->names, CB_MAX_XATTR);
    for (const char *p = r->names; all > 0 && p < r->names + all; p += strlen(p) + 1) {
        ssize_t size = is_wanted(p) ? lgetxattr(at, p, r->value, CB_MAX_XATTR) : -1;
        if (size < 0)
            continue;
        CB_PUSH(*ret, n, cap) = (struct cb_xattr){.name = cb_arena_strdup(&r->arena, p),
                                                  .value = cb_arena_memdup0(&r->arena, r->value, (size_t)size),
                                                  .len = (size_t)size};
    }
    return n;
}

/* ---- entries --------------------------------------------------------------------------------------------------------- */

static int read_link(struct reading *r, int dir, const char *name, char target[PATH_MAX], struct cb_error *err)
{
    ssize_t n = readlinkat(dir, name, target, PATH_MAX - 1);
    if (n < 0)
        return fail(r, errno, err);
    target[n] = 0;
    return 0;
}

/* The path of the inode's first name, when this is another one. */
static const char *earlier_name(struct reading *r, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
        return NULL;
    CB_AUTO(free) char *key = cb_printf("%llu:%llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    const char *first = cb_map_get(&r->inodes, key);
    if (!first)
        cb_map_set(&r->inodes, key, cb_arena_strdup(&r->arena, r->path.data));
    return first;
}

static int show_owner(const struct reading *r, int dir, const char *name, struct stat *st)
{
    struct cb_owner own;
    if (!r->beside || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        return 0;
    int got = cb_owner_read_at(dir, name, &own);
    if (got > 0)
        cb_owner_show(&own, st);
    return got < 0 ? got : 0;
}

static int add(struct reading *r, int dir, const char *name, const struct stat *st, struct cb_error *err)
{
    char target[PATH_MAX];
    struct cache_entry e = cache_layer_entry_of(r->path.data, cache_layer_type(st->st_mode), st);
    const char *first = earlier_name(r, st);
    e.dev_major = e.dev_minor = 0;
    if (e.type == CB_SYMLINK && read_link(r, dir, name, target, err) < 0)
        return -1;
    e.link = first ? first : e.type == CB_SYMLINK ? target : NULL;
    e.type = first ? CB_HARDLINK : e.type;
    e.size = e.type == CB_FILE ? (uint64_t)st->st_size : 0;
    CB_AUTO(free) struct cb_xattr *xattrs = NULL;
    e.n_xattrs = e.type == CB_FILE || e.type == CB_DIR ? read_xattrs(r, dir, name, &xattrs) : 0;
    e.xattrs = xattrs;
    cache_index_add(r->x, &e);
    return 0;
}

static int read_all(struct reading *r, int dir, struct cb_error *err);

static int read_below(struct reading *r, int dir, const char *name, struct cb_error *err)
{
    if (r->depth >= MAX_DEPTH)
        return fail(r, ELOOP, err);
    CB_AUTO(close) int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return fail(r, errno, err);
    r->depth++;
    int result = read_all(r, below, err);
    r->depth--;
    return result;
}

static int read_one(struct reading *r, int dir, const char *name, struct cb_error *err)
{
    struct stat st;
    int sys = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : show_owner(r, dir, name, &st);
    if (sys < 0)
        return fail(r, sys, err);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
        return 0;
    if (r->x->n >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_UNSUPPORTED, "a cache mount has more than %u entries", CB_MAX_ENTRIES);
    if (add(r, dir, name, &st, err) < 0)
        return -1;
    return S_ISDIR(st.st_mode) ? read_below(r, dir, name, err) : 0;
}

static int read_all(struct reading *r, int dir, struct cb_error *err)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dir, ".");
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    size_t above = r->path.len;
    int sys = cb_dir_names(&d, &names), result = 0;
    if (sys < 0)
        return fail(r, sys, err);
    for (size_t i = 0; i < names.n && result == 0; i++) {
        cb_buf_printf(&r->path, above ? "/%s" : "%s", names.items[i]);
        result = read_one(r, dir, names.items[i], err);
        cb_buf_truncate(&r->path, above);
    }
    return result;
}

const char *cache_directory_form(void)
{
    return cache_layer_can_set_owners() ? "inodes" : "beside";
}

int cache_directory_read(int dir, struct cache_index *ret, struct cb_error *err)
{
    struct reading r = {.x = ret,
                        .path = CB_BUF_INIT,
                        .names = cb_alloc_buffer(CB_MAX_XATTR),
                        .value = cb_alloc_buffer(CB_MAX_XATTR),
                        .beside = !cache_layer_can_set_owners()};
    int result = read_all(&r, dir, err);
    if (result == 0)
        cache_index_sort(ret);
    cb_map_done(&r.inodes);
    cb_arena_done(&r.arena);
    cb_buf_done(&r.path);
    free(r.names);
    free(r.value);
    return result;
}
