/* What has changed in a working tree becomes a layer.
 *
 * First a walk beside the table: a stat for each name. What has another print than before, or none, is a change; what is no
 * longer there too. Then each change is looked at: content is read only where all that stat tells of it is as before. What
 * differs goes through a layer writer, with the directories above it. The rules are those of upper.c, and so are
 * the layers: an overlay parts the names of a file when a later step writes to one, so here they are parted before that.
 *
 * In the end the tree is what the layers say: attributes that no index holds are taken off what was touched, directories that
 * are in no layer get their times back. */
#include "cache/layer/worktree-internal.h"
#include "base/dir.h"
#include "base/map.h"
#include "base/path.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_DEPTH 2048 /* as in upper.c */
#define NEW       SIZE_MAX

enum kind { CHANGED, GONE };

struct change {
    char *path;
    enum kind kind;
    struct stat st;
    size_t was; /* its number in the table; NEW: it had none */
    bool same;  /* only touched: it says what the layers say */
};

struct commit {
    struct cache_worktree *w;
    struct change *changes; /* in the order of paths */
    size_t n, cap;
    bool owners_kept; /* owners are beside the files, and in indexes */
    struct cache_layer_owners owners;
    unsigned flags; /* of inodes that were given no others */
    struct cb_map inodes;
    struct cb_arena arena;
    char *buffer;
    struct cache_layer_cursor cursor; /* of the tree */
    struct cache_layer_writer *writer;
    const char *last; /* the last path that is in the layer: the directories above it are */
};

static void commit_done(struct commit *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->changes[i].path);
    free(c->changes);
    cb_map_done(&c->inodes);
    cb_arena_done(&c->arena);
    free(c->buffer);
    cache_layer_cursor_done(&c->cursor);
    cache_layer_writer_free(c->writer);
}
CB_DEFINE_AUTO(commit, struct commit, commit_done)

static int fail(struct cb_error *err, int sys, const char *what, const char *path)
{
    return cb_fail_sys(err, sys, "%s '/%s'", what, path);
}

static const struct cache_entry *entry_before(const struct commit *c, size_t was)
{
    return was == NEW ? NULL : &c->w->table.x.entries[was];
}

/* ---- the walk ---------------------------------------------------------------------------------- */

struct frame {
    const char *path; /* "" for the root */
    int fd, depth;
    size_t at, end; /* of the table: what was below it and has not been met yet */
};

static void add_change(struct commit *c, char *path, enum kind kind, const struct stat *st, size_t was)
{
    CB_PUSH(c->changes, c->n, c->cap) = (struct change){.path = path, .kind = kind, .st = *st, .was = was};
}

static char *path_of(const struct frame *f, const char *name)
{
    return cb_printf("%s%s%s", f->path, *f->path ? "/" : "", name);
}

/* The name in this directory of the entry that comes next. */
static const char *name_before(const struct commit *c, const struct frame *f)
{
    size_t len = strlen(f->path);
    return c->w->table.x.entries[f->at].path + len + (len > 0);
}

/* What was there before `name` (NULL: to the end) and is no longer. */
static void pass_gone(struct commit *c, struct frame *f, const char *name)
{
    static const struct stat nothing;
    while (f->at < f->end && (!name || strcmp(name_before(c, f), name) < 0)) {
        add_change(c, cb_strdup(c->w->table.x.entries[f->at].path), GONE, &nothing, f->at);
        f->at = cache_worktree_table_end(&c->w->table, f->at);
    }
}

static int walk(struct commit *c, struct frame *f, struct cb_error *err);

static int walk_dir(struct commit *c, struct frame *f, const char *name, const struct stat *st, size_t was, struct cb_error *err)
{
    CB_AUTO(free) char *path = path_of(f, name);
    CB_AUTO(close) int fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open", path);
    struct frame sub = {path, fd, f->depth + 1, was + 1, f->at};
    if (sub.depth > MAX_DEPTH)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s': directories are nested too deeply for a layer", path);
    const struct cache_entry *before = entry_before(c, was);
    if (!before || before->type != CB_DIR)
        sub.at = sub.end = 0; /* nothing was below it */
    if (!before || !cache_worktree_same_print(&c->w->table.prints[was], st))
        add_change(c, cb_strdup(path), CHANGED, st, was);
    return walk(c, &sub, err);
}

/* What no layer can hold is nothing: what was there before is gone. */
static int take_out(const struct frame *f, const char *name, struct cb_error *err)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0 || unlinkat(f->fd, name, 0) < 0)
        return fail(err, errno, "remove", name);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
    return futimens(f->fd, times) < 0 ? fail(err, errno, "set the time of", f->path) : 0;
}

