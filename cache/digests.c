/* A table file (numbers little-endian, as base/pack.h writes them):
 *
 *   magic     8 bytes "cbctxtab"
 *   version   u32
 *   count     u64
 *   identity  string: path of the context, for people
 *   rows      count times ROW_SIZE bytes, sorted by path (compare_paths)
 *   paths     the bytes of all paths, one after another
 *   checksum  u64 over everything before it
 *
 * context/<hex> holds the whole, context/<hex>.recent what was read since it was written, so that one edit in a
 * large context does not cost a large file. A row is a fact about a file as it was at some time: whichever of the
 * two says it, of whatever age, it is true when path, size, times and inode are those of the file now. So the two
 * need not match, and concurrent builds may overwrite either.
 *
 * A row is found without parsing the others; nothing in it is trusted: its path must lie within the
 * paths. */
#include "cache/digests.h"

#include "base/job.h"
#include "base/map.h"
#include "base/pack.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"
#include "base/threads.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define MAGIC         "cbctxtab"
#define VERSION       2
#define ROW_SIZE      (5 * 8 + 3 * 4 + 32 + 1)
#define MAX_TABLE     (1u << 30) /* seven million files; a larger context is read anew each time */
#define READ_BLOCK    (256u << 10)
#define RECENT_PART   16          /* once recent rows are more than this part of the whole, it is written anew */
#define TOUCH_AFTER   (24 * 3600) /* seconds; cache_prune removes tables by their age */
#define TICK_NS       20000000    /* two ticks of the slowest kernel clock (100 Hz) */
#define COARSE_TICK_S 2           /* file systems with whole or two-second times */

struct identity {
    uint64_t size, ino;
    int64_t mtime, ctime;
    uint32_t mtime_ns, ctime_ns;
};

struct row {
    struct cb_str path;
    struct identity id;
    struct cb_digest digest;
    uint8_t idle; /* how often it was written since it was last asked for */
};

enum row_state { ROW_IDLE, ROW_USED, ROW_REPLACED };

struct fresh {
    size_t path; /* where it begins in the names */
    uint32_t path_len;
    bool keep; /* false: too new to be believed the next time */
    struct identity id;
    struct cb_digest digest;
};

struct table {
    struct cb_buf file;
    const char *rows, *paths;
    size_t n_rows, paths_size;
};

struct cache_digests {
    struct cache_store *store;
    char *identity;
    char name[CB_DIGEST_HEX + 1]; /* below context/ */
    char recent[CB_DIGEST_HEX + sizeof(".recent")];
    struct table whole;
    size_t cursor;  /* the row that is expected to be asked for next */
    uint8_t *state; /* enum row_state of each row */
    bool loaded;    /* the table is read when somebody asks for a file */
    bool dirty;
    struct fresh *fresh; /* what .recent said, and what was read in this run */
    size_t n_fresh, cap_fresh;
    struct cb_buf names;
    bool mapped;           /* they came in an order other than that of their paths: */
    struct cb_map by_path; /* index + 1 */
};

/* Bytewise, but '/' before every other byte: the order of a sorted walk. */
static int compare_paths(struct cb_str a, struct cb_str b)
{
    size_t n = CB_MIN(a.n, b.n), i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    if (i == n)
        return a.n < b.n ? -1 : a.n > b.n;
    unsigned x = a.p[i] == '/' ? 0 : (unsigned char)a.p[i], y = b.p[i] == '/' ? 0 : (unsigned char)b.p[i];
    return x < y ? -1 : 1;
}

