#include "cache/export.h"
#include "base/owner.h"
#include "base/fd.h"
#include "base/map.h"
#include "cache/layer/reader.h"
#include "cache/store/tree.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct exporting {
    struct cache_store *store;
    const struct cb_digest *layers;
    struct cache_reader *reader;
    size_t n;
    const char *folder; /* that the image is put into; NULL: none */
    struct cb_map seen; /* what earlier images have put to the top */
    bool merges;        /* there are others, and no folders */
    const int64_t *epoch;
    struct cb_map first_names; /* "origin:group" -> path of the first name of an inode */
    bool whole;                /* in a directory: owners and attributes too */
    struct cache_export_left left;
};

static int open_data(struct exporting *x, const struct cache_node *node, struct cb_error *err)
{
    int fd = cache_reader_open(x->reader, node->origin, node->data_path, err);
    return fd < 0 ? cb_prefix(err, "read '/%s' of the image", cache_node_path(node)) : fd;
}

/* The first name of an inode carries the bytes, the others are links to it. NULL: this is the first. */
static const char *earlier_name(struct exporting *x, const struct cache_node *node)
{
    if (!node->link_group || node->e.type != CB_FILE)
        return NULL;
    CB_AUTO(free) char *key = cb_printf("%d:%llu", node->origin, (unsigned long long)node->link_group);
    const char *first = cb_map_get(&x->first_names, key);
    if (!first)
        cb_map_set(&x->first_names, key, (void *)cache_node_path(node));
    return first;
}

typedef int visit_fn(struct exporting *x, const struct cache_node *node, void *arg, struct cb_error *err);

/* Parents before children; `after` (may be NULL) is called for a directory when its children are done. */
static int walk(struct exporting *x, const struct cache_node *root, visit_fn *visit, visit_fn *after, void *arg,
                struct cb_error *err)
{
    struct {
        const struct cache_node *dir;
        size_t next;
    } *stack = NULL;
    size_t n = 0, cap = 0;
    int r = 0;
    CB_PUSH(stack, n, cap).dir = root;
    while (n && r == 0) {
        if (stack[n - 1].next >= stack[n - 1].dir->n_children) {
            const struct cache_node *dir = stack[--n].dir;
            if (after && dir != root)
                r = after(x, dir, arg, err);
            continue;
        }
        const struct cache_node *child = stack[n - 1].dir->children[stack[n - 1].next++];
        r = visit(x, child, arg, err);
        if (r == 0 && child->e.type == CB_DIR)
            CB_PUSH(stack, n, cap).dir = child;
    }
    free(stack);
    return r;
}

static int run(struct exporting *x, visit_fn *visit, visit_fn *after, void *arg, struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = cache_tree_new();
    int r = 0;
    x->reader = cache_reader_new(x->store, x->layers, x->n);
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        CB_AUTO(cache_index) struct cache_index index = {0};
        r = cache_layer_index(x->store, &x->layers[i], &index, err);
        if (r == 0)
            cache_tree_apply(tree, &index, (int)i);
    }
    if (r == 0)
        r = walk(x, cache_tree_root(tree), visit, after, arg, err);
    cache_reader_free(x->reader);
    cb_map_done(&x->first_names);
    x->first_names = (struct cb_map){0};
    return r;
}

typedef int run_fn(struct exporting *x, const struct cache_export_part *part, void *arg, struct cb_error *err);

static int run_parts(struct exporting *x, const struct cache_export_part *parts, size_t n, run_fn *fn, void *arg,
                     struct cb_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        x->layers = parts[i].layers;
        x->n = parts[i].n;
        x->folder = parts[i].folder;
        x->merges = n > 1 && !x->folder;
        r = fn(x, &parts[i], arg, err);
    }
    cb_map_done(&x->seen);
    return r;
}

/* 1: a directory that another image has brought. -1: a file of that name came with another image. */
static int check_merge(struct exporting *x, const struct cache_node *node, struct cb_error *err)
{
    static const char directory[] = "d", other[] = "o";
    const char *path = cache_node_path(node), *kind = node->e.type == CB_DIR ? directory : other;
    const char *had = x->merges ? cb_map_get(&x->seen, path) : NULL;
    if (x->merges && !had)
        cb_map_set(&x->seen, path, (void *)kind);
    if (!had)
        return 0;
    if (had == directory && kind == directory)
        return 1;
    cb_fail(err, CB_E_FAILED, "the images of two platforms have '/%s', and one file cannot take the place of the other", path);
    return cb_hint(err, "with platform-split=true each platform has a folder");
}

static char *path_in_folder(const struct exporting *x, const char *path)
{
    return x->folder ? cb_printf("%s/%s", x->folder, path) : cb_strdup(path);
}

