/* Two trees are compared, made from indexes alone: what the lower layers show, and what all show. */
#include "cache/squash.h"
#include "base/map.h"
#include "cache/layer/reader.h"
#include "cache/store/tree.h"

struct squashing {
    struct cache_layer_writer *to;
    struct cache_reader *reader;
    int n_below;
    struct cb_map first_names; /* "origin:group" -> path of the first name of an inode */
};

/* The first name of an inode carries the bytes, the others are links to it. NULL: this is the first. */
static const char *earlier_name(struct squashing *q, const struct cache_node *node)
{
    if (!node->link_group || node->e.type != CB_FILE)
        return NULL;
    CB_AUTO(free) char *key = cb_printf("%d:%llu", node->origin, (unsigned long long)node->link_group);
    const char *first = cb_map_get(&q->first_names, key);
    if (!first)
        cb_map_set(&q->first_names, key, (void *)cache_node_path(node));
    return first;
}

static int add_node(struct squashing *q, const struct cache_node *node, struct cb_error *err)
{
    struct cache_entry e = node->e;
    const char *first = earlier_name(q, node);
    const struct cache_data data = {.kind = e.type == CB_FILE && !first ? CACHE_DATA_LAYER : CACHE_DATA_NONE,
                                    .reader = q->reader,
                                    .layer = node->origin,
                                    .path = node->data_path};
    if (first)
        e = (struct cache_entry){.path = e.path, .type = CB_HARDLINK, .link = (char *)first};
    return cache_layer_add(q->to, &e, &data, err);
}

static int add_whiteout(struct squashing *q, const struct cache_node *gone, struct cb_error *err)
{
    const struct cache_entry e = {.path = gone->e.path, .type = CACHE_WHITEOUT};
    return cache_layer_add(q->to, &e, &(struct cache_data){.kind = CACHE_DATA_NONE}, err);
}

static const struct cache_node *child_of(const struct cache_node *dir, size_t i)
{
    return dir && dir->e.type == CB_DIR && i < dir->n_children ? dir->children[i] : NULL;
}

/* A pair of directories of one path; `below` is no directory, or NULL, where there is none. Children are sorted by name. */
static int compare(struct squashing *q, const struct cache_node *below, const struct cache_node *all, struct cb_error *err)
{
    for (size_t i = 0, k = 0;;) {
        const struct cache_node *old = child_of(below, i), *new = child_of(all, k);
        if (!old && !new)
            return 0;
        int order = !old ? 1 : !new ? -1 : strcmp(old->name, new->name);
        i += order <= 0;
        k += order >= 0;
        if (order < 0 ? add_whiteout(q, old, err) < 0 : new->origin >= q->n_below && add_node(q, new, err) < 0)
            return -1;
        if (order >= 0 && new->e.type == CB_DIR && compare(q, order == 0 ? old : NULL, new, err) < 0)
            return -1;
    }
}

static int apply(struct cache_store *s, const struct cb_digest *layers, size_t n, struct cache_tree *to, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(cache_index) struct cache_index index = {0};
        if (cache_layer_index(s, &layers[i], &index, err) < 0)
            return -1;
        cache_tree_apply(to, &index, (int)i);
    }
    return 0;
}

int cache_squash(struct cache_store *s, const struct cb_digest *layers, size_t n, size_t n_below, struct cache_layer *ret,
                 struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *below = cache_tree_new();
    CB_AUTO(cache_tree) struct cache_tree *all = cache_tree_new();
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *to = NULL;
    if (apply(s, layers, n_below, below, err) < 0 || apply(s, layers, n, all, err) < 0 || cache_layer_writer_new(s, &to, err) < 0)
        return -1;
    CB_AUTO(cache_reader) struct cache_reader *reader = cache_reader_new(s, layers, n);
    struct squashing q = {.to = to, .reader = reader, .n_below = (int)n_below};
    int r = compare(&q, cache_tree_root(below), cache_tree_root(all), err);
    cb_map_done(&q.first_names);
    return r < 0 ? -1 : cache_layer_commit(to, ret, err);
}
