/* On disk, in the form of base/pack.h:
 *
 *     index  := "cbidx" u8(version) u64(count) entry*
 *     entry  := str(path) u8(type) body
 *     body   := nothing                                    whiteout, opaque mark
 *             | u32(mode) u32(uid) u32(gid) u64(mtime) u32(n) n*(str(name) str(value)) special
 *     special:= u64(size) 32 bytes(digest)                 file
 *             | str(link)                                  symlink, hard link
 *             | u32(major) u32(minor)                      device
 *             | nothing                                    directory, fifo
 *
 * xattrs are sorted by name. What a type does not have is not written, so one meaning has one form: the content
 * ID is the SHA-256 of this form without the mtimes. */
#include "cache/store/index.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/pack.h"
#include "cache/store/seal.h"

#include <unistd.h>

#define MAGIC     "cbidx"
#define VERSION   1
#define MIN_ENTRY 10 /* bytes: an empty path's length, a byte of path, a type */

void cache_index_done(struct cache_index *x)
{
    free(x->entries);
    cb_arena_done(&x->arena);
    *x = (struct cache_index){0};
}

/* ---- what a type has ------------------------------------------------------------------------ */

enum { HAS_META = 1, HAS_DATA = 2, HAS_LINK = 4, HAS_DEVICE = 8, HAS_XATTRS = 16 };

static const uint8_t parts[] = {
    [CB_FILE] = HAS_META | HAS_XATTRS | HAS_DATA,
    [CB_DIR] = HAS_META | HAS_XATTRS,
    [CB_SYMLINK] = HAS_META | HAS_XATTRS | HAS_LINK,
    [CB_CHAR] = HAS_META | HAS_XATTRS | HAS_DEVICE,
    [CB_BLOCK] = HAS_META | HAS_XATTRS | HAS_DEVICE,
    [CB_FIFO] = HAS_META | HAS_XATTRS,
    [CB_HARDLINK] = HAS_META | HAS_LINK,
    [CACHE_WHITEOUT] = 0,
    [CACHE_OPAQUE] = 0,
};

/* ---- order ---------------------------------------------------------------------------------- */

/* Bytewise, but the end and then '/' come before everything else: "a", "a/b", "a-b". */
int cache_index_compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    unsigned char ca = (unsigned char)*a;
    unsigned char cb = (unsigned char)*b;
    if (ca == cb)
        return 0;
    if (ca == '\0' || cb == '\0')
        return ca == '\0' ? -1 : 1;
    if (ca == '/' || cb == '/')
        return ca == '/' ? -1 : 1;
    return ca < cb ? -1 : 1;
}

/* An opaque mark comes after the directory it marks; everything else at one path is one entry. */
static int compare_entries(const struct cache_entry *a, const struct cache_entry *b)
{
    int c = cache_index_compare(a->path, b->path);
    return c ? c : (a->type == CACHE_OPAQUE) - (b->type == CACHE_OPAQUE);
}

static int by_path_then_age(const void *pa, const void *pb)
{
    const struct cache_entry *a = *(const struct cache_entry *const *)pa, *b = *(const struct cache_entry *const *)pb;
    int c = compare_entries(a, b);
    return c ? c : (a > b) - (a < b); /* both in one array: the later one was added later */
}

static bool is_sorted(const struct cache_index *x)
{
    for (size_t i = 1; i < x->n; i++) {
        if (compare_entries(&x->entries[i - 1], &x->entries[i]) >= 0)
            return false;
    }
    return true;
}

void cache_index_sort(struct cache_index *x)
{
    if (is_sorted(x))
        return;
    CB_AUTO(free) struct cache_entry **order = cb_alloc(x->n * sizeof(struct cache_entry *));
    for (size_t i = 0; i < x->n; i++)
        order[i] = &x->entries[i];
    qsort(order, x->n, sizeof(struct cache_entry *), by_path_then_age);
    struct cache_entry *sorted = cb_alloc(x->n * sizeof(*sorted));
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (n && compare_entries(&sorted[n - 1], order[i]) == 0)
            n--; /* the one added last stays */
        sorted[n++] = *order[i];
    }
    free(x->entries);
    x->entries = sorted;
    x->cap = x->n;
    x->n = n;
}

