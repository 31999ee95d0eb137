/* Layers from tars, which are hostile. What a tar says is first applied to a tree in memory: there symlinks in the
 * middle of a path are resolved with the layer as root, so every path that reaches the disk consists of directories
 * only, and the cursor opens them without following anything. The index is read off that tree, so it is the same with
 * and without files. Whiteouts act on lower layers alone, wherever they stand in the stream: they are applied at the end
 * to what is still there. */
#include "cache/layer/layer-internal.h"
#include "base/limits.h"
#include "base/map.h"
#include "cache/store/blob.h"
#include "cache/store/tree.h"

#include <limits.h>
#include <unistd.h>

#define WHITEOUT   ".wh."
#define META       ".wh..wh." /* AUFS's own files, and the opaque mark */
#define OPAQUE     ".wh..wh..opq"

#define MAX_NAMES  (1ull << 30) /* bytes of paths in memory */
#define MAX_TARGET 4095         /* of a symlink: the kernel's limit */

struct unpack {
    struct cache_tree *tree;
    struct cb_strv whiteouts, opaques; /* canonical paths */
    size_t entries;
    uint64_t names; /* bytes of their paths */
    bool files;
    struct cache_layer_disk disk;
    char *buffer;
    struct cb_job_io *io;
    /* the stream */
    struct cb_decoder *decoder;
    struct cb_sha256 sha;
    uint64_t bytes;
};

static void unpack_done(struct unpack *u)
{
    cache_tree_free(u->tree);
    cb_strv_done(&u->whiteouts);
    cb_strv_done(&u->opaques);
    cache_layer_disk_done(&u->disk);
    cb_decoder_free(u->decoder);
    free(u->buffer);
}
CB_DEFINE_AUTO(unpack, struct unpack, unpack_done)

/* ---- the stream -------------------------------------------------------------------------------- */

static ssize_t read_plain(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct unpack *u = arg;
    ssize_t got = cb_decoder_read(u->decoder, p, n, err);
    if (got > 0) {
        cb_sha256_add(&u->sha, p, (size_t)got);
        u->bytes += (uint64_t)got;
        if (u->io)
            cb_job_progress(u->io, "extracting", u->bytes, 0);
    }
    return got;
}

/* The diff ID is of everything, including what follows the end of the archive. */
static int read_rest(struct unpack *u, struct cb_error *err)
{
    ssize_t n;
    while ((n = read_plain(u, u->buffer, CACHE_LAYER_COPY_BUFFER, err)) > 0)
        ;
    return (int)n;
}

/* ---- names ------------------------------------------------------------------------------------- */

static int bad_name(struct cb_error *err, const char *name, const char *why)
{
    return cb_fail(err, CB_E_CORRUPT, "layer: '%s' %s", name, why);
}

/* Takes the last component off. False: there is none. */
static bool go_up(struct cb_buf *path)
{
    const char *slash = path->len ? strrchr(path->data, '/') : NULL;
    if (!path->len)
        return false;
    cb_buf_truncate(path, slash ? (size_t)(slash - path->data) : 0);
    return true;
}

/* "/./a//b/" -> "a/b"; "" is the root. "a/../b" is "b" whatever `a` is, as in Go's archive readers. */
static int clean_name(const char *name, struct cb_buf *ret, struct cb_error *err)
{
    cb_buf_reset(ret);
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        bool up = len == 2 && p[0] == '.' && p[1] == '.';
        if (up && !go_up(ret))
            return bad_name(err, name, "leads out of the layer");
        if (len > NAME_MAX)
            return bad_name(err, name, "has a component of more than 255 bytes");
        if (!up && (len > 1 || (len == 1 && *p != '.'))) {
            if (ret->len)
                cb_buf_addc(ret, '/');
            cb_buf_add(ret, p, len);
        }
        p += len;
        p += *p == '/';
    }
    return ret->len > CB_MAX_PATH ? bad_name(err, name, "is too long") : 0;
}

/* Does any component begin with the prefix? */
static bool has_component(const char *path, const char *prefix)
{
    for (; !cb_starts(path, prefix); path++) {
        path = strchr(path, '/');
        if (!path)
            return false;
    }
    return true;
}

