/* A layer from an overlay's upper directory (runtime.md §5, dockerfile.md §17).
 *
 * The upper is walked in byte order beside what the layers below show at the same places. What differs goes into the
 * index, with the directories above it; what does not is removed from the upper. Where an opaque directory hid the lower
 * layers, what they have and the upper does not becomes a whiteout, in the index and in the directory, and the mark is
 * removed, like every attribute that is not in the index. So directory and index say the same: whoever makes the same layer
 * in another way, on other layers, gets this directory. */
#include "cache/layer/layer-internal.h"
#include "base/dir.h"
#include "base/limits.h"
#include "base/map.h"

#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_DEPTH 2048 /* the kernel takes no longer paths, and each level takes up a descriptor */

struct upper {
    struct cache_layer_lowers lowers;
    struct cache_index index;
    struct cb_map groups; /* (device, inode) -> path of the first name that is in the index */
    struct cb_map linked; /* (device, inode) -> struct linked, of all with several names, once `counted` */
    struct cb_map opaque; /* (device, inode) of directories that lost their mark to the walk */
    bool counted;
    struct cache_layer_owners owners;
    struct cb_arena arena;
    char *buffer, *other; /* CACHE_LAYER_COPY_BUFFER bytes each */
    unsigned flags;       /* of inodes that were given no others: the work directory's */
};

struct frame { /* a directory of the upper */
    struct frame *up;
    char *path; /* "" for the root */
    int fd, depth;
    struct stat st;
    struct cache_layer_merge below; /* the lowers' directories here; none when they have no directory */
    bool hidden;                    /* it, or a directory above, was opaque */
    bool emitted;
    bool touched; /* we removed something: its mtime must be set back */
};

static void frame_done(struct frame *f)
{
    f->fd = cb_close(f->fd);
    free(f->path);
    free(f->below.lower);
}
CB_DEFINE_AUTO(frame, struct frame, frame_done)

static int fail(struct cb_error *err, int sys, const char *what, const char *path)
{
    return cb_fail_sys(err, sys, "%s '/%s'", what, path);
}

/* ---- comparing -------------------------------------------------------------------------------- */

