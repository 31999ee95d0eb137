/* Writing tar: a ustar header for every entry, and a pax header in front of it for what does not fit in ustar: names that are
 * too long, sizes from 8 GiB, large ids, times before 1970, xattrs. Written here byte by byte, because the digest of a
 * layer depends on every one of them: records sorted by key, names as raw bytes, no user names, no atime or ctime. */
#include "base/stream/tar-internal.h"
#include <stdio.h>

struct cb_tar_writer {
    cb_sink_fn *sink;
    void *arg;
    uint64_t left; /* bytes of the current entry still to come */
    uint32_t pad;
    struct cb_buf path, records;
};

struct cb_tar_writer *cb_tar_writer_new(cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    struct cb_tar_writer *t = CB_NEW(struct cb_tar_writer);
    (void)err; /* nothing is loaded: this writer needs no library */
    t->sink = sink;
    t->arg = arg;
    t->path = CB_BUF_INIT;
    t->records = CB_BUF_INIT;
    return t;
}

/* "<length> <key>=<value>\n"; the length counts its own digits. */
static void add_record(struct cb_buf *b, const char *key, const void *value, size_t n)
{
    size_t rest = strlen(key) + n + 3, len = rest + 1; /* blank, '=', newline; at least one digit */
    char digits[24];
    for (;;) {
        size_t with = rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len);
        if (with == len)
            break;
        len = with;
    }
    cb_buf_printf(b, "%s %s=", digits, key);
    cb_buf_add(b, value, n);
    cb_buf_addc(b, '\n');
}

static void add_number_record(struct cb_buf *b, const char *key, int64_t v)
{
    char text[24];
    add_record(b, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)v));
}

static void put_octal(char *field, size_t n, uint64_t v)
{
    for (size_t i = n - 1; i-- > 0; v >>= 3)
        field[i] = (char)('0' + (v & 7));
    field[n - 1] = '\0';
}

/* Device numbers have no pax record that everyone reads; base-256 is read by all. */
static void put_device(char field[8], uint32_t v)
{
    if (v <= TAR_OCTAL7) {
        put_octal(field, 8, v);
        return;
    }
    memset(field, 0, 8);
    field[0] = (char)0x80;
    for (int i = 7; i > 3; i--, v >>= 8)
        field[i] = (char)(v & 0xff);
}

/* Name, or prefix and name. False: it needs a pax record (and what fits of it is set). */
static bool put_path(struct cb_tar_header *h, const struct cb_buf *path)
{
    size_t n = path->len;
    if (n <= sizeof(h->name)) {
        memcpy(h->name, path->data, n);
        return true;
    }
    /* the slash that separates them: as far right as the prefix allows, but not the last byte */
    for (size_t at = CB_MIN(sizeof(h->prefix), n - 2); at > 0; at--) {
        if (path->data[at] == '/' && n - at - 1 <= sizeof(h->name)) {
            memcpy(h->prefix, path->data, at);
            memcpy(h->name, path->data + at + 1, n - at - 1);
            return true;
        }
    }
    memcpy(h->name, path->data, sizeof(h->name));
    return false;
}

static void seal(struct cb_tar_header *h)
{
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    put_octal(h->checksum, 7, cb_tar_checksum(h, false));
    h->checksum[7] = ' ';
}

static char type_letter(enum cb_ftype type)
{
    static const char letters[CB_FTYPE_COUNT] = {[CB_FILE] = '0',  [CB_DIR] = '5',  [CB_SYMLINK] = '2', [CB_CHAR] = '3',
                                                 [CB_BLOCK] = '4', [CB_FIFO] = '6', [CB_HARDLINK] = '1'};
    return letters[type];
}

static int xattr_order(const void *pa, const void *pb)
{
    const struct cb_xattr *const *a = pa, *const *b = pb;
    return strcmp((*a)->name, (*b)->name);
}

static int add_xattr_records(struct cb_buf *b, const struct cb_tar_entry *e, struct cb_error *err)
{
    if (e->n_xattrs == 0)
        return 0;
    CB_AUTO(free) const struct cb_xattr **sorted = cb_alloc(e->n_xattrs * sizeof(*sorted));
    for (size_t i = 0; i < e->n_xattrs; i++)
        sorted[i] = &e->xattrs[i];
    qsort(sorted, e->n_xattrs, sizeof(*sorted), xattr_order);
    for (size_t i = 0; i < e->n_xattrs; i++) {
        CB_AUTO(free) char *key = cb_printf("SCHILY.xattr.%s", sorted[i]->name);
        if (strchr(sorted[i]->name, '='))
            return cb_fail(err, CB_E_UNSUPPORTED, "'%s': a tar cannot hold the attribute '%s': its name has a '='", e->path,
                           sorted[i]->name);
        add_record(b, key, sorted[i]->value, sorted[i]->len);
    }
    return 0;
}

