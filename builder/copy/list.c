/* An entry: u32(bytes that follow) u8(sure) u64(mtime) u32(its nanoseconds) u64(ctime) u32(its nanoseconds) u64(inode)
 * u64(link group), then what is hashed for it: u8(whole) and the entry as build_put_entry writes it. */
#include "builder/copy/list.h"

#include "base/fd.h"
#include "base/pack.h"
#include "builder/copy/select-internal.h"

#include <unistd.h>

#define IN_MEMORY   ((size_t)8 << 20)   /* of a list; from here on all of it goes into the file */
#define PIECE       ((size_t)256 << 10) /* that is written, or read, at a time */
#define HEAD        (4 + SEEN)
#define SEEN        (1 + 8 + 4 + 8 + 4 + 8 + 8)
#define FILE_DIGEST 32                           /* from the end of what is hashed for a file: its digest, before it */
#define FILE_SIZE   (8 + 4 + 4 + 1 + 8 + 32 + 8) /* no link, no device, no attribute and a length, and before these its size */

struct build_list {
    struct cache_store *store;
    int fd; /* -1: all is in memory */
    bool no_file;
    bool links;
    uint64_t filed; /* bytes in the file; the rest is in memory */
    struct cb_buf memory;
};

struct build_list *build_list_new(struct cache_store *s)
{
    struct build_list *l = CB_NEW(struct build_list);
    *l = (struct build_list){.store = s, .fd = -1, .no_file = !s, .memory = CB_BUF_INIT};
    return l;
}

void build_list_free(struct build_list *l)
{
    if (!l)
        return;
    cb_close(l->fd);
    cb_buf_done(&l->memory);
    free(l);
}

bool build_list_has_links(const struct build_list *l)
{
    return l->links;
}

static uint64_t end_of(const struct build_list *l)
{
    return l->filed + l->memory.len;
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static void put_seen(struct cb_buf *b, const struct build_line *x)
{
    cb_put_u8(b, x->seen.sure);
    cb_put_u64(b, (uint64_t)x->e.mtime);
    cb_put_u32(b, x->seen.mtime_nsec);
    cb_put_u64(b, (uint64_t)x->seen.ctime);
    cb_put_u32(b, x->seen.ctime_nsec);
    cb_put_u64(b, x->seen.ino);
    cb_put_u64(b, x->link_group);
}

/* Lays a number over the one that is there. */
static void set_number(char *at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(v >> (8 * i));
}

uint64_t build_list_add(struct build_list *l, const struct build_line *x)
{
    uint64_t place = end_of(l);
    size_t from = l->memory.len;
    cb_put_u32(&l->memory, 0);
    put_seen(&l->memory, x);
    cb_put_u8(&l->memory, x->whole);
    build_put_entry(&l->memory, x->e.path, &x->e);
    set_number(l->memory.data + from, l->memory.len - from - 4, 4);
    l->links = l->links || x->link_group;
    return place;
}

static size_t length_at(const char *p)
{
    struct cb_unpack u = cb_unpack(p, 4);
    return 4 + (size_t)cb_get_u32(&u);
}

void build_list_settle(struct build_list *l, uint64_t place, const struct build_line *x)
{
    char *at = l->memory.data + (place - l->filed), *end = at + length_at(at);
    CB_AUTO(cb_buf) struct cb_buf seen = CB_BUF_INIT;
    put_seen(&seen, x);
    memcpy(at + 4, seen.data, seen.len);
    set_number(end - FILE_SIZE, x->e.size, 8);
    memcpy(end - FILE_DIGEST, x->e.digest.b, FILE_DIGEST);
}

void build_list_drop(struct build_list *l, uint64_t place)
{
    cb_buf_truncate(&l->memory, place > l->filed ? (size_t)(place - l->filed) : 0);
    l->filed = CB_MIN(l->filed, place);
}

static int write_at(int fd, const char *p, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t r = pwrite(fd, p, n, (off_t)at);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0)
            p += r, n -= (size_t)r, at += (uint64_t)r;
    }
    return 0;
}

bool build_list_is_full(const struct build_list *l)
{
    return !l->no_file && l->memory.len >= (l->fd < 0 ? IN_MEMORY : PIECE);
}

