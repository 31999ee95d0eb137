#include "builder/copy/extract.h"

#include "base/path.h"
#include "base/stream/tar.h"
#include "builder/copy/place-internal.h"

#include <limits.h>

#define PIECE 65536

/* ---- is it an archive ---------------------------------------------------------------------- */

/* Tells a source that fails from bytes that are no archive. */
struct watched {
    cb_source_fn *source;
    void *arg;
    bool failed;
};

static ssize_t read_watched(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct watched *w = arg;
    ssize_t got = w->source(w->arg, p, n, err);
    w->failed = w->failed || got < 0;
    return got;
}

int build_extract_sniff(cb_source_fn *source, void *arg, struct cb_error *err)
{
    struct watched watched = {.source = source, .arg = arg};
    struct cb_tar_entry e;
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *tar = cb_tar_reader_new(read_watched, &watched, true, &why);
    int r = tar ? cb_tar_next(tar, &e, &why) : -1;
    if (r >= 0)
        return r;
    if (!watched.failed && why.code != CB_E_UNSUPPORTED) /* no header: a file like any other */
        return 0;
    cb_error_move(err, &why);
    return -1;
}

/* ---- first pass ---------------------------------------------------------------------------- */

struct extract {
    struct build_place *place;
    struct build_upper *upper;
    struct build_upnode *base; /* the destination: the root of all paths of the archive */
    struct cb_tar_reader *tar;
    int archive;
    uint64_t member; /* ordinal of the current one */
};

static int check_length(const char *what, const char *s, struct cb_error *err)
{
    if (strlen(s) < PATH_MAX)
        return 0;
    return cb_fail(err, CB_E_CORRUPT, "the %s '%.80s…' is longer than the system allows", what, s);
}

/* The directory in which `rel` lies; what is missing of it is implied: 0755, 0:0. For BuildKit a dangling link is there already,
 * and nothing can be reached through it. */
static int open_parent(struct extract *x, const char *rel, struct build_upnode **ret, const char **ret_name, struct cb_error *err)
{
    static const struct cache_entry root_owned = {.type = CB_DIR, .mode = 0755};
    struct cache_entry implied = root_owned;
    CB_AUTO(build_spot) struct build_spot spot = {0};
    const char *slash = strrchr(rel, '/');
    CB_AUTO(free) char *up = cb_memdup0(rel, slash ? (size_t)(slash - rel) : 0);
    implied.mtime = x->place->params.mtime;
    *ret_name = cb_path_base(rel);
    if (build_upper_resolve(x->upper, x->base, up, &spot, err) < 0)
        return -1;
    if (spot.missing.n && spot.dangling)
        return cb_fail(err, CB_E_CORRUPT, "'%s' lies below a link that leads nowhere", rel);
    return build_upper_mkdirs(x->upper, &spot, &implied, true, ret, err);
}

static struct build_entry member_entry(struct extract *x, const struct cb_tar_entry *t)
{
    struct build_entry b = {.e = {.type = (int)t->type,
                                  .mode = t->type == CB_SYMLINK ? 0777 : t->mode & 07777,
                                  .uid = t->uid,
                                  .gid = t->gid,
                                  .mtime = t->mtime,
                                  .xattrs = t->xattrs,
                                  .n_xattrs = t->n_xattrs}};
    if (t->type == CB_FILE && t->size > 0) {
        b.e.size = t->size;
        b.data = BUILD_DATA_MEMBER;
        b.archive = x->archive;
        b.member = x->member;
    }
    if (t->type == CB_CHAR || t->type == CB_BLOCK) {
        b.e.dev_major = t->dev_major;
        b.e.dev_minor = t->dev_minor;
    }
    if (t->type == CB_SYMLINK)
        b.e.link = cb_arena_strdup(&x->upper->arena, t->link);
    build_keep_capability(&b.e);
    if (b.e.n_xattrs) { /* the reader's own last only until the next member */
        struct cb_xattr *copy = cb_arena_alloc(&x->upper->arena, sizeof(*copy));
        *copy = *b.e.xattrs;
        copy->name = cb_arena_strdup(&x->upper->arena, copy->name);
        copy->value = cb_arena_memdup0(&x->upper->arena, copy->value, copy->len);
        b.e.xattrs = copy;
    }
    build_place_owner(x->place, &b.e);
    return b;
}