static int64_t time_of(const struct exporting *x, const struct cache_node *node)
{
    return x->epoch ? *x->epoch : node->e.mtime;
}

/* ---- tar ---------------------------------------------------------------------------------------------------- */

#define PIECE 65536

static int copy_to_tar(struct cb_tar_writer *t, int fd, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    for (;;) {
        int n = cb_read_full(fd, block, PIECE);
        if (n < 0)
            return cb_fail_sys(err, n, "read a file of the image");
        if (n == 0)
            return 0;
        if (cb_tar_write(t, block, (size_t)n, err) < 0)
            return -1;
    }
}

static int visit_tar(struct exporting *x, const struct cache_node *node, void *arg, struct cb_error *err)
{
    struct cb_tar_writer *t = arg;
    const struct cache_entry *e = &node->e;
    int merged = check_merge(x, node, err);
    if (merged != 0)
        return merged < 0 ? -1 : 0;
    CB_AUTO(free) char *path = path_in_folder(x, e->path);
    struct cb_tar_entry out = {.path = path,
                               .type = (enum cb_ftype)e->type,
                               .mode = e->mode,
                               .uid = e->uid,
                               .gid = e->gid,
                               .mtime = time_of(x, node),
                               .link = e->link,
                               .dev_major = e->dev_major,
                               .dev_minor = e->dev_minor,
                               .xattrs = e->xattrs,
                               .n_xattrs = e->n_xattrs};
    const char *first = earlier_name(x, node);
    if (first) {
        CB_AUTO(free) char *target = path_in_folder(x, first);
        out.type = CB_HARDLINK;
        out.link = target;
        return cb_tar_entry_begin(t, &out, err);
    }
    if (out.type != CB_FILE)
        return cb_tar_entry_begin(t, &out, err);
    out.size = e->size;
    CB_AUTO(close) int fd = open_data(x, node, err);
    if (fd < 0 || cb_tar_entry_begin(t, &out, err) < 0)
        return -1;
    return copy_to_tar(t, fd, err);
}

static int run_tar(struct exporting *x, const struct cache_export_part *part, void *arg, struct cb_error *err)
{
    struct cb_tar_entry folder = {.path = part->folder, .type = CB_DIR, .mode = 0755, .mtime = x->epoch ? *x->epoch : 0};
    if (part->folder && cb_tar_entry_begin(arg, &folder, err) < 0)
        return -1;
    return run(x, visit_tar, NULL, arg, err);
}

int cache_export_tar(struct cache_store *s, const struct cache_export_part *parts, size_t n, const int64_t *epoch,
                     cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    struct exporting x = {.store = s, .epoch = epoch};
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *t = cb_tar_writer_new(sink, arg, err);
    if (!t || run_parts(&x, parts, n, run_tar, t, err) < 0)
        return -1;
    return cb_tar_end(t, err);
}

/* ---- directory ------------------------------------------------------------------------------------------------ */

#define LEFT_OUT 1 /* there is nothing that could have attributes */

/* Removes what is in the way; a directory stays where a directory is wanted. */
static int clear_place(int parent, const char *name, bool want_dir)
{
    struct stat st;
    int r;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (want_dir && S_ISDIR(st.st_mode)) /* perhaps from an earlier export, and without write permission */
        return (r = cb_chmod(parent, name, (st.st_mode | 0700) & 07777)) < 0 && r != -EPERM ? r : 1;
    return cb_remove_tree(parent, name);
}