/* Where there can be no file (a store that is read-only, a full disk) it stays in memory. */
void build_list_rest(struct build_list *l)
{
    if (!build_list_is_full(l))
        return;
    if (l->fd < 0)
        l->fd = cache_store_scratch(l->store);
    l->no_file = l->fd < 0 || write_at(l->fd, l->memory.data, l->memory.len, l->filed) < 0;
    if (l->no_file)
        return;
    l->filed += l->memory.len;
    cb_buf_done(&l->memory);
    l->memory = CB_BUF_INIT;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

void build_list_cursor_done(struct build_list_cursor *c)
{
    cb_buf_done(&c->piece);
    cb_buf_done(&c->path);
    cb_buf_done(&c->link);
}

/* The file is read by others at the same time: its offset is nobody's. */
static int read_piece(struct build_list_cursor *c, size_t n, struct cb_error *err)
{
    const struct build_list *l = c->list;
    n = (size_t)CB_MIN(CB_MAX(n, PIECE), l->filed - c->at);
    cb_buf_reset(&c->piece);
    cb_buf_reserve(&c->piece, n);
    c->piece_at = c->at;
    while (c->piece.len < n) {
        ssize_t r = pread(l->fd, c->piece.data + c->piece.len, n - c->piece.len, (off_t)(c->at + c->piece.len));
        if (r == 0 || (r < 0 && errno != EINTR))
            return cb_fail_sys(err, r ? errno : EIO, "read the list of what is copied");
        c->piece.len += r > 0 ? (size_t)r : 0;
    }
    return 0;
}

/* n bytes at the cursor; NULL: `err`. An entry never lies in the file and in memory. */
static const char *bytes_at(struct build_list_cursor *c, size_t n, struct cb_error *err)
{
    const struct build_list *l = c->list;
    if (c->at >= l->filed)
        return l->memory.data + (c->at - l->filed);
    bool there = c->piece.len && c->at >= c->piece_at && c->at + n <= c->piece_at + c->piece.len;
    if (!there && read_piece(c, n, err) < 0)
        return NULL;
    return c->piece.data + (c->at - c->piece_at);
}

/* All of the next entry. */
static int next(struct build_list_cursor *c, struct cb_str *ret, struct cb_error *err)
{
    if (c->at == end_of(c->list))
        return 0;
    const char *p = bytes_at(c, 4, err);
    size_t n = p ? length_at(p) : 0;
    p = p ? bytes_at(c, n, err) : NULL;
    *ret = (struct cb_str){p, n};
    c->at += n;
    return p ? 1 : -1;
}

int build_list_next_bytes(struct build_list_cursor *c, struct cb_str *ret, struct cb_error *err)
{
    int r = next(c, ret, err);
    if (r > 0)
        *ret = (struct cb_str){ret->p + HEAD, ret->n - HEAD};
    return r;
}

static const char *keep(struct cb_buf *b, struct cb_str s)
{
    cb_buf_reset(b);
    cb_buf_add(b, s.p, s.n);
    return b->data;
}

static void get_entry(struct build_list_cursor *c, struct cb_unpack *u, struct cache_entry *e)
{
    e->path = keep(&c->path, cb_get_bytes(u));
    e->type = cb_get_u8(u);
    e->mode = cb_get_u32(u);
    e->uid = cb_get_u32(u);
    e->gid = cb_get_u32(u);
    e->size = cb_get_u64(u);
    struct cb_str link = cb_get_bytes(u);
    if (e->type == CB_SYMLINK)
        e->link = keep(&c->link, link);
    e->dev_major = cb_get_u32(u);
    e->dev_minor = cb_get_u32(u);
    (void)cb_get_u8(u); /* attributes: files of a context have none */
    if (e->type == CB_FILE)
        memcpy(e->digest.b, cb_get_bytes(u).p, sizeof(e->digest.b));
}

int build_list_next(struct build_list_cursor *c, struct build_line *ret, struct cb_error *err)
{
    struct cb_str bytes;
    int r = next(c, &bytes, err);
    if (r <= 0)
        return r;
    struct cb_unpack u = cb_unpack(bytes.p + 4, bytes.n - 4);
    *ret = (struct build_line){.whole = false};
    ret->seen.sure = cb_get_u8(&u);
    ret->e.mtime = (int64_t)cb_get_u64(&u);
    ret->seen.mtime_nsec = cb_get_u32(&u);
    ret->seen.ctime = (int64_t)cb_get_u64(&u);
    ret->seen.ctime_nsec = cb_get_u32(&u);
    ret->seen.ino = cb_get_u64(&u);
    ret->link_group = cb_get_u64(&u);
    ret->whole = cb_get_u8(&u);
    get_entry(c, &u, &ret->e);
    return 1;
}