const struct cache_entry *cache_index_find(const struct cache_index *x, const char *path)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (cache_index_compare(x->entries[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == x->n || x->entries[low].type == CACHE_OPAQUE || strcmp(x->entries[low].path, path) != 0)
        return NULL;
    return &x->entries[low];
}

/* ---- adding --------------------------------------------------------------------------------- */

static int by_name(const void *pa, const void *pb)
{
    const struct cb_xattr *a = pa, *b = pb;
    return strcmp(a->name, b->name);
}

static const struct cb_xattr *copy_xattrs(struct cb_arena *arena, const struct cb_xattr *from, size_t n)
{
    if (n == 0)
        return NULL;
    struct cb_xattr *to = cb_arena_alloc(arena, n * sizeof(*to));
    for (size_t i = 0; i < n; i++)
        to[i] = (struct cb_xattr){cb_arena_strdup(arena, from[i].name), cb_arena_memdup0(arena, from[i].value, from[i].len),
                                  from[i].len};
    qsort(to, n, sizeof(*to), by_name);
    return to;
}

bool cache_same_xattrs(const struct cache_entry *a, const struct cache_entry *b)
{
    if (a->n_xattrs != b->n_xattrs)
        return false;
    for (size_t i = 0; i < a->n_xattrs; i++)
        if (strcmp(a->xattrs[i].name, b->xattrs[i].name) != 0 || a->xattrs[i].len != b->xattrs[i].len ||
            memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len) != 0)
            return false;
    return true;
}

int cache_check_size(const char *path, uint64_t size, struct cb_error *err)
{
    if (size <= CB_MAX_FILE)
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "'/%s' has %llu bytes: a file in a layer cannot have more than %llu", path,
            (unsigned long long)size, CB_MAX_FILE);
    return cb_hint(err, "the holes of a sparse file count: make it where it is used, or leave it out");
}

void cache_index_add(struct cache_index *x, const struct cache_entry *e)
{
    struct cache_entry *to = &CB_PUSH(x->entries, x->n, x->cap);
    unsigned has = parts[e->type];
    to->path = cb_arena_strdup(&x->arena, e->path);
    to->type = e->type;
    if (has & HAS_META) {
        to->mode = e->mode & 07777;
        to->uid = e->uid;
        to->gid = e->gid;
        to->mtime = e->mtime;
    }
    if (has & HAS_XATTRS) {
        to->xattrs = copy_xattrs(&x->arena, e->xattrs, e->n_xattrs);
        to->n_xattrs = e->n_xattrs;
    }
    if (has & HAS_DATA) {
        to->size = e->size;
        to->digest = e->digest;
    }
    if (has & HAS_LINK)
        to->link = cb_arena_strdup(&x->arena, e->link ? e->link : "");
    if (has & HAS_DEVICE) {
        to->dev_major = e->dev_major;
        to->dev_minor = e->dev_minor;
    }
}

uint64_t cache_index_size(const struct cache_index *x)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < x->n; i++)
        sum += x->entries[i].size;
    return sum;
}

/* ---- writing -------------------------------------------------------------------------------- */

void cache_index_put(const struct cache_entry *e, bool with_mtime, struct cb_buf *b)
{
    unsigned has = parts[e->type];
    cb_put_str(b, e->path);
    cb_put_u8(b, (uint8_t)e->type);
    if (has & HAS_META) {
        cb_put_u32(b, e->mode);
        cb_put_u32(b, e->uid);
        cb_put_u32(b, e->gid);
        if (with_mtime)
            cb_put_u64(b, (uint64_t)e->mtime);
        cb_put_u32(b, (uint32_t)e->n_xattrs);
        for (size_t i = 0; i < e->n_xattrs; i++) {
            cb_put_str(b, e->xattrs[i].name);
            cb_put_bytes(b, e->xattrs[i].value, e->xattrs[i].len);
        }
    }
    if (has & HAS_DATA) {
        cb_put_u64(b, e->size);
        cb_buf_add(b, e->digest.b, sizeof(e->digest.b));
    }
    if (has & HAS_LINK)
        cb_put_str(b, e->link);
    if (has & HAS_DEVICE) {
        cb_put_u32(b, e->dev_major);
        cb_put_u32(b, e->dev_minor);
    }
}

void cache_index_put_head(uint64_t n, struct cb_buf *b)
{
    cb_buf_adds(b, MAGIC);
    cb_put_u8(b, VERSION);
    cb_put_u64(b, n);
}

void cache_index_write(const struct cache_index *x, struct cb_buf *out)
{
    cache_index_put_head(x->n, out);
    for (size_t i = 0; i < x->n; i++)
        cache_index_put(&x->entries[i], true, out);
}