/* Names that no member may have, though the target of a symlink on its path may: such a directory is not made. */
static int check_implied(const char *dir, const char *name, struct cb_error *err)
{
    if (has_component(dir, WHITEOUT))
        return bad_name(err, name, "lies in a directory with the name of a whiteout");
    for (const char *p = dir; *p; p += *p == '/') {
        size_t len = strcspn(p, "/");
        if (len > NAME_MAX)
            return bad_name(err, name, "has a component of more than 255 bytes");
        p += len;
    }
    return 0;
}

struct place {
    char *path;              /* canonical: no symlink in any directory of it */
    struct cache_node *node; /* what is there, or NULL */
};
static void place_done(struct place *p)
{
    free(p->path);
}
CB_DEFINE_AUTO(place, struct place, place_done)

/* Where a clean name lies: its directory resolved inside the layer, its last component as it stands. */
static int find_place(struct unpack *u, const char *name, struct place *ret, struct cb_error *err)
{
    const char *slash = strrchr(name, '/');
    CB_AUTO(free) char *dir = cb_memdup0(name, slash ? (size_t)(slash - name) : 0);
    CB_AUTO(free) char *parent_path = NULL;
    struct cache_node *parent = NULL;
    if (cache_tree_resolve_new(u->tree, dir, &parent_path, &parent, err) < 0) {
        err->code = CB_E_CORRUPT;
        return cb_prefix(err, "layer");
    }
    if (parent && parent->e.type != CB_DIR)
        return bad_name(err, name, "lies below something that is not a directory");
    if (!parent && check_implied(parent_path, name, err) < 0)
        return -1;
    if (strlen(parent_path) + strlen(name) > CB_MAX_PATH)
        return bad_name(err, name, "is too long");
    name = slash ? slash + 1 : name;
    ret->path = cb_printf("%s%s%s", parent_path, *parent_path ? "/" : "", name);
    ret->node = parent ? cache_node_child(parent, name, strlen(name)) : NULL;
    return 0;
}

/* ---- directories ------------------------------------------------------------------------------- */

/* One more entry, or a directory that a name implies. A short name may imply very many long ones. */
static int count(struct unpack *u, size_t name_len, struct cb_error *err)
{
    u->names += name_len;
    if (++u->entries > CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_CORRUPT, "layer: more than %u entries", CB_MAX_ENTRIES);
    if (u->names > MAX_NAMES)
        return cb_fail(err, CB_E_CORRUPT, "layer: the names of its entries take more than 1 GiB");
    return 0;
}

/* Makes the directories above `path` that the tar did not name: 0755, root's. */
static int make_parents(struct unpack *u, const char *path, struct cb_error *err)
{
    struct cache_node *at = cache_tree_root(u->tree);
    for (const char *p = path, *slash; (slash = strchr(p, '/')); p = slash + 1) {
        struct cache_node *next = cache_node_child(at, p, (size_t)(slash - p));
        if (!next) {
            CB_AUTO(free) char *dir = cb_memdup0(path, (size_t)(slash - path));
            const struct cache_entry e = {.path = dir, .type = CB_DIR, .mode = 0755};
            if (count(u, strlen(dir), err) < 0 || (u->files && cache_layer_disk_make(&u->disk, &e, err) < 0))
                return -1;
            next = cache_tree_add(u->tree, &e, 0, NULL);
        }
        at = next;
    }
    return 0;
}

/* Makes room at the place. A directory stays where another one comes. */
static int clear_place(struct unpack *u, struct place *p, enum cb_ftype type, struct cb_error *err)
{
    if (!p->node)
        return make_parents(u, p->path, err);
    if (p->node->e.type == CB_DIR && type == CB_DIR)
        return 0;
    cache_tree_remove(u->tree, p->node);
    p->node = NULL;
    return u->files ? cache_layer_disk_remove(&u->disk, p->path, err) : 0;
}

/* ---- one entry --------------------------------------------------------------------------------- */

