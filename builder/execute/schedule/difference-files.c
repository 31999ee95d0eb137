/* Which files are different, where the notes of a step name directories only. */
#include "base/map.h"
#include "base/path.h"
#include "builder/copy/entry.h"
#include "builder/execute/schedule/difference.h"
#include "builder/plan/plan.h"
#include "cache/store/index.h"

#include <stdio.h>

static const char *link_of(const struct cache_entry *e)
{
    return e->link ? e->link : "";
}

/* One of the two may be NULL. */
static void add_entry(struct build_differences *d, const char *path, const struct cache_entry *before,
                      const struct cache_entry *now)
{
    const struct cache_entry *sides[] = {before, now};
    char digests[2][CB_DIGEST_HEX + 1] = {"", ""};
    for (int i = 0; i < 2; i++)
        if (sides[i] && sides[i]->type == CB_FILE)
            cb_digest_hex(&sides[i]->digest, digests[i]);
    build_differences_add(d, !before ? BUILD_ADDED : !now ? BUILD_REMOVED : BUILD_CHANGED, path, digests[0], digests[1]);
}

/* ---- of two layers --------------------------------------------------------------------------------------- */

static bool same(const struct cache_entry *a, const struct cache_entry *b)
{
    return build_same_owner_mode(a, b) && cb_digest_eq(&a->digest, &b->digest) && strcmp(link_of(a), link_of(b)) == 0 &&
           a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* A directory is there because of what lies in it. */
static void compare(struct build_differences *d, const struct cache_entry *before, const struct cache_entry *now)
{
    const struct cache_entry *either = now ? now : before;
    if ((before && now && same(before, now)) || (either->type == CB_DIR && !(before && now)))
        return;
    CB_AUTO(free) char *path = cb_printf("/%s", either->path);
    add_entry(d, path, before, now);
}

void build_differences_of_layers(const struct cache_index *before, const struct cache_index *now, struct build_differences *ret)
{
    for (size_t i = 0, k = 0; i < before->n || k < now->n;) {
        const struct cache_entry *a = i < before->n ? &before->entries[i] : NULL;
        const struct cache_entry *b = k < now->n ? &now->entries[k] : NULL;
        int order = !a ? 1 : !b ? -1 : cache_index_compare(a->path, b->path);
        compare(ret, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        i += order <= 0;
        k += order >= 0;
    }
}

/* ---- of what a COPY takes, and its earlier layer ---------------------------------------------------------- */

/* What is selected, by its path in the layer, as far as no link there leads elsewhere. */
struct selected {
    struct cb_map files; /* of struct cache_entry, whose path is that in the context */
    struct cb_arena arena;
};

static void selected_done(struct selected *s)
{
    cb_map_done(&s->files);
    cb_arena_done(&s->arena);
}
CB_DEFINE_AUTO(selected, struct selected, selected_done)

static void add_file(struct selected *to, const char *dest, const char *below, const char *shown, const struct cache_entry *e)
{
    CB_AUTO(free) char *path = cb_path_join(dest, below);
    struct cache_entry *copy = cb_arena_alloc(&to->arena, sizeof(*copy));
    *copy = *e;
    copy->path = cb_arena_strdup(&to->arena, shown);
    copy->link = cb_arena_strdup(&to->arena, e->link);
    cb_map_set(&to->files, path + 1, copy);
}

/* False: it cannot be read. */
static bool add_selection(struct selected *to, const struct build_selection *s, const char *dest)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int r = 0;
    for (size_t i = 0; i < s->n_items && r == 0; i++) {
        const struct build_item *item = &s->items[i];
        CB_AUTO(build_pick_cursor) struct build_pick_cursor c = BUILD_PICK_CURSOR_INIT(item);
        struct build_picked p;
        if (!item->is_dir)
            add_file(to, dest, item->name, cache_node_path(item->node), &item->node->e);
        while ((r = build_pick_next(&c, &p, &ignored)) > 0) {
            CB_AUTO(free) char *shown = build_item_path(item, p.x.e.path);
            if (p.x.e.type != CB_DIR)
                add_file(to, dest, p.x.e.path, shown, &p.x.e);
        }
    }
    return r == 0;
}

static bool same_file(const struct cache_entry *a, const struct cache_entry *b, bool modes)
{
    return a->type == b->type && cb_digest_eq(&a->digest, &b->digest) && strcmp(link_of(a), link_of(b)) == 0 &&
           (!modes || a->type == CB_SYMLINK || a->mode == b->mode);
}

static void add_removed(struct build_differences *d, const struct cache_entry *old)
{
    CB_AUTO(free) char *path = cb_printf("/%s", old->path);
    add_entry(d, path, old, NULL);
}

bool build_differences_of_selection(const struct build_copy *copy, const struct build_selection *now,
                                    const struct cache_index *before, struct build_differences *ret)
{
    CB_AUTO(selected) struct selected selected = {.arena = {NULL}};
    CB_AUTO(free) char *dest = cb_path_abs(copy->workdir, copy->dest);
    size_t n_same = 0;
    if (copy->parents || copy->unpack || !add_selection(&selected, now, dest))
        return false;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&selected.files, it));) {
        const struct cache_entry *e = it->value, *old = cache_index_find(before, it->key);
        if (old && same_file(e, old, !copy->has_chmod))
            n_same++;
        else
            add_entry(ret, e->path, old, e);
    }
    for (size_t i = 0; i < before->n; i++) { /* that are known by their paths in the layer only */
        const struct cache_entry *old = &before->entries[i];
        if (old->type != CB_DIR && !cb_map_has(&selected.files, old->path))
            add_removed(ret, old);
    }
    return n_same && ret->n;
}