static int walk_name(struct commit *c, struct frame *f, const char *name, struct cb_error *err)
{
    struct stat st;
    if (cb_starts(name, ".wh."))
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s%s%s': names that begin with '.wh.' cannot be stored in a layer", f->path,
                       *f->path ? "/" : "", name);
    if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "look at", name);
    pass_gone(c, f, name);
    if (S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == 0))
        return take_out(f, name, err);
    size_t was = NEW;
    if (f->at < f->end && strcmp(name_before(c, f), name) == 0) {
        was = f->at;
        f->at = cache_worktree_table_end(&c->w->table, was);
    }
    if (S_ISDIR(st.st_mode))
        return walk_dir(c, f, name, &st, was, err);
    if (was == NEW || !cache_worktree_same_print(&c->w->table.prints[was], &st))
        add_change(c, path_of(f, name), CHANGED, &st, was);
    return 0;
}

static int walk(struct commit *c, struct frame *f, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(f->fd, ".");
    int r = cb_dir_names(&d, &names);
    if (r < 0)
        return fail(err, r, "read", f->path);
    for (size_t i = 0; i < names.n; i++)
        if (walk_name(c, f, names.items[i], err) < 0)
            return -1;
    pass_gone(c, f, NULL);
    return 0;
}

/* ---- names of one file --------------------------------------------------------------------------- */

/* They stay together: when one of them goes into the layer, all go. */
struct inode {
    bool changed;    /* a name differs from what it was, or they were not one file */
    nlink_t found;   /* names in the tree */
    uint64_t before; /* the file that they were; 0: not known yet */
    bool owned;      /* one of them had this owner before */
    uint32_t uid, gid;
    const char *name; /* the first that is in the layer */
};

static struct inode *inode_of(struct commit *c, const struct stat *st)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    struct inode *i = cb_map_getn(&c->inodes, (const char *)key, sizeof(key));
    if (!i) {
        i = cb_arena_alloc(&c->arena, sizeof(*i));
        *i = (struct inode){0};
        cb_map_setn(&c->inodes, (const char *)key, sizeof(key), i);
    }
    return i;
}

static bool has_names(const struct change *g)
{
    return g->kind == CHANGED && !S_ISDIR(g->st.st_mode) && g->st.st_nlink > 1;
}

static void note_name(struct commit *c, const struct change *g)
{
    struct inode *i = inode_of(c, &g->st);
    uint64_t before = g->was == NEW ? 0 : c->w->table.prints[g->was].ino;
    if (!g->same || (i->before && i->before != before))
        i->changed = true;
    i->before = before;
    i->found++;
    if (before == g->st.st_ino) {
        i->owned = true;
        i->uid = g->st.st_uid;
        i->gid = g->st.st_gid;
    }
}

/* What has a name outside of the tree (in a cache that lay in it, of which it was made a link) goes into the layer, too: the tree
 * then gets a file of its own from there (cache_worktree_part). */
static bool stays_together(const struct inode *i, const struct change *g)
{
    return i->changed || i->found < g->st.st_nlink;
}

/* ---- comparing ----------------------------------------------------------------------------------- */

/* Where owners are not in the inodes: what says nothing of its own and is the same inode as before has the owner that the image
 * gives it. */
static void keep_owner(struct commit *c, struct change *g)
{
    const struct cache_entry *before = entry_before(c, g->was);
    if (!c->owners_kept || !before)
        return;
    if (c->w->table.prints[g->was].ino == g->st.st_ino) {
        g->st.st_uid = before->uid;
        g->st.st_gid = before->gid;
    }
}

static bool same_capability(const struct cache_entry *e, const struct cache_layer_capability *cap)
{
    for (size_t i = 0; i < e->n_xattrs; i++)
        if (strcmp(e->xattrs[i].name, "security.capability") == 0)
            return e->xattrs[i].len == cap->n && memcmp(e->xattrs[i].value, cap->v, cap->n) == 0;
    return cap->n == 0;
}

static int same_file(struct commit *c, int fd, const struct cache_entry *before, const struct cache_layer_capability *cap)
{
    struct cache_entry now = {0};
    if (!same_capability(before, cap))
        return 0;
    int r = cache_layer_hash(fd, c->buffer, &now);
    return r < 0 ? r : cb_digest_eq(&now.digest, &before->digest);
}

static int read_link(int dir, const char *name, char target[4097])
{
    ssize_t n = readlinkat(dir, name, target, 4096);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    return 0;
}

