#include "builder/copy/walk.h"

#include "base/dir.h"
#include "base/job.h"
#include "base/map.h"
#include "parser/match/ignore.h"

#include <assert.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Nodes that live equally long: those of the whole tree, or those below a directory that is only passed through. */
struct nest {
    struct cb_arena arena;
    struct dir_aux *dirs; /* all of them, to release the states */
};

/* Of a directory node: whether its children are there, and what the ignore patterns know of it. */
struct dir_aux {
    bool open;
    struct nest *passing; /* what is below it, until it is left; NULL: that stays */
    struct df_ignore_state ignore;
    struct dir_aux *next;
};

/* Of a regular file: what the table of digests compares, from the one lstat. */
struct file_aux {
    dev_t dev;
    ino_t ino;
    mode_t mode;
    off_t size;
    struct timespec mtime, ctime;
};

struct build_walk {
    struct build_source source;
    struct nest all;
    int dir;
    char *name;
    const struct df_ignore *ignore;
    struct cache_digests *digests;
    const char *const *drop;
    size_t n_drop;
    bool git_modes, plain_modes;
    int origin;
    struct cache_store *store;
    struct cb_map links; /* device and inode -> link group, of files with several names */
};

/* One name of a directory while it is read. */
struct found {
    char *name;
    bool excluded; /* a directory that only its content can bring back */
    struct stat st;
};

struct listing {
    struct found *items;
    size_t n, cap;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].name);
    free(l->items);
    *l = (struct listing){0};
}
CB_DEFINE_AUTO(listing, struct listing, listing_done)

static struct dir_aux *add_dir_aux(struct nest *to)
{
    struct dir_aux *a = cb_arena_alloc(&to->arena, sizeof(*a));
    a->next = to->dirs;
    to->dirs = a;
    return a;
}

static void nest_done(struct nest *n)
{
    for (struct dir_aux *a = n->dirs; a; a = a->next) {
        df_ignore_state_done(&a->ignore);
        if (a->passing)
            nest_done(a->passing);
        free(a->passing);
    }
    cb_arena_done(&n->arena);
}

/* The mode that an entry of this kind and these bits has in the tree. */
static uint32_t shown_mode(const struct build_walk *c, mode_t mode)
{
    if (!c->git_modes && !c->plain_modes)
        return mode & 07777;
    return S_ISDIR(mode) || (mode & (c->git_modes ? 0111 : S_IXUSR)) ? 0755 : 0644;
}

static const char *show(const char *path)
{
    return *path ? path : ".";
}

int build_walk_new(const struct build_walk_params *params, struct build_walk **ret, struct cb_error *err)
{
    struct stat st;
    if (fstat(params->dir, &st) < 0)
        return cb_fail_sys(err, errno, "look at the build context '%s'", params->name);
    if (!S_ISDIR(st.st_mode))
        return cb_fail_sys(err, ENOTDIR, "open the build context '%s'", params->name);
    struct build_walk *c = CB_NEW(struct build_walk);
    c->dir = params->dir;
    c->name = cb_strdup(params->name);
    c->ignore = params->ignore && df_ignore_count(params->ignore) > 0 ? params->ignore : NULL;
    c->digests = params->digests;
    c->drop = params->drop;
    c->n_drop = params->n_drop;
    c->git_modes = params->git_modes;
    c->plain_modes = params->plain_modes;
    c->origin = params->origin;
    c->store = params->store;
    c->source = (struct build_source){.tree = cache_tree_new(), .context = c, .local = !c->git_modes, .id = params->origin};
    struct cache_node *root = cache_tree_root(c->source.tree);
    root->e.mode = shown_mode(c, st.st_mode);
    root->e.mtime = st.st_mtim.tv_sec;
    root->origin = c->origin;
    root->aux = add_dir_aux(&c->all);
    *ret = c;
    return 0;
}

void build_walk_free(struct build_walk *c)
{
    if (!c)
        return;
    nest_done(&c->all);
    cache_tree_free(c->source.tree);
    cb_map_done(&c->links);
    free(c->name);
    free(c);
}

struct cache_store *build_walk_store(const struct build_walk *c)
{
    return c->store;
}

struct build_source *build_walk_source(struct build_walk *c)
{
    return &c->source;
}

/* ---- one directory ------------------------------------------------------------------------- */