static struct identity identity_of(const struct stat *st)
{
    return (struct identity){
        .size = (uint64_t)st->st_size,
        .ino = st->st_ino,
        .mtime = st->st_mtim.tv_sec,
        .ctime = st->st_ctim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
    };
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
    return a->size == b->size && a->ino == b->ino && a->mtime == b->mtime && a->ctime == b->ctime && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

/* ---- loading -------------------------------------------------------------------------------- */

static void put_row(struct cb_buf *b, const struct row *r, size_t path_at)
{
    cb_put_u64(b, r->id.size);
    cb_put_u64(b, r->id.ino);
    cb_put_u64(b, (uint64_t)r->id.mtime);
    cb_put_u64(b, (uint64_t)r->id.ctime);
    cb_put_u64(b, path_at);
    cb_put_u32(b, r->id.mtime_ns);
    cb_put_u32(b, r->id.ctime_ns);
    cb_buf_add(b, r->digest.b, sizeof(r->digest.b));
    cb_put_u32(b, (uint32_t)r->path.n);
    cb_put_u8(b, r->idle);
}

static bool get_path(const struct table *t, uint64_t at, uint64_t n, struct cb_str *ret)
{
    if (at > t->paths_size || n > t->paths_size - at)
        return false;
    *ret = (struct cb_str){t->paths + at, (size_t)n};
    return true;
}

/* False for a row that makes no sense. */
static bool get_row(const struct table *t, size_t i, struct row *r)
{
    struct cb_unpack u = cb_unpack(t->rows + i * ROW_SIZE, ROW_SIZE);
    r->id.size = cb_get_u64(&u);
    r->id.ino = cb_get_u64(&u);
    r->id.mtime = (int64_t)cb_get_u64(&u);
    r->id.ctime = (int64_t)cb_get_u64(&u);
    uint64_t at = cb_get_u64(&u);
    r->id.mtime_ns = cb_get_u32(&u);
    r->id.ctime_ns = cb_get_u32(&u);
    memcpy(r->digest.b, u.p, sizeof(r->digest.b));
    u.p += sizeof(r->digest.b);
    uint32_t n = cb_get_u32(&u);
    r->idle = cb_get_u8(&u);
    return get_path(t, at, n, &r->path);
}

/* The checksum of what is before the last eight bytes: a bit that flipped on the disk would be the digest of a file. */
static bool has_checksum(const struct cb_buf *f, const char *end)
{
    struct cb_unpack sum = cb_unpack(end, 8);
    return cb_get_u64(&sum) == cache_checksum(f->data, f->len - 8);
}

/* Rows are looked at when they are asked for. */
static bool parse_table(const struct cache_digests *c, struct table *t)
{
    struct cb_buf *f = &t->file;
    if (f->len < sizeof(MAGIC) - 1 + 8 || memcmp(f->data, MAGIC, sizeof(MAGIC) - 1) != 0)
        return false;
    struct cb_unpack u = cb_unpack(f->data + sizeof(MAGIC) - 1, f->len - (sizeof(MAGIC) - 1) - 8);
    uint32_t version = cb_get_u32(&u);
    uint64_t count = cb_get_u64(&u);
    CB_AUTO(free) char *identity = cb_get_str(&u);
    if (u.failed || version != VERSION || count > (uint64_t)(u.end - u.p) / ROW_SIZE || strcmp(identity, c->identity) != 0 ||
        !has_checksum(f, u.end))
        return false;
    t->rows = u.p;
    t->n_rows = (size_t)count;
    t->paths = u.p + count * ROW_SIZE;
    t->paths_size = (size_t)(u.end - t->paths);
    return true;
}

/* Missing or damaged: it has no rows. */
static void load_table(struct cache_digests *c, const char *name, struct table *t)
{
    struct stat st;
    struct timespec now;
    CB_AUTO(free) char *path = cb_printf("context/%s", name);
    CB_AUTO(close) int fd = openat(c->store->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || cb_read_fd(fd, MAX_TABLE, &t->file) < 0 || !parse_table(c, t))
        return;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec - st.st_mtim.tv_sec > TOUCH_AFTER)
        (void)futimens(fd, NULL);
}

/* Borrowed until another one is added. */
static struct cb_str path_of(const struct cache_digests *c, const struct fresh *f)
{
    return (struct cb_str){c->names.data + f->path, f->path_len};
}

static void map_fresh(struct cache_digests *c, size_t i)
{
    struct cb_str path = path_of(c, &c->fresh[i]);
    cb_map_setn(&c->by_path, path.p, path.n, (void *)(uintptr_t)(i + 1));
}

