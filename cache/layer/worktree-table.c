/* The file is an index (cache/store/index.h) with its length in front, and after it the prints as they lie in memory: it is read
 * by processes of the build that wrote it. */
#include "cache/layer/worktree-internal.h"
#include "base/pack.h"

#include <time.h>
#include <unistd.h>

#define TICK_NSEC 10000000 /* the longest time between two ticks of the clock that files get their times from (100 a second) */

void cache_worktree_table_done(struct cache_worktree_table *t)
{
    cache_index_done(&t->x);
    free(t->prints);
    t->prints = NULL;
}

/* ---- on the disk ------------------------------------------------------------------------------- */

int cache_worktree_table_read(int dir, const char *name, struct cache_worktree_table *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    int r = cb_read_file(dir, name, CACHE_LAYER_MAX_INDEX, &b);
    if (r < 0)
        return cb_fail_sys(err, r, "read what a working tree shows");
    struct cb_unpack u = cb_unpack(b.data, b.len);
    struct cb_str index = cb_get_bytes(&u);
    if (u.failed)
        return cb_fail(err, CB_E_CORRUPT, "what a working tree shows is damaged");
    if (cache_index_read(index.p, index.n, &ret->x, err) < 0)
        return -1;
    size_t size = ret->x.n * sizeof(*ret->prints);
    if ((size_t)(u.end - u.p) != size)
        return cb_fail(err, CB_E_CORRUPT, "what a working tree shows is damaged");
    ret->prints = cb_alloc_buffer(size + 1);
    memcpy(ret->prints, u.p, size);
    return 0;
}

int cache_worktree_table_write(int dir, const char *name, const struct cache_worktree_table *t, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    cache_index_write(&t->x, &index);
    cb_put_bytes(&b, index.data, index.len);
    if (t->x.n)
        cb_buf_add(&b, t->prints, t->x.n * sizeof(*t->prints));
    CB_AUTO(close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : cb_write_full(fd, b.data, b.len);
    return r < 0 ? cb_fail_sys(err, r, "write what a working tree shows") : 0;
}

/* ---- layers on top ------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *dir, size_t len)
{
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

size_t cache_worktree_table_end(const struct cache_worktree_table *t, size_t at)
{
    const char *dir = t->x.entries[at].path;
    size_t len = strlen(dir), low = at + 1, high = t->x.n;
    if (t->x.entries[at].type != CB_DIR)
        return low;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (is_below(t->x.entries[mid].path, dir, len))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The entry in the table's own memory; a further name of a file is that file. */
static struct cache_entry own_entry(struct cache_worktree_table *t, const struct cache_index *layer, const struct cache_entry *e)
{
    struct cache_entry copy = e->type == CB_HARDLINK ? *cache_index_find(layer, e->link) : *e;
    copy.path = e->path;
    cache_index_add(&t->x, &copy);
    return t->x.entries[--t->x.n]; /* only its strings stay */
}

struct merging {
    struct cache_entry *entries;
    struct cache_worktree_print *prints;
    size_t n;
};

static void put(struct merging *m, struct cache_entry e, struct cache_worktree_print p)
{
    m->entries[m->n] = e;
    m->prints[m->n++] = p;
}

/* Both are sorted. What hides or replaces a directory takes what is below it. */
void cache_worktree_table_apply(struct cache_worktree_table *t, const struct cache_index *layer)
{
    size_t room = t->x.n + layer->n + 1, i = 0, old = t->x.n;
    struct merging m = {cb_alloc_buffer(room * sizeof(*m.entries)), cb_alloc_buffer(room * sizeof(*m.prints)), 0};
    for (size_t k = 0; k < layer->n; k++) {
        const struct cache_entry *e = &layer->entries[k];
        int c;
        while (i < old && (c = cache_index_compare(t->x.entries[i].path, e->path)) <= 0) {
            if (c < 0)
                put(&m, t->x.entries[i], t->prints[i]);
            i++;
        }
        size_t len = strlen(e->path);
        while (e->type != CB_DIR && i < old && is_below(t->x.entries[i].path, e->path, len))
            i++;
        if (e->type != CACHE_WHITEOUT && e->type != CACHE_OPAQUE)
            put(&m, own_entry(t, layer, e), (struct cache_worktree_print){0});
    }
    for (; i < old; i++)
        put(&m, t->x.entries[i], t->prints[i]);
    free(t->x.entries);
    free(t->prints);
    t->x.entries = m.entries;
    t->x.n = m.n;
    t->x.cap = room;
    t->prints = m.prints;
}

/* ---- prints -------------------------------------------------------------------------------------- */

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool cache_worktree_same_print(const struct cache_worktree_print *p, const struct stat *st)
{
    return p->ino == st->st_ino && p->size == (uint64_t)st->st_size && same_time(p->mtime, st->st_mtim) &&
           same_time(p->ctime, st->st_ctim);
}

static int look(int dir, const char *name, const struct cache_entry *e, struct cache_worktree_print *ret)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (st.st_mtim.tv_sec != e->mtime) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = e->mtime}};
        if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
    }
    *ret = (struct cache_worktree_print){st.st_ino, (uint64_t)st.st_size, st.st_mtim, st.st_ctim};
    return 0;
}

int cache_worktree_table_look(struct cache_worktree_table *t, int root, struct cb_error *err)
{
    CB_AUTO(cache_layer_cursor) struct cache_layer_cursor c = CACHE_LAYER_CURSOR_INIT;
    cache_layer_cursor_set_root(&c, root);
    for (size_t i = 0; i < t->x.n; i++) {
        const struct cache_entry *e = &t->x.entries[i];
        const char *name;
        if (t->prints[i].ino)
            continue;
        int dir = cache_layer_cursor_parent(&c, e->path, &name);
        int r = dir < 0 ? dir : look(dir, name, e, &t->prints[i]);
        if (r < 0)
            return cb_fail_sys(err, r, "look at '/%s' of a working tree", e->path);
    }
    return 0;
}

static bool is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

void cache_worktree_table_wait(const struct cache_worktree_table *t)
{
    struct timespec newest = {0}, now;
    for (size_t i = 0; i < t->x.n; i++)
        if (is_later(t->prints[i].ctime, newest))
            newest = t->prints[i].ctime;
    if (newest.tv_nsec == 0) /* a file system with whole seconds */
        newest.tv_nsec = 999999999;
    for (int waited = 0; waited <= 1000; waited++) { /* no longer: it may be from a clock that was set since */
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        if (is_later(now, newest))
            return;
        usleep(TICK_NSEC / 1000 / 10);
    }
}