static bool is_dropped(const struct build_walk *c, const struct cache_node *dir, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    for (size_t i = 0; !dir->parent && i < c->n_drop; i++)
        if (strcmp(c->drop[i], name) == 0)
            return true;
    return false;
}

/* What the patterns know of `dir` when they judge its entries. */
static const struct df_ignore_state *state_of(const struct cache_node *dir)
{
    const struct dir_aux *a = dir->aux;
    return dir->parent ? &a->ignore : NULL;
}

/* Whether the patterns leave `path` out for good. *excluded: a directory to look into nevertheless. */
static bool is_ignored(const struct build_walk *c, const struct cache_node *dir, const char *path, bool is_dir, bool *excluded)
{
    *excluded = false;
    if (!c->ignore)
        return false;
    if (!is_dir)
        return df_ignore_test(c->ignore, path, state_of(dir), NULL);
    CB_AUTO(df_ignore_state) struct df_ignore_state state = {0};
    *excluded = df_ignore_test(c->ignore, path, state_of(dir), &state);
    return *excluded && df_ignore_can_skip_dir(c->ignore, path, &state);
}

/* 1: *f is filled. 0: not part of the context. */
static int look_at(const struct build_walk *c, const struct cache_node *dir, int fd, const struct dirent *d, struct cb_buf *path,
                   struct found *f, struct cb_error *err)
{
    size_t len = path->len;
    int r = 0;
    bool known = d->d_type != DT_UNKNOWN;
    cb_buf_adds(path, d->d_name);
    /* The kind is mostly known already: what is ignored costs no lstat. */
    if (known && is_ignored(c, dir, path->data, d->d_type == DT_DIR, &f->excluded))
        goto out;
    if (fstatat(fd, d->d_name, &f->st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT) /* else it was removed meanwhile */
            r = cb_fail_sys(err, errno, "look at '%s' of the build context '%s'", path->data, c->name);
        goto out;
    }
    if ((!known || S_ISDIR(f->st.st_mode) != (d->d_type == DT_DIR)) &&
        is_ignored(c, dir, path->data, S_ISDIR(f->st.st_mode), &f->excluded))
        goto out;
    f->name = cb_strdup(d->d_name);
    r = 1;
out:
    cb_buf_truncate(path, len);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static int list_dir(const struct build_walk *c, const struct cache_node *dir, struct cb_buf *path, struct listing *l,
                    struct cb_error *err)
{
    const char *at = cache_node_path(dir);
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(cb_open_beneath(c->dir, show(at), O_RDONLY | O_DIRECTORY, 0));
    for (const struct dirent *e; (e = cb_dir_next(&d));) {
        if (is_dropped(c, dir, e->d_name))
            continue;
        struct found f = {0};
        int r = look_at(c, dir, dirfd(d.stream), e, path, &f, err);
        if (r < 0)
            return -1;
        if (r > 0)
            CB_PUSH(l->items, l->n, l->cap) = f;
    }
    if (d.error)
        return cb_fail_sys(err, d.error, "read '%s' of the build context '%s'", show(at), c->name);
    if (l->n > 1)
        qsort(l->items, l->n, sizeof(*l->items), by_name);
    return 0;
}

static int read_link(const struct build_walk *c, const char *path, struct cb_buf *ret, struct cb_error *err)
{
    char target[4097];
    const char *name;
    int fd = cb_open_parent_nofollow(c->dir, path, &name);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' of the build context '%s'", path, c->name);
    ssize_t n = readlinkat(fd, name, target, sizeof(target) - 1);
    int sys = errno;
    cb_close(fd);
    if (n < 0)
        return cb_fail_sys(err, sys, "read the link '%s' of the build context '%s'", path, c->name);
    cb_buf_add(ret, target, (size_t)n);
    return 0;
}

static int fill_entry(const struct build_walk *c, const struct stat *st, const char *path, struct cb_buf *link,
                      struct cache_entry *e, struct cb_error *err)
{
    static const struct {
        mode_t fmt;
        enum cb_ftype type;
    } types[] = {{S_IFREG, CB_FILE},  {S_IFDIR, CB_DIR},  {S_IFLNK, CB_SYMLINK}, {S_IFCHR, CB_CHAR},
                 {S_IFBLK, CB_BLOCK}, {S_IFIFO, CB_FIFO}, {S_IFSOCK, CB_FILE}};
    size_t i = 0;
    while (i + 1 < CB_LEN(types) && types[i].fmt != (st->st_mode & S_IFMT))
        i++;
    *e = (struct cache_entry){
        .path = path, .type = types[i].type, .mode = shown_mode(c, st->st_mode), .mtime = st->st_mtim.tv_sec};
    switch (types[i].type) {
    case CB_FILE:
        e->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
        break;
    case CB_SYMLINK:
        e->mode = 0777;
        if (read_link(c, path, link, err) < 0)
            return -1;
        e->link = link->data;
        return 0;
    case CB_CHAR:
    case CB_BLOCK:
        e->dev_major = major(st->st_rdev);
        e->dev_minor = minor(st->st_rdev);
        break;
    case CB_DIR:
    case CB_FIFO:
    case CB_HARDLINK:
    case CB_FTYPE_COUNT:
        break;
    }
    return 0;
}

static uint64_t link_group(struct build_walk *c, const struct stat *st)
{
    uint64_t key[2] = {st->st_dev, st->st_ino};
    uintptr_t group = (uintptr_t)cb_map_getn(&c->links, (const char *)key, sizeof(key));
    if (!group) {
        group = c->links.n + 1;
        cb_map_setn(&c->links, (const char *)key, sizeof(key), (void *)group);
    }
    return group;
}

static int add_node(struct build_walk *c, struct nest *to, struct cache_node *dir, const struct found *f, const char *path,
                    struct cache_node **ret, struct cb_error *err)
{
    const struct stat *st = &f->st;
    CB_AUTO(cb_buf) struct cb_buf link = CB_BUF_INIT;
    struct cache_entry e;
    if (fill_entry(c, st, path, &link, &e, err) < 0)
        return -1;
    struct cache_node *n = cache_tree_append(dir, &to->arena, f->name, &e, c->origin);
    if (S_ISDIR(st->st_mode)) {
        n->aux = add_dir_aux(to);
    } else if (S_ISREG(st->st_mode)) {
        struct file_aux *a = cb_arena_alloc(&to->arena, sizeof(*a));
        *a = (struct file_aux){st->st_dev, st->st_ino, st->st_mode, st->st_size, st->st_mtim, st->st_ctim};
        n->aux = a;
        if (st->st_nlink > 1)
            n->link_group = link_group(c, st);
    }
    *ret = n;
    return 0;
}

/* ---- the lazy tree ------------------------------------------------------------------------- */

static int open_dir(struct build_walk *c, struct nest *to, struct cache_node *dir, struct cb_error *err);

/* Adds one name. A directory that is excluded itself is entered now: whether it belongs to the tree is
 * decided by what is below it. */
static int add_found(struct build_walk *c, struct nest *to, struct cache_node *dir, const struct found *f, const char *path,
                     struct cb_error *err)
{
    struct cache_node *n;
    if (add_node(c, to, dir, f, path, &n, err) < 0)
        return -1;
    if (!S_ISDIR(f->st.st_mode) || !c->ignore)
        return 0;
    struct dir_aux *own = n->aux;
    df_ignore_test(c->ignore, path, state_of(dir), &own->ignore);
    if (!f->excluded)
        return 0;
    if (open_dir(c, to, n, err) < 0)
        return -1;
    if (n->n_children == 0)
        dir->n_children--; /* it is the last */
    return 0;
}

/* Recursion (through excluded directories) ends where paths do: the kernel opens none beyond PATH_MAX. */
static int open_dir(struct build_walk *c, struct nest *to, struct cache_node *dir, struct cb_error *err)
{
    struct dir_aux *aux = dir->aux;
    assert(aux); /* every directory of the tree was added by add_node */
    if (aux->open)
        return 0;
    aux->open = true;
    CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT;
    CB_AUTO(listing) struct listing list = {0};
    if (dir->parent)
        cb_buf_printf(&path, "%s/", cache_node_path(dir));
    if (list_dir(c, dir, &path, &list, err) < 0)
        return -1;
    size_t len = path.len;
    cache_tree_room(dir, &to->arena, list.n);
    for (size_t i = 0; i < list.n; i++) {
        cb_buf_adds(&path, list.items[i].name);
        if (add_found(c, to, dir, &list.items[i], path.data, err) < 0)
            return -1;
        cb_buf_truncate(&path, len);
    }
    return 0;
}

int build_walk_open(struct build_walk *c, const struct cache_node *dir, struct cb_error *err)
{
    if (dir->e.type != CB_DIR)
        return 0;
    return open_dir(c, &c->all, (struct cache_node *)dir, err); /* the tree is ours: const is the reader's view */
}

int build_walk_enter(struct build_walk *c, const struct cache_node *dir, struct cb_error *err)
{
    struct dir_aux *aux = dir->aux;
    if (aux->open)
        return 0;
    aux->passing = CB_NEW(struct nest);
    return open_dir(c, aux->passing, (struct cache_node *)dir, err);
}

void build_walk_leave(const struct cache_node *dir)
{
    struct cache_node *n = (struct cache_node *)dir;
    struct dir_aux *aux = n->aux;
    if (!aux->passing)
        return;
    n->children = NULL;
    n->n_children = n->cap_children = 0;
    nest_done(aux->passing);
    free(CB_TAKE(aux->passing));
    aux->open = false;
}

/* ---- contents ------------------------------------------------------------------------------ */

static int read_digest(const struct build_walk *c, const char *path, struct cb_digest *ret, struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_open_beneath(c->dir, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' of the build context '%s'", path, c->name);
    struct cb_sha256 sha;
    CB_AUTO(free) char *piece = cb_alloc_buffer(1u << 17);
    cb_sha256_init(&sha);
    for (int n; (n = cb_read_full(fd, piece, 1u << 17)) != 0;) {
        if (n < 0)
            return cb_fail_sys(err, n, "read '%s' of the build context '%s'", path, c->name);
        cb_sha256_add(&sha, piece, (size_t)n);
        if (n == 1 << 17 && cb_check_signals(err) < 0)
            return -1;
    }
    cb_sha256_end(&sha, ret);
    return 0;
}

static void note_file(struct cache_node *n, struct file_aux *a, const struct stat *st)
{
    *a = (struct file_aux){st->st_dev, st->st_ino, st->st_mode, st->st_size, st->st_mtim, st->st_ctim};
    n->e.size = (uint64_t)st->st_size;
    n->e.mtime = st->st_mtim.tv_sec;
}

static struct stat stat_of(const struct file_aux *a)
{
    return (struct stat){.st_dev = a->dev,
                         .st_ino = a->ino,
                         .st_mode = a->mode,
                         .st_nlink = 1,
                         .st_size = a->size,
                         .st_mtim = a->mtime,
                         .st_ctim = a->ctime};
}

int build_walk_find(struct build_walk *c, const struct cache_node *file, struct cache_digests_file *ret, struct cb_error *err)
{
    struct cache_node *n = (struct cache_node *)file;
    if (!c->digests || n->e.size == 0 || !cb_digest_is_zero(&n->e.digest)) {
        *ret = (struct cache_digests_file){.path = NULL};
        if (build_walk_digest(c, file, err) < 0)
            return -1;
        ret->digest = n->e.digest;
        return 1;
    }
    if (cache_check_size(n->data_path, n->e.size, err) < 0)
        return -1;
    *ret = (struct cache_digests_file){.path = (char *)n->data_path, .st = stat_of(n->aux)};
    return cache_digests_find(c->digests, ret);
}

int build_walk_read(struct build_walk *c, struct cache_digests_file *files, size_t n, struct cb_error *err)
{
    return cache_digests_read(c->digests, c->dir, files, n, err);
}

int build_walk_digest(struct build_walk *c, const struct cache_node *file, struct cb_error *err)
{
    static const struct cb_digest unknown;
    struct cache_node *n = (struct cache_node *)file;
    struct file_aux *a = n->aux;
    if (n->e.type != CB_FILE || !cb_digest_eq(&n->e.digest, &unknown))
        return 0;
    if (n->e.size == 0) {
        cb_sha256("", 0, &n->e.digest);
        return 0;
    }
    if (cache_check_size(n->data_path, n->e.size, err) < 0)
        return -1;
    if (!c->digests)
        return read_digest(c, n->data_path, &n->e.digest, err);
    struct stat st = stat_of(a);
    if (cache_digests_digest(c->digests, c->dir, n->data_path, &st, &n->e.digest, err) < 0)
        return -1;
    note_file(n, a, &st); /* it may have changed since it was listed */
    return 0;
}