static int digest_member(struct extract *x, struct cb_digest *ret, struct cb_error *err)
{
    CB_AUTO(free) char *piece = cb_alloc_buffer(PIECE);
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    ssize_t n;
    while ((n = cb_tar_read(x->tar, piece, PIECE, err)) > 0)
        cb_sha256_add(&sha, piece, (size_t)n);
    if (n == 0)
        cb_sha256_end(&sha, ret);
    return n < 0 ? -1 : 0;
}

static int put_member(struct extract *x, const struct cb_tar_entry *t, struct build_upnode *dir, const char *name,
                      struct cb_error *err)
{
    if (t->type == CB_SYMLINK && !*t->link)
        return cb_fail(err, CB_E_CORRUPT, "the link '%s' has no target", t->path);
    if (t->type == CB_SYMLINK && check_length("link target", t->link, err) < 0)
        return -1;
    struct build_entry b = member_entry(x, t);
    struct build_inode *inode = build_inode_new(x->upper, &b);
    struct build_upnode *n;
    if (build_upper_put(x->upper, dir, name, strlen(name), inode, &n, err) < 0)
        return -1;
    /* It may be there already, byte for byte: only then is the content of interest now. */
    if (b.data == BUILD_DATA_MEMBER && n->below && build_same_entry(&inode->b.e, &n->below->e))
        return digest_member(x, &inode->b.e.digest, err);
    return 0;
}

static bool is_at_or_below(const struct build_upnode *n, const struct build_upnode *top)
{
    while (n && n != top)
        n = n->parent;
    return n == top;
}

/* What a hard link names: links on the way are followed, a link at the end is not. NULL: nothing. */
static int link_target(struct extract *x, const char *rel, struct build_upnode **ret, struct cb_error *err)
{
    CB_AUTO(build_spot) struct build_spot spot = {0};
    const char *slash = strrchr(rel, '/'), *name = cb_path_base(rel);
    CB_AUTO(free) char *up = cb_memdup0(rel, slash ? (size_t)(slash - rel) : 0);
    if (build_upper_resolve(x->upper, x->base, up, &spot, err) < 0)
        return -1;
    *ret = *name && spot.missing.n == 0 ? build_upper_child(x->upper, spot.node, name, strlen(name)) : NULL;
    return 0;
}

static int put_hard_link(struct extract *x, const struct cb_tar_entry *t, struct build_upnode *dir, const char *name,
                         struct cb_error *err)
{
    CB_AUTO(free) char *rel = cb_path_rel(t->link);
    struct build_upnode *old = build_upper_child(x->upper, dir, name, strlen(name));
    struct build_upnode *target;
    if (check_length("link target", rel, err) < 0 || link_target(x, rel, &target, err) < 0)
        return -1;
    /* What has the name goes first, so that nothing links to itself. */
    if (!target || (old && is_at_or_below(target, old)))
        return cb_fail(err, CB_E_CORRUPT, "link '%s' to '%s': no such file or directory", t->path, t->link);
    if (build_upnode_is_dir(target))
        return cb_fail(err, CB_E_CORRUPT, "link '%s' to '%s': it is a directory", t->path, t->link);
    /* A link's header describes the file: extraction sets its owner, mode and time again, of a symlink only the owner. */
    struct cache_entry *e = build_upper_edit(x->upper, target);
    e->uid = t->uid;
    e->gid = t->gid;
    if (e->type != CB_SYMLINK) {
        e->mode = t->mode & 07777;
        e->mtime = t->mtime;
    }
    build_place_owner(x->place, e);
    return build_upper_put(x->upper, dir, name, strlen(name), target->inode, &old, err);
}

/* A member that names the destination itself: "./" is ignored, "/" and ".." are directories like others. */
static int place_base(struct extract *x, const struct cb_tar_entry *t, struct cb_error *err)
{
    CB_AUTO(free) char *clean = cb_path_clean(t->path);
    if (strcmp(clean, ".") == 0)
        return 0;
    if (t->type != CB_DIR)
        return cb_fail(err, CB_E_CORRUPT, "'%s' would replace the directory that the archive is unpacked to", t->path);
    struct build_entry b = member_entry(x, t);
    x->base->inode = build_inode_new(x->upper, &b);
    return 0;
}