/* Hashes the data and, when the files are wanted, copies it to disk. */
static int unpack_file(struct unpack *u, struct cb_tar_reader *t, struct cache_entry *e, struct cb_error *err)
{
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    if (cache_check_size(e->path, e->size, err) < 0)
        return -1;
    if (u->files && cache_layer_disk_begin(&u->disk, e, err) < 0)
        return -1;
    ssize_t n;
    while ((n = cb_tar_read(t, u->buffer, CACHE_LAYER_COPY_BUFFER, err)) > 0) {
        cb_sha256_add(&sha, u->buffer, (size_t)n);
        if (u->files && cache_layer_disk_write(&u->disk, e, u->buffer, (size_t)n, err) < 0)
            return -1;
    }
    if (n < 0 || (u->files && cache_layer_disk_end(&u->disk, e, err) < 0))
        return -1;
    cb_sha256_end(&sha, &e->digest);
    return 0;
}

static int unpack_hard_link(struct unpack *u, struct place *p, struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    CB_AUTO(place) struct place target = {0};
    if (clean_name(e->link, &name, err) < 0)
        return -1;
    if (name.len == 0 || find_place(u, name.data, &target, err) < 0)
        return name.len ? -1 : bad_name(err, e->path, "is a hard link to the root");
    if (!target.node)
        return cb_fail(err, CB_E_CORRUPT, "layer: '%s' is a hard link to '%s', which is not in the layer", e->path, e->link);
    if (target.node->e.type == CB_DIR)
        return cb_fail(err, CB_E_CORRUPT, "layer: '%s' is a hard link to the directory '%s'", e->path, e->link);
    if (target.node == p->node)
        return 0;
    if (p->node && p->node->e.type == CB_DIR && strncmp(target.path, p->path, strlen(p->path)) == 0 &&
        target.path[strlen(p->path)] == '/')
        return cb_fail(err, CB_E_CORRUPT, "layer: '%s' replaces the directory that holds what it links to", e->path);
    e->link = target.path;
    if (clear_place(u, p, CB_HARDLINK, err) < 0 || (u->files && cache_layer_disk_make(&u->disk, e, err) < 0))
        return -1;
    cache_tree_add(u->tree, e, 0, NULL);
    return 0;
}

static size_t keep_xattrs(const struct cb_tar_entry *t, struct cb_xattr *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_xattrs; i++) {
        if (!cache_layer_reserved_xattr(t->xattrs[i].name))
            keep[n++] = t->xattrs[i];
    }
    return n;
}

static int unpack_entry(struct unpack *u, struct cb_tar_reader *t, const struct cb_tar_entry *in, const char *name,
                        struct cb_error *err)
{
    CB_AUTO(place) struct place p = {0};
    CB_AUTO(free) struct cb_xattr *xattrs = cb_alloc((in->n_xattrs + 1) * sizeof(*xattrs));
    struct cache_entry e = {.type = in->type,
                            .mode = in->mode,
                            .uid = in->uid,
                            .gid = in->gid,
                            .size = in->size,
                            .mtime = in->mtime,
                            .link = in->link,
                            .dev_major = in->dev_major,
                            .dev_minor = in->dev_minor,
                            .xattrs = xattrs,
                            .n_xattrs = keep_xattrs(in, xattrs)};
    if ((e.type == CB_SYMLINK || e.type == CB_HARDLINK) && *e.link == '\0')
        return bad_name(err, name, "is a link to nothing");
    if (e.type == CB_CHAR && e.dev_major == 0 && e.dev_minor == 0)
        return bad_name(err, name, "is a device 0:0, which would hide what is below");
    if (e.type == CB_SYMLINK && strlen(e.link) > MAX_TARGET)
        return bad_name(err, name, "is a symlink to more than 4095 bytes");
    if (e.uid == UINT32_MAX || e.gid == UINT32_MAX)
        return bad_name(err, name, "has an owner that cannot be");
    if (find_place(u, name, &p, err) < 0)
        return -1;
    e.path = p.path;
    if (e.type == CB_HARDLINK)
        return unpack_hard_link(u, &p, &e, err);
    if (clear_place(u, &p, in->type, err) < 0)
        return -1;
    if (e.type == CB_FILE ? unpack_file(u, t, &e, err) < 0 : u->files && cache_layer_disk_make(&u->disk, &e, err) < 0)
        return -1;
    cache_tree_add(u->tree, &e, 0, NULL);
    return 0;
}

