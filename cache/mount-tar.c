/* The tar of a cache mount: its entries, and before them "./", which has the owner and mode of the directory itself and, as an
 * attribute, the key. */
#include "base/fd.h"
#include "base/limits.h"
#include "base/owner.h"
#include "cache/layer/directory.h"
#include "cache/mount-internal.h"
#include "cache/mount-state.h"
#include "cache/mounts.h"

#include <limits.h>
#include <unistd.h>

#define KEY_XATTR "user.cbuild.mount"
#define PIECE     65536
#define MAX_KEY   (1u << 16)

/* ---- out ------------------------------------------------------------------------------------------------------------- */

/* The header has the size; a file that is another by now ends the export. */
static int put_data(struct cb_tar_writer *t, int dir, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    CB_AUTO(close) int fd = cb_open_beneath(dir, e->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "read '%s' of a cache mount", e->path);
    for (uint64_t left = e->size; left;) {
        int n = cb_read_full(fd, block, (size_t)CB_MIN(left, (uint64_t)PIECE));
        if (n <= 0)
            return cb_fail_sys(err, n ? n : -ESTALE, "read '%s' of a cache mount", e->path);
        if (cb_tar_write(t, block, (size_t)n, err) < 0)
            return -1;
        left -= (uint64_t)n;
    }
    return 0;
}

static int put_entry(struct cb_tar_writer *t, int dir, const struct cache_entry *e, struct cb_error *err)
{
    const struct cb_tar_entry out = {.path = e->path,
                                     .type = (enum cb_ftype)e->type,
                                     .mode = e->mode,
                                     .uid = e->uid,
                                     .gid = e->gid,
                                     .size = e->size,
                                     .mtime = e->mtime,
                                     .link = e->link,
                                     .xattrs = e->xattrs,
                                     .n_xattrs = e->n_xattrs};
    if (cb_tar_entry_begin(t, &out, err) < 0)
        return -1;
    return e->type == CB_FILE ? put_data(t, dir, e, err) : 0;
}

static int put_root(struct cb_tar_writer *t, int dir, struct cb_str key, struct cb_error *err)
{
    struct stat st;
    struct cb_owner own;
    struct cb_xattr x = {.name = (char *)KEY_XATTR, .value = (char *)key.p, .len = key.n};
    if (fstat(dir, &st) < 0)
        return cb_fail_sys(err, errno, "read a cache mount");
    if (strcmp(cache_directory_form(), "beside") == 0 && cb_owner_read_at(dir, ".", &own) > 0)
        cb_owner_show(&own, &st);
    const struct cb_tar_entry root = {.path = "./",
                                      .type = CB_DIR,
                                      .mode = st.st_mode & 07777,
                                      .uid = st.st_uid,
                                      .gid = st.st_gid,
                                      .mtime = st.st_mtim.tv_sec,
                                      .xattrs = &x,
                                      .n_xattrs = 1};
    return cb_tar_entry_begin(t, &root, err);
}

static int put_all(int dir, struct cb_str key, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *t = cb_tar_writer_new(sink, arg, err);
    if (!t || cache_directory_read(dir, &x, err) < 0 || put_root(t, dir, key, err) < 0)
        return -1;
    for (size_t i = 0; i < x.n; i++)
        if (put_entry(t, dir, &x.entries[i], err) < 0)
            return -1;
    return cb_tar_end(t, err);
}

int cache_mounts_export(struct cache_store *s, const char *hex, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    struct cache_mount_place at;
    struct cache_mount_held h;
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    cache_mount_place_of_hex(hex, &at);
    CB_AUTO(free) char *path = cb_printf("%s/key", at.dir);
    int r = cb_read_file(s->root, path, MAX_KEY, &key);
    if (r < 0)
        return cb_fail_sys(err, r, "open '%s/%s'", s->path, path);
    int held = cache_mount_hold(s, key.data, &h, err);
    if (held <= 0)
        return held < 0 ? -1 : cache_mount_in_use(hex, err);
    r = put_all(h.dir, (struct cb_str){key.data, key.len}, sink, arg, err);
    cache_mount_let_go(s, &h);
    return r;
}

/* ---- in -------------------------------------------------------------------------------------------------------------- */

struct import {
    struct cache_directory *to;
    struct cb_buf *key;            /* what the tar says it is */
    struct cache_mount_state root; /* of the directory itself */
    size_t entries;
};

