#include "cache/gc.h"

#include "cache/gc-internal.h"
#include "cache/image.h"
#include "cache/store/files.h"

#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define CONTEXT_KEEP   (30 * 24 * 3600) /* seconds that the table of a context nobody builds stays */
#define TEMPORARY_KEEP 3600             /* seconds; no file takes so long from being made to being named */

/* ---- usage ---------------------------------------------------------------------------------- */

enum row { ROW_LAYERS, ROW_BLOBS, ROW_RECORDS, ROW_IMAGES, ROW_MOUNTS, ROW_FETCHED, ROW_CONTEXTS, ROW_WORK };

static void add(struct cache_usage_row *row, uint64_t bytes, bool reclaimable)
{
    row->count++;
    row->bytes += bytes;
    if (reclaimable)
        row->reclaimable += bytes;
}

static void count_objects(struct cache_gc_graph *g, struct cb_map *map, struct cache_usage_row *row)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));) {
        struct cache_gc_object *o = it->value;
        add(row, cache_gc_object_bytes(g, o), !o->by_image);
    }
}

/* Names of cache mounts' directories are numbers; a lock of the same number is held by whoever uses it. */
static void mount_lock_name(const char *mount, const char *slot, char out[160])
{
    snprintf(out, 160, "mount-%.64s-%.20s", mount, slot);
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 9;
}

/* Is it held by nobody, or not there at all? Nothing is made: the store may be read-only. */
static bool lock_is_free(struct cache_store *s, const char *path)
{
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool mount_in_use(struct cache_store *s, const char *mount)
{
    CB_AUTO(cb_strv) struct cb_strv slots = {0};
    CB_AUTO(free) char *dir = cb_printf("mounts/%s", mount);
    char lock[160];
    (void)cache_store_names(s, dir, &slots);
    for (size_t i = 0; i < slots.n; i++) {
        mount_lock_name(mount, slots.items[i], lock);
        CB_AUTO(free) char *path = cb_printf("locks/%s", lock);
        if (is_number(slots.items[i]) && !lock_is_free(s, path))
            return true;
    }
    return false;
}

static void count_roots(struct cache_gc_graph *g, struct cache_usage_row rows[CACHE_USAGE_ROWS])
{
    for (size_t i = 0; i < g->n_roots; i++) {
        struct cache_gc_root *r = &g->roots[i];
        switch (r->kind) {
        case CACHE_GC_RECORD:
            add(&rows[ROW_RECORDS], r->bytes, !r->by_image);
            break;
        case CACHE_GC_IMAGE:
            add(&rows[ROW_IMAGES], r->bytes, false);
            break;
        case CACHE_GC_MOUNT:
            add(&rows[ROW_MOUNTS], r->bytes, !mount_in_use(g->store, r->name));
            break;
        case CACHE_GC_FETCH:
            add(&rows[ROW_FETCHED], r->bytes, true);
            break;
        }
    }
}

static bool owner_is_dead(struct cache_store *s, const char *name)
{
    CB_AUTO(free) char *lock = cb_printf("work/%s.lock", name);
    return lock_is_free(s, lock);
}

static int count_files(struct cache_gc_graph *g, const char *dir, struct cache_usage_row *row, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(g->store, dir, &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/%s'", g->store->path, dir);
    bool work = strcmp(dir, "work") == 0;
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        if (cb_ends(name, ".lock") || cache_is_temporary(name))
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, name);
        add(row, cache_gc_disk_use(g, g->store->root, path), !work || owner_is_dead(g->store, name));
        if (strchr(name, '.')) /* another file of the same context */
            row->count--;
    }
    return 0;
}