/* All that can be told without reading it. */
static bool same_stat(const struct commit *c, const struct change *g, const struct cache_entry *before)
{
    if (!before || before->type != cache_layer_type(g->st.st_mode) || before->mode != (g->st.st_mode & 07777) ||
        before->uid != g->st.st_uid || before->gid != g->st.st_gid)
        return false;
    const struct cache_worktree_print *p = &c->w->table.prints[g->was];
    return before->type == CB_DIR || (p->size == (uint64_t)g->st.st_size && p->mtime.tv_sec == g->st.st_mtim.tv_sec &&
                                      p->mtime.tv_nsec == g->st.st_mtim.tv_nsec);
}

/* 1: it says what the layers say. */
static int same_content(struct commit *c, const struct change *g, int dir, const char *name, int fd,
                        const struct cache_layer_capability *cap)
{
    const struct cache_entry *before = entry_before(c, g->was);
    if (!same_stat(c, g, before))
        return 0;
    char target[4097];
    switch (before->type) {
    case CB_FILE:
        return same_file(c, fd, before, cap);
    case CB_SYMLINK:
        return read_link(dir, name, target) == 0 && strcmp(target, before->link) == 0;
    case CB_CHAR:
    case CB_BLOCK:
        return g->st.st_rdev == makedev(before->dev_major, before->dev_minor);
    default:
        return 1;
    }
}

/* Takes off what no index holds, and finds out whether anything is left that differs. */
static int settle(struct commit *c, struct change *g, struct cache_layer_capability *cap, struct cb_error *err)
{
    const char *name;
    struct cache_layer_carried carried;
    int dir = cache_layer_cursor_parent(&c->cursor, g->path, &name), kind = g->st.st_mode & S_IFMT;
    bool opens = kind == S_IFREG || kind == S_IFDIR;
    CB_AUTO(close) int fd = dir < 0 || !opens ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (dir < 0 || (opens && fd < 0))
        return fail(err, dir < 0 ? dir : errno, "open", g->path);
    int r = kind == S_IFREG   ? cache_layer_settle_file(fd, g->path, c->flags, cap, err)
            : kind == S_IFDIR ? cache_layer_settle_dir(fd, g->path, c->flags, &carried, err)
                              : cache_layer_settle_name(dir, name, g->path, err);
    if (r < 0)
        return -1;
    r = cache_layer_owner_beside(&c->owners, dir, name, g->path, &g->st);
    if (r == 0)
        keep_owner(c, g);
    if (r >= 0)
        r = same_content(c, g, dir, name, fd, cap);
    g->same = r > 0;
    return r < 0 ? fail(err, r, "compare", g->path) : 0;
}

static int settle_all(struct commit *c, struct cb_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        struct cache_layer_capability cap;
        if (c->changes[i].kind == CHANGED && settle(c, &c->changes[i], &cap, err) < 0)
            return -1;
        if (has_names(&c->changes[i]))
            note_name(c, &c->changes[i]);
    }
    return 0;
}

/* ---- into the layer ------------------------------------------------------------------------------ */

static int add_dir(struct commit *c, const char *path, struct cb_error *err)
{
    const char *name;
    struct stat st;
    int dir = cache_layer_cursor_parent(&c->cursor, path, &name);
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, dir < 0 ? dir : errno, "look at", path);
    const struct cache_entry *before = cache_index_find(&c->w->table.x, path);
    int beside = cache_layer_owner_beside(&c->owners, dir, name, path, &st);
    if (beside < 0)
        return fail(err, beside, "read the owner of", path);
    struct cache_entry e = cache_layer_entry_of(path, CB_DIR, &st);
    if (c->owners_kept && !beside && before && before->type == CB_DIR) {
        e.uid = before->uid;
        e.gid = before->gid;
    }
    return cache_layer_add(c->writer, &e, NULL, err);
}

/* The directories above `path` that the last one was not in. */
static int add_parents(struct commit *c, const char *path, struct cb_error *err)
{
    size_t same = 0;
    while (c->last && path[same] && path[same] == c->last[same])
        same++;
    for (const char *p = path, *slash; (slash = strchr(p, '/')); p = slash + 1) {
        size_t len = (size_t)(slash - path);
        if (c->last && len <= same && (c->last[len] == '/' || c->last[len] == '\0'))
            continue;
        CB_AUTO(free) char *dir = cb_memdup0(path, len);
        if (add_dir(c, dir, err) < 0)
            return -1;
    }
    c->last = path;
    return 0;
}

