#include "cache/gc-internal.h"
#include "cache/image.h"
#include "cache/store/files.h"
#include "cache/store/lease.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY_KEEP 3600 /* seconds; no file takes so long from being made to being named */

struct prune {
    struct cache_gc_graph g;
    const struct cache_prune *how;
    int work; /* directory that trees leave through */
    int64_t now;
    struct cache_pruned sum;
};

/* ---- removing ------------------------------------------------------------------------------- */

/* A whole tree leaves its place by one rename, which needs no space on a full disk; without a lock file it
 * belongs to a dead owner, and the sweep at the end, ours or anybody's, empties it. */
static int discard_tree(struct prune *p, const char *path, struct cb_error *err)
{
    char name[CACHE_RANDOM_NAME + 1];
    cache_random_name(name);
    if (renameat(p->g.store->root, path, p->work, name) < 0 && errno != ENOENT)
        return cb_fail_sys(err, errno, "remove '%s/%s'", p->g.store->path, path);
    return 0;
}

static int discard_file(struct prune *p, const char *path, struct cb_error *err)
{
    if (unlinkat(p->g.store->root, path, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR ? discard_tree(p, path, err) : cb_fail_sys(err, errno, "remove '%s/%s'", p->g.store->path, path);
}

static int discard_mount(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("mounts/%s", r->name);
    int lock = cache_gc_lock_mount(p->g.store, r->name);
    if (lock < 0)
        return 1;
    int result = discard_tree(p, path, err);
    cache_unlock(p->g.store, NULL, &lock);
    return result;
}

/* One that was published anew meanwhile is another one. */
static int discard_document(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(close) int fd = cache_lease_break(p->g.store, r->name, CACHE_BY_USE);
    if (r->n_needs && (fd == -EBUSY || (fd >= 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec > r->used)))
        return 1;
    return discard_file(p, r->name, err);
}

static int discard_image(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    CB_AUTO(free) char *path = cache_gc_root_path(r);
    CB_AUTO(close) int fd = cache_lease_break(p->g.store, path, CACHE_BY_CHANGE);
    if (fd == -EBUSY)
        return 1;
    return cache_image_remove(p->g.store, r->name, err) < 0 ? -1 : 0;
}

/* 1: it stays, for somebody uses it. */
static int discard_root(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    switch (r->kind) {
    case CACHE_GC_MOUNT:
        return discard_mount(p, r, err);
    case CACHE_GC_RECORD:
    case CACHE_GC_FETCH:
        return discard_document(p, r, err);
    case CACHE_GC_IMAGE:
        return discard_image(p, r, err);
    }
    return 0;
}

static int discard_object(struct prune *p, const struct cache_gc_object *o, struct cb_error *err)
{
    CB_AUTO(free) char *path = cache_gc_object_path(o);
    CB_AUTO(close) int fd = cache_lease_break(p->g.store, path, CACHE_BY_CHANGE);
    if (fd == -EBUSY)
        return 1;
    return (o->is_layer ? discard_tree : discard_file)(p, path, err);
}

/* What is needed by something that stays after all stays as well. It comes later in the list of the dead. */
static void spare(struct prune *p, struct cache_gc_object **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!list[i]->dead)
            continue;
        list[i]->dead = false;
        p->sum.bytes -= list[i]->size.freed;
        spare(p, list[i]->needs, list[i]->n_needs);
    }
}

/* r: what came of it, as above, or -1. `n` of `needs` is what it needs. */
static int account(struct prune *p, int r, struct cache_gc_object **needs, size_t n, uint64_t freed, const struct cache_item *i)
{
    if (r < 0)
        return -1;
    if (r) {
        p->sum.bytes -= freed;
        spare(p, needs, n);
        return 0;
    }
    p->sum.count++;
    if (p->how->tell)
        p->how->tell(p->how->arg, i);
    return 0;
}

/* Roots first, then what they named: see gc.h about being killed in between. */
static int discard_roots(struct prune *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->g.n_roots; i++) {
        struct cache_gc_root *r = &p->g.roots[i];
        struct cache_item item = cache_gc_root_item(&p->g, r);
        if (!r->dropped)
            continue;
        int done = p->how->dry_run ? 0 : discard_root(p, r, err);
        if (account(p, done, r->needs, r->n_needs, r->size.freed, &item) < 0)
            return -1;
    }
    return 0;
}

static int discard_objects(struct prune *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->g.n_dead; i++) {
        struct cache_gc_object *o = p->g.dead[i];
        struct cache_item item = cache_gc_object_item(o);
        if (!o->dead)
            continue;
        int done = p->how->dry_run ? 0 : discard_object(p, o, err);
        o->dead = done == 0;
        if (account(p, done, o->needs, o->n_needs, o->size.freed, &item) < 0)
            return -1;
    }
    return 0;
}

