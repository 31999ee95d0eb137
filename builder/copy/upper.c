#include "builder/copy/upper.h"

#include "base/limits.h"
#include "builder/copy/pathwalk.h"

#include <sys/stat.h>

#define PATHS_BASE (256u << 20) /* bytes of paths that any layer may have */
#define PATHS_EACH 256u         /* and per entry: three times what deep real trees have on average */

void build_upper_init(struct build_upper *u, struct cache_tree *below)
{
    *u = (struct build_upper){0};
    u->root = cb_arena_alloc(&u->arena, sizeof(*u->root));
    u->root->name = "";
    if (below) {
        u->root->below = cache_tree_root(below);
        return;
    }
    u->root->inode = cb_arena_alloc(&u->arena, sizeof(*u->root->inode));
    u->root->inode->b.e = (struct cache_entry){.type = CB_DIR, .mode = 0755};
}

void build_upper_done(struct build_upper *u)
{
    for (struct build_kids *k = u->all_kids; k; k = k->next)
        cb_map_done(&k->map);
    cb_arena_done(&u->arena);
    *u = (struct build_upper){0};
}

static const struct cache_entry *upnode_entry(const struct build_upnode *n)
{
    return n->inode ? &n->inode->b.e : &n->below->e;
}

bool build_upnode_is_dir(const struct build_upnode *n)
{
    return upnode_entry(n)->type == CB_DIR;
}

char *build_upnode_path(const struct build_upnode *n)
{
    size_t len = 0;
    for (const struct build_upnode *p = n; p->parent; p = p->parent)
        len += strlen(p->name) + 1;
    if (len == 0)
        return cb_strdup("/");
    char *path = cb_alloc(len + 1);
    for (const struct build_upnode *p = n; p->parent; p = p->parent) {
        size_t k = strlen(p->name);
        len -= k + 1;
        path[len] = '/';
        memcpy(path + len + 1, p->name, k);
    }
    return path;
}

/* ---- children ------------------------------------------------------------------------------ */

static const struct cache_node *below_child(const struct build_upnode *dir, const char *name, size_t len)
{
    if (!dir->below || dir->below->e.type != CB_DIR)
        return NULL;
    return cache_node_child(dir->below, name, len);
}

static struct build_upnode *known_child(const struct build_upnode *dir, const char *name, size_t len)
{
    return dir->kids ? cb_map_getn(&dir->kids->map, name, len) : NULL;
}

static struct build_upnode *add_child(struct build_upper *u, struct build_upnode *dir, const char *name, size_t len)
{
    if (!dir->kids) {
        dir->kids = cb_arena_alloc(&u->arena, sizeof(*dir->kids));
        dir->kids->next = u->all_kids;
        u->all_kids = dir->kids;
    }
    struct build_upnode *n = cb_arena_alloc(&u->arena, sizeof(*n));
    n->name = cb_arena_memdup0(&u->arena, name, len);
    n->parent = dir;
    n->below = below_child(dir, name, len);
    n->path_len = dir->path_len + (uint32_t)len + (dir->parent != NULL);
    cb_map_setn(&dir->kids->map, name, len, n);
    return n;
}

struct build_upnode *build_upper_child(struct build_upper *u, struct build_upnode *dir, const char *name, size_t len)
{
    if (!build_upnode_is_dir(dir))
        return NULL;
    struct build_upnode *n = known_child(dir, name, len);
    if (n)
        return n;
    if (dir->opaque || !below_child(dir, name, len))
        return NULL;
    return add_child(u, dir, name, len);
}

struct build_inode *build_inode_new(struct build_upper *u, const struct build_entry *b)
{
    struct build_inode *i = cb_arena_alloc(&u->arena, sizeof(*i));
    i->b = *b;
    i->b.e.path = NULL;
    return i;
}

/* What was below a removed directory is forgotten; its map stays in the list of those to be released. */
static void clear(struct build_upnode *n)
{
    n->kids = NULL;
    n->opaque = true;
}

/* Refuses a layer whose paths are longer than those of any real tree, in total and for each entry. */
static int count_name(struct build_upper *u, const struct build_upnode *dir, size_t len, struct cb_error *err)
{
    u->path_bytes += dir->path_len + len;
    if (u->n_put++ >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_FAILED, "more than %u entries for one layer", CB_MAX_ENTRIES);
    if (dir->path_len + len >= CB_MAX_PATH || u->path_bytes > PATHS_BASE + (uint64_t)u->n_put * PATHS_EACH)
        return cb_fail(err, CB_E_FAILED, "the paths of the layer are too long (%llu bytes for %zu entries)",
                       (unsigned long long)u->path_bytes, u->n_put);
    return 0;
}

