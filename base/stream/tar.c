/* Reading tar: ustar, pax, GNU (long names, both kinds of sparse maps, base-256 numbers) and what came before these.
 *
 * Why not libarchive: names are bytes here. libarchive turns the names of pax headers into the locale's characters, and in
 * a UTF-8 locale composes them on the way (two names that differ only in that become one), so what a layer says would
 * depend on who unpacks it. Reading follows what containerd and Docker accept: global headers are skipped, only
 * regular files have data, and a single zero block is damage. */
#include "base/stream/tar-internal.h"
#include "base/limits.h"

/* ---- headers -------------------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p)
{
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (p[i])
            return false;
    }
    return true;
}

/* 1: *ret holds the next header, consumed. 0: end of the archive. */
static int next_block(struct cb_tar_reader *t, struct cb_tar_header *ret, struct cb_error *err)
{
    int r = cb_tar_need(t, TAR_BLOCK, err);
    if (r <= 0)
        return r;
    if (all_zero(t->in + t->pos)) {
        t->pos += TAR_BLOCK;
        r = cb_tar_need(t, TAR_BLOCK, err);
        if (r <= 0)
            return r;
        if (!all_zero(t->in + t->pos))
            return cb_fail(err, CB_E_CORRUPT, "tar: damaged: a lone zero block between entries");
        t->pos += TAR_BLOCK;
        return 0;
    }
    memcpy(ret, t->in + t->pos, TAR_BLOCK);
    t->pos += TAR_BLOCK;
    int64_t sum;
    if (!cb_tar_get_number(ret->checksum, sizeof(ret->checksum), &sum) ||
        (sum != cb_tar_checksum(ret, false) && sum != (int32_t)cb_tar_checksum(ret, true)))
        return cb_fail(err, CB_E_CORRUPT, "tar: not a tar archive or damaged: wrong header checksum");
    return 1;
}

/* The whole data of an extended header, appended to `to`. */
static int read_special(struct cb_tar_reader *t, uint64_t size, size_t max, struct cb_buf *to, struct cb_error *err)
{
    if (size > max)
        return cb_fail(err, CB_E_CORRUPT, "tar: an extended header of %llu bytes is too large", (unsigned long long)size);
    cb_buf_reserve(to, (size_t)size);
    for (uint64_t done = 0; done < size;) {
        char part[4096];
        ssize_t n = cb_tar_take(t, part, (size_t)CB_MIN(size - done, (uint64_t)sizeof(part)), err);
        if (n < 0)
            return -1;
        cb_buf_add(to, part, (size_t)n);
        done += (uint64_t)n;
    }
    return cb_tar_skip(t, cb_tar_padding(size), err);
}

/* Headers that only speak about the next member. 1: it was one, 0: `h` is a member. */
static int extended(struct cb_tar_reader *t, const struct cb_tar_header *h, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (!memchr("xXgLK", h->type, 5))
        return 0;
    int64_t size;
    if (cb_tar_header_number(h->size, sizeof(h->size), "size", 0, INT64_MAX, &size, err) < 0)
        return -1;
    struct cb_buf *to;
    switch (h->type) {
    case 'g':
        return cb_tar_skip(t, (uint64_t)size, err) < 0 || cb_tar_skip(t, cb_tar_padding((uint64_t)size), err) < 0 ? -1 : 1;
    case 'L':
    case 'K':
        if (read_special(t, (uint64_t)size, CB_MAX_PATH, &text, err) < 0)
            return -1;
        to = h->type == 'L' ? &t->ext.path : &t->ext.link;
        if (to->len == 0) /* a pax record is the better authority */
            cb_buf_add(to, text.data, strlen(text.data));
        return 1;
    default:
        if (read_special(t, (uint64_t)size, TAR_MAX_PAX, &text, err) < 0)
            return -1;
        return cb_tar_pax_parse(&t->ext, text.data, text.len, err) < 0 ? -1 : 1;
    }
}

static void add_field(struct cb_buf *b, const char *p, size_t n)
{
    cb_buf_add(b, p, strnlen(p, n));
}