void cache_index_content_id(const struct cache_index *x, struct cb_digest *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    cache_index_put_head(x->n, &b);
    for (size_t i = 0; i < x->n; i++) {
        cache_index_put(&x->entries[i], false, &b);
        if (b.len > 65536) {
            cb_sha256_add(&sha, b.data, b.len);
            cb_buf_reset(&b);
        }
    }
    cb_sha256_add(&sha, b.data, b.len);
    cb_sha256_end(&sha, ret);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool valid_path(struct cb_str s)
{
    if (s.n == 0 || s.n > CB_MAX_PATH || memchr(s.p, 0, s.n))
        return false;
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        size_t len = i - from;
        if (i < s.n && s.p[i] != '/')
            continue;
        if (len == 0 || (len == 1 && s.p[from] == '.') || (len == 2 && s.p[from] == '.' && s.p[from + 1] == '.'))
            return false;
        from = i + 1;
    }
    return true;
}

static bool valid_text(struct cb_str s, size_t max)
{
    return s.n > 0 && s.n <= max && !memchr(s.p, 0, s.n);
}

static bool get_xattrs(struct cb_unpack *u, struct cb_arena *arena, struct cache_entry *e)
{
    uint32_t n = cb_get_u32(u);
    if (u->failed || n > (size_t)(u->end - u->p) / 17 || (n && !(parts[e->type] & HAS_XATTRS)))
        return false;
    if (n == 0)
        return true;
    struct cb_xattr *to = cb_arena_alloc(arena, n * sizeof(*to));
    for (uint32_t i = 0; i < n; i++) {
        struct cb_str name = cb_get_bytes(u), value = cb_get_bytes(u);
        if (u->failed || !valid_text(name, 255) || value.n > CB_MAX_XATTR)
            return false;
        to[i] = (struct cb_xattr){cb_arena_memdup0(arena, name.p, name.n), cb_arena_memdup0(arena, value.p, value.n), value.n};
        if (i && strcmp(to[i - 1].name, to[i].name) >= 0)
            return false;
    }
    e->xattrs = to;
    e->n_xattrs = n;
    return true;
}

static bool get_body(struct cb_unpack *u, struct cb_arena *arena, struct cache_entry *e)
{
    unsigned has = parts[e->type];
    if (has & HAS_META) {
        e->mode = cb_get_u32(u);
        e->uid = cb_get_u32(u);
        e->gid = cb_get_u32(u);
        e->mtime = (int64_t)cb_get_u64(u);
        if (e->mode > 07777 || !get_xattrs(u, arena, e))
            return false;
    }
    if (has & HAS_DATA) {
        e->size = cb_get_u64(u);
        if (e->size > INT64_MAX || (size_t)(u->end - u->p) < sizeof(e->digest.b))
            return false;
        memcpy(e->digest.b, u->p, sizeof(e->digest.b));
        u->p += sizeof(e->digest.b);
    }
    if (has & HAS_LINK) {
        struct cb_str link = cb_get_bytes(u);
        if (u->failed || !(e->type == CB_HARDLINK ? valid_path(link) : valid_text(link, CB_MAX_PATH)))
            return false;
        e->link = cb_arena_memdup0(arena, link.p, link.n);
    }
    if (has & HAS_DEVICE) {
        e->dev_major = cb_get_u32(u);
        e->dev_minor = cb_get_u32(u);
    }
    return !u->failed;
}

/* Can it come after this one? */
static bool may_follow(const struct cache_entry *before, const struct cache_entry *e)
{
    size_t len = strlen(before->path);
    bool closed = before->type != CB_DIR && before->type != CACHE_OPAQUE;
    if (compare_entries(before, e) >= 0)
        return false;
    /* not below, nor a mark on, something that is not a directory */
    return !closed || strncmp(e->path, before->path, len) != 0 || (e->path[len] != '/' && e->path[len] != '\0');
}

/* Is it in its right place after the entries read so far? */
static bool fits(const struct cache_index *x, const struct cache_entry *e)
{
    if (x->n && !may_follow(&x->entries[x->n - 1], e))
        return false;
    if (e->type != CB_HARDLINK)
        return true;
    const struct cache_entry *target = cache_index_find(x, e->link);
    return target && target->type != CB_DIR && target->type != CB_HARDLINK && target->type != CACHE_WHITEOUT;
}

static int fail_entry(struct cb_error *err, uint64_t i)
{
    return cb_fail(err, CB_E_CORRUPT, "layer index: entry %llu is damaged", (unsigned long long)i);
}

/* False: it is damaged, or not all of it is there. */
static bool get_entry(struct cb_unpack *u, struct cb_arena *arena, struct cache_entry *e)
{
    struct cb_str path = cb_get_bytes(u);
    *e = (struct cache_entry){.type = cb_get_u8(u)};
    if (u->failed || e->type >= (int)CB_LEN(parts) || !valid_path(path))
        return false;
    e->path = cb_arena_memdup0(arena, path.p, path.n);
    return get_body(u, arena, e);
}

