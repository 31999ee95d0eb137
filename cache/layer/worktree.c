#include "cache/layer/worktree-internal.h"

#include <stdio.h>
#include <unistd.h>

/* In `place`, by the layers that it shows. */
struct name {
    char text[sizeof("tree-") + CB_DIGEST_HEX];
};

static struct name name_of(const struct cb_digest *layers, size_t n)
{
    struct name name = {"tree-"};
    struct cb_digest all;
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    for (size_t i = 0; i < n; i++)
        cb_sha256_add(&sha, layers[i].b, sizeof(layers[i].b));
    cb_sha256_end(&sha, &all);
    cb_digest_hex(&all, name.text + strlen("tree-"));
    return name;
}

/* The tree that shows most of the layers becomes ours. Gives how many it shows, 0: there is none. */
static size_t take_over(struct cache_worktree *w)
{
    for (size_t n = w->n; n > 0; n--)
        if (renameat(w->place, name_of(w->layers, n).text, w->dir, "tree") == 0)
            return n;
    return 0;
}

static int open_tree(struct cache_worktree *w, struct cb_error *err)
{
    w->tree = openat(w->dir, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    w->root = w->tree < 0 ? -1 : openat(w->tree, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return w->root < 0 ? cb_fail_sys(err, errno, "open a working tree") : 0;
}

static int make_new(struct cache_worktree *w, struct cb_error *err)
{
    if (mkdirat(w->dir, "tree", 0700) < 0 || mkdirat(w->dir, "tree/fs", 0755) < 0)
        return cb_fail_sys(err, errno, "make a working tree in '%s/work'", w->store->path);
    if (open_tree(w, err) < 0)
        return -1;
    int r = cache_layer_plain_root(w->root);
    return r < 0 ? cb_fail_sys(err, r, "make a working tree in '%s/work'", w->store->path) : 0;
}

static int prepare(struct cache_worktree *w, struct cb_error *err)
{
    size_t shown = take_over(w);
    if (shown ? open_tree(w, err) < 0 || cache_worktree_table_read(w->tree, "table", &w->table, err) < 0 : make_new(w, err) < 0)
        return -1;
    for (size_t i = shown; i < w->n; i++)
        if (cache_worktree_apply(w, &w->layers[i], err) < 0)
            return -1;
    if (cache_worktree_table_look(&w->table, w->root, err) < 0)
        return -1;
    cache_worktree_table_wait(&w->table);
    return 0;
}

int cache_worktree_take(struct cache_store *s, int place, int dir, const struct cb_digest *layers, size_t n, bool devices,
                        struct cache_worktree **ret, struct cb_error *err)
{
    CB_AUTO(cache_worktree) struct cache_worktree *w = CB_NEW(struct cache_worktree);
    *w = (struct cache_worktree){.store = s, .place = place, .dir = dir, .tree = -1, .root = -1, .n = n, .no_devices = !devices};
    w->layers = cb_alloc((n + 2) * sizeof(*w->layers));
    for (size_t i = 0; i < n; i++)
        w->layers[i] = layers[i];
    if (prepare(w, err) < 0)
        return -1;
    *ret = CB_TAKE(w);
    return 0;
}

int cache_worktree_again(struct cache_store *s, int dir, struct cache_worktree **ret, struct cb_error *err)
{
    CB_AUTO(cache_worktree) struct cache_worktree *w = CB_NEW(struct cache_worktree);
    *w = (struct cache_worktree){.store = s, .place = -1, .dir = dir, .tree = -1, .root = -1};
    if (open_tree(w, err) < 0)
        return -1;
    *ret = CB_TAKE(w);
    return 0;
}

int cache_worktree_root(const struct cache_worktree *w)
{
    return w->root;
}

void cache_worktree_leave(struct cache_worktree *w)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* without it the next step makes a tree of its own */
    if (!w->committed || cache_worktree_table_write(w->tree, "table", &w->table, &ignored) < 0)
        return;
    /* One that another step left shows the same. */
    (void)cache_rename_new(w->dir, "tree", w->place, name_of(w->layers, w->n).text);
}

const struct cb_link_owners *cache_worktree_links(struct cache_worktree *w)
{
    const struct cache_index *x = &w->table.x;
    size_t cap = 0;
    free(w->links.items);
    w->links = (struct cb_link_owners){0};
    for (size_t i = 0; !cache_layer_can_set_owners() && i < x->n; i++)
        if (cache_layer_is_owned_link(&x->entries[i]))
            CB_PUSH(w->links.items, w->links.n, cap) =
                (struct cb_link_owner){x->entries[i].path, x->entries[i].uid, x->entries[i].gid};
    return &w->links;
}

void cache_worktree_free(struct cache_worktree *w)
{
    if (!w)
        return;
    free(w->links.items);
    cb_close(w->root);
    cb_close(w->tree);
    cache_worktree_table_done(&w->table);
    free(w->layers);
    free(w);
}