static struct fresh *add_fresh(struct cache_digests *c, struct cb_str path)
{
    bool mapped = c->mapped || (c->n_fresh && compare_paths(path_of(c, &c->fresh[c->n_fresh - 1]), path) >= 0);
    struct fresh *f = &CB_PUSH(c->fresh, c->n_fresh, c->cap_fresh);
    f->path = c->names.len;
    f->path_len = (uint32_t)path.n;
    cb_buf_add(&c->names, path.p, path.n);
    for (size_t i = c->mapped ? c->n_fresh - 1 : 0; mapped && i < c->n_fresh; i++)
        map_fresh(c, i);
    c->mapped = mapped;
    return f;
}

static void load_recent(struct cache_digests *c)
{
    struct table t = {.file = CB_BUF_INIT};
    load_table(c, c->recent, &t);
    for (size_t i = 0; i < t.n_rows; i++) {
        struct row r;
        if (!get_row(&t, i, &r) || memchr(r.path.p, 0, r.path.n))
            continue;
        struct fresh *f = add_fresh(c, r.path);
        f->id = r.id;
        f->digest = r.digest;
        f->keep = true;
    }
    cb_buf_done(&t.file);
}

static void names_of(const char *identity, char name[CB_DIGEST_HEX + 1], char recent[CB_DIGEST_HEX + sizeof(".recent")])
{
    struct cb_digest d;
    cb_sha256(identity, strlen(identity), &d);
    cb_digest_hex(&d, name);
    memcpy(recent, name, CB_DIGEST_HEX);
    memcpy(recent + CB_DIGEST_HEX, ".recent", sizeof(".recent"));
}

struct cache_digests *cache_digests_open(struct cache_store *s, const char *identity)
{
    struct cache_digests *c = CB_NEW(struct cache_digests);
    names_of(identity, c->name, c->recent);
    c->store = s;
    c->identity = cb_strdup(identity);
    c->whole.file = CB_BUF_INIT;
    c->names = CB_BUF_INIT;
    return c;
}

static void load(struct cache_digests *c)
{
    if (c->loaded)
        return;
    c->loaded = true;
    load_table(c, c->name, &c->whole);
    load_recent(c);
    c->state = cb_alloc(c->whole.n_rows + 1);
}

/* ---- finding -------------------------------------------------------------------------------- */

/* < 0: `path` lies before row i. A row that makes no sense comes before everything. */
static int compare_with_row(const struct cache_digests *c, struct cb_str path, size_t i, struct row *r)
{
    return get_row(&c->whole, i, r) ? compare_paths(path, r->path) : 1;
}

/* The row of `path`, or n_rows. A walk in order finds it at the cursor or a few rows after it. */
static size_t find_row(struct cache_digests *c, struct cb_str path, struct row *r)
{
    size_t low = 0, high = c->whole.n_rows;
    if (c->cursor < c->whole.n_rows) {
        int cmp = compare_with_row(c, path, c->cursor, r);
        if (cmp == 0)
            return c->cursor++;
        if (cmp < 0) {
            high = c->cursor;
        } else {
            size_t step = 1;
            low = c->cursor + 1;
            while (low + step < high && compare_with_row(c, path, low + step, r) > 0) {
                low += step + 1;
                step *= 2;
            }
            high = CB_MIN(high, low + step + 1);
        }
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = compare_with_row(c, path, mid, r);
        if (cmp == 0) {
            c->cursor = mid + 1;
            return mid;
        }
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    c->cursor = low;
    return c->whole.n_rows;
}

static struct fresh *find_fresh(struct cache_digests *c, const char *path)
{
    uintptr_t i = c->mapped ? (uintptr_t)cb_map_get(&c->by_path, path) : 0;
    size_t low = 0, high = c->mapped ? 0 : c->n_fresh;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = compare_paths(cb_str(path), path_of(c, &c->fresh[mid]));
        if (cmp == 0)
            return &c->fresh[mid];
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return i ? &c->fresh[i - 1] : NULL;
}

#define TRIES 3 /* of reading a file that somebody writes to */

/* ---- reading -------------------------------------------------------------------------------- */

static int fail_changed(struct cb_error *err, const char *path)
{
    cb_fail(err, CB_E_FAILED, "'%s' changed while it was read", path);
    return cb_hint(err, "build again when nothing writes to the build context, or exclude the file with .dockerignore");
}

static int open_file(int root, const char *path, struct cb_error *err)
{
    int fd = cb_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
    if (fd >= 0)
        return fd;
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EXDEV)
        return fail_changed(err, path);
    cb_fail_sys(err, fd, "open '%s'", path);
    if (fd == -EACCES || fd == -EPERM)
        cb_hint(err, "make the file readable, or exclude it with .dockerignore");
    return -1;
}

