/* The difference between an upper and its tree, as entries of a layer (dockerfile.md §17). */
#include "builder/copy/upper.h"

#include <assert.h>

/* A list of nodes: the order in which they are written, or those still to visit. */
struct nodes {
    struct build_upnode **items;
    size_t n, cap;
};
static void nodes_done(struct nodes *o)
{
    free(o->items);
}
CB_DEFINE_AUTO(nodes, struct nodes, nodes_done)

/* ---- what is the same ---------------------------------------------------------------------- */

static bool same_content(const struct build_inode *i, const struct cache_node *below)
{
    static const struct cb_digest unknown;
    const struct cache_entry *e = &i->b.e;
    if (e->type != CB_FILE || e->size == 0 || (i->b.data == BUILD_DATA_DEST && i->b.node == below))
        return true;
    return !cb_digest_eq(&e->digest, &unknown) && cb_digest_eq(&e->digest, &below->e.digest);
}

static bool differs(const struct build_upnode *n)
{
    if (n->gone)
        return n->below != NULL;
    if (!n->inode)
        return false;
    if (!n->below)
        return true;
    if (n->inode->b.e.type == CB_DIR)
        return !build_same_owner_mode(&n->inode->b.e, &n->below->e);
    return !build_same_entry(&n->inode->b.e, &n->below->e) || !same_content(n->inode, n->below);
}

/* Whether a name shares an inode with one that was another file below. */
static bool joins(const struct build_upnode *n)
{
    const struct cache_node *other = n->inode->below;
    return other && other != n->below &&
           (other->link_group == 0 || other->link_group != n->below->link_group || other->origin != n->below->origin);
}

static void mark(struct build_upnode *n)
{
    n->in_layer = differs(n);
    if (!n->inode || n->gone)
        return;
    n->inode->in_layer = n->inode->in_layer || n->in_layer || joins(n);
    n->inode->below = n->in_layer ? n->inode->below : n->below;
}

/* ---- the order ----------------------------------------------------------------------------- */

/* A directory that was replaced by another one: what vanished from it becomes one whiteout each. */
static void add_whiteouts(struct build_upper *u, struct build_upnode *dir, struct nodes *to)
{
    if (!dir->opaque || !dir->below || dir->below->e.type != CB_DIR || !build_upnode_is_dir(dir))
        return;
    for (size_t i = 0; i < dir->below->n_children; i++) {
        const struct cache_node *c = dir->below->children[i];
        if (dir->kids && cb_map_get(&dir->kids->map, c->name))
            continue;
        struct build_upnode *n = cb_arena_alloc(&u->arena, sizeof(*n));
        n->name = c->name;
        n->parent = dir;
        n->below = c;
        n->gone = true;
        CB_PUSH(to->items, to->n, to->cap) = n;
    }
}

static int backwards(const void *a, const void *b)
{
    return -strcmp((*(struct build_upnode *const *)a)->name, (*(struct build_upnode *const *)b)->name);
}

static void collect(struct build_upper *u, struct nodes *order)
{
    CB_AUTO(nodes) struct nodes todo = {0};
    CB_PUSH(todo.items, todo.n, todo.cap) = u->root;
    while (todo.n > 0) {
        struct build_upnode *n = todo.items[--todo.n];
        CB_PUSH(order->items, order->n, order->cap) = n;
        if (n->gone)
            continue;
        size_t first = todo.n;
        for (struct cb_map_item *it = NULL; n->kids && (it = cb_map_next(&n->kids->map, it));)
            CB_PUSH(todo.items, todo.n, todo.cap) = it->value;
        add_whiteouts(u, n, &todo);
        if (todo.n - first > 1)
            qsort(todo.items + first, todo.n - first, sizeof(*todo.items), backwards);
    }
    for (size_t i = 0; i < order->n; i++)
        mark(order->items[i]);
    for (size_t i = order->n; i-- > 0;) {
        struct build_upnode *n = order->items[i];
        n->in_layer = n->in_layer || (n->inode && n->inode->in_layer && !n->gone);
        if (n->in_layer && n->parent)
            n->parent->in_layer = true;
    }
}