int cache_usage(struct cache_store *s, struct cache_usage_row rows[CACHE_USAGE_ROWS], struct cb_error *err)
{
    static const char *const kinds[CACHE_USAGE_ROWS] = {
        [ROW_LAYERS] = "layers",       [ROW_BLOBS] = "blobs",       [ROW_RECORDS] = "records",   [ROW_IMAGES] = "images",
        [ROW_MOUNTS] = "cache mounts", [ROW_FETCHED] = "downloads", [ROW_CONTEXTS] = "contexts", [ROW_WORK] = "work",
    };
    CB_AUTO(cache_gc_graph) struct cache_gc_graph g = {0};
    struct cache_usage_row sums[CACHE_USAGE_ROWS] = {0};
    for (size_t i = 0; i < CACHE_USAGE_ROWS; i++)
        sums[i].kind = kinds[i];
    if (cache_gc_scan(s, &g, err) < 0)
        return -1;
    count_objects(&g, &g.layers, &sums[ROW_LAYERS]);
    count_objects(&g, &g.blobs, &sums[ROW_BLOBS]);
    count_roots(&g, sums);
    if (count_files(&g, "context", &sums[ROW_CONTEXTS], err) < 0 || count_files(&g, "work", &sums[ROW_WORK], err) < 0)
        return -1;
    memcpy(rows, sums, sizeof(sums));
    return 0;
}

/* ---- choosing ------------------------------------------------------------------------------- */

struct prune {
    struct cache_gc_graph g;
    const struct cache_prune *how;
    int work; /* directory that trees leave through */
    int64_t now;
    uint64_t total; /* disk use of what stays; only with keep_bytes */
    uint64_t bytes, count;
};

static void release(struct prune *p, struct cache_gc_object *o)
{
    if (o->dead || o->refs)
        return;
    o->dead = true;
    uint64_t bytes = cache_gc_object_bytes(&p->g, o);
    p->total -= CB_MIN(p->total, bytes);
    for (size_t i = 0; i < o->n_needs; i++) {
        o->needs[i]->refs--;
        release(p, o->needs[i]);
    }
}

static void release_garbage(struct prune *p, struct cb_map *map)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));)
        release(p, it->value);
}

static void drop(struct prune *p, struct cache_gc_root *r)
{
    r->dropped = true;
    p->total -= CB_MIN(p->total, r->bytes);
    for (size_t i = 0; i < r->n_needs; i++) {
        r->needs[i]->refs--;
        release(p, r->needs[i]);
    }
}

static void measure(struct prune *p)
{
    struct cb_map *maps[] = {&p->g.layers, &p->g.blobs};
    for (size_t m = 0; m < CB_LEN(maps); m++)
        for (struct cb_map_item *it = NULL; (it = cb_map_next(maps[m], it));)
            p->total += cache_gc_object_bytes(&p->g, it->value);
    for (size_t i = 0; i < p->g.n_roots; i++)
        p->total += p->g.roots[i].bytes;
}

/* May this root go at all, whatever its age? */
static bool is_candidate(const struct cache_prune *how, const struct cache_gc_root *r)
{
    switch (r->kind) {
    case CACHE_GC_RECORD:
        return how->all || ((how->older_than > 0 || how->keep_bytes) && !r->by_image);
    case CACHE_GC_IMAGE:
        return how->all;
    case CACHE_GC_MOUNT:
        return how->mounts;
    case CACHE_GC_FETCH:
        return how->all || how->older_than > 0 || how->keep_bytes;
    }
    return false;
}

static int by_use(const void *a, const void *b)
{
    const struct cache_gc_root *x = *(struct cache_gc_root *const *)a, *y = *(struct cache_gc_root *const *)b;
    return x->used < y->used ? -1 : x->used > y->used;
}

static void choose(struct prune *p)
{
    const struct cache_prune *how = p->how;
    struct cache_gc_root **order = cb_alloc((p->g.n_roots + 1) * sizeof(struct cache_gc_root *));
    size_t n = 0;
    if (how->keep_bytes)
        measure(p);
    for (size_t i = 0; i < p->g.n_roots; i++) {
        struct cache_gc_root *r = &p->g.roots[i];
        if ((r->kind == CACHE_GC_RECORD || r->kind == CACHE_GC_FETCH) && !r->n_needs)
            drop(p, r); /* it can never be hit */
        else if (is_candidate(how, r))
            order[n++] = r;
    }
    release_garbage(p, &p->g.layers);
    release_garbage(p, &p->g.blobs);
    if (n)
        qsort(order, n, sizeof(struct cache_gc_root *), by_use);
    for (size_t i = 0; i < n; i++) {
        if (how->older_than > 0 && p->now - order[i]->used < how->older_than)
            break;
        if (how->keep_bytes && p->total <= how->keep_bytes)
            break;
        drop(p, order[i]);
    }
    free(order);
}

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