/* 1: it is shorter. */
static int hash_fd(char *block, int fd, uint64_t size, const char *path, struct cb_digest *ret, struct cb_error *err)
{
    struct cb_sha256 sha;
    uint64_t done = 0;
    cb_sha256_init(&sha);
    while (done < size) {
        int n = cb_read_full(fd, block, CB_MIN(size - done, READ_BLOCK));
        if (n < 0)
            return cb_fail_sys(err, n, "read '%s'", path);
        if (n == 0)
            return 1;
        cb_sha256_add(&sha, block, (size_t)n);
        done += (uint64_t)n;
        if (done < size && cb_check_signals(err) < 0)
            return -1;
    }
    cb_sha256_end(&sha, ret);
    return 0;
}

static int stat_file(int fd, const char *path, struct stat *st, struct cb_error *err)
{
    if (fstat(fd, st) < 0)
        return cb_fail_sys(err, errno, "stat '%s'", path);
    return S_ISREG(st->st_mode) ? 0 : fail_changed(err, path);
}

/* Has it only grown? Whoever writes a log appends to it, even while we read. */
static bool has_grown(const struct stat *now, const struct stat *told)
{
    return now->st_dev == told->st_dev && now->st_ino == told->st_ino && now->st_size > told->st_size;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    struct identity x = identity_of(a), y = identity_of(b);
    return same_identity(&x, &y);
}

/* What has changed since it was looked at is looked at again. When that does not end, the beginning of a growing file is
 * taken: as many bytes as it had. */
static int read_file(char *block, int root, const char *path, struct stat *st, struct cb_digest *ret, struct cb_error *err)
{
    struct stat now;
    CB_AUTO(close) int fd = open_file(root, path, err);
    if (fd < 0 || stat_file(fd, path, &now, err) < 0)
        return -1;
    for (int tries = 1;; tries++) {
        if (!same_file(&now, st))
            *st = now;
        int r = lseek(fd, 0, SEEK_SET) < 0 ? cb_fail_sys(err, errno, "read '%s'", path)
                                           : hash_fd(block, fd, (uint64_t)st->st_size, path, ret, err);
        if (r < 0 || stat_file(fd, path, &now, err) < 0)
            return -1;
        if (r == 0 && same_file(&now, st))
            return 0;
        if (tries == TRIES)
            return r == 0 && has_grown(&now, st) ? 0 : fail_changed(err, path);
    }
}

static int64_t age_ns(struct timespec now, int64_t s, uint32_t ns)
{
    int64_t age = now.tv_sec - s;
    if (age > 1000 || age < -1000)
        return age > 0 ? INT64_MAX : INT64_MIN;
    return age * 1000000000 + (now.tv_nsec - (int64_t)ns);
}

/* Was the file, when it was read at `now`, so new that a further change could leave its times
 * unchanged? A modification time may be set to anything, the future too; ctime is the kernel's. */
static bool too_new(const struct identity *id, struct timespec now)
{
    int64_t tick = id->ctime_ns == 0 && id->mtime_ns == 0 ? COARSE_TICK_S * INT64_C(1000000000) : TICK_NS;
    int64_t changed = age_ns(now, id->ctime, id->ctime_ns), modified = age_ns(now, id->mtime, id->mtime_ns);
    return changed <= tick || (modified <= tick && modified >= -tick);
}

/* In any thread. */
static int read_one(char *block, int root, struct cache_digests_file *f, struct cb_error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock that file times come from */
    if (read_file(block, root, f->path, &f->st, &f->digest, err) < 0)
        return -1;
    struct identity id = identity_of(&f->st);
    f->sure = !too_new(&id, now);
    return 0;
}