/* Name and link target: from extended headers, else from the header with the prefix its format has. */
static void set_names(struct cb_tar_reader *t, const struct cb_tar_header *h)
{
    bool ustar = memcmp(h->magic, "ustar\0", 6) == 0;
    bool star = ustar && memcmp(h->pad + 8, "tar\0", 4) == 0;
    cb_buf_reset(&t->path);
    cb_buf_reset(&t->link);
    if (t->ext.sparse_name.len) {
        cb_buf_add(&t->path, t->ext.sparse_name.data, t->ext.sparse_name.len);
    } else if (t->ext.path.len) {
        cb_buf_add(&t->path, t->ext.path.data, t->ext.path.len);
    } else {
        if (ustar && h->prefix[0]) {
            add_field(&t->path, h->prefix, star ? 131 : sizeof(h->prefix));
            cb_buf_addc(&t->path, '/');
        }
        add_field(&t->path, h->name, sizeof(h->name));
    }
    if (t->ext.link.len)
        cb_buf_add(&t->link, t->ext.link.data, t->ext.link.len);
    else
        add_field(&t->link, h->link, sizeof(h->link));
}

static int set_type(struct cb_tar_reader *t, const struct cb_tar_header *h, enum cb_ftype *ret, struct cb_error *err)
{
    static const struct {
        char type;
        enum cb_ftype is;
    } types[] = {
        {'0', CB_FILE},    {'\0', CB_FILE}, {'7', CB_FILE},  {'S', CB_FILE}, {'1', CB_HARDLINK},
        {'2', CB_SYMLINK}, {'3', CB_CHAR},  {'4', CB_BLOCK}, {'5', CB_DIR},  {'6', CB_FIFO},
    };
    for (size_t i = 0; i < CB_LEN(types); i++) {
        if (types[i].type != h->type)
            continue;
        *ret = types[i].is;
        if (h->type == '\0' && cb_ends(t->path.data, "/")) /* before POSIX, a slash made a directory */
            *ret = CB_DIR;
        return 0;
    }
    return cb_fail(err, CB_E_CORRUPT, "tar: '%s' is of the unknown type 0x%02x", t->path.data, (unsigned char)h->type);
}

static int set_numbers(struct cb_tar_reader *t, const struct cb_tar_header *h, struct cb_tar_entry *e, struct cb_error *err)
{
    const struct cb_tar_ext *x = &t->ext;
    int64_t uid = 0, gid = 0, size = 0, major = 0, minor = 0, mtime = 0;
    bool device = e->type == CB_CHAR || e->type == CB_BLOCK;
    int64_t mode;
    if (cb_tar_header_number(h->mode, sizeof(h->mode), "mode", 0, UINT32_MAX, &mode, err) < 0 ||
        (!x->has_uid && cb_tar_header_number(h->uid, sizeof(h->uid), "owner", 0, UINT32_MAX, &uid, err) < 0) ||
        (!x->has_gid && cb_tar_header_number(h->gid, sizeof(h->gid), "group", 0, UINT32_MAX, &gid, err) < 0) ||
        (!x->has_mtime &&
         cb_tar_header_number(h->mtime, sizeof(h->mtime), "time", INT64_MIN / 2, INT64_MAX / 2, &mtime, err) < 0) ||
        (device && !x->has_major && cb_tar_header_number(h->dev_major, 8, "device number", 0, UINT32_MAX, &major, err) < 0) ||
        (device && !x->has_minor && cb_tar_header_number(h->dev_minor, 8, "device number", 0, UINT32_MAX, &minor, err) < 0))
        return -1;
    if (e->type == CB_FILE && !x->has_size &&
        cb_tar_header_number(h->size, sizeof(h->size), "size", 0, INT64_MAX, &size, err) < 0)
        return -1;
    e->mode = (uint32_t)mode & 07777;
    e->uid = x->has_uid ? (uint32_t)x->uid : (uint32_t)uid;
    e->gid = x->has_gid ? (uint32_t)x->gid : (uint32_t)gid;
    e->mtime = x->has_mtime ? x->mtime : mtime;
    if (e->type == CB_FILE)
        e->size = x->has_size ? x->size : (uint64_t)size;
    if (device) {
        e->dev_major = x->has_major ? (uint32_t)x->dev_major : (uint32_t)major;
        e->dev_minor = x->has_minor ? (uint32_t)x->dev_minor : (uint32_t)minor;
    }
    return 0;
}