static int open_file(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int same_content(struct upper *u, int a, int b)
{
    for (;;) {
        int n = cb_read_full(a, u->buffer, CACHE_LAYER_COPY_BUFFER), m = cb_read_full(b, u->other, CACHE_LAYER_COPY_BUFFER);
        if (n < 0 || m < 0)
            return n < 0 ? n : m;
        if (n != m || memcmp(u->buffer, u->other, (size_t)n) != 0)
            return 0;
        if (n < (int)CACHE_LAYER_COPY_BUFFER)
            return 1;
    }
}

/* Compares two regular files with equal metadata: capability, and bytes where whole-second times cannot tell. */
static int same_file(struct upper *u, int dir, const char *name, int lower, const char *path, bool compare_content)
{
    CB_AUTO(close) int a = open_file(dir, name);
    CB_AUTO(close) int b = a < 0 ? -1 : open_file(lower, path);
    if (a < 0 || b < 0)
        return a < 0 ? a : b;
    struct cache_layer_capability ca, cb;
    int r = cache_layer_get_capability(a, &ca);
    if (r == 0)
        r = cache_layer_get_capability(b, &cb);
    if (r < 0)
        return r;
    if (ca.n != cb.n || memcmp(ca.v, cb.v, ca.n) != 0)
        return 0;
    return compare_content ? same_content(u, a, b) : 1;
}

static int same_link(int dir, const char *name, int lower, const char *path)
{
    char a[4096], b[4096];
    ssize_t n = readlinkat(dir, name, a, sizeof(a)), m = readlinkat(lower, path, b, sizeof(b));
    if (n < 0 || m < 0)
        return -errno;
    return n == m && memcmp(a, b, (size_t)n) == 0;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* 1: the upper's non-directory says what the lower's already says. 0: it differs. -errno. */
static int same_entry(struct upper *u, int dir, const char *name, const struct stat *st, int lower, const char *path,
                      const struct stat *below)
{
    bool whole = st->st_mtim.tv_nsec == 0 && below->st_mtim.tv_nsec == 0;
    if (!same_stat(st, below) || st->st_size != below->st_size || st->st_mtim.tv_sec != below->st_mtim.tv_sec ||
        (!whole && st->st_mtim.tv_nsec != below->st_mtim.tv_nsec))
        return 0;
    if (S_ISREG(st->st_mode))
        return same_file(u, dir, name, lower, path, whole && st->st_size > 0);
    if (S_ISLNK(st->st_mode))
        return same_link(dir, name, lower, path);
    return (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode)) || st->st_rdev == below->st_rdev;
}

/* ---- into the index --------------------------------------------------------------------------- */

static int add(struct upper *u, const struct cache_entry *e, struct cb_error *err)
{
    if (u->index.n >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_UNSUPPORTED, "a layer cannot have more than %u entries", CB_MAX_ENTRIES);
    cache_index_add(&u->index, e);
    return 0;
}

static int emit_dirs(struct upper *u, struct frame *f, struct cb_error *err)
{
    if (!f || f->emitted)
        return 0;
    if (emit_dirs(u, f->up, err) < 0)
        return -1;
    f->emitted = true;
    struct cache_entry e = cache_layer_entry_of(f->path, CB_DIR, &f->st);
    return add(u, &e, err);
}

static int emit_whiteout(struct upper *u, struct frame *f, const char *path, struct cb_error *err)
{
    struct cache_entry e = {.path = path, .type = CACHE_WHITEOUT};
    return emit_dirs(u, f, err) < 0 ? -1 : add(u, &e, err);
}

static int emit_file(struct upper *u, struct frame *f, const char *name, struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(close) int fd = open_file(f->fd, name);
    struct cache_layer_capability cap = {.n = 0};
    struct cb_xattr x = {(char *)"security.capability", cap.v, 0};
    if (fd < 0)
        return fail(err, fd, "open", e->path);
    if (cache_layer_settle_file(fd, e->path, u->flags, &cap, err) < 0)
        return -1;
    x.len = cap.n;
    e->xattrs = &x;
    e->n_xattrs = cap.n > 0;
    int r = cache_layer_hash(fd, u->buffer, e);
    return r < 0 ? fail(err, r, "read", e->path) : add(u, e, err);
}

static int emit_symlink(struct upper *u, struct frame *f, const char *name, struct cache_entry *e, struct cb_error *err)
{
    char target[4097];
    ssize_t n = readlinkat(f->fd, name, target, sizeof(target) - 1);
    if (n < 0)
        return fail(err, errno, "read the link", e->path);
    target[n] = '\0';
    e->link = target;
    return add(u, e, err);
}

/* True when another name of the inode is in the index already: then this one is a link to it. */
static bool is_second_name(struct upper *u, const struct stat *st, struct cache_entry *e)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    if (st->st_nlink < 2)
        return false;
    const char *first = cb_map_getn(&u->groups, (const char *)key, sizeof(key));
    if (!first) {
        cb_map_setn(&u->groups, (const char *)key, sizeof(key), cb_arena_strdup(&u->arena, e->path));
        return false;
    }
    e->type = CB_HARDLINK;
    e->link = first;
    return true;
}