/* Fills `h` and gathers what does not fit. Keys in sorted order: upper case before lower case. */
static int make_header(struct cb_tar_writer *t, const struct cb_tar_entry *e, struct cb_tar_header *h, struct cb_error *err)
{
    struct cb_buf *r = &t->records;
    bool linked = e->type == CB_SYMLINK || e->type == CB_HARDLINK;
    size_t link_len = linked ? strlen(e->link) : 0;
    uint64_t size = e->type == CB_FILE ? e->size : 0;
    bool big = size > TAR_OCTAL11, odd_time = e->mtime < 0 || e->mtime > TAR_OCTAL11;
    cb_buf_reset(r);
    if (add_xattr_records(r, e, err) < 0)
        return -1;
    if (e->gid > TAR_OCTAL7)
        add_number_record(r, "gid", e->gid);
    if (link_len > sizeof(h->link))
        add_record(r, "linkpath", e->link, link_len);
    if (odd_time)
        add_number_record(r, "mtime", e->mtime);
    if (!put_path(h, &t->path))
        add_record(r, "path", t->path.data, t->path.len);
    if (big)
        add_number_record(r, "size", (int64_t)size);
    if (e->uid > TAR_OCTAL7)
        add_number_record(r, "uid", e->uid);

    h->type = type_letter(e->type);
    put_octal(h->mode, sizeof(h->mode), e->mode & 07777);
    put_octal(h->uid, sizeof(h->uid), e->uid > TAR_OCTAL7 ? 0 : e->uid);
    put_octal(h->gid, sizeof(h->gid), e->gid > TAR_OCTAL7 ? 0 : e->gid);
    put_octal(h->size, sizeof(h->size), big ? 0 : size);
    put_octal(h->mtime, sizeof(h->mtime), odd_time ? 0 : (uint64_t)e->mtime);
    if (linked)
        memcpy(h->link, e->link, CB_MIN(link_len, sizeof(h->link)));
    put_device(h->dev_major, e->type == CB_CHAR || e->type == CB_BLOCK ? e->dev_major : 0);
    put_device(h->dev_minor, e->type == CB_CHAR || e->type == CB_BLOCK ? e->dev_minor : 0);
    seal(h);
    return 0;
}

static int fill_block(struct cb_tar_writer *t, uint32_t n, struct cb_error *err)
{
    static const char zeros[TAR_BLOCK];
    return n ? t->sink(t->arg, zeros, n, err) : 0;
}

static int write_records(struct cb_tar_writer *t, struct cb_error *err)
{
    if (t->records.len > TAR_MAX_PAX)
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' has more attributes than a tar entry can carry", t->path.data);
    struct cb_tar_header h = {0};
    memcpy(h.name, "PaxHeaders", 10);
    h.type = 'x';
    put_octal(h.mode, sizeof(h.mode), 0);
    put_octal(h.uid, sizeof(h.uid), 0);
    put_octal(h.gid, sizeof(h.gid), 0);
    put_octal(h.size, sizeof(h.size), t->records.len);
    put_octal(h.mtime, sizeof(h.mtime), 0);
    put_device(h.dev_major, 0);
    put_device(h.dev_minor, 0);
    seal(&h);
    if (t->sink(t->arg, &h, sizeof(h), err) < 0 || t->sink(t->arg, t->records.data, t->records.len, err) < 0)
        return -1;
    return fill_block(t, (uint32_t)(-t->records.len & (TAR_BLOCK - 1)), err);
}

int cb_tar_entry_begin(struct cb_tar_writer *t, const struct cb_tar_entry *e, struct cb_error *err)
{
    if (t->left)
        return cb_fail(err, CB_E_FAILED, "tar: '%s' is shorter than its header says", t->path.data);
    if (fill_block(t, t->pad, err) < 0)
        return -1;
    t->pad = 0;
    cb_buf_reset(&t->path);
    cb_buf_adds(&t->path, e->path);
    if (e->type == CB_DIR && !cb_ends(e->path, "/"))
        cb_buf_addc(&t->path, '/');
    struct cb_tar_header h = {0};
    if (make_header(t, e, &h, err) < 0 || (t->records.len && write_records(t, err) < 0) ||
        t->sink(t->arg, &h, sizeof(h), err) < 0)
        return -1;
    t->left = e->type == CB_FILE ? e->size : 0;
    t->pad = (uint32_t)(-t->left & (TAR_BLOCK - 1));
    return 0;
}

int cb_tar_write(struct cb_tar_writer *t, const void *p, size_t n, struct cb_error *err)
{
    if (n > t->left)
        return cb_fail(err, CB_E_FAILED, "tar: '%s' is longer than its header says", t->path.data);
    t->left -= n;
    return n ? t->sink(t->arg, p, n, err) : 0;
}

int cb_tar_end(struct cb_tar_writer *t, struct cb_error *err)
{
    if (t->left)
        return cb_fail(err, CB_E_FAILED, "tar: '%s' is shorter than its header says", t->path.data);
    if (fill_block(t, t->pad, err) < 0 || fill_block(t, TAR_BLOCK, err) < 0)
        return -1;
    t->pad = 0;
    return fill_block(t, TAR_BLOCK, err);
}

void cb_tar_writer_free(struct cb_tar_writer *t)
{
    if (!t)
        return;
    cb_buf_done(&t->path);
    cb_buf_done(&t->records);
    free(t);
}
