#include "cache/usage.h"

#include "cache/gc-internal.h"
#include "cache/store/files.h"

#include <time.h>

void cache_usage_done(struct cache_usage *u)
{
    free(u->items);
    cb_arena_done(&u->arena);
    *u = (struct cache_usage){0};
}

struct usage {
    struct cache_gc_graph g;
    const struct cache_filter *filter;
    struct cache_usage *ret;
};

static void add(struct usage *u, const struct cache_gc_size *size, struct cache_item i)
{
    u->ret->sums[i.kind].count++;
    u->ret->sums[i.kind].bytes += size->own + size->first;
    if (!cache_filter_takes(u->filter, &i))
        return;
    i.id = cb_arena_strdup(&u->ret->arena, i.id);
    i.text = i.text ? cb_arena_strdup(&u->ret->arena, i.text) : NULL;
    CB_PUSH(u->ret->items, u->ret->n, u->ret->cap) = i;
}

static void add_objects(struct usage *u, struct cb_map *map)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(map, it));) {
        struct cache_gc_object *o = it->value;
        add(u, &o->size, cache_gc_object_item(o));
    }
}

/* Work of the dead goes at once, tables when they are old, or with all. */
static int add_files(struct usage *u, enum cache_kind kind, const char *dir, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    struct cache_store *s = u->g.store;
    int r = cache_store_names(s, dir, &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/%s'", s->path, dir);
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names.items[i]);
        if (cb_ends(path, ".lock") || cache_is_temporary(names.items[i]) || fstatat(s->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        uint64_t bytes = cache_gc_measure_path(&u->g, path);
        bool work = kind == CACHE_KIND_WORK, dead = work && cache_gc_owner_is_dead(s, names.items[i]);
        u->ret->sums[kind].count += work || !strchr(names.items[i], '.'); /* else another file of the same context */
        u->ret->sums[kind].bytes += bytes;
        u->ret->sums[kind].prune += dead || (!work && time(NULL) - st.st_mtim.tv_sec > CACHE_GC_CONTEXT_KEEP) ? bytes : 0;
        u->ret->sums[kind].all += dead || !work ? bytes : 0;
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const struct cache_item *x = a, *y = b;
    return x->bytes > y->bytes ? -1 : x->bytes < y->bytes ? 1 : strcmp(x->id, y->id);
}

/* The closure of an image: what it leads to, and how much of that other images lead to as well. */
static void visit(struct cache_gc_object **list, size_t n, const void *who, struct cache_item *i)
{
    for (size_t k = 0; k < n; k++) {
        struct cache_gc_object *o = list[k];
        if (o->seen == who)
            continue;
        o->seen = who;
        uint64_t bytes = cache_gc_size_all(&o->size);
        if (i) {
            i->bytes += bytes;
            i->shared += o->images > 1 ? bytes : 0;
        } else {
            o->images++;
        }
        visit(o->needs, o->n_needs, who, i);
    }
}

static void add_roots(struct usage *u)
{
    for (size_t i = 0; i < u->g.n_roots; i++)
        if (u->g.roots[i].kind == CACHE_GC_IMAGE)
            visit(u->g.roots[i].needs, u->g.roots[i].n_needs, &u->g.roots[i], NULL);
    for (size_t i = 0; i < u->g.n_roots; i++) {
        struct cache_gc_root *r = &u->g.roots[i];
        struct cache_item item = cache_gc_root_item(&u->g, r);
        if (r->kind == CACHE_GC_IMAGE)
            visit(r->needs, r->n_needs, &r->size, &item);
        add(u, &r->size, item);
    }
}

static uint64_t take_freed(struct cache_gc_size *z)
{
    uint64_t freed = z->freed;
    z->freed = 0;
    return freed;
}

/* What this prune frees beyond what has been chosen before. What several share is freed by the last of them. */
static void simulate(struct usage *u, const struct cache_prune *p, uint64_t freed[CACHE_KINDS])
{
    cache_gc_choose(&u->g, p, 0);
    for (size_t i = 0; i < u->g.n_dead; i++)
        freed[u->g.dead[i]->is_layer ? CACHE_KIND_LAYER : CACHE_KIND_BLOB] += take_freed(&u->g.dead[i]->size);
    for (size_t i = 0; i < u->g.n_roots; i++)
        freed[cache_gc_root_item(&u->g, &u->g.roots[i]).kind] += take_freed(&u->g.roots[i].size);
}

static void simulate_both(struct usage *u)
{
    uint64_t plain[CACHE_KINDS] = {0}, all[CACHE_KINDS] = {0};
    simulate(u, &(struct cache_prune){0}, plain);
    simulate(u, &(struct cache_prune){.all = true}, all);
    for (size_t k = 0; k < CACHE_KINDS; k++) {
        u->ret->sums[k].prune += plain[k];
        u->ret->sums[k].all += plain[k] + all[k];
    }
}

int cache_usage(struct cache_store *s, const struct cache_filter *filter, struct cache_usage *ret, struct cb_error *err)
{
    struct usage u = {.filter = filter, .ret = ret};
    *ret = (struct cache_usage){0};
    int r = cache_gc_scan(s, &u.g, err);
    if (r == 0) {
        (void)cache_gc_measure_all(&u.g);
        add_objects(&u, &u.g.layers);
        add_objects(&u, &u.g.blobs);
        add_roots(&u);
        simulate_both(&u);
        r = add_files(&u, CACHE_KIND_CONTEXT, "context", err) < 0 || add_files(&u, CACHE_KIND_WORK, "work", err) < 0 ? -1 : 0;
    }
    cache_gc_graph_done(&u.g);
    if (r == 0 && ret->n)
        qsort(ret->items, ret->n, sizeof(*ret->items), by_size);
    return r;
}
