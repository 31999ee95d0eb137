/* Which roots go, and what goes with them. Nothing is removed here. */
#include "cache/gc-internal.h"

#include "cache/store/files.h"

#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

const char *const cache_kind_names[CACHE_KINDS] = {"image",    "layer",       "blob",    "record",
                                                   "download", "cache mount", "context", "work"};

static const enum cache_kind kinds[] = {[CACHE_GC_RECORD] = CACHE_KIND_RECORD,
                                        [CACHE_GC_IMAGE] = CACHE_KIND_IMAGE,
                                        [CACHE_GC_MOUNT] = CACHE_KIND_MOUNT,
                                        [CACHE_GC_FETCH] = CACHE_KIND_DOWNLOAD};

/* ---- what is in use ----------------------------------------------------------------------------- */

/* Is it held by nobody, or not there at all? Nothing is made: the store may be read-only. */
static bool lock_is_free(struct cache_store *s, const char *path)
{
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Names of cache mounts' directories are numbers; a lock of the same number is held by whoever uses it. */
static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 9;
}

/* `but`: a slot that does not count; NULL: all do. */
static bool uses_slot(struct cache_store *s, const char *mount, const char *but)
{
    CB_AUTO(cb_strv) struct cb_strv slots = {0};
    CB_AUTO(free) char *dir = cb_printf("mounts/%s", mount);
    (void)cache_store_names(s, dir, &slots);
    for (size_t i = 0; i < slots.n; i++) {
        CB_AUTO(free) char *path = cb_printf("locks/mount-%.64s-%.20s", mount, slots.items[i]);
        if (is_number(slots.items[i]) && (!but || strcmp(slots.items[i], but) != 0) && !lock_is_free(s, path))
            return true;
    }
    return false;
}

bool cache_gc_mount_in_use(struct cache_store *s, const char *mount)
{
    return uses_slot(s, mount, NULL);
}

int cache_gc_lock_mount(struct cache_store *s, const char *mount)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(free) char *name = cb_printf("mount-%.64s-0", mount);
    int fd = -1;
    if (cache_lock(s, name, true, false, &fd, &ignored) != 1)
        return -1;
    if (!uses_slot(s, mount, "0"))
        return fd;
    cache_unlock(s, NULL, &fd);
    return -1;
}

bool cache_gc_owner_is_dead(struct cache_store *s, const char *work)
{
    CB_AUTO(free) char *lock = cb_printf("work/%s.lock", work);
    return lock_is_free(s, lock);
}

/* ---- items ------------------------------------------------------------------------------------------ */

static const char *id_of(const struct cache_gc_root *r)
{
    const char *slash = strrchr(r->name, '/');
    return slash && (r->kind == CACHE_GC_RECORD || r->kind == CACHE_GC_FETCH) ? slash + 1 : r->name;
}

struct cache_item cache_gc_root_item(const struct cache_gc_graph *g, const struct cache_gc_root *r)
{
    bool used = r->kind == CACHE_GC_MOUNT   ? cache_gc_mount_in_use(g->store, r->name)
                : r->kind == CACHE_GC_IMAGE ? !r->unnamed
                                            : r->by_image;
    return (struct cache_item){.kind = kinds[r->kind],
                               .id = id_of(r),
                               .text = r->text,
                               .bytes = cache_gc_size_all(&r->size),
                               .shared = cache_gc_size_shared(&r->size),
                               .used = r->used,
                               .in_use = used};
}

struct cache_item cache_gc_object_item(const struct cache_gc_object *o)
{
    return (struct cache_item){.kind = o->is_layer ? CACHE_KIND_LAYER : CACHE_KIND_BLOB,
                               .id = o->hex,
                               .bytes = cache_gc_size_all(&o->size),
                               .shared = cache_gc_size_shared(&o->size),
                               .in_use = o->by_image};
}

bool cache_filter_is_set(const struct cache_filter *f)
{
    return f->kinds || f->ids.n || f->used != CACHE_EITHER;
}

static bool is_named(const struct cache_item *i, const struct cache_filter *f)
{
    for (size_t k = 0; k < f->ids.n; k++)
        if (i->kind == CACHE_KIND_IMAGE ? strcmp(i->id, f->ids.items[k]) == 0 : cb_starts(i->id, f->ids.items[k]))
            return true;
    return false;
}