static int emit(struct upper *u, struct frame *f, const char *name, const char *path, const struct stat *st, struct cb_error *err)
{
    struct cache_entry e = cache_layer_entry_of(path, cache_layer_type(st->st_mode), st);
    if (e.type < 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s' is of a kind that a layer cannot hold", path);
    if (emit_dirs(u, f, err) < 0)
        return -1;
    if (is_second_name(u, st, &e))
        return add(u, &e, err);
    if (e.type == CB_FILE)
        return cache_check_size(path, (uint64_t)st->st_size, err) < 0 ? -1 : emit_file(u, f, name, &e, err);
    if (cache_layer_settle_name(f->fd, name, path, err) < 0)
        return -1;
    return e.type == CB_SYMLINK ? emit_symlink(u, f, name, &e, err) : add(u, &e, err);
}

/* ---- directories ------------------------------------------------------------------------------ */

static int list_names(const struct frame *f, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(f->fd, ".");
    int r = cb_dir_names(&d, ret);
    return r < 0 ? fail(err, -r, "read", f->path) : 0;
}

/* ---- names of one inode ------------------------------------------------------------------------ */

/* A file of the layers below that gets another name is copied up under all the names that the command used, and each may
 * say what is already there. They stay together: when one of them goes into the layer, all go. */
struct linked {
    bool changed; /* a name differs from what is below, or below they are not one inode */
    bool seen;
    dev_t dev; /* below */
    ino_t ino;
    bool copied_up; /* from something that has this owner */
    uid_t uid;
    gid_t gid;
};

static struct linked *linked_of(struct upper *u, const struct stat *st)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    struct linked *l = cb_map_getn(&u->linked, (const char *)key, sizeof(key));
    if (!l) {
        l = cb_arena_alloc(&u->arena, sizeof(*l));
        cb_map_setn(&u->linked, (const char *)key, sizeof(key), l);
    }
    return l;
}

/* cache_layer_below_find, with owners as the image has them. */
static int find_below(struct upper *u, const struct frame *f, const char *path, int *top, struct stat *below,
                      struct cache_layer_merge *merge, struct cb_error *err)
{
    int found = cache_layer_below_find(&u->lowers, &f->below, path, top, below, merge, err);
    return found > 0 && cache_layer_owner_below(&u->owners, *top, path, below, err) < 0 ? -1 : found;
}

static int count_name(struct upper *u, const struct frame *f, const char *name, const char *path, const struct stat *st,
                      struct cb_error *err)
{
    struct linked *l = linked_of(u, st);
    struct cache_layer_merge merge = {0};
    struct stat below, own = *st;
    int top, found = find_below(u, f, path, &top, &below, &merge, err), copied = 0, same = 0;
    free(merge.lower);
    int beside = cache_layer_owner_beside(&u->owners, f->fd, name, path, &own);
    if (beside < 0)
        return fail(err, beside, "read the owner of", path);
    if (found > 0 && u->owners.kept && !beside)
        copied = cache_layer_was_copied_up(f->fd, name, st, &below, f->hidden);
    if (copied > 0) {
        l->copied_up = true;
        own.st_uid = l->uid = below.st_uid;
        own.st_gid = l->gid = below.st_gid;
    }
    if (found > 0 && copied >= 0)
        same = same_entry(u, f->fd, name, &own, u->lowers.fds[top], path, &below);
    if (found < 0 || copied < 0 || same < 0)
        return found < 0 ? -1 : fail(err, CB_MIN(copied, same), "compare", path);
    if (!same || (l->seen && (l->dev != below.st_dev || l->ino != below.st_ino)))
        l->changed = true;
    l->seen = l->seen || same;
    if (same) {
        l->dev = below.st_dev;
        l->ino = below.st_ino;
    }
    return 0;
}

static int count_names(struct upper *u, const struct frame *f, struct cb_error *err);

static void note_opaque(struct upper *u, const struct stat *st)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    cb_map_setn(&u->opaque, (const char *)key, sizeof(key), u);
}

static bool was_opaque(const struct upper *u, const struct stat *st)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    return cb_map_getn(&u->opaque, (const char *)key, sizeof(key)) != NULL;
}