static int refuse(const char *path, const char *why, struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "tar: '%s' %s", path, why);
}

/* "./a//b/" -> "a/b". */
static int clean(const char *path, struct cb_buf *ret, struct cb_error *err)
{
    cb_buf_reset(ret);
    for (const char *p = path; *p; p += *p == '/') {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return refuse(path, "leads upwards", err);
        if (n > NAME_MAX)
            return refuse(path, "has a component of more than 255 bytes", err);
        if (n && !(n == 1 && *p == '.')) {
            if (ret->len)
                cb_buf_addc(ret, '/');
            cb_buf_add(ret, p, n);
        }
        p += n;
    }
    return ret->len > CB_MAX_PATH ? refuse(path, "is too long", err) : 0;
}

static void take_root(struct import *i, const struct cb_tar_entry *t)
{
    i->root.mode = t->mode & 0777;
    i->root.uid = t->uid;
    i->root.gid = t->gid;
    for (size_t k = 0; k < t->n_xattrs; k++)
        if (strcmp(t->xattrs[k].name, KEY_XATTR) == 0 && t->xattrs[k].len <= MAX_KEY) {
            cb_buf_reset(i->key);
            cb_buf_add(i->key, t->xattrs[k].value, t->xattrs[k].len);
        }
}

static int take_data(struct import *i, struct cb_tar_reader *t, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    ssize_t n;
    while ((n = cb_tar_read(t, block, PIECE, err)) > 0)
        if (cache_directory_write(i->to, e, block, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : cache_directory_end(i->to, e, err);
}

static int take_entry(struct import *i, struct cb_tar_reader *t, const struct cb_tar_entry *in, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT, link = CB_BUF_INIT;
    if (clean(in->path, &path, err) < 0 || (in->type == CB_HARDLINK && clean(in->link, &link, err) < 0))
        return -1;
    if (!path.len)
        return in->type == CB_DIR ? (take_root(i, in), 0) : refuse(in->path, "is the directory itself, but none", err);
    if (++i->entries > CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_CORRUPT, "tar: more than %u entries", CB_MAX_ENTRIES);
    if (in->uid == UINT32_MAX || in->gid == UINT32_MAX)
        return refuse(in->path, "has an owner that cannot be", err);
    const struct cache_entry e = {.path = path.data,
                                  .type = in->type,
                                  .mode = in->mode,
                                  .uid = in->uid,
                                  .gid = in->gid,
                                  .size = in->size,
                                  .mtime = in->mtime,
                                  .link = in->type == CB_HARDLINK ? link.data : in->link,
                                  .xattrs = in->xattrs,
                                  .n_xattrs = in->n_xattrs};
    if (e.type == CB_FILE && cache_check_size(e.path, e.size, err) < 0)
        return -1;
    int made = cache_directory_add(i->to, &e, err);
    return made > 0 && e.type == CB_FILE ? take_data(i, t, &e, err) : CB_MIN(made, 0);
}

static int take_all(struct import *i, cb_source_fn *source, void *arg, struct cb_error *err)
{
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(source, arg, true, err);
    struct cb_tar_entry e;
    int more = t ? 1 : -1;
    while (more > 0 && (more = cb_tar_next(t, &e, err)) > 0)
        if (take_entry(i, t, &e, err) < 0)
            return -1;
    return more < 0 ? -1 : 0;
}

static int import_into(struct cache_store *s, struct cache_mount_draft *d, const char *key, cb_source_fn *source, void *arg,
                       struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf said = CB_BUF_INIT;
    CB_AUTO(cache_mount_name) struct cache_mount_name name = {0};
    struct import i = {.to = d->to, .key = &said, .root.mode = 0755};
    if (take_all(&i, source, arg, err) < 0)
        return -1;
    if (!key && !cache_mount_name_parse(said.data, &name)) {
        cb_fail(err, CB_E_USAGE, "the tar does not say which cache mount it is");
        return cb_hint(err, "name it: cbuild cache mounts import FILE ID");
    }
    return cache_mount_draft_put(s, d, key ? key : said.data, &i.root, "import", err);
}

int cache_mounts_import(struct cache_store *s, const char *key, cb_source_fn *source, void *arg, struct cb_error *err)
{
    struct cache_mount_draft d;
    int r = cache_mount_draft_begin(s, &d, err);
    if (r == 0)
        r = import_into(s, &d, key, source, arg, err);
    cache_mount_draft_done(s, &d);
    return r;
}