static int set_times(const struct exporting *x, const struct cache_node *node, int parent, const char *name)
{
    struct timespec t[2] = {{time_of(x, node), 0}, {time_of(x, node), 0}};
    return utimensat(parent, name, t, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Gives what is there (`name` in the directory `at`, or "": `at` itself) its owner. Returns the mode that it may have:
 * set-id bits are meant for that owner only. */
static mode_t set_owner(struct exporting *x, const struct cache_node *node, int at, const char *name)
{
    const struct cache_entry *e = &node->e;
    mode_t mode = e->mode & 07777;
    if (x->whole && fchownat(at, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0)
        return mode;
    if (x->whole && x->store->beside && !*name && cb_owner_write(at, &(struct cb_owner){.uid = e->uid, .gid = e->gid}) == 0)
        return mode;
    if (e->type != CB_FILE || !(mode & (S_ISUID | S_ISGID)))
        return mode;
    x->left.set_ids++;
    return mode & ~(mode_t)(S_ISUID | S_ISGID);
}

/* What the file system or the user cannot have is left out. */
static void set_xattrs(const struct exporting *x, const struct cache_node *node, int fd)
{
    for (size_t i = 0; x->whole && i < node->e.n_xattrs; i++)
        (void)fsetxattr(fd, node->e.xattrs[i].name, node->e.xattrs[i].value, node->e.xattrs[i].len, 0);
}

static int write_file(struct exporting *x, const struct cache_node *node, int parent, const char *name, struct cb_error *err)
{
    CB_AUTO(close) int in = open_data(x, node, err);
    if (in < 0)
        return -1;
    CB_AUTO(close) int out = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return cb_fail_sys(err, errno, "create '%s'", cache_node_path(node));
    int r = cb_copy_file(in, out, node->e.size);
    if (r == 0 && fchmod(out, set_owner(x, node, out, "")) < 0)
        r = -errno;
    set_xattrs(x, node, out);
    return r < 0 ? cb_fail_sys(err, r, "write '%s'", cache_node_path(node)) : 0;
}

static int make_other(struct exporting *x, const struct cache_node *node, int parent, const char *name)
{
    const struct cache_entry *e = &node->e;
    switch (e->type) {
    case CB_DIR:
        return mkdirat(parent, name, 0700) < 0 ? -errno : 0;
    case CB_SYMLINK:
        return symlinkat(e->link, parent, name) < 0 ? -errno : 0;
    case CB_FIFO:
        return mkfifoat(parent, name, e->mode & 07777) < 0 ? -errno : 0;
    case CB_CHAR:
    case CB_BLOCK:
        x->left.devices++;
        return LEFT_OUT;
    default:
        return 0;
    }
}

static int link_name(int dest, const char *first, int parent, const char *name)
{
    const char *base;
    CB_AUTO(close) int from = cb_open_parent_nofollow(dest, first, &base);
    if (from < 0)
        return from;
    return linkat(from, base, parent, name, 0) < 0 ? -errno : 0;
}

static int visit_directory(struct exporting *x, const struct cache_node *node, void *arg, struct cb_error *err)
{
    int dest = *(int *)arg, merged = check_merge(x, node, err);
    if (merged != 0)
        return merged < 0 ? -1 : 0;
    const char *path = cache_node_path(node), *name;
    CB_AUTO(close) int parent = cb_open_parent_nofollow(dest, path, &name);
    int r = parent < 0 ? parent : clear_place(parent, name, node->e.type == CB_DIR);
    const char *first = earlier_name(x, node);
    if (r > 0)
        return 0;
    if (r == 0 && first)
        r = link_name(dest, first, parent, name);
    else if (r == 0 && node->e.type == CB_FILE && write_file(x, node, parent, name, err) < 0)
        return -1;
    else if (r == 0)
        r = make_other(x, node, parent, name);
    if (r == 0 && !first && node->e.type != CB_DIR && node->e.type != CB_FILE)
        (void)set_owner(x, node, parent, name);
    if (r == 0 && !first && node->e.type != CB_DIR)
        r = set_times(x, node, parent, name);
    return r < 0 ? cb_fail_sys(err, r, "write '%s'", path) : 0;
}

/* Modes and times of a directory come last: writing into it changes the times and may need another mode. Through a descriptor:
 * whoever owns the destination may have put something else in its place. */
static int finish_directory(struct exporting *x, const struct cache_node *node, void *arg, struct cb_error *err)
{
    const char *path = cache_node_path(node);
    struct timespec t[2] = {{time_of(x, node), 0}, {time_of(x, node), 0}};
    CB_AUTO(close) int fd = cb_open_beneath(*(int *)arg, path, O_RDONLY | O_DIRECTORY, 0);
    int r = fd < 0 ? fd : fchmod(fd, set_owner(x, node, fd, "")) < 0 || futimens(fd, t) < 0 ? -errno : 0;
    return r < 0 ? cb_fail_sys(err, r, "set the mode of '%s'", path) : 0;
}

static int run_directory(struct exporting *x, const struct cache_export_part *part, void *arg, struct cb_error *err)
{
    int dest = *(int *)arg;
    if (!part->folder)
        return run(x, visit_directory, finish_directory, &dest, err);
    if (mkdirat(dest, part->folder, 0755) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "create '%s'", part->folder);
    CB_AUTO(close) int folder = openat(dest, part->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return cb_fail_sys(err, errno, "open '%s'", part->folder);
    return run(x, visit_directory, finish_directory, &folder, err);
}

int cache_export_directory(struct cache_store *s, const struct cache_export_part *parts, size_t n, const int64_t *epoch, int dest,
                           struct cache_export_left *ret, struct cb_error *err)
{
    struct exporting x = {.store = s, .epoch = epoch};
    int r = run_parts(&x, parts, n, run_directory, &dest, err);
    *ret = x.left;
    return r;
}

int cache_export_seed(struct cache_store *s, const struct cb_digest *layers, size_t n, int dest, struct cb_error *err)
{
    struct exporting x = {.store = s, .layers = layers, .n = n, .whole = true};
    return run(&x, visit_directory, finish_directory, &dest, err);
}