/* The names of layers by diff ID. */
static int discard_diffs(struct prune *p, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(p->g.store, "diffs", &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/diffs'", p->g.store->path);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(free) char *path = cb_printf("diffs/%s", names.items[i]);
        struct cb_digest d;
        char hex[CB_DIGEST_HEX + 1] = "";
        (void)cb_read_file(p->g.store->root, path, 256, &b);
        b.data[strcspn(b.data, "\r\n ")] = 0;
        if (cb_digest_parse(b.data, &d) || cb_digest_parse_hex(b.data, &d))
            cb_digest_hex(&d, hex);
        CB_AUTO(free) char *layer = cb_printf("layers/%s", hex);
        if (faccessat(p->g.store->root, layer, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && discard_file(p, path, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- tidying: what is not counted -------------------------------------------------------------- */

static int64_t age_of(struct prune *p, const char *path)
{
    struct stat st;
    return fstatat(p->g.store->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : p->now - st.st_mtim.tv_sec;
}

static void tidy_temporary(struct prune *p, const char *dir)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    (void)cache_store_names(p->g.store, dir, &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names.items[i]);
        if (cache_is_temporary(names.items[i]) && age_of(p, path) > TEMPORARY_KEEP)
            (void)unlinkat(p->g.store->root, path, 0);
    }
}

static void tidy_contexts(struct prune *p)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    bool whole = p->how->all && !p->how->keep_bytes && p->how->older_than <= 0 && !cache_filter_is_set(&p->how->filter);
    (void)cache_store_names(p->g.store, "context", &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("context/%s", names.items[i]);
        if (!whole && age_of(p, path) <= CACHE_GC_CONTEXT_KEEP)
            continue;
        p->sum.bytes += cache_gc_measure_path(&p->g, path);
        if (!p->how->dry_run)
            (void)unlinkat(p->g.store->root, path, 0);
    }
}

static void remove_lock(struct cache_store *s, const char *name)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int fd = -1;
    if (cache_lock(s, name, true, false, &fd, &ignored) > 0)
        cache_unlock(s, name, &fd);
}

/* Those of which bytes are locked, and those of the whole store. */
static bool is_kept(const char *lock)
{
    static const char *const kept[] = {"gc", "prune", "steps", "builds"};
    for (size_t i = 0; i < CB_LEN(kept); i++)
        if (strcmp(lock, kept[i]) == 0)
            return true;
    return false;
}

static void tidy_locks(struct prune *p)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    (void)cache_store_names(p->g.store, "locks", &names);
    for (size_t i = 0; i < names.n; i++)
        if (!is_kept(names.items[i]))
            remove_lock(p->g.store, names.items[i]); /* unless somebody holds it */
}

static void tidy(struct prune *p)
{
    static const char *const dirs[] = {".", "blobs/sha256", "layers", "diffs", "images", "context", "mounts", "fetch"};
    CB_AUTO(cb_strv) struct cb_strv records = {0};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        tidy_temporary(p, dirs[i]);
    (void)cache_store_names(p->g.store, "records", &records);
    for (size_t i = 0; i < records.n; i++) {
        CB_AUTO(free) char *dir = cb_printf("records/%s", records.items[i]);
        tidy_temporary(p, dir);
    }
    tidy_locks(p);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int discard(struct prune *p, struct cb_error *err)
{
    if (discard_roots(p, err) < 0 || discard_objects(p, err) < 0)
        return -1;
    return p->how->dry_run ? 0 : discard_diffs(p, err);
}

/* What the store may use, so that so much is left free. Never 0, which means any. */
static uint64_t limit_of(struct prune *p, uint64_t total)
{
    struct statvfs fs;
    uint64_t limit = p->how->keep_bytes;
    if (!p->how->keep_free || fstatvfs(p->g.store->root, &fs) < 0)
        return limit;
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize, lacks = p->how->keep_free - CB_MIN(p->how->keep_free, available);
    uint64_t by_free = total - CB_MIN(total, lacks);
    return CB_MAX(limit ? CB_MIN(limit, by_free) : by_free, 1);
}

static void choose(struct prune *p)
{
    struct cache_prune how = *p->how;
    uint64_t total = 0;
    bool limited = how.keep_bytes || how.keep_free;
    if (limited)
        total = cache_gc_measure_all(&p->g) + cache_gc_measure_rest(&p->g);
    how.keep_bytes = limit_of(p, total);
    p->sum.bytes = cache_gc_choose(&p->g, &how, total);
    p->sum.left = total;
}

static int prune_locked(struct prune *p, struct cache_store *s, struct cb_error *err)
{
    CB_AUTO(close) int work = cache_store_dir(s, "work");
    if (work < 0)
        return cb_fail_sys(err, work, "open '%s/work'", s->path);
    if (cache_gc_scan(s, &p->g, err) < 0)
        return -1;
    p->work = work;
    choose(p);
    int r = discard(p, err);
    tidy_contexts(p);
    p->sum.left -= CB_MIN(p->sum.left, p->sum.bytes);
    if (!p->how->dry_run)
        tidy(p);
    return r;
}

static int dry_run(struct cache_store *s, struct prune *p, struct cb_error *err)
{
    int r = prune_locked(p, s, err);
    cache_gc_graph_done(&p->g);
    return r;
}

static int prune(struct cache_store *s, struct prune *p, struct cb_error *err)
{
    int lock = -1;
    cache_work_sweep(s);
    if (cache_lock(s, "prune", true, true, &lock, err) < 0)
        return -1;
    int r = prune_locked(p, s, err);
    cache_gc_graph_done(&p->g);
    cache_unlock(s, NULL, &lock);
    cache_work_sweep(s); /* this takes long, and the next one need not wait for it */
    return r;
}

int cache_prune(struct cache_store *s, const struct cache_prune *how, struct cache_pruned *ret, struct cb_error *err)
{
    struct prune p = {.how = how, .work = -1, .now = time(NULL)};
    if ((how->dry_run ? dry_run : prune)(s, &p, err) < 0)
        return cb_prefix(err, "prune");
    *ret = p.sum;
    return 0;
}
