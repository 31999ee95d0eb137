/* Nodes, names and child arrays lie in one arena: a tree is built, read and dropped as a whole.
 *
 * A layer's entries come sorted, so applying one walks down the tree once. A directory on that walk keeps what it had
 * (sorted, some of it marked as gone) and collects what is new after that (sorted too); both are merged when the walk
 * leaves it. So a directory costs what it holds, not the square of it, whatever a layer adds and removes.
 *
 * Single entries mostly come sorted too. Where they do not, a wide directory gets a map of its names and is sorted when all
 * are there, for the same reason. */
#include "cache/store/tree.h"
#include "base/limits.h"
#include "base/map.h"

#define WIDE 256 /* children that are moved to make room for one: less than a map of them would cost */

struct tree_node {
    struct cache_node n; /* first: the public face */
    size_t old;          /* while a layer is applied: children[0, old) were there before */
    bool open, gone;
};

struct cache_tree {
    struct cb_arena arena;
    struct tree_node *root;
    uint64_t groups;              /* link groups given out */
    uint64_t link_bytes;          /* of the links followed */
    struct cache_node **unsorted; /* directories that have, or had, a map of names */
    size_t n_unsorted, cap_unsorted;
};

static struct tree_node *of(struct cache_node *n)
{
    return (struct tree_node *)n;
}

static struct tree_node *new_node(struct cb_arena *arena, struct cache_node *parent, const char *name, size_t len)
{
    struct tree_node *x = cb_arena_alloc(arena, sizeof(*x));
    size_t above = parent ? strlen(parent->e.path) : 0;
    char *path = cb_arena_alloc(arena, above + len + 2);
    if (above) {
        memcpy(path, parent->e.path, above);
        path[above++] = '/';
    }
    memcpy(path + above, name, len);
    x->n.parent = parent;
    x->n.name = path + above;
    x->n.e = (struct cache_entry){.path = path, .type = CB_DIR, .mode = 0755};
    return x;
}

struct cache_tree *cache_tree_new(void)
{
    struct cache_tree *t = CB_NEW(struct cache_tree);
    t->root = new_node(&t->arena, NULL, "", 0);
    return t;
}

static void drop_names(struct cache_node *dir)
{
    if (dir->names)
        cb_map_done(dir->names);
    free(dir->names);
    dir->names = NULL;
}

void cache_tree_free(struct cache_tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_unsorted; i++)
        drop_names(t->unsorted[i]);
    free(t->unsorted);
    cb_arena_done(&t->arena);
    free(t);
}

struct cache_node *cache_tree_root(struct cache_tree *t)
{
    return &t->root->n;
}

/* ---- children ------------------------------------------------------------------------------- */

static int compare_name(const struct cache_node *n, const char *name, size_t len)
{
    int c = strncmp(n->name, name, len);
    return c ? c : n->name[len] != '\0';
}