/* Whiteouts are remembered; the directory they lie in exists, whether the tar names it or not. */
static int unpack_whiteout(struct unpack *u, const char *name, struct cb_error *err)
{
    const char *base = strrchr(name, '/');
    size_t dir_len = base ? (size_t)(base - name) : 0;
    CB_AUTO(place) struct place p = {0};
    base = base ? base + 1 : name;
    bool opaque = strcmp(base, OPAQUE) == 0;
    if (cb_starts(base, META) && !opaque)
        return 0;
    base += strlen(WHITEOUT);
    if (!opaque && (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0))
        return bad_name(err, name, "is a whiteout of nothing");
    CB_AUTO(free) char *victim = cb_printf("%.*s%s%s", (int)dir_len, name, dir_len ? "/" : "", opaque ? "x" : base);
    if (find_place(u, victim, &p, err) < 0 || make_parents(u, p.path, err) < 0)
        return -1;
    char *slash = opaque ? strrchr(p.path, '/') : NULL;
    if (opaque && !slash) /* as it is written, or through a symlink */
        return cb_fail(err, CB_E_UNSUPPORTED, "layer: an opaque mark in the root directory cannot be unpacked");
    if (opaque)
        *slash = '\0';
    cb_strv_take(opaque ? &u->opaques : &u->whiteouts, CB_TAKE(p.path));
    return 0;
}

static int one_member(struct unpack *u, struct cb_tar_reader *t, const struct cb_tar_entry *e, struct cb_buf *name,
                      struct cb_error *err)
{
    if (!*e->path)
        return cb_fail(err, CB_E_CORRUPT, "layer: an entry without a name");
    if (clean_name(e->path, name, err) < 0 || count(u, name->len, err) < 0)
        return -1;
    if (name->len == 0)
        return e->type == CB_DIR ? 0 : bad_name(err, e->path, "is the root, but not a directory");
    const char *slash = strrchr(name->data, '/');
    const char *base = slash ? slash + 1 : name->data;
    if (has_component(name->data, META) && strcmp(base, OPAQUE) != 0)
        return 0;
    bool whiteout = cb_starts(base, WHITEOUT) && e->type != CB_DIR;
    if (whiteout)
        name->data[base - name->data] = '\0';
    bool inside = has_component(name->data, WHITEOUT);
    if (whiteout)
        name->data[base - name->data] = WHITEOUT[0];
    if (inside)
        return bad_name(err, e->path, "has a component that is a whiteout");
    return whiteout ? unpack_whiteout(u, name->data, err) : unpack_entry(u, t, e, name->data, err);
}

/* ---- the index --------------------------------------------------------------------------------- */

static void add_node(struct cache_index *x, const struct cache_node *n, struct cb_map *groups)
{
    struct cache_entry e = n->e;
    if (n->link_group) {
        const char *first = cb_map_getn(groups, (const char *)&n->link_group, sizeof(n->link_group));
        if (first) {
            e.type = CB_HARDLINK;
            e.link = first;
        } else {
            cb_map_setn(groups, (const char *)&n->link_group, sizeof(n->link_group), (void *)n->e.path);
        }
    }
    cache_index_add(x, &e);
}

/* The tree in the order of the index, without recursion: the tar chooses its depth. */
static void add_tree(struct cache_index *x, struct cache_tree *t, struct cb_map *groups)
{
    struct {
        const struct cache_node *dir;
        size_t next;
    } *stack = NULL;
    size_t n = 0, cap = 0;

    stack = cb_array_grow(stack, &cap, ++n, sizeof(*stack));
    stack[0].dir = cache_tree_root(t);
    while (n > 0) {
        const struct cache_node *dir = stack[n - 1].dir;
        if (stack[n - 1].next == dir->n_children) {
            n--;
            continue;
        }
        const struct cache_node *child = dir->children[stack[n - 1].next++];
        add_node(x, child, groups);
        if (child->n_children) {
            stack = cb_array_grow(stack, &cap, ++n, sizeof(*stack));
            stack[n - 1].dir = child;
        }
    }
    free(stack);
}

/* A whiteout of something that the layer has itself: of a directory, only what is below it vanishes; of anything else,
 * it says nothing more. Where its own directory was replaced it says nothing either. */