static void keep(struct cache_digests *c, const struct cache_digests_file *file)
{
    struct fresh *f = find_fresh(c, file->path);
    if (!f)
        f = add_fresh(c, cb_str(file->path));
    f->id = identity_of(&file->st);
    f->digest = file->digest;
    f->keep = file->sure;
    c->dirty |= f->keep;
}

int cache_digests_find(struct cache_digests *c, struct cache_digests_file *file)
{
    struct row r;
    struct identity id = identity_of(&file->st);
    load(c);
    size_t i = find_row(c, cb_str(file->path), &r);
    file->sure = true;
    if (i < c->whole.n_rows && c->state[i] != ROW_REPLACED) {
        if (same_identity(&r.id, &id)) {
            c->state[i] = ROW_USED;
            file->digest = r.digest;
            return 1;
        }
        c->state[i] = ROW_REPLACED;
    }
    struct fresh *f = find_fresh(c, file->path);
    if (!f || !f->keep || !same_identity(&f->id, &id))
        return 0;
    file->digest = f->digest;
    return 1;
}

/* ---- many side by side ------------------------------------------------------------------------ */

struct reading {
    struct cache_digests_file *files;
    size_t n;
    int root;
    atomic_size_t next;
    atomic_bool failed;
};

struct reader {
    struct reading *reading;
    struct cb_error err;
};

static void read_some(void *arg)
{
    struct reader *me = arg;
    struct reading *r = me->reading;
    CB_AUTO(free) char *block = cb_alloc_buffer(READ_BLOCK);
    for (size_t i; !r->failed && (i = atomic_fetch_add(&r->next, 1)) < r->n;)
        if (read_one(block, r->root, &r->files[i], &me->err) < 0)
            r->failed = true;
}

int cache_digests_read(struct cache_digests *c, int root, struct cache_digests_file *files, size_t n, struct cb_error *err)
{
    load(c);
    struct reading reading = {.files = files, .n = n, .root = root};
    size_t n_readers = CB_MIN(n, cb_threads_worth());
    CB_AUTO(free) struct reader *readers = cb_alloc((n_readers + 1) * sizeof(*readers));
    for (size_t i = 0; i < n_readers; i++)
        readers[i].reading = &reading;
    if (n_readers)
        cb_threads_run(read_some, readers, sizeof(*readers), n_readers);
    for (size_t i = 0; i < n_readers; i++) { /* one of several errors is as good as the others */
        if (!err->code && readers[i].err.code)
            cb_error_move(err, &readers[i].err);
        cb_error_done(&readers[i].err);
    }
    for (size_t i = 0; i < n && !reading.failed; i++)
        keep(c, &files[i]);
    return reading.failed ? -1 : 0;
}

int cache_digests_digest(struct cache_digests *c, int root, const char *path, struct stat *st, struct cb_digest *ret,
                         struct cb_error *err)
{
    struct cache_digests_file f = {.path = (char *)path, .st = *st};
    if (!cache_digests_find(c, &f) && cache_digests_read(c, root, &f, 1, err) < 0)
        return -1;
    *st = f.st;
    *ret = f.digest;
    return 0;
}

/* ---- publishing ----------------------------------------------------------------------------- */

struct table_writer {
    struct cb_buf rows, paths;
    size_t n;
};

static void write_row(struct table_writer *w, const struct row *r)
{
    put_row(&w->rows, r, w->paths.len);
    cb_buf_add(&w->paths, r->path.p, r->path.n);
    w->n++;
}

/* An old row, unless it was replaced or nobody has asked for it for long. */
static void write_old(struct table_writer *w, struct row *r, enum row_state state)
{
    if (state == ROW_REPLACED || (state == ROW_IDLE && r->idle >= CACHE_DIGESTS_KEEP))
        return;
    r->idle = state == ROW_USED ? 0 : (uint8_t)(r->idle + 1);
    write_row(w, r);
}

static void write_fresh(struct table_writer *w, const struct cache_digests *c, const struct fresh *f)
{
    struct row r = {.path = path_of(c, f), .id = f->id, .digest = f->digest};
    if (f->keep)
        write_row(w, &r);
}

static int by_path(const void *a, const void *b, void *digests)
{
    return compare_paths(path_of(digests, a), path_of(digests, b));
}