/* Place of `name` among children[0, n): where it is, or where it would go. */
static size_t place(const struct cache_node *dir, size_t n, const char *name, size_t len)
{
    size_t low = 0, high = n;
    if (n && compare_name(dir->children[n - 1], name, len) < 0) /* names mostly come sorted */
        return n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_name(dir->children[mid], name, len) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct cache_node *child_at(const struct cache_node *dir, size_t at, size_t n, const char *name, size_t len)
{
    return at < n && compare_name(dir->children[at], name, len) == 0 ? dir->children[at] : NULL;
}

struct cache_node *cache_node_child(const struct cache_node *dir, const char *name, size_t len)
{
    if (dir->names)
        return cb_map_getn(dir->names, name, len);
    return child_at(dir, place(dir, dir->n_children, name, len), dir->n_children, name, len);
}

static void map_names(struct cache_tree *t, struct cache_node *dir)
{
    struct cb_map *names = CB_NEW(struct cb_map);
    for (size_t i = 0; i < dir->n_children; i++)
        cb_map_set(names, dir->children[i]->name, dir->children[i]);
    dir->names = names;
    CB_PUSH(t->unsorted, t->n_unsorted, t->cap_unsorted) = dir;
}

/* Is there too much after `at` to be moved each time? Then its names are in a map from now on. */
static bool is_mapped(struct cache_tree *t, struct cache_node *dir, size_t at)
{
    if (!dir->names && dir->n_children - at > WIDE)
        map_names(t, dir);
    return dir->names != NULL;
}

static void insert(struct cache_tree *t, struct cache_node *dir, size_t at, struct cache_node *child)
{
    if (is_mapped(t, dir, at)) {
        cb_map_set(dir->names, child->name, child);
        at = dir->n_children;
    }
    if (dir->n_children == dir->cap_children) {
        size_t cap = dir->cap_children ? dir->cap_children * 2 : 4;
        struct cache_node **bigger = cb_arena_alloc(&t->arena, cap * sizeof(struct cache_node *));
        if (dir->n_children)
            memcpy(bigger, dir->children, dir->n_children * sizeof(struct cache_node *));
        dir->children = bigger;
        dir->cap_children = cap;
    }
    memmove(dir->children + at + 1, dir->children + at, (dir->n_children - at) * sizeof(struct cache_node *));
    dir->children[at] = child;
    dir->n_children++;
}

static void drop_children(struct cache_node *dir)
{
    if (of(dir)->open) { /* they are taken out when the walk leaves */
        for (size_t i = 0; i < of(dir)->old; i++)
            of(dir->children[i])->gone = true;
    } else {
        dir->n_children = 0;
        drop_names(dir);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct cache_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

void cache_tree_sort(struct cache_tree *t)
{
    for (size_t i = 0; i < t->n_unsorted; i++) {
        struct cache_node *dir = t->unsorted[i];
        if (!dir->names)
            continue;
        size_t n = 0;
        for (size_t k = 0; k < dir->n_children; k++) {
            if (!of(dir->children[k])->gone)
                dir->children[n++] = dir->children[k];
        }
        dir->n_children = n;
        qsort(dir->children, n, sizeof(struct cache_node *), by_name);
        drop_names(dir);
    }
    t->n_unsorted = 0;
}

/* ---- filling a node ------------------------------------------------------------------------- */

/* Copies what `e` says into the node; its path and name stay. */
static void set_entry(struct cache_tree *t, struct cache_node *n, const struct cache_entry *e, int origin, const char *data_path)
{
    const char *path = n->e.path;
    struct cb_xattr *xattrs = NULL;
    if (e->n_xattrs) {
        xattrs = cb_arena_alloc(&t->arena, e->n_xattrs * sizeof(*xattrs));
        for (size_t i = 0; i < e->n_xattrs; i++)
            xattrs[i] = (struct cb_xattr){cb_arena_strdup(&t->arena, e->xattrs[i].name),
                                          cb_arena_memdup0(&t->arena, e->xattrs[i].value, e->xattrs[i].len), e->xattrs[i].len};
    }
    if (n->e.type == CB_DIR && e->type != CB_DIR)
        drop_children(n);
    n->e = *e;
    n->e.path = path;
    n->e.xattrs = xattrs;
    n->e.link = e->link ? cb_arena_strdup(&t->arena, e->link) : NULL;
    n->origin = origin;
    n->link_group = 0;
    n->data_path = data_path && strcmp(data_path, path) != 0 ? cb_arena_strdup(&t->arena, data_path) : path;
}

/* A node of the tree by its canonical path; no links are followed. */
static struct cache_node *lookup(struct cache_tree *t, const char *path)
{
    struct cache_node *n = &t->root->n;
    while (n && *path) {
        size_t len = strcspn(path, "/");
        struct tree_node *dir = of(n);
        if (dir->open) { /* in the middle of a walk: what is new comes after what was there */
            size_t low = dir->old, high = n->n_children;
            struct cache_node *new = NULL;
            while (low < high) {
                size_t mid = low + (high - low) / 2;
                int c = compare_name(n->children[mid], path, len);
                if (c == 0)
                    new = n->children[mid];
                if (c < 0)
                    low = mid + 1;
                else
                    high = mid;
            }
            if (!new)
                new = child_at(n, place(n, dir->old, path, len), dir->old, path, len);
            n = new && !of(new)->gone ? new : NULL;
        } else {
            n = cache_node_child(n, path, len);
        }
        path += len;
        path += *path == '/';
    }
    return n;
}

/* A hard link is a second name of a file: it takes over all that is known about the first. */
static void set_hard_link(struct cache_tree *t, struct cache_node *n, const struct cache_entry *e, int origin)
{
    struct cache_node *first = lookup(t, e->link ? e->link : "");
    struct cache_entry file = {.type = CB_FILE, .mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime = e->mtime};
    if (!first || first == n || first->e.type == CB_DIR) { /* a well-formed index has no such link */
        set_entry(t, n, &file, origin, NULL);
        return;
    }
    file = first->e;
    set_entry(t, n, &file, first->origin, first->data_path);
    if (first->link_group == 0)
        first->link_group = ++t->groups;
    n->link_group = first->link_group;
}

static void set_node(struct cache_tree *t, struct cache_node *n, const struct cache_entry *e, int origin, const char *data_path)
{
    if (e->type == CB_HARDLINK)
        set_hard_link(t, n, e, origin);
    else
        set_entry(t, n, e, origin, data_path);
}

static void make_dir(struct cache_tree *t, struct cache_node *n, int origin)
{
    set_entry(t, n, &(struct cache_entry){.type = CB_DIR, .mode = 0755}, origin, NULL);
}

/* ---- applying a layer ----------------------------------------------------------------------- */

struct walk {
    struct cache_tree *tree;
    struct cache_node *dir; /* where the walk is; it and all above it are open */
    int origin;
};

static void enter(struct walk *w, struct cache_node *dir)
{
    of(dir)->open = true;
    of(dir)->old = dir->n_children;
    w->dir = dir;
}

/* Merges what was there with what is new. */
static void leave(struct walk *w)
{
    struct cache_node *dir = w->dir;
    size_t old = of(dir)->old, a = 0, b = old, n = 0;
    bool same = b == dir->n_children;
    for (size_t i = 0; i < old && same; i++)
        same = !of(dir->children[i])->gone;
    of(dir)->open = false;
    w->dir = dir->parent;
    if (same)
        return;
    CB_AUTO(free) struct cache_node **merged = cb_alloc((dir->n_children + 1) * sizeof(struct cache_node *));
    while (a < old || b < dir->n_children) {
        struct cache_node *next;
        if (a == old || (b < dir->n_children && strcmp(dir->children[b]->name, dir->children[a]->name) < 0))
            next = dir->children[b++];
        else
            next = dir->children[a++];
        if (!of(next)->gone)
            merged[n++] = next;
    }
    memcpy(dir->children, merged, n * sizeof(struct cache_node *));
    dir->n_children = n;
}

/* Is `path` below `dir`? */
static bool is_below(const struct cache_node *dir, const char *path)
{
    size_t len = strlen(dir->e.path);
    return len == 0 || (strncmp(path, dir->e.path, len) == 0 && path[len] == '/');
}

/* The child of the directory the walk is in; made when `make`. A node that was gone starts afresh. */
static struct cache_node *walk_child(struct walk *w, const char *name, size_t len, bool make)
{
    struct cache_node *dir = w->dir;
    size_t old = of(dir)->old;
    struct cache_node *n = child_at(dir, place(dir, old, name, len), old, name, len);
    if (!n && dir->n_children > old && compare_name(dir->children[dir->n_children - 1], name, len) == 0)
        n = dir->children[dir->n_children - 1];
    if (n && of(n)->gone) {
        if (!make)
            return NULL;
        of(n)->gone = false;
        n->n_children = 0;
        make_dir(w->tree, n, w->origin);
    }
    if (!n && make) {
        n = &new_node(&w->tree->arena, dir, name, len)->n;
        n->origin = w->origin;
        n->data_path = n->e.path;
        insert(w->tree, dir, dir->n_children, n);
    }
    return n;
}

/* Moves the walk to the directory that holds `path`, making what is missing. False: it is missing and not made. */
static bool walk_to_parent(struct walk *w, const char *path, bool make, const char **name)
{
    while (!is_below(w->dir, path))
        leave(w);
    const char *rest = path + strlen(w->dir->e.path);
    rest += *rest == '/';
    for (const char *slash; (slash = strchr(rest, '/')); rest = slash + 1) {
        struct cache_node *n = walk_child(w, rest, (size_t)(slash - rest), make);
        if (!n || (n->e.type != CB_DIR && !make))
            return false;
        if (n->e.type != CB_DIR)
            make_dir(w->tree, n, w->origin);
        enter(w, n);
    }
    *name = rest;
    return true;
}

static void apply_entry(struct walk *w, const struct cache_entry *e)
{
    bool add = e->type != CACHE_WHITEOUT;
    const char *name;
    if (!walk_to_parent(w, e->path, add, &name))
        return;
    struct cache_node *n = walk_child(w, name, strlen(name), add);
    if (!n)
        return;
    if (e->type == CACHE_WHITEOUT) {
        of(n)->gone = true;
    } else if (e->type == CACHE_OPAQUE) {
        if (n->e.type != CB_DIR)
            make_dir(w->tree, n, w->origin);
        drop_children(n);
    } else {
        set_node(w->tree, n, e, w->origin, NULL);
    }
}

void cache_tree_apply(struct cache_tree *t, const struct cache_index *index, int origin)
{
    struct walk w = {t, NULL, origin};
    cache_tree_sort(t);
    enter(&w, &t->root->n);
    for (size_t i = 0; i < index->n; i++)
        apply_entry(&w, &index->entries[i]);
    while (w.dir)
        leave(&w);
}

/* ---- single entries ------------------------------------------------------------------------- */

static struct cache_node *child_made(struct cache_tree *t, struct cache_node *dir, const char *name, size_t len, int origin)
{
    struct cb_map *names = dir->names;
    size_t at = names ? dir->n_children : place(dir, dir->n_children, name, len);
    struct cache_node *n = names ? cb_map_getn(names, name, len) : child_at(dir, at, dir->n_children, name, len);
    if (n)
        return n;
    n = &new_node(&t->arena, dir, name, len)->n;
    n->origin = origin;
    n->data_path = n->e.path;
    insert(t, dir, at, n);
    return n;
}

struct cache_node *cache_tree_add(struct cache_tree *t, const struct cache_entry *e, int origin, const char *data_path)
{
    struct cache_node *n = &t->root->n;
    for (const char *p = e->path; *p;) {
        size_t len = strcspn(p, "/");
        if (n->e.type != CB_DIR)
            make_dir(t, n, origin);
        n = child_made(t, n, p, len, origin);
        p += len;
        p += *p == '/';
    }
    set_node(t, n, e, origin, data_path);
    return n;
}

void cache_tree_room(struct cache_node *dir, struct cb_arena *arena, size_t n)
{
    dir->children = n ? cb_arena_alloc(arena, n * sizeof(struct cache_node *)) : NULL;
    dir->cap_children = n;
}

struct cache_node *cache_tree_append(struct cache_node *dir, struct cb_arena *arena, const char *name,
                                     const struct cache_entry *e, int origin)
{
    struct cache_node *n = &new_node(arena, dir, name, strlen(name))->n;
    const char *path = n->e.path;
    n->e = *e;
    n->e.path = n->data_path = path;
    n->e.link = cb_arena_strdup(arena, e->link);
    n->origin = origin;
    dir->children[dir->n_children++] = n;
    return n;
}

void cache_tree_remove(struct cache_tree *t, struct cache_node *n)
{
    struct cache_node *dir = n->parent;
    if (!dir) {
        drop_children(&t->root->n);
        return;
    }
    if (cache_node_child(dir, n->name, strlen(n->name)) != n)
        return;
    size_t at = dir->names ? 0 : place(dir, dir->n_children, n->name, strlen(n->name));
    if (is_mapped(t, dir, at)) {
        cb_map_remove(dir->names, n->name);
        of(n)->gone = true;
        return;
    }
    memmove(dir->children + at, dir->children + at + 1, (dir->n_children - at - 1) * sizeof(struct cache_node *));
    dir->n_children--;
}

/* ---- resolving ------------------------------------------------------------------------------ */

struct resolver {
    struct cache_node *at;
    struct cb_buf missing;                 /* names below `at` that do not exist, joined by '/' */
    const char *rest[CB_MAX_SYMLINKS + 1]; /* what is still to be walked: the path, then the links on the way */
    int n;
    int links;
};

/* The next component, or 0 at the end. */
static size_t next_component(struct resolver *r, const char **name)
{
    while (r->n > 0) {
        const char *p = r->rest[r->n - 1];
        p += strspn(p, "/");
        size_t len = strcspn(p, "/");
        if (len) {
            *name = p;
            r->rest[r->n - 1] = p + len;
            return len;
        }
        r->n--;
    }
    return 0;
}

/* Nothing at all comes after the component just taken: not even the slash that asks for a directory. */
static bool at_end(const struct resolver *r)
{
    for (int i = 0; i < r->n; i++) {
        if (*r->rest[i])
            return false;
    }
    return true;
}

static int follow(struct cache_tree *t, struct resolver *r, const struct cache_node *link, const char *path, struct cb_error *err)
{
    if (++r->links > CB_MAX_SYMLINKS)
        return cb_fail(err, CB_E_FAILED, "'%s': too many levels of symbolic links", path);
    t->link_bytes += strlen(link->e.link);
    if (t->link_bytes > CB_MAX_LINK_BYTES)
        return cb_fail(err, CB_E_FAILED, "'%s': the symbolic links on the ways to all names are too long together", path);
    if (link->e.link[0] == '/')
        r->at = &t->root->n;
    r->rest[r->n++] = link->e.link;
    return 0;
}

static void step_up(struct resolver *r)
{
    if (r->missing.len) {
        char *slash = memrchr(r->missing.data, '/', r->missing.len);
        cb_buf_truncate(&r->missing, slash ? (size_t)(slash - r->missing.data) : 0);
    } else if (r->at->parent) {
        r->at = r->at->parent;
    }
}

static void add_missing(struct resolver *r, const char *name, size_t len)
{
    if (r->missing.len)
        cb_buf_addc(&r->missing, '/');
    cb_buf_add(&r->missing, name, len);
}

/* 0, or -1 with err. Names that do not exist gather in r->missing; without `beyond` the first one ends the walk. */
static int resolve(struct cache_tree *t, const char *path, bool follow_last, bool beyond, struct resolver *r,
                   struct cb_error *err)
{
    *r = (struct resolver){.at = &t->root->n, .missing = CB_BUF_INIT, .n = 1};
    r->rest[0] = path;
    const char *name;
    size_t len;
    while ((len = next_component(r, &name)) > 0) {
        if (len == 1 && name[0] == '.')
            continue;
        if (len == 2 && name[0] == '.' && name[1] == '.') {
            step_up(r);
            continue;
        }
        if (r->missing.len) {
            add_missing(r, name, len);
            continue;
        }
        if (r->at->e.type != CB_DIR)
            return cb_fail(err, CB_E_FAILED, "'%s': '/%s' is not a directory", path, r->at->e.path);
        struct cache_node *n = cache_node_child(r->at, name, len);
        if (!n) {
            add_missing(r, name, len);
            if (!beyond)
                return 0;
        } else if (n->e.type == CB_SYMLINK && n->e.link && (follow_last || !at_end(r))) {
            if (follow(t, r, n, path, err) < 0)
                return -1;
        } else {
            r->at = n;
        }
    }
    return 0;
}

int cache_tree_resolve(struct cache_tree *t, const char *path, bool follow_last, struct cache_node **ret, struct cb_error *err)
{
    struct resolver r;
    int result = resolve(t, path, follow_last, false, &r, err);
    if (result == 0 && r.missing.len == 0) {
        *ret = r.at;
        result = 1;
    }
    cb_buf_done(&r.missing);
    return result;
}

int cache_tree_resolve_new(struct cache_tree *t, const char *path, char **ret_path, struct cache_node **ret_node,
                           struct cb_error *err)
{
    struct resolver r;
    int result = resolve(t, path, true, true, &r, err);
    if (result == 0) {
        *ret_path = cb_printf("%s%s%s", r.at->e.path, r.missing.len && *r.at->e.path ? "/" : "", r.missing.data);
        *ret_node = r.missing.len ? NULL : r.at;
    }
    cb_buf_done(&r.missing);
    return result;
}