int build_upper_put(struct build_upper *u, struct build_upnode *dir, const char *name, size_t len, struct build_inode *inode,
                    struct build_upnode **ret, struct cb_error *err)
{
    struct build_upnode *n = build_upper_child(u, dir, name, len);
    bool merge = n && build_upnode_is_dir(n) && inode->b.e.type == CB_DIR;
    if (!n) {
        if (count_name(u, dir, len, err) < 0)
            return -1;
        n = add_child(u, dir, name, len);
    }
    if (!merge)
        clear(n);
    n->inode = inode;
    *ret = n;
    return 0;
}

struct cache_entry *build_upper_edit(struct build_upper *u, struct build_upnode *n)
{
    if (!n->inode) {
        struct build_entry b = {.e = n->below->e};
        if (b.e.type == CB_FILE && b.e.size > 0) {
            b.data = BUILD_DATA_DEST;
            b.node = n->below;
            b.data_path = n->below->data_path;
            b.origin = n->below->origin;
        }
        build_keep_capability(&b.e);
        n->inode = build_inode_new(u, &b);
    }
    return &n->inode->b.e;
}

/* ---- paths --------------------------------------------------------------------------------- */

void build_spot_done(struct build_spot *s)
{
    cb_strv_done(&s->missing);
}

static void pop_missing(struct cb_strv *v)
{
    free(v->items[--v->n]);
    v->items[v->n] = NULL;
}

static int count_link(struct build_upper *u, const char *link, const char *path, struct cb_error *err)
{
    u->link_bytes += strlen(link);
    if (u->link_bytes <= CB_MAX_LINK_BYTES)
        return 0;
    return cb_fail(err, CB_E_FAILED, "resolve '%s': the links on the ways to all names are too long together", path);
}

int build_upper_resolve(struct build_upper *u, struct build_upnode *base, const char *path, struct build_spot *ret,
                        struct cb_error *err)
{
    ret->node = base;
    struct build_pathwalk walk;
    build_pathwalk_init(&walk, path);
    struct cb_str name;
    while (build_pathwalk_next(&walk, &name)) {
        if (build_is_dotdot(name)) {
            if (ret->missing.n > 0)
                pop_missing(&ret->missing);
            else if (ret->node != base)
                ret->node = ret->node->parent;
            continue;
        }
        struct build_upnode *next = ret->missing.n ? NULL : build_upper_child(u, ret->node, name.p, name.n);
        if (!next) {
            if (!ret->missing.n)
                ret->dangling = !build_pathwalk_in(&walk, path);
            cb_strv_take(&ret->missing, cb_memdup0(name.p, name.n));
            continue;
        }
        const struct cache_entry *e = upnode_entry(next);
        if (e->type != CB_SYMLINK) {
            ret->node = next;
            continue;
        }
        if (build_pathwalk_link(&walk, e->link, path, err) < 0 || count_link(u, e->link, path, err) < 0)
            return -1;
        if (e->link[0] == '/')
            ret->node = base;
    }
    return 0;
}

int build_upper_mkdirs(struct build_upper *u, const struct build_spot *spot, const struct cache_entry *meta, bool owned,
                       struct build_upnode **ret, struct cb_error *err)
{
    struct build_upnode *at = spot->node;
    if (!build_upnode_is_dir(at)) {
        CB_AUTO(free) char *path = build_upnode_path(at);
        return cb_fail(err, CB_E_FAILED, "mkdir %s: not a directory", path);
    }
    for (size_t i = 0; i < spot->missing.n; i++) {
        struct build_entry b = {
            .e = {.type = CB_DIR, .mode = meta->mode, .uid = meta->uid, .gid = meta->gid, .mtime = meta->mtime}};
        const char *name = spot->missing.items[i];
        const struct cache_entry *parent = upnode_entry(at);
        if (parent->mode & S_ISGID) {
            b.e.mode |= S_ISGID;
            b.e.gid = owned ? b.e.gid : parent->gid;
        }
        if (build_upper_put(u, at, name, strlen(name), build_inode_new(u, &b), &at, err) < 0)
            return -1;
    }
    *ret = at;
    return 0;
}