/* Merges the old rows, unless they stay where they are, with the new ones, both sorted. */
static void write_rows(struct cache_digests *c, bool whole, struct table_writer *w)
{
    size_t next = 0;
    if (c->mapped)
        qsort_r(c->fresh, c->n_fresh, sizeof(*c->fresh), by_path, c);
    for (size_t i = 0; whole && i < c->whole.n_rows; i++) {
        struct row r;
        if (!get_row(&c->whole, i, &r))
            continue;
        while (next < c->n_fresh && compare_paths(path_of(c, &c->fresh[next]), r.path) < 0)
            write_fresh(w, c, &c->fresh[next++]);
        bool twice = next < c->n_fresh && compare_paths(path_of(c, &c->fresh[next]), r.path) == 0;
        if (twice && c->state[i] == ROW_USED)
            next++; /* the older row is true: somebody put the file back */
        else if (twice && c->fresh[next].keep)
            continue;
        write_old(w, &r, (enum row_state)c->state[i]);
    }
    while (next < c->n_fresh)
        write_fresh(w, c, &c->fresh[next++]);
}

static void put_head(const struct cache_digests *c, uint64_t n, struct cb_buf *b)
{
    cb_buf_add(b, MAGIC, sizeof(MAGIC) - 1);
    cb_put_u32(b, VERSION);
    cb_put_u64(b, n);
    cb_put_str(b, c->identity);
}

static int publish_table(struct cache_digests *c, bool whole)
{
    struct table_writer w = {CB_BUF_INIT, CB_BUF_INIT, 0};
    CB_AUTO(cb_buf) struct cb_buf head = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    put_head(c, 0, &w.rows);
    write_rows(c, whole, &w);
    put_head(c, w.n, &head); /* now the number is known */
    memcpy(w.rows.data, head.data, head.len);
    cb_buf_add(&w.rows, w.paths.data, w.paths.len);
    cb_buf_done(&w.paths);
    cb_put_u64(&w.rows, cache_checksum(w.rows.data, w.rows.len));
    int r = w.rows.len > MAX_TABLE
                ? -1
                : cache_store_publish(c->store, "context", whole ? c->name : c->recent, w.rows.data, w.rows.len, &ignored);
    cb_buf_done(&w.rows);
    return r;
}

/* Has what this process read from the table been found to be wrong? */
static bool was_dropped(const struct cache_digests *c)
{
    CB_AUTO(free) char *path = cb_printf("context/%s", c->name);
    return c->whole.n_rows && faccessat(c->store->root, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void publish(struct cache_digests *c)
{
    if (was_dropped(c))
        return;
    bool whole = c->n_fresh > c->whole.n_rows / RECENT_PART;
    if (publish_table(c, whole) < 0 || !whole)
        return;
    CB_AUTO(free) char *recent = cb_printf("context/%s", c->recent);
    (void)unlinkat(c->store->root, recent, 0); /* what it said is in the whole; if it stays, it is still true */
}

void cache_digests_drop(struct cache_store *s, const char *identity)
{
    char name[CB_DIGEST_HEX + 1], recent[CB_DIGEST_HEX + sizeof(".recent")];
    names_of(identity, name, recent);
    CB_AUTO(free) char *whole_path = cb_printf("context/%s", name);
    CB_AUTO(free) char *recent_path = cb_printf("context/%s", recent);
    (void)unlinkat(s->root, recent_path, 0);
    (void)unlinkat(s->root, whole_path, 0); /* what stays is dropped next time */
}

void cache_digests_settle(struct cache_digests *c)
{
    if (c->dirty)
        publish(c);
    cb_buf_done(&c->whole.file);
    cb_map_done(&c->by_path);
    cb_buf_done(&c->names);
    free(CB_TAKE(c->fresh));
    free(CB_TAKE(c->state));
    c->whole = (struct table){.file = CB_BUF_INIT};
    c->names = CB_BUF_INIT;
    c->n_fresh = c->cap_fresh = c->cursor = 0;
    c->loaded = c->dirty = c->mapped = false;
}

void cache_digests_close(struct cache_digests *c)
{
    if (!c)
        return;
    cache_digests_settle(c);
    free(c->identity);
    free(c);
}