static void account(struct prune *p, uint64_t bytes)
{
    p->bytes += bytes;
    p->count++;
}

static int discard_mount(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("mounts/%s", r->name);
    if (mount_in_use(p->g.store, r->name))
        return 0;
    if (discard_tree(p, path, err) < 0)
        return -1;
    account(p, r->bytes);
    return 0;
}

static int discard_root(struct prune *p, struct cache_gc_root *r, struct cb_error *err)
{
    int done = 0;
    switch (r->kind) {
    case CACHE_GC_MOUNT:
        return discard_mount(p, r, err);
    case CACHE_GC_RECORD:
    case CACHE_GC_FETCH:
        done = discard_file(p, r->name, err);
        break;
    case CACHE_GC_IMAGE:
        done = cache_image_remove(p->g.store, r->name, err);
        break;
    }
    if (done < 0)
        return -1;
    account(p, r->bytes);
    return 0;
}

static int discard_objects(struct prune *p, struct cb_map *map, struct cb_error *err)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));) {
        struct cache_gc_object *o = it->value;
        if (!o->dead)
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", o->is_layer ? "layers" : "blobs/sha256", o->hex);
        if ((o->is_layer ? discard_tree(p, path, err) : discard_file(p, path, err)) < 0)
            return -1;
        account(p, cache_gc_object_bytes(&p->g, o));
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
        struct cache_gc_object *o = cb_map_get(&p->g.layers, hex);
        if ((!o || o->dead) && discard_file(p, path, err) < 0)
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
    bool whole = p->how->all && !p->how->keep_bytes && p->how->older_than <= 0;
    (void)cache_store_names(p->g.store, "context", &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("context/%s", names.items[i]);
        if (whole || age_of(p, path) > CONTEXT_KEEP) {
            p->bytes += cache_gc_disk_use(&p->g, p->g.store->root, path);
            (void)unlinkat(p->g.store->root, path, 0);
        }
    }
}

static void remove_lock(struct cache_store *s, const char *name)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int fd = -1;
    if (cache_lock(s, name, true, false, &fd, &ignored) > 0)
        cache_unlock(s, name, &fd);
}

static void tidy_locks(struct prune *p)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    (void)cache_store_names(p->g.store, "locks", &names);
    for (size_t i = 0; i < names.n; i++)
        if (strcmp(names.items[i], "gc") != 0)
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
    tidy_contexts(p);
    tidy_locks(p);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Roots first, then what they named: see gc.h about being killed in between. */
static int discard(struct prune *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->g.n_roots; i++)
        if (p->g.roots[i].dropped && discard_root(p, &p->g.roots[i], err) < 0)
            return -1;
    if (discard_diffs(p, err) < 0 || discard_objects(p, &p->g.layers, err) < 0)
        return -1;
    return discard_objects(p, &p->g.blobs, err);
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
    tidy(p);
    return r;
}

int cache_prune(struct cache_store *s, const struct cache_prune *how, uint64_t *ret_bytes, uint64_t *ret_count,
                struct cb_error *err)
{
    struct prune p = {.how = how, .work = -1, .now = time(NULL)};
    int lock = -1;
    cache_work_sweep(s);
    int r = cache_lock(s, "gc", true, how->wait, &lock, err);
    if (r <= 0)
        return r < 0 ? -1 : cache_fail_busy(s, err);
    r = prune_locked(&p, s, err);
    cache_gc_graph_done(&p.g);
    cache_unlock(s, NULL, &lock);
    cache_work_sweep(s); /* this takes long, and builds need not wait for it */
    if (r < 0)
        return cb_prefix(err, "prune");
    *ret_bytes = p.bytes;
    *ret_count = p.count;
    return 0;
}
