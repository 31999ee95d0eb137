/* What of a cache mount is to be in a shared cache, and in which packs. */
#include "base/map.h"
#include "builder/share/mount-list.h"

struct planning {
    const struct cache_mount_state *here;
    const struct build_mount_list *there; /* NULL: nothing */
    uint32_t *used;                       /* of each entry here */
    bool *left_out;
};

/* ---- which files ----------------------------------------------------------------------------------------------------- */

/* A file that came from there has new times of its own; what it was used before, the list there knows. */
static uint32_t day_of_use(const struct planning *p, size_t i)
{
    const struct cache_entry *e = &p->here->files.entries[i];
    const struct cache_entry *old = p->there ? cache_index_find(&p->there->files, e->path) : NULL;
    const struct cache_mount_times *t = &p->here->times[i];
    if (!old || old->type != CB_FILE || !cb_digest_eq(&old->digest, &e->digest))
        return t->made;
    return CB_MAX(t->used, p->there->used[old - p->there->files.entries]);
}

struct candidate {
    uint32_t used;
    uint64_t size;
    size_t entry;
};

/* Least recently used first; of those the largest. */
static int first_to_go(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    if (a->used != b->used)
        return a->used < b->used ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static void leave_out(struct planning *p, const struct build_mount_limits *limits)
{
    const struct cache_index *x = &p->here->files;
    CB_AUTO(free) struct candidate *list = cb_alloc((x->n + 1) * sizeof(*list));
    uint64_t sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->entries[i].type != CB_FILE)
            continue;
        p->used[i] = CB_MIN(day_of_use(p, i), limits->today);
        p->left_out[i] = limits->today - p->used[i] > limits->max_age;
        if (p->left_out[i])
            continue;
        list[n++] = (struct candidate){p->used[i], x->entries[i].size, i};
        sum += x->entries[i].size;
    }
    if (sum <= limits->max_size)
        return;
    qsort(list, n, sizeof(*list), first_to_go);
    for (size_t i = 0; i < n && sum > limits->max_size; i++) {
        p->left_out[list[i].entry] = true;
        sum -= list[i].size;
    }
}

/* With a file go its other names. */
static bool stays(const struct planning *p, size_t i)
{
    const struct cache_index *x = &p->here->files;
    if (x->entries[i].type != CB_HARDLINK)
        return !p->left_out[i];
    const struct cache_entry *data = cache_index_find(x, x->entries[i].link);
    return data && !p->left_out[data - x->entries];
}

static void copy_entries(const struct planning *p, struct build_mount_list *ret)
{
    const struct cache_index *x = &p->here->files;
    ret->used = cb_alloc((x->n + 1) * sizeof(*ret->used));
    ret->pack = cb_alloc((x->n + 1) * sizeof(*ret->pack));
    for (size_t i = 0; i < x->n; i++) {
        if (!stays(p, i))
            continue;
        ret->used[ret->files.n] = p->used[i];
        ret->pack[ret->files.n] = BUILD_MOUNT_NO_PACK;
        cache_index_add(&ret->files, &x->entries[i]);
    }
}

/* ---- which packs ----------------------------------------------------------------------------------------------------- */

struct packing {
    struct build_mount_list *list;
    const struct build_mount_list *there;
    struct cb_map old;  /* digest -> the pack there that has it */
    uint64_t *live;     /* bytes of each pack there that are still wanted */
    bool *given_up;     /* packs whose files are packed anew */
    uint32_t *now;      /* their numbers in the new list */
    uint64_t new_bytes; /* that are packed */
};

static const struct build_mount_pack *pack_of(const struct packing *p, const struct cb_digest *d)
{
    return cb_map_getn(&p->old, (const char *)d->b, sizeof(d->b));
}

static void note_old(struct packing *p)
{
    for (size_t i = 0; i < p->there->files.n; i++) {
        const struct cache_entry *e = &p->there->files.entries[i];
        if (e->type == CB_FILE && !pack_of(p, &e->digest))
            cb_map_setn(&p->old, (const char *)e->digest.b, sizeof(e->digest.b), &p->there->packs[p->there->pack[i]]);
    }
}

/* Each content counts once. */
static void count(struct packing *p)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    for (size_t i = 0; i < p->list->files.n; i++) {
        const struct cache_entry *e = &p->list->files.entries[i];
        const char *key = (const char *)e->digest.b;
        if (e->type != CB_FILE || cb_map_getn(&seen, key, sizeof(e->digest.b)))
            continue;
        cb_map_setn(&seen, key, sizeof(e->digest.b), p);
        const struct build_mount_pack *old = pack_of(p, &e->digest);
        if (old)
            p->live[old - p->there->packs] += e->size;
        else
            p->new_bytes += e->size;
    }
}

/* One that is mostly dead; and small ones beside what is packed anyway: so there are never many. */
static bool is_to_go(const struct packing *p, size_t i)
{
    const struct build_mount_pack *pack = &p->there->packs[i];
    bool small = pack->raw < BUILD_MOUNT_FILE_BIG;
    return p->live[i] * 2 < pack->raw || (small && p->live[i] <= p->new_bytes && p->new_bytes);
}

static void give_up(struct packing *p)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < p->there->n_packs; i++) {
            if (p->given_up[i] || !is_to_go(p, i))
                continue;
            p->given_up[i] = more = true;
            p->new_bytes += p->live[i];
        }
    }
}

static void keep(struct packing *p)
{
    for (size_t i = 0; i < p->there->n_packs; i++) {
        p->now[i] = BUILD_MOUNT_NO_PACK;
        if (p->given_up[i] || (!p->live[i] && p->there->packs[i].raw))
            continue;
        p->now[i] = (uint32_t)p->list->n_packs;
        CB_PUSH(p->list->packs, p->list->n_packs, p->list->cap_packs) = p->there->packs[i];
    }
    for (size_t i = 0; i < p->list->files.n; i++) {
        const struct cache_entry *e = &p->list->files.entries[i];
        const struct build_mount_pack *old = e->type == CB_FILE ? pack_of(p, &e->digest) : NULL;
        if (old)
            p->list->pack[i] = p->now[old - p->there->packs];
    }
}

static void choose_packs(struct build_mount_list *list, const struct build_mount_list *there)
{
    CB_AUTO(free) uint64_t *live = cb_alloc((there->n_packs + 1) * sizeof(*live));
    CB_AUTO(free) bool *given_up = cb_alloc(there->n_packs + 1);
    CB_AUTO(free) uint32_t *now = cb_alloc((there->n_packs + 1) * sizeof(*now));
    struct packing p = {.list = list, .there = there, .live = live, .given_up = given_up, .now = now};
    note_old(&p);
    count(&p);
    give_up(&p);
    keep(&p);
    cb_map_done(&p.old);
}

void build_mount_plan(const struct cache_mount_state *here, const struct build_mount_list *there,
                      const struct build_mount_limits *limits, struct build_mount_list *ret)
{
    size_t n = here->files.n;
    CB_AUTO(free) uint32_t *used = cb_alloc((n + 1) * sizeof(*used));
    CB_AUTO(free) bool *left_out = cb_alloc(n + 1);
    struct planning p = {here, there, used, left_out};
    ret->mode = here->mode;
    ret->uid = here->uid;
    ret->gid = here->gid;
    leave_out(&p, limits);
    copy_entries(&p, ret);
    if (there)
        choose_packs(ret, there);
}