static void add_marks(struct unpack *u, struct cache_index *x)
{
    size_t n = x->n;
    struct cache_index entries = {.entries = x->entries, .n = n}; /* sorted; what is added comes after it */
    for (size_t i = 0; i < u->whiteouts.n + u->opaques.n; i++) {
        bool opaque = i >= u->whiteouts.n;
        const char *path = opaque ? u->opaques.items[i - u->whiteouts.n] : u->whiteouts.items[i];
        const char *slash = strrchr(path, '/');
        CB_AUTO(free) char *parent = cb_memdup0(path, slash ? (size_t)(slash - path) : 0);
        entries.entries = x->entries;
        const struct cache_entry *dir = *parent ? cache_index_find(&entries, parent) : NULL;
        const struct cache_entry *here = cache_index_find(&entries, path);
        if ((*parent && (!dir || dir->type != CB_DIR)) || (here && here->type != CB_DIR) || (opaque && !here))
            continue;
        cache_index_add(x, &(struct cache_entry){.path = path, .type = here ? CACHE_OPAQUE : CACHE_WHITEOUT});
    }
    cache_index_sort(x);
}

/* ---- reading a whole layer ---------------------------------------------------------------------- */

static int read_members(struct unpack *u, struct cb_error *err)
{
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_plain, u, false, err);
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    if (!t)
        return -1;
    struct cb_tar_entry e;
    int r;
    while ((r = cb_tar_next(t, &e, err)) > 0) {
        if (one_member(u, t, &e, &name, err) < 0)
            return -1;
    }
    return r < 0 ? -1 : read_rest(u, err);
}

int cache_layer_read_tar(const struct cache_layer_stream *from, int fs, struct cache_index *ret, struct cb_digest *ret_diff,
                         struct cb_error *err)
{
    CB_AUTO(unpack) struct unpack u = {.disk = CACHE_LAYER_DISK_INIT, .files = fs >= 0, .io = from->io};
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_map) struct cb_map groups = {0};
    u.tree = cache_tree_new();
    u.decoder = cb_decoder_new(from->source, from->arg, from->what);
    u.buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    cb_sha256_init(&u.sha);
    if (u.files)
        cache_layer_disk_init(&u.disk, fs);
    if (read_members(&u, err) < 0)
        return -1;
    cache_tree_sort(u.tree);
    add_tree(&x, u.tree, &groups);
    add_marks(&u, &x);
    if (u.files && cache_layer_disk_finish(&u.disk, &x, err) < 0)
        return -1;
    cb_sha256_end(&u.sha, ret_diff);
    *ret = x;
    x = (struct cache_index){0};
    return 0;
}

static int wrong_diff(const struct cb_digest *have, const struct cb_digest *want, struct cb_error *err)
{
    char a[CB_DIGEST_TEXT + 1], b[CB_DIGEST_TEXT + 1];
    cb_digest_text(have, a);
    cb_digest_text(want, b);
    return cb_fail(err, CB_E_CORRUPT, "layer has the diff ID '%s' instead of '%s'", a, b);
}

int cache_layer_unpack(struct cache_store *s, cb_source_fn *source, void *arg, const struct cb_digest *diff_id, bool want_files,
                       struct cb_job_io *io, struct cache_layer *ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    if (cache_layer_draft_begin(s, want_files, &d, err) < 0)
        return -1;
    struct cb_digest have;
    const struct cache_layer_name name = cache_layer_name(diff_id);
    const struct cache_layer_stream from = {source, arg, name.text, io};
    if (cache_layer_read_tar(&from, d.fs, &x, &have, err) < 0)
        return cb_prefix(err, "unpack %s", name.text);
    if (!cb_digest_eq(&have, diff_id))
        return wrong_diff(&have, diff_id, err);
    struct cb_digest content;
    cache_index_content_id(&x, &content);
    return cache_layer_publish(&d, &x, &content, diff_id, ret, err);
}

int cache_layer_index_tar(cb_source_fn *source, void *arg, const char *what, struct cb_job_io *io, struct cache_index *ret,
                          struct cb_digest *ret_diff_id, struct cb_error *err)
{
    const struct cache_layer_stream from = {source, arg, what, io};
    return cache_layer_read_tar(&from, -1, ret, ret_diff_id, err);
}