static int count_below(struct upper *u, const struct frame *f, const char *name, char *path, const struct stat *st,
                       struct cb_error *err)
{
    CB_AUTO(frame) struct frame sub = {.path = path, .depth = f->depth + 1};
    sub.fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub.fd < 0)
        return fail(err, errno, "open", path);
    if (sub.depth > MAX_DEPTH)
        return 0; /* the walk says so */
    struct stat below;
    int top;
    if (cache_layer_below_find(&u->lowers, &f->below, path, &top, &below, &sub.below, err) < 0)
        return -1;
    int mark = cache_layer_overlay_mark(f->fd, name, "opaque");
    if (mark < 0)
        return fail(err, mark, "read the attributes of", path);
    sub.hidden = f->hidden || mark == 'y' || was_opaque(u, st);
    return count_names(u, &sub, err);
}

static int count_names(struct upper *u, const struct frame *f, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (list_names(f, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("%s%s%s", f->path, *f->path ? "/" : "", names.items[i]);
        struct stat st;
        if (fstatat(f->fd, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return fail(err, errno, "look at", path);
        int r = 0;
        if (S_ISDIR(st.st_mode))
            r = count_below(u, f, names.items[i], CB_TAKE(path), &st, err);
        else if (st.st_nlink > 1 && !S_ISSOCK(st.st_mode))
            r = count_name(u, f, names.items[i], path, &st, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* The upper is searched when this is first asked, which is seldom. NULL: err. */
static const struct linked *all_names(struct upper *u, const struct frame *f, const struct stat *st, struct cb_error *err)
{
    while (f->up)
        f = f->up;
    if (!u->counted && count_names(u, f, err) < 0)
        return NULL;
    u->counted = true;
    return linked_of(u, st);
}

/* 1: this name, which says only what is below, belongs to an inode that goes into the layer. */
static int is_linked_to_changed(struct upper *u, const struct frame *f, const struct stat *st, struct cb_error *err)
{
    const struct linked *l = st->st_nlink < 2 ? NULL : all_names(u, f, st, err);
    return l ? l->changed : st->st_nlink < 2 ? 0 : -1;
}

/* Where owners are not in the inodes: what says nothing of its own and was copied up, under this name or another, has the
 * owner of what it came from. */
static int keep_owner(struct upper *u, const struct frame *f, const char *name, const char *path, struct stat *st,
                      const struct stat *below, struct cb_error *err)
{
    int beside = cache_layer_owner_beside(&u->owners, f->fd, name, path, st);
    if (beside)
        return beside < 0 ? fail(err, beside, "read the owner of", path) : 0;
    int copied = !u->owners.kept || !below ? 0 : cache_layer_was_copied_up(f->fd, name, st, below, f->hidden);
    if (copied < 0)
        return fail(err, copied, "read the attributes of", name);
    const struct linked *l = NULL;
    if (u->owners.kept && copied == 0 && S_ISREG(st->st_mode) && st->st_nlink > 1) {
        l = all_names(u, f, st, err);
        if (!l)
            return -1;
    }
    if (copied || (l && l->copied_up)) {
        st->st_uid = copied ? below->st_uid : l->uid;
        st->st_gid = copied ? below->st_gid : l->gid;
    }
    return 0;
}

/* ---- the walk ---------------------------------------------------------------------------------- */

static int take_out(struct frame *f, const char *name, const char *path, int flags, struct cb_error *err)
{
    f->touched = true;
    return unlinkat(f->fd, name, flags) < 0 ? fail(err, errno, "remove", path) : 0;
}

static int put_whiteout(struct upper *u, struct frame *f, const char *name, const char *path, struct cb_error *err)
{
    f->touched = true;
    if (mknodat(f->fd, name, S_IFCHR, makedev(0, 0)) < 0)
        return fail(err, errno, "make a whiteout for", path);
    return emit_whiteout(u, f, path, err);
}

/* What hides the name in the layers below and is nothing in itself: a whiteout in either form, or a socket, which no layer
 * can hold. */
static int walk_gone(struct upper *u, struct frame *f, const char *name, const char *path, bool device, struct cb_error *err)
{
    struct cache_layer_merge merge = {0};
    struct stat below;
    int top, found = cache_layer_below_find(&u->lowers, &f->below, path, &top, &below, &merge, err);
    free(merge.lower);
    if (found < 0)
        return -1;
    if (found && device)
        return emit_whiteout(u, f, path, err);
    if (take_out(f, name, path, 0, err) < 0)
        return -1;
    return found ? put_whiteout(u, f, name, path, err) : 0;
}

static int walk(struct upper *u, struct frame *f, struct cb_error *err);

static int walk_dir(struct upper *u, struct frame *f, const char *name, char *path, const struct stat *st,
                    struct cache_layer_merge *merge, const struct stat *below, struct cb_error *err)
{
    CB_AUTO(frame) struct frame sub = {.up = f, .path = path, .depth = f->depth + 1, .st = *st, .below = *merge};
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    sub.fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub.fd < 0)
        return fail(err, errno, "open", path);
    if (sub.depth > MAX_DEPTH)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s': directories are nested too deeply for a layer", path);
    struct cache_layer_carried carried;
    if (cache_layer_settle_dir(sub.fd, path, u->flags, &carried, err) < 0)
        return -1;
    sub.hidden = f->hidden || carried.opaque;
    if (carried.opaque)
        note_opaque(u, st);
    if ((!below || !S_ISDIR(below->st_mode) || !same_stat(st, below)) && emit_dirs(u, &sub, err) < 0)
        return -1;
    if (walk(u, &sub, err) < 0)
        return -1;
    if (!sub.emitted) /* what was in it has been taken out already */
        return take_out(f, name, path, AT_REMOVEDIR, err);
    if (sub.touched && futimens(sub.fd, times) < 0)
        return fail(err, errno, "set the time of", path);
    return 0;
}

static int walk_name(struct upper *u, struct frame *f, const char *name, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("%s%s%s", f->path, *f->path ? "/" : "", name);
    int top = 0;
    if (cb_starts(name, ".wh."))
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s': names that begin with '.wh.' cannot be stored in a layer", path);
    struct stat st;
    if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "look at", path);
    int r = cache_layer_is_whiteout(f->fd, name, &st);
    if (r < 0)
        return fail(err, r, "read the attributes of", path);
    if (r > 0 || S_ISSOCK(st.st_mode))
        return walk_gone(u, f, name, path, S_ISCHR(st.st_mode), err);
    struct cache_layer_merge merge = {0};
    struct stat below;
    int found = find_below(u, f, path, &top, &below, &merge, err);
    if (found >= 0 && keep_owner(u, f, name, path, &st, found ? &below : NULL, err) < 0)
        found = -1;
    if (found >= 0 && S_ISDIR(st.st_mode)) /* takes path and merge */
        return walk_dir(u, f, name, CB_TAKE(path), &st, &merge, found ? &below : NULL, err);
    free(merge.lower);
    if (found < 0)
        return -1;
    r = found ? same_entry(u, f->fd, name, &st, u->lowers.fds[top], path, &below) : 0;
    if (r < 0)
        return fail(err, r, "compare", path);
    int linked = r ? is_linked_to_changed(u, f, &st, err) : 0;
    if (linked < 0)
        return -1;
    if (r == 0 || linked)
        return emit(u, f, name, path, &st, err);
    return take_out(f, name, path, 0, err);
}

/* In a directory that was hidden: what the lowers have and the upper did not. Both lists are sorted. */
static int walk_vanished(struct upper *u, struct frame *f, const struct cb_strv *here, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv there = {0};
    if (cache_layer_below_names(&u->lowers, &f->below, f->path, &there, err) < 0)
        return -1;
    size_t k = 0;
    for (size_t i = 0; i < there.n; i++) {
        while (k < here->n && strcmp(here->items[k], there.items[i]) < 0)
            k++;
        if (k < here->n && strcmp(here->items[k], there.items[i]) == 0)
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", f->path, there.items[i]);
        if (put_whiteout(u, f, there.items[i], path, err) < 0)
            return -1;
    }
    return 0;
}

static int walk(struct upper *u, struct frame *f, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (list_names(f, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        if (walk_name(u, f, names.items[i], err) < 0)
            return -1;
    }
    return f->hidden && f->below.n ? walk_vanished(u, f, &names, err) : 0;
}

static int walk_upper(struct upper *u, int fd, struct cb_error *err)
{
    CB_AUTO(frame) struct frame root = {.path = cb_strdup(""), .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .emitted = true};
    if (root.fd < 0 || fstat(root.fd, &root.st) < 0)
        return fail(err, errno, "open", "");
    int r = cache_layer_plain_root(root.fd);
    if (r < 0)
        return fail(err, r, "set the attributes of", "");
    r = cache_layer_reset_flags(root.fd, u->flags);
    if (r < 0)
        return fail(err, r, "take the flags off", "");
    for (size_t i = 0; i < u->lowers.n; i++)
        CB_PUSH(root.below.lower, root.below.n, root.below.cap) = (int)i;
    if (walk(u, &root, err) < 0)
        return -1;
    const struct timespec times[2] = {root.st.st_atim, root.st.st_mtim};
    return root.touched && futimens(root.fd, times) < 0 ? fail(err, errno, "set the time of", "") : 0;
}

static void upper_done(struct upper *u)
{
    cache_index_done(&u->index);
    cb_map_done(&u->groups);
    cb_map_done(&u->linked);
    cb_map_done(&u->opaque);
    cache_layer_owners_done(&u->owners);
    cb_arena_done(&u->arena);
    free(u->buffer);
    free(u->other);
}
CB_DEFINE_AUTO(upper, struct upper, upper_done)

/* Can nothing be renamed from there into the store? The kernel asks that first, whatever the names are. */
static bool is_elsewhere(const struct cache_store *s, int work_dir)
{
    return renameat(work_dir, "no-such-name", s->root, "no-such-name") < 0 && errno == EXDEV;
}

/* The draft gets the files that the index is of: the directory itself, or where it lies elsewhere a copy. */
static int move_files(struct cache_store *s, int work_dir, const char *name, int fd, const struct cache_index *x,
                      struct cache_layer_draft *d, struct cb_error *err)
{
    if (is_elsewhere(s, work_dir))
        return cache_layer_draft_begin(s, true, d, err) < 0 ? -1 : cache_layer_copy_files(fd, d->fs, x, err);
    if (cache_layer_draft_begin_in(s, work_dir, false, d, err) < 0)
        return -1;
    d->fs = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (d->fs < 0 || renameat(work_dir, name, d->dir, "fs") < 0)
        return cb_fail_sys(err, errno, "move the upper directory '%s' into '%s/work'", name, s->path);
    return 0;
}

int cache_layer_commit_upper(struct cache_store *s, int work_dir, const char *name, const int *lowers, size_t n_lowers,
                             const struct cb_link_owners *links, struct cache_layer *ret, struct cb_error *err)
{
    CB_AUTO(upper) struct upper u = {.lowers = {lowers, n_lowers}};
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    CB_AUTO(close) int fd = openat(work_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open the upper directory '%s'", name);
    cache_layer_owners_init(&u.owners, &u.lowers, links);
    u.flags = cache_layer_flags(work_dir);
    u.buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    u.other = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    if (walk_upper(&u, fd, err) < 0)
        return -1;
    cache_layer_settle_links(&u.index);
    struct cb_digest content;
    cache_index_content_id(&u.index, &content);
    int found = cache_layer_exists(s, &content, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (move_files(s, work_dir, name, fd, &u.index, &d, err) < 0)
        return -1;
    return cache_layer_publish(&d, &u.index, &content, NULL, ret, err);
}
