#include "cache/store/blob.h"

#include "cache/store/files.h"
#include "cache/store/lease.h"

#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define BLOBS "blobs/sha256"
#define PIECE 65536

struct blob_path {
    char text[sizeof(BLOBS) + 1 + CB_DIGEST_HEX];
};

static struct blob_path path_of(const struct cb_digest *d)
{
    struct blob_path p = {BLOBS "/"};
    cb_digest_hex(d, p.text + sizeof(BLOBS));
    return p;
}

/* O_NONBLOCK: whatever lies there, opening it must not hang. */
static int open_blob(struct cache_store *s, const struct cb_digest *d)
{
    struct blob_path path = path_of(d);
    CB_AUTO(close) int fd = openat(s->root, path.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return cache_lease_take(s, fd, path.text, CACHE_BY_CHANGE) ? cb_take_fd(&fd) : -ENOENT;
}

/* False: it is being removed. */
static bool hold(struct cache_store *s, const struct cb_digest *d)
{
    CB_AUTO(close) int fd = s->lease ? open_blob(s, d) : -1;
    return !s->lease || fd >= 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

int cache_blob_begin(struct cache_store *s, struct cache_blob_writer *ret, struct cb_error *err)
{
    struct cache_newfile f = CACHE_NEWFILE_INIT;
    if (cache_newfile_begin(s, BLOBS, &f, err) < 0)
        return -1;
    *ret = (struct cache_blob_writer){.store = s, .fd = f.fd, .work = f.work};
    cb_sha256_init(&ret->sha);
    return 0;
}

static time_t boot_time(void)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return now.tv_sec - up.tv_sec;
}

/* ---- a download that goes on ---------------------------------------------------------------- */

/* Opened, locked, and still what has the name: whoever had it may have finished. An fd, or -errno. */
static int lock_partial(struct cache_store *s, const char *path)
{
    for (;;) {
        struct stat st, named;
        CB_AUTO(close) int fd = openat(s->root, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0 || fstat(fd, &st) < 0 || CB_RETRY(flock(fd, LOCK_EX)) < 0)
            return -errno;
        if (fstatat(s->root, path, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == st.st_ino && named.st_dev == st.st_dev)
            return S_ISREG(st.st_mode) ? cb_take_fd(&fd) : -EINVAL;
    }
}

/* What is there is hashed, and written behind. */
static int take_up(struct cache_blob_writer *w, uint64_t size)
{
    struct stat st;
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    int n;
    if (fstat(w->fd, &st) < 0)
        return -errno;
    bool torn = st.st_mtim.tv_sec <= boot_time() || (uint64_t)st.st_size > size; /* by a power loss, or damage */
    if (torn && ftruncate(w->fd, 0) < 0)
        return -errno;
    while ((n = cb_read_full(w->fd, block, PIECE)) > 0) {
        cb_sha256_add(&w->sha, block, (size_t)n);
        w->size += (uint64_t)n;
    }
    return n;
}

int cache_blob_resume(struct cache_store *s, const struct cb_digest *d, uint64_t size, struct cache_blob_writer *ret,
                      struct cb_error *err)
{
    struct cache_blob_writer w = {.store = s, .fd = -1, .work = CACHE_WORK_INIT};
    char hex[CB_DIGEST_HEX + 1];
    CB_AUTO(close) int dir = cache_store_dir(s, BLOBS);
    cb_digest_hex(d, hex);
    snprintf(w.partial, sizeof(w.partial), BLOBS "/.tmp-part-%s", hex);
    cb_sha256_init(&w.sha);
    w.fd = dir < 0 ? dir : lock_partial(s, w.partial);
    int r = w.fd < 0 ? w.fd : 0;
    bool there = r == 0 && cache_blob_fits(s, d, size);
    if (r == 0 && !there)
        r = take_up(&w, size);
    if (r == 0 && !there) {
        *ret = w;
        return 1;
    }
    if (there)
        (void)unlinkat(s->root, w.partial, 0);
    cb_close(w.fd);
    return r < 0 ? cb_fail_sys(err, r, "make a file in '%s/" BLOBS "'", s->path) : 0;
}

void cache_blob_discard(struct cache_blob_writer *w)
{
    if (w->store && *w->partial)
        (void)unlinkat(w->store->root, w->partial, 0);
}

/* ---- both ----------------------------------------------------------------------------------- */

int cache_blob_write(struct cache_blob_writer *w, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(w->fd, p, n);
    if (r < 0)
        return cb_fail_sys(err, r, "write a blob into '%s'", w->store->path);
    cb_sha256_add(&w->sha, p, n);
    w->size += n;
    return 0;
}

/* Does it hold these bytes? Reading a small blob is nearly as quick as asking for its size. Other bytes are damage. */
static bool holds(struct cache_store *s, const struct cb_digest *d, const void *p, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT;
    CB_AUTO(close) int fd = open_blob(s, d);
    if (fd < 0)
        return false;
    if (cb_read_fd(fd, n, &have) == 0 && have.len == n && memcmp(have.data, p, n) == 0)
        return true;
    cache_blob_damaged(s, d, fd);
    return false;
}

/* Is what already has the name as good as what was just written and hashed? Of the right size and made
 * since the machine started: only a power loss could have torn it. */
static bool is_sound(struct cache_store *s, const struct cb_digest *d, uint64_t size)
{
    struct stat st;
    return fstatat(s->root, path_of(d).text, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == size && st.st_mtim.tv_sec > boot_time() && hold(s, d);
}

/* Its name becomes the blob's, in place of what may have that: 0 or -errno. */
static int rename_partial(struct cache_blob_writer *w, const char *name)
{
    CB_AUTO(free) char *path = cb_printf(BLOBS "/%s", name);
    if (renameat(w->store->root, w->partial, w->store->root, path) == 0)
        return 0;
    if (errno == EISDIR) /* damage */
        cache_set_aside(w->store, path);
    return renameat(w->store->root, w->partial, w->store->root, path) < 0 ? -errno : 0;
}

int cache_blob_commit(struct cache_blob_writer *w, const struct cb_digest *want, struct cb_digest *ret, struct cb_error *err)
{
    struct cb_digest d;
    struct cb_sha256 sha = w->sha;
    cb_sha256_end(&sha, &d);
    char name[CB_DIGEST_HEX + 1];
    cb_digest_hex(&d, name);
    if (want && !cb_digest_eq(want, &d)) {
        char wanted[CB_DIGEST_TEXT + 1];
        cb_digest_text(want, wanted);
        return cb_fail(err, CB_E_CORRUPT, "blob has the digest 'sha256:%s' instead of '%s'", name, wanted);
    }
    struct cache_newfile f = {w->fd, w->work};
    int r = *w->partial ? rename_partial(w, name) : cache_newfile_link(w->store, &f, BLOBS, name, false);
    if (r == -EEXIST)
        r = !w->replaces && is_sound(w->store, &d, w->size) ? 0 : cache_newfile_link(w->store, &f, BLOBS, name, true);
    if (r < 0)
        return cb_fail_sys(err, r, "name blob 'sha256:%s' in '%s'", name, w->store->path);
    if (ret)
        *ret = d;
    return 0;
}

void cache_blob_abort(struct cache_blob_writer *w)
{
    if (!w->store)
        return;
    struct cache_newfile f = {w->fd, w->work};
    cache_newfile_done(w->store, &f);
    *w = CACHE_BLOB_WRITER_INIT;
}

int cache_blob_put(struct cache_store *s, const void *p, size_t n, struct cb_digest *ret, struct cb_error *err)
{
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    struct cb_digest d;
    cb_sha256(p, n, &d);
    if (!holds(s, &d, p, n)) {
        if (cache_blob_begin(s, &w, err) < 0 || cache_blob_write(&w, p, n, err) < 0 || cache_blob_commit(&w, &d, NULL, err) < 0)
            return -1;
    }
    if (ret)
        *ret = d;
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

int cache_blob_has(struct cache_store *s, const struct cb_digest *d, uint64_t *ret_size)
{
    struct stat st;
    if (fstatat(s->root, path_of(d).text, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || !hold(s, d))
        return 0;
    *ret_size = (uint64_t)st.st_size;
    return 1;
}

bool cache_blob_fits(struct cache_store *s, const struct cb_digest *d, uint64_t size)
{
    uint64_t have;
    return cache_blob_has(s, d, &have) == 1 && have == size;
}

int cache_blob_open(struct cache_store *s, const struct cb_digest *d, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    int fd = open_blob(s, d);
    if (fd >= 0)
        return fd;
    cb_digest_text(d, text);
    if (fd == -ENOENT)
        return cb_fail(err, CB_E_NOT_FOUND, "blob '%s' is not in the store '%s'", text, s->path);
    return cb_fail_sys(err, fd, "open blob '%s' in '%s'", text, s->path);
}

void cache_blob_damaged(struct cache_store *s, const struct cb_digest *d, int fd)
{
    struct blob_path path = path_of(d);
    struct stat bad, now;
    if (fstat(fd, &bad) == 0 && fstatat(s->root, path.text, &now, AT_SYMLINK_NOFOLLOW) == 0 && bad.st_ino == now.st_ino &&
        bad.st_dev == now.st_dev)
        if (unlinkat(s->root, path.text, 0) < 0 && errno == EISDIR) /* else found again and removed by the next reader */
            cache_set_aside(s, path.text);
}

/* 0, or -errno; *ret_bytes are those that were read. */
static int hash(int fd, struct cb_digest *ret, uint64_t *ret_bytes)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    struct cb_sha256 sha;
    int n;
    cb_sha256_init(&sha);
    *ret_bytes = 0;
    while ((n = cb_read_full(fd, block, PIECE)) > 0) {
        cb_sha256_add(&sha, block, (size_t)n);
        *ret_bytes += (uint64_t)n;
    }
    cb_sha256_end(&sha, ret);
    return n;
}

int cache_blob_check(struct cache_store *s, const struct cb_digest *d)
{
    struct cb_digest have;
    uint64_t bytes;
    CB_AUTO(close) int fd = open_blob(s, d);
    int r = fd < 0 ? fd : hash(fd, &have, &bytes);
    if (r == 0 && cb_digest_eq(&have, d))
        return 1;
    if (fd >= 0 && (r == 0 || r == -EISDIR))
        cache_blob_damaged(s, d, fd);
    return 0;
}

int cache_blob_verify(struct cache_store *s, const struct cb_digest *d, bool keep, uint64_t *ret_bytes)
{
    struct cb_digest have;
    *ret_bytes = 0;
    CB_AUTO(close) int fd = open_blob(s, d);
    if (fd == -ENOENT)
        return -ENOENT;
    if (fd >= 0 && hash(fd, &have, ret_bytes) == 0 && cb_digest_eq(&have, d))
        return 1;
    if (fd >= 0 && !keep)
        cache_blob_damaged(s, d, fd);
    return 0;
}

int cache_blob_get(struct cache_store *s, const struct cb_digest *d, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    size_t start = ret->len;
    CB_AUTO(close) int fd = open_blob(s, d);
    if (fd == -ENOENT)
        return 0;
    int r = fd < 0 ? fd : cb_read_fd(fd, max, ret);
    if (r < 0 && r != -EISDIR) {
        cb_buf_truncate(ret, start);
        cb_digest_text(d, text);
        if (r == -EFBIG)
            return cb_fail(err, CB_E_CORRUPT, "blob '%s' is larger than %zu bytes", text, max);
        return cb_fail_sys(err, r, "read blob '%s' in '%s'", text, s->path);
    }
    struct cb_digest have;
    cb_sha256(ret->data + start, ret->len - start, &have);
    if (cb_digest_eq(&have, d))
        return 1;
    cb_buf_truncate(ret, start);
    cache_blob_damaged(s, d, fd);
    return 0;
}