/* ---- the same of a list, of which nothing is held ----------------------------------------------------------- */

/* Two runs of entries in the same order: those of the list, and those of the layer. */
struct merge {
    const struct build_item *item;
    const char *dest;
    struct build_pick_cursor picks;
    struct cache_index_cursor *layer;
    struct build_picked pick;
    struct cache_entry old;
    char *path;  /* of the pick in the layer, after a '/'; NULL: there is no more */
    bool no_old; /* nor of these */
    struct cb_error failed;
};

static void next_pick(struct merge *m)
{
    free(CB_TAKE(m->path));
    if (build_pick_next(&m->picks, &m->pick, &m->failed) > 0)
        m->path = cb_path_join(m->dest, m->pick.x.e.path);
}

static void next_old(struct merge *m)
{
    m->no_old = cache_index_cursor_next(m->layer, &m->old, &m->failed) <= 0;
}

/* < 0: the pick comes first. */
static int order_of(const struct merge *m)
{
    return !m->path ? 1 : m->no_old ? -1 : cache_index_compare(m->path + 1, m->old.path);
}

/* False: something cannot be read. */
static bool merge(struct merge *m, void (*each)(void *arg, struct merge *m, int order), void *arg)
{
    m->picks = BUILD_PICK_CURSOR_INIT(m->item);
    next_pick(m);
    next_old(m);
    while (!m->failed.code && (m->path || !m->no_old)) {
        int o = order_of(m);
        each(arg, m, o);
        if (o <= 0)
            next_pick(m);
        if (o >= 0)
            next_old(m);
    }
    bool read = !m->failed.code;
    free(m->path);
    build_pick_cursor_done(&m->picks);
    cb_error_done(&m->failed);
    return read;
}

struct findings {
    const struct build_copy *copy;
    struct build_differences *d;
    size_t n_same;
};

static void note_pick(void *arg, struct merge *m, int order)
{
    struct findings *f = arg;
    const struct cache_entry *e = &m->pick.x.e, *old = order == 0 ? &m->old : NULL;
    if (order > 0 || e->type == CB_DIR)
        return;
    if (old && same_file(e, old, !f->copy->has_chmod)) {
        f->n_same++;
        return;
    }
    CB_AUTO(free) char *shown = build_item_path(m->item, e->path);
    add_entry(f->d, shown, old, e);
}

static void note_removed(void *arg, struct merge *m, int order)
{
    struct findings *f = arg;
    bool there = order == 0 && m->pick.x.e.type != CB_DIR;
    if (order >= 0 && m->old.type != CB_DIR && !there)
        add_removed(f->d, &m->old);
}

bool build_differences_of_list(const struct build_copy *copy, const struct build_item *now, struct cache_index_cursor before[2],
                               struct build_differences *ret)
{
    CB_AUTO(free) char *dest = cb_path_abs(copy->workdir, copy->dest);
    struct findings f = {.copy = copy, .d = ret};
    if (copy->parents || copy->unpack)
        return false;
    for (int i = 0; i < 2; i++) { /* what is removed comes last */
        struct merge m = {.item = now, .dest = dest, .layer = &before[i], .failed = CB_ERROR_INIT};
        if (!merge(&m, i ? note_removed : note_pick, &f))
            return false;
    }
    return f.n_same && ret->n;
}