/* Is a component of it the name of a whiteout, as AUFS left them in old root file systems? */
static bool names_whiteout(const char *rel)
{
    return cb_starts(rel, ".wh.") || strstr(rel, "/.wh.");
}

static bool cannot_be_held(const struct cb_tar_entry *t, const char *rel)
{
    CB_AUTO(free) char *target = t->type == CB_HARDLINK ? cb_path_rel(t->link) : NULL;
    return names_whiteout(rel) || (target && names_whiteout(target));
}

static int place_member(struct extract *x, const struct cb_tar_entry *t, struct cb_error *err)
{
    CB_AUTO(free) char *rel = cb_path_rel(t->path);
    if (!*rel)
        return place_base(x, t, err);
    if (cannot_be_held(t, rel)) {
        x->place->left_out++;
        return 0;
    }
    struct build_upnode *dir;
    const char *name;
    if (check_length("path", rel, err) < 0 || open_parent(x, rel, &dir, &name, err) < 0)
        return -1;
    return t->type == CB_HARDLINK ? put_hard_link(x, t, dir, name, err) : put_member(x, t, dir, name, err);
}

static int place_members(struct extract *x, struct cb_error *err)
{
    struct cb_tar_entry t;
    int r;
    for (x->member = 0; (r = cb_tar_next(x->tar, &t, err)) > 0; x->member++)
        if (place_member(x, &t, err) < 0)
            return -1;
    return r;
}

int build_place_archive(struct build_place *p, cb_source_fn *source, void *arg, const char *name, int archive,
                        struct cb_error *err)
{
    struct extract x = {.place = p, .upper = &p->upper, .archive = archive};
    struct cache_entry made = p->made;
    made.mode = 0755; /* --chmod does not apply here */
    if (build_place_mkdirs(p, p->path, &made, &x.base, err) < 0)
        return -1;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *tar = cb_tar_reader_new(source, arg, true, err);
    x.tar = tar;
    if (!tar || place_members(&x, err) < 0)
        return cb_prefix(err, "unpack '%s'", name);
    return 0;
}

size_t build_place_left_out(const struct build_place *p)
{
    return p->left_out;
}

/* ---- second pass --------------------------------------------------------------------------- */

static int stream_member(struct cb_tar_reader *tar, const struct build_entry *b, char *piece, const struct build_sink *sink,
                         struct cb_error *err)
{
    if (sink->begin(sink->arg, &b->e, err) < 0)
        return -1;
    ssize_t n;
    while ((n = cb_tar_read(tar, piece, PIECE, err)) > 0)
        if (sink->write(sink->arg, piece, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : sink->end(sink->arg, err);
}

static int stream_members(struct cb_tar_reader *tar, const struct build_entry *const *entries, size_t n,
                          const struct build_sink *sink, struct cb_error *err)
{
    CB_AUTO(free) char *piece = cb_alloc_buffer(PIECE);
    struct cb_tar_entry t;
    uint64_t member = 0;
    for (size_t i = 0; i < n; member++) {
        int r = cb_tar_next(tar, &t, err);
        if (r < 0)
            return -1;
        bool wanted = r > 0 && member == entries[i]->member;
        if (r == 0 || (wanted && (t.type != CB_FILE || t.size != entries[i]->e.size)))
            return cb_fail(err, CB_E_FAILED, "the archive changed while it was read");
        if (!wanted)
            continue;
        if (stream_member(tar, entries[i++], piece, sink, err) < 0)
            return -1;
    }
    return 0;
}

int build_extract_members(cb_source_fn *source, void *arg, const char *name, const struct build_entry *const *entries, size_t n,
                          const struct build_sink *sink, struct cb_error *err)
{
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *tar = cb_tar_reader_new(source, arg, true, err);
    if (!tar || stream_members(tar, entries, n, sink, err) < 0)
        return cb_prefix(err, "unpack '%s'", name);
    return 0;
}