/* `size`: of the whole index. */
static int get_head(struct cb_unpack *u, uint64_t size, uint64_t *ret_count, struct cb_error *err)
{
    if ((size_t)(u->end - u->p) < strlen(MAGIC) || memcmp(u->p, MAGIC, strlen(MAGIC)) != 0)
        return cb_fail(err, CB_E_CORRUPT, "layer index: not an index");
    u->p += strlen(MAGIC);
    if (cb_get_u8(u) != VERSION)
        return cb_fail(err, CB_E_CORRUPT, "layer index: of another version or damaged");
    *ret_count = cb_get_u64(u);
    if (u->failed || *ret_count > CB_MAX_ENTRIES || *ret_count > size / MIN_ENTRY)
        return cb_fail(err, CB_E_CORRUPT, "layer index: damaged head");
    return 0;
}

int cache_index_read(const void *p, size_t n, struct cache_index *ret, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cb_unpack u = cb_unpack(p, n);
    uint64_t count;
    if (get_head(&u, n, &count, err) < 0)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        struct cache_entry e;
        if (!get_entry(&u, &x.arena, &e) || !fits(&x, &e))
            return fail_entry(err, i);
        CB_PUSH(x.entries, x.n, x.cap) = e;
    }
    if (u.p != u.end)
        return cb_fail(err, CB_E_CORRUPT, "layer index: bytes after the last entry");
    *ret = x;
    x = (struct cache_index){0};
    return 0;
}

/* ---- reading entry by entry ------------------------------------------------------------------- */

#define WINDOW ((size_t)64 << 10)

/* More of the file in the window: what was used of it goes. False: there is no more. */
static bool read_on(struct cache_index_cursor *c)
{
    size_t left = c->window.len - c->at;
    size_t more = (size_t)CB_MIN(c->rest, CB_MAX(WINDOW, left));
    if (!more)
        return false;
    memmove(c->window.data, c->window.data + c->at, left);
    cb_buf_truncate(&c->window, left);
    cb_buf_reserve(&c->window, more);
    int n = cb_read_full(c->fd, c->window.data + left, more);
    if (n < 0 || (size_t)n != more)
        return false;
    c->window.len += more;
    c->window.data[c->window.len] = 0;
    c->at = 0;
    c->rest -= more;
    return true;
}

int cache_index_cursor_open(int fd, struct cache_index_cursor *ret, struct cb_error *err)
{
    CB_AUTO(cache_index_cursor) struct cache_index_cursor c = CACHE_INDEX_CURSOR_INIT;
    int64_t size = cache_unseal_file(fd);
    if (size < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return cb_fail(err, CB_E_CORRUPT, "read the layer's index: %s", strerror(size < 0 ? (int)-size : errno));
    c.fd = fd;
    c.rest = (uint64_t)size;
    (void)read_on(&c);
    struct cb_unpack u = cb_unpack(c.window.data, c.window.len);
    if (get_head(&u, (uint64_t)size, &c.n, err) < 0)
        return -1;
    c.at = (size_t)(u.p - c.window.data);
    *ret = c;
    c = CACHE_INDEX_CURSOR_INIT;
    return 0;
}

/* From the window, which is made larger until all of the entry is in it. */
static bool take_entry(struct cache_index_cursor *c, struct cache_entry *ret)
{
    for (;;) {
        struct cb_unpack u = cb_unpack(c->window.data + c->at, c->window.len - c->at);
        cb_arena_done(&c->entry);
        if (get_entry(&u, &c->entry, ret)) {
            c->at = (size_t)(u.p - c->window.data);
            return true;
        }
        if (!read_on(c))
            return false;
    }
}

int cache_index_cursor_next(struct cache_index_cursor *c, struct cache_entry *ret, struct cb_error *err)
{
    if (c->n == 0 && (c->rest || c->at < c->window.len))
        return cb_fail(err, CB_E_CORRUPT, "layer index: bytes after the last entry");
    if (c->n == 0)
        return 0;
    const struct cache_entry before = {.path = c->last.data, .type = c->last_type};
    if (!take_entry(c, ret) || (c->last.len && !may_follow(&before, ret)))
        return cb_fail(err, CB_E_CORRUPT, "layer index: the entry after '%s' is damaged", c->last.data);
    cb_buf_reset(&c->last);
    cb_buf_adds(&c->last, ret->path);
    c->last_type = ret->type;
    c->n--;
    return 1;
}

void cache_index_cursor_done(struct cache_index_cursor *c)
{
    cb_buf_done(&c->window);
    cb_buf_done(&c->last);
    cb_arena_done(&c->entry);
}
