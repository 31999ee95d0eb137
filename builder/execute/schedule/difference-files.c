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

static void add_file(struct cb_map *files, const char *dest, const char *below, const struct cache_node *node)
{
    CB_AUTO(free) char *path = cb_path_join(dest, below);
    if (node->e.type != CB_DIR)
        cb_map_set(files, path + 1, (void *)node);
}

/* By their paths in the layer, as far as no link there leads elsewhere. */
static void add_selection(struct cb_map *files, const struct build_selection *s, const char *dest)
{
    for (size_t i = 0; i < s->n_items; i++) {
        const struct build_item *item = &s->items[i];
        if (!item->is_dir)
            add_file(files, dest, item->name, item->node);
        for (size_t k = 0; k < item->n_picks; k++)
            add_file(files, dest, build_pick_path(item, &item->picks[k]), item->picks[k].node);
    }
}

static bool same_file(const struct cache_entry *a, const struct cache_entry *b, bool modes)
{
    return a->type == b->type && cb_digest_eq(&a->digest, &b->digest) && strcmp(link_of(a), link_of(b)) == 0 &&
           (!modes || a->type == CB_SYMLINK || a->mode == b->mode);
}

bool build_differences_of_selection(const struct build_copy *copy, const struct build_selection *now,
                                    const struct cache_index *before, struct build_differences *ret)
{
    CB_AUTO(cb_map) struct cb_map files = {0};
    CB_AUTO(free) char *dest = cb_path_abs(copy->workdir, copy->dest);
    size_t n_same = 0;
    if (copy->parents || copy->unpack)
        return false;
    add_selection(&files, now, dest);
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&files, it));) {
        const struct cache_node *node = it->value;
        const struct cache_entry *old = cache_index_find(before, it->key);
        if (old && same_file(&node->e, old, !copy->has_chmod))
            n_same++;
        else
            add_entry(ret, cache_node_path(node), old, &node->e);
    }
    for (size_t i = 0; i < before->n; i++) { /* that are known by their paths in the layer only */
        const struct cache_entry *old = &before->entries[i];
        if (old->type == CB_DIR || cb_map_has(&files, old->path))
            continue;
        CB_AUTO(free) char *path = cb_printf("/%s", old->path);
        add_entry(ret, path, old, NULL);
    }
    return n_same && ret->n;
}