bool cache_filter_takes(const struct cache_filter *f, const struct cache_item *i)
{
    if ((f->kinds && !(f->kinds & 1u << i->kind)) || (f->ids.n && !is_named(i, f)))
        return false;
    return f->used == CACHE_EITHER || i->in_use == (f->used == CACHE_YES);
}

/* ---- roots ------------------------------------------------------------------------------------------ */

static bool is_selective(const struct cache_prune *p)
{
    return p->older_than > 0 || p->keep_bytes || cache_filter_is_set(&p->filter);
}

/* Of its kind and state, may it go without being named? */
static bool may_go(const struct cache_gc_root *r, const struct cache_prune *p)
{
    switch (r->kind) {
    case CACHE_GC_RECORD:
        return (p->all || is_selective(p)) && !r->by_image;
    case CACHE_GC_FETCH:
        return p->all || is_selective(p);
    case CACHE_GC_IMAGE:
        return r->unnamed;
    case CACHE_GC_MOUNT:
        return p->all || p->mounts || p->filter.kinds == 1u << CACHE_KIND_MOUNT;
    }
    return false;
}

static bool is_candidate(const struct cache_gc_graph *g, const struct cache_gc_root *r, const struct cache_prune *p)
{
    struct cache_item i = cache_gc_root_item(g, r);
    if (r->dropped || !cache_filter_takes(&p->filter, &i) || (r->kind == CACHE_GC_MOUNT && i.in_use))
        return false;
    return p->filter.ids.n || may_go(r, p);
}

static int by_use(const void *a, const void *b)
{
    const struct cache_gc_root *x = *(struct cache_gc_root *const *)a, *y = *(struct cache_gc_root *const *)b;
    return x->used < y->used ? -1 : x->used > y->used;
}

/* ---- what goes with them ------------------------------------------------------------------------------ */

static uint64_t release(struct cache_gc_graph *g, struct cache_gc_object *o)
{
    if (o->dead || o->refs)
        return 0;
    o->dead = true;
    CB_PUSH(g->dead, g->n_dead, g->cap_dead) = o;
    cache_gc_measure_object(g, o);
    uint64_t freed = cache_gc_size_drop(&o->size);
    for (size_t i = 0; i < o->n_needs; i++) {
        o->needs[i]->refs--;
        freed += release(g, o->needs[i]);
    }
    return freed;
}

static uint64_t release_garbage(struct cache_gc_graph *g, struct cb_map *map)
{
    uint64_t freed = 0;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));)
        freed += release(g, it->value);
    return freed;
}

static uint64_t drop(struct cache_gc_graph *g, struct cache_gc_root *r)
{
    r->dropped = true;
    cache_gc_measure_root(g, r);
    uint64_t freed = cache_gc_size_drop(&r->size);
    for (size_t i = 0; i < r->n_needs; i++) {
        r->needs[i]->refs--;
        freed += release(g, r->needs[i]);
    }
    return freed;
}

/* A record or download that needs nothing can never be hit. */
static bool is_useless(const struct cache_gc_root *r)
{
    return (r->kind == CACHE_GC_RECORD || r->kind == CACHE_GC_FETCH) && !r->n_needs && !r->dropped;
}

uint64_t cache_gc_choose(struct cache_gc_graph *g, const struct cache_prune *p, uint64_t total)
{
    struct cache_gc_root **order = cb_alloc((g->n_roots + 1) * sizeof(struct cache_gc_root *));
    size_t n = 0;
    uint64_t freed = 0;
    int64_t now = time(NULL);
    for (size_t i = 0; i < g->n_roots; i++) {
        if (is_useless(&g->roots[i]))
            freed += drop(g, &g->roots[i]);
        else if (is_candidate(g, &g->roots[i], p))
            order[n++] = &g->roots[i];
    }
    freed += release_garbage(g, &g->layers);
    freed += release_garbage(g, &g->blobs);
    qsort(order, n, sizeof(struct cache_gc_root *), by_use);
    for (size_t i = 0; i < n; i++) {
        if (p->older_than > 0 && now - order[i]->used < p->older_than)
            break;
        if (p->keep_bytes && total - CB_MIN(total, freed) <= p->keep_bytes)
            break;
        freed += drop(g, order[i]);
    }
    free(order);
    return freed;
}