static int begin_data(struct cb_tar_reader *t, const struct cb_tar_header *h, struct cb_tar_entry *e, struct cb_error *err)
{
    bool pax_sparse = t->ext.n_map > 0 || t->ext.sparse_major == 1 || t->ext.has_real;
    t->sparse = false;
    t->left = e->size;
    t->pad = cb_tar_padding(e->size);
    if (e->type != CB_FILE)
        return 0;
    if (h->type == 'S') {
        if (cb_tar_old_sparse_map(t, h, err) < 0)
            return -1;
    } else if (!pax_sparse) {
        return 0;
    } else if (t->ext.sparse_major == 1 && cb_tar_leading_sparse_map(t, err) < 0) {
        return -1;
    }
    return cb_tar_begin_sparse(t, e, err);
}

/* ---- the interface -------------------------------------------------------------------------- */

struct cb_tar_reader *cb_tar_reader_new(cb_source_fn *source, void *arg, bool any_format, struct cb_error *err)
{
    struct cb_tar_reader *t = CB_NEW(struct cb_tar_reader);
    (void)err; /* libraries are loaded when the first bytes show that one is needed */
    t->source = source;
    t->arg = arg;
    if (!any_format) {
        t->pull = source;
        t->pull_arg = arg;
    }
    t->any_format = any_format;
    t->in = cb_alloc(TAR_READ_AHEAD);
    t->path = CB_BUF_INIT;
    t->link = CB_BUF_INIT;
    cb_tar_ext_init(&t->ext);
    return t;
}

static int next_member(struct cb_tar_reader *t, struct cb_tar_entry *e, struct cb_error *err)
{
    if (cb_tar_skip(t, t->left, err) < 0 || cb_tar_skip(t, t->pad, err) < 0)
        return -1;
    t->left = t->pad = 0;
    cb_tar_ext_reset(&t->ext);
    struct cb_tar_header h;
    int r;
    do {
        r = next_block(t, &h, err);
        if (r == 0)
            t->ended = true;
        if (r <= 0)
            return r;
        r = extended(t, &h, err);
    } while (r > 0);
    if (r < 0)
        return -1;
    set_names(t, &h);
    if (set_type(t, &h, &e->type, err) < 0 || set_numbers(t, &h, e, err) < 0 || begin_data(t, &h, e, err) < 0)
        return -1;
    cb_tar_ext_finish(&t->ext);
    e->path = t->path.data;
    e->link = e->type == CB_SYMLINK || e->type == CB_HARDLINK ? t->link.data : NULL;
    e->xattrs = t->ext.xattrs;
    e->n_xattrs = t->ext.n_xattrs;
    return 1;
}

int cb_tar_next(struct cb_tar_reader *t, struct cb_tar_entry *ret, struct cb_error *err)
{
    if (t->broken)
        return cb_fail(err, CB_E_CORRUPT, "tar: damaged");
    if (t->ended)
        return 0;
    struct cb_tar_entry e = {0};
    int r = next_member(t, &e, err);
    t->broken = r < 0;
    if (r > 0)
        *ret = e;
    return r;
}

ssize_t cb_tar_read(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err)
{
    if (t->broken)
        return cb_fail(err, CB_E_CORRUPT, "tar: damaged");
    if (n == 0 || (t->sparse ? t->at == t->real : t->left == 0))
        return 0;
    ssize_t got;
    if (t->sparse) {
        got = cb_tar_read_sparse(t, p, n, err);
    } else {
        got = cb_tar_take(t, p, (size_t)CB_MIN((uint64_t)n, t->left), err);
        if (got > 0)
            t->left -= (uint64_t)got;
    }
    t->broken = got < 0;
    return got;
}

void cb_tar_reader_skips(struct cb_tar_reader *t, cb_tar_skip_fn *skip)
{
    t->skip = skip;
}

bool cb_tar_offset(const struct cb_tar_reader *t, uint64_t *ret)
{
    *ret = t->taken - (t->len - t->pos);
    return !t->sparse;
}

void cb_tar_reader_free(struct cb_tar_reader *t)
{
    if (!t)
        return;
    cb_tar_filter_free(t->filter);
    cb_decoder_free(t->decoder);
    cb_tar_ext_done(&t->ext);
    cb_buf_done(&t->path);
    cb_buf_done(&t->link);
    free(t->in);
    free(t);
}