static int add_file(struct commit *c, const struct change *g, struct cache_entry *e, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(close) int fd = cache_layer_cursor_open(&c->cursor, g->path, &st);
    struct cache_layer_capability cap;
    if (fd < 0)
        return fail(err, fd, "open", g->path);
    int r = cache_layer_get_capability(fd, &cap);
    if (r < 0)
        return fail(err, r, "read the capabilities of", g->path);
    struct cb_xattr x = {(char *)"security.capability", cap.v, cap.n};
    e->xattrs = &x;
    e->n_xattrs = cap.n > 0;
    e->size = (uint64_t)st.st_size;
    struct cache_data data = {
        .kind = CACHE_DATA_FILE, .root = c->w->root, .path = g->path, .mtime_nsec = (uint32_t)g->st.st_mtim.tv_nsec};
    return cache_layer_add(c->writer, e, &data, err);
}

static int add_changed(struct commit *c, const struct change *g, struct cb_error *err)
{
    struct cache_entry e = cache_layer_entry_of(g->path, cache_layer_type(g->st.st_mode), &g->st);
    char target[4097];
    if (e.type == CB_DIR)
        return cache_layer_add(c->writer, &e, NULL, err);
    struct inode *i = has_names(g) ? inode_of(c, &g->st) : NULL;
    if (i && i->name) {
        e.type = CB_HARDLINK;
        e.link = i->name;
        return cache_layer_add(c->writer, &e, NULL, err);
    }
    if (i)
        i->name = g->path;
    if (i && i->owned && c->owners_kept) {
        e.uid = i->uid;
        e.gid = i->gid;
    }
    if (e.type == CB_FILE)
        return add_file(c, g, &e, err);
    if (e.type == CB_SYMLINK) {
        const char *name;
        int dir = cache_layer_cursor_parent(&c->cursor, g->path, &name), r = dir < 0 ? dir : read_link(dir, name, target);
        if (r < 0)
            return fail(err, r, "read the link", g->path);
        e.link = target;
    }
    return cache_layer_add(c->writer, &e, NULL, err);
}

static int add_all(struct commit *c, struct cb_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        struct change *g = &c->changes[i];
        const struct cache_entry gone = {.path = g->path, .type = CACHE_WHITEOUT};
        if (has_names(g) && stays_together(inode_of(c, &g->st), g))
            g->same = false;
        if (g->same)
            continue;
        if (add_parents(c, g->path, err) < 0)
            return -1;
        if (g->kind == GONE ? cache_layer_add(c->writer, &gone, NULL, err) < 0 : add_changed(c, g, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------------- */

/* A directory that is in no layer has the times that the layers give it; that is no change. */
static int reset_time(struct commit *c, const struct change *g, struct cb_error *err)
{
    const char *name;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, c->w->table.prints[g->was].mtime};
    int dir = cache_layer_cursor_parent(&c->cursor, g->path, &name);
    if (dir < 0 || utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, dir < 0 ? dir : errno, "set the time of", g->path);
    return 0;
}

/* What was only touched is to be looked at again. */
static int finish_touched(struct commit *c, struct cb_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct change *g = &c->changes[i];
        if (!g->same)
            continue;
        if (S_ISDIR(g->st.st_mode) && reset_time(c, g, err) < 0)
            return -1;
        c->w->table.prints[g->was].ino = 0;
    }
    return 0;
}

static int find_changes(struct commit *c, struct cb_error *err)
{
    struct frame root = {.path = "", .fd = c->w->root, .end = c->w->table.x.n};
    int r = cache_layer_plain_root(c->w->root);
    if (r == 0)
        r = cache_layer_reset_flags(c->w->root, c->flags);
    if (r < 0)
        return fail(err, r, "set the attributes of", "");
    return walk(c, &root, err) < 0 ? -1 : settle_all(c, err);
}

int cache_worktree_commit(struct cache_worktree *w, const struct cb_link_owners *links, struct cache_layer *ret,
                          struct cb_error *err)
{
    CB_AUTO(commit) struct commit c = {.w = w, .owners.links = links, .cursor = CACHE_LAYER_CURSOR_INIT};
    CB_AUTO(cache_index) struct cache_index x = {0};
    c.owners_kept = c.owners.kept = !cache_layer_can_set_owners();
    c.flags = cache_layer_flags(w->tree);
    c.buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    cache_layer_cursor_set_root(&c.cursor, w->root);
    if (find_changes(&c, err) < 0 || cache_layer_writer_new(w->store, &c.writer, err) < 0 || add_all(&c, err) < 0)
        return -1;
    if (cache_layer_commit(c.writer, ret, err) < 0 || finish_touched(&c, err) < 0)
        return -1;
    if (cache_layer_index(w->store, &ret->id, &x, err) < 0 || cache_worktree_part(w, &ret->id, &x, err) < 0)
        return -1;
    cache_worktree_table_apply(&w->table, &x);
    if (cache_worktree_table_look(&w->table, w->root, err) < 0)
        return -1;
    w->layers[w->n++] = ret->id;
    w->committed = true;
    return 0;
}
