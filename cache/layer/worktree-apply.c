/* A layer's files on a working tree. They are copied (as reflinks where the file system can), never linked: a command writes to
 * them. */
#include "cache/layer/worktree-internal.h"
#include "base/fd.h"

#include <unistd.h>

struct applying {
    struct cache_worktree *w;
    struct cache_layer_disk disk;     /* the tree */
    struct cache_layer_cursor source; /* the layer */
};

static void applying_done(struct applying *a)
{
    cache_layer_disk_done(&a->disk);
    cache_layer_cursor_done(&a->source);
}
CB_DEFINE_AUTO(applying, struct applying, applying_done)

static int empty_dir(struct applying *a, const char *path, struct cb_error *err)
{
    const struct cache_worktree_table *t = &a->w->table;
    const struct cache_entry *e = cache_index_find(&t->x, path);
    size_t i = e ? (size_t)(e - t->x.entries) : 0, end = e ? cache_worktree_table_end(t, i) : 0;
    for (i++; i < end; i = cache_worktree_table_end(t, i))
        if (cache_layer_disk_remove(&a->disk, t->x.entries[i].path, err) < 0)
            return -1;
    return 0;
}

/* What the layer hides is removed first: what it holds itself may be at the same places. */
static int hide(struct applying *a, const struct cache_index *x, struct cb_error *err)
{
    int r = 0;
    for (size_t i = 0; i < x->n && r == 0 && a->w->table.x.n; i++) {
        if (x->entries[i].type == CACHE_WHITEOUT)
            r = cache_layer_disk_remove(&a->disk, x->entries[i].path, err);
        if (x->entries[i].type == CACHE_OPAQUE)
            r = empty_dir(a, x->entries[i].path, err);
    }
    return r;
}

static int make_room(struct applying *a, const struct cache_entry *e, struct cb_error *err)
{
    const struct cache_entry *old = cache_index_find(&a->w->table.x, e->path);
    return old && !(old->type == CB_DIR && e->type == CB_DIR) ? cache_layer_disk_remove(&a->disk, e->path, err) : 0;
}

/* Of several names of a file each becomes a file of its own. */
static int place(struct applying *a, const struct cache_index *x, const struct cache_entry *e, struct cb_error *err)
{
    struct cache_entry own = e->type == CB_HARDLINK ? *cache_index_find(x, e->link) : *e;
    const char *path = own.path;
    own.path = e->path;
    return own.type == CB_FILE ? cache_layer_copy_file(&a->disk, &a->source, &own, path, err)
                               : cache_layer_disk_make(&a->disk, &own, err);
}

static int place_all(struct applying *a, const struct cache_index *x, struct cb_error *err)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];
        if (e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE)
            continue;
        if ((a->w->table.x.n && make_room(a, e, err) < 0) || place(a, x, e, err) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct applying *a, const struct cb_digest *layer, struct cb_error *err)
{
    int fs = cache_layer_open_fs(a->w->store, layer, err);
    if (fs < 0)
        return -1;
    cache_layer_disk_init(&a->disk, a->w->root);
    a->disk.merged = true;
    a->disk.no_devices = a->w->no_devices;
    cache_layer_cursor_set_root(&a->source, fs);
    return fs;
}

int cache_worktree_apply(struct cache_worktree *w, const struct cb_digest *layer, struct cb_error *err)
{
    CB_AUTO(applying) struct applying a = {w, CACHE_LAYER_DISK_INIT, CACHE_LAYER_CURSOR_INIT};
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(close) int fs = begin(&a, layer, err);
    if (fs < 0 || cache_layer_index(w->store, layer, &x, err) < 0 || hide(&a, &x, err) < 0 || place_all(&a, &x, err) < 0)
        return -1;
    if (cache_layer_disk_finish(&a.disk, &x, err) < 0)
        return -1;
    cache_worktree_table_apply(&w->table, &x);
    return 0;
}

/* Whoever can write to it by another name would write to the tree. */
static bool has_other_names(struct cache_worktree *w, const struct cache_entry *e)
{
    struct stat st;
    const char *name;
    CB_AUTO(close) int dir = e->type == CB_DIR ? -1 : cb_open_parent_nofollow(w->root, e->path, &name);
    return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1;
}

static int make_own(struct applying *a, const struct cache_index *x, const struct cache_entry *e, struct cb_error *err)
{
    return cache_layer_disk_remove(&a->disk, e->path, err) < 0 ? -1 : place(a, x, e, err);
}

int cache_worktree_part(struct cache_worktree *w, const struct cb_digest *layer, const struct cache_index *x,
                        struct cb_error *err)
{
    CB_AUTO(applying) struct applying a = {w, CACHE_LAYER_DISK_INIT, CACHE_LAYER_CURSOR_INIT};
    CB_AUTO(close) int fs = begin(&a, layer, err);
    int r = fs < 0 ? -1 : 0;
    for (size_t i = 0; i < x->n && r == 0; i++)
        if (x->entries[i].type == CB_HARDLINK)
            r = make_own(&a, x, &x->entries[i], err);
    for (size_t i = 0; i < x->n && r == 0; i++)
        if (x->entries[i].type != CB_HARDLINK && has_other_names(w, &x->entries[i]))
            r = make_own(&a, x, &x->entries[i], err);
    return r;
}