/* ---- the entries --------------------------------------------------------------------------- */

static void make_path(struct build_upper *u, struct build_upnode *n)
{
    size_t up = strlen(n->parent->path), len = strlen(n->name);
    char *path = cb_arena_alloc(&u->arena, up + len + 2);
    memcpy(path, n->parent->path, up);
    if (up)
        path[up++] = '/';
    memcpy(path + up, n->name, len + 1);
    n->path = path;
}

/* An inode's first name is the inode's own entry; what has none (whiteouts, directories of the tree, further names) gets one. */
static const struct build_entry *make_entry(struct build_upper *u, struct build_upnode *n)
{
    struct build_entry *b;
    if (n->inode && !n->inode->b.e.path) {
        b = &n->inode->b;
    } else {
        b = cb_arena_alloc(&u->arena, sizeof(*b));
        b->e = n->inode ? n->inode->b.e : n->gone ? (struct cache_entry){.type = CACHE_WHITEOUT} : n->below->e;
        assert(n->inode || n->gone || b->e.type == CB_DIR); /* a file as the tree has it does not differ */
        if (n->inode && b->e.type != CB_DIR) {
            b->e.link = n->inode->b.e.path;
            b->e.type = CB_HARDLINK;
            memset(&b->e.digest, 0, sizeof(b->e.digest));
        }
    }
    b->e.path = n->path;
    build_keep_capability(&b->e);
    return b;
}

/* 0: as they come; 1: members, in the order of their archives; 2: hard links, behind what they name. */
static int rank(const struct build_entry *b)
{
    return b->e.type == CB_HARDLINK ? 2 : b->data == BUILD_DATA_MEMBER;
}

static int by_member(const void *p, const void *q)
{
    const struct build_entry *a = *(const struct build_entry *const *)p, *b = *(const struct build_entry *const *)q;
    if (a->archive != b->archive)
        return a->archive < b->archive ? -1 : 1;
    return a->member < b->member ? -1 : a->member > b->member;
}

static void sort_ranks(struct build_layer *l)
{
    const struct build_entry **sorted = cb_alloc((l->n + 1) * sizeof(struct build_entry *));
    size_t n = 0, start[3];
    for (int r = 0; r < 3; r++) {
        start[r] = n;
        for (size_t i = 0; i < l->n; i++)
            if (rank(l->entries[i]) == r)
                sorted[n++] = l->entries[i];
    }
    if (start[2] - start[1] > 1)
        qsort(sorted + start[1], start[2] - start[1], sizeof(struct build_entry *), by_member);
    free(l->entries);
    l->entries = sorted;
    l->cap = l->n + 1;
}

void build_upper_chain(struct build_upper *u, struct build_upnode *dir, struct build_layer *ret)
{
    CB_AUTO(nodes) struct nodes chain = {0};
    for (struct build_upnode *n = dir; n->parent; n = n->parent)
        CB_PUSH(chain.items, chain.n, chain.cap) = n;
    u->root->path = "";
    for (size_t i = chain.n; i-- > 0;) {
        make_path(u, chain.items[i]);
        CB_PUSH(ret->entries, ret->n, ret->cap) = make_entry(u, chain.items[i]);
    }
}

void build_upper_layer(struct build_upper *u, struct build_layer *ret)
{
    CB_AUTO(nodes) struct nodes order = {0};
    collect(u, &order);
    u->root->path = "";
    for (size_t i = 0; i < order.n; i++) {
        struct build_upnode *n = order.items[i];
        if (!n->in_layer || !n->parent)
            continue;
        make_path(u, n);
        CB_PUSH(ret->entries, ret->n, ret->cap) = make_entry(u, n);
    }
    sort_ranks(ret);
}
