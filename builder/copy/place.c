#include "builder/copy/place-internal.h"

#include "base/path.h"
#include "parser/owner.h"

struct build_place *build_place_new(const struct build_place_params *params)
{
    struct build_place *p = CB_NEW(struct build_place);
    const char *path = params->path ? params->path : "";
    size_t len = strlen(path);
    p->params = *params;
    build_upper_init(&p->upper, params->dest);
    p->path = cb_path_abs(params->workdir && *params->workdir ? params->workdir : "/", *path ? path : ".");
    p->marked = len == 0 || strcmp(path, ".") == 0 || cb_ends(path, "/") || cb_ends(path, "/.");
    p->made = (struct cache_entry){.type = CB_DIR, .mode = 0755, .mtime = params->mtime};
    if (params->chmod && params->chmod->octal)
        p->made.mode = params->chmod->mode & 0777;
    build_place_owner(p, &p->made);
    return p;
}

void build_place_free(struct build_place *p)
{
    if (!p)
        return;
    build_upper_done(&p->upper);
    free(p->path);
    free(p);
}

void build_place_owner(const struct build_place *p, struct cache_entry *e)
{
    if (!p->params.has_owner)
        return;
    e->uid = p->params.uid;
    e->gid = p->params.gid;
}

int build_place_mkdirs(struct build_place *p, const char *path, const struct cache_entry *meta, struct build_upnode **ret,
                       struct cb_error *err)
{
    CB_AUTO(build_spot) struct build_spot spot = {0};
    if (build_upper_resolve(&p->upper, p->upper.root, path, &spot, err) < 0)
        return -1;
    return build_upper_mkdirs(&p->upper, &spot, meta, p->params.has_owner, ret, err);
}

/* ---- one entry ----------------------------------------------------------------------------- */

static int fail_at(const struct build_upnode *dir, const char *name, const char *what, const char *after, struct cb_error *err)
{
    CB_AUTO(free) char *at = build_upnode_path(dir);
    CB_AUTO(free) char *path = name ? cb_path_join(at, name) : cb_strdup(at);
    return cb_fail(err, CB_E_FAILED, "%s%s%s", what, path, after);
}

static int put_file(struct build_place *p, struct build_upnode *dir, const char *name, struct build_inode *inode,
                    struct cb_error *err)
{
    struct build_upnode *n = build_upper_child(&p->upper, dir, name, strlen(name));
    if (n && build_upnode_is_dir(n))
        return fail_at(dir, name, "cannot replace to directory ", " with file", err);
    return build_upper_put(&p->upper, dir, name, strlen(name), inode, &n, err);
}

/* The entry that a copy makes of one of the source: --chown and --chmod applied. */
static struct build_entry copy_of(const struct build_place *p, const struct build_source *source, const struct cache_entry *e)
{
    struct build_entry b = {.e = *e, .source = source};
    if (b.e.type == CB_FILE && b.e.size > 0)
        b.data = BUILD_DATA_SOURCE;
    build_keep_capability(&b.e);
    build_place_owner(p, &b.e);
    if (b.e.type == CB_SYMLINK)
        b.e.mode = 0777;
    else if (p->params.chmod)
        b.e.mode = df_chmod_apply(p->params.chmod, b.e.type == CB_DIR, b.e.mode);
    return b;
}

static struct build_entry copy_of_node(const struct build_place *p, const struct build_source *source,
                                       const struct cache_node *node)
{
    struct build_entry b = copy_of(p, source, &node->e);
    b.node = node;
    b.data_path = node->data_path;
    b.origin = node->origin;
    return b;
}

/* ---- the destination ----------------------------------------------------------------------- */

/* Makes the directory in which the destination lies, or the destination itself when it must be one. */
static int make_parents(struct build_place *p, bool itself, struct cb_error *err)
{
    struct build_upnode *dir;
    CB_AUTO(free) char *up = itself ? cb_strdup(p->path) : cb_path_dir(p->path);
    return build_place_mkdirs(p, up, &p->made, &dir, err);
}

/* Where a source that is one entry goes: a name in a directory. *ret_name is the caller's. */
static int file_target(struct build_place *p, const char *name, struct build_upnode **ret_dir, char **ret_name,
                       struct cb_error *err)
{
    CB_AUTO(build_spot) struct build_spot spot = {0};
    if (make_parents(p, p->marked, err) < 0 || build_upper_resolve(&p->upper, p->upper.root, p->path, &spot, err) < 0)
        return -1;
    if (spot.missing.n == 0 && build_upnode_is_dir(spot.node)) {
        *ret_dir = spot.node;
        *ret_name = cb_strdup(name);
        return 0;
    }
    if (spot.missing.n == 0) { /* what is there is replaced; it is not the root, which is a directory */
        *ret_dir = spot.node->parent;
        *ret_name = cb_strdup(spot.node->name);
        return 0;
    }
    CB_AUTO(free) char *last = spot.missing.items[--spot.missing.n]; /* a dangling link may lead deeper than one level */
    spot.missing.items[spot.missing.n] = NULL;
    if (build_upper_mkdirs(&p->upper, &spot, &p->made, p->params.has_owner, ret_dir, err) < 0)
        return -1;
    *ret_name = CB_TAKE(last);
    return 0;
}

static int dir_target(struct build_place *p, struct build_upnode **ret, struct cb_error *err)
{
    CB_AUTO(build_spot) struct build_spot spot = {0};
    if (make_parents(p, p->marked, err) < 0 || build_upper_resolve(&p->upper, p->upper.root, p->path, &spot, err) < 0)
        return -1;
    if (spot.missing.n == 0 && !build_upnode_is_dir(spot.node))
        return fail_at(spot.node, NULL, "cannot copy to non-directory: ", "", err);
    return build_upper_mkdirs(&p->upper, &spot, &p->made, p->params.has_owner, ret, err);
}

/* ---- sources ------------------------------------------------------------------------------- */

static int place_file(struct build_place *p, const char *name, const struct build_entry *b, struct cb_error *err)
{
    struct build_upnode *dir;
    CB_AUTO(free) char *base = NULL;
    if (file_target(p, name, &dir, &base, err) < 0)
        return -1;
    return put_file(p, dir, base, build_inode_new(&p->upper, b), err);
}

/* ---- a directory --------------------------------------------------------------------------- */

/* One directory while what is below it is placed. */
struct placing {
    struct build_place *p;
    const struct build_source *source;
    const struct build_item *item;
    struct cb_map links;        /* from link group to inode: hard links among the files stay */
    struct build_upnode **dirs; /* the directories on the way to the entry, by their depth */
    size_t n_dirs, cap_dirs;
};

static void placing_done(struct placing *x)
{
    cb_map_done(&x->links);
    free(x->dirs);
}
CB_DEFINE_AUTO(placing, struct placing, placing_done)

/* Of what passes by, the strings are kept. */
static struct build_entry copy_picked(struct placing *x, const struct build_picked *pick)
{
    if (pick->node)
        return copy_of_node(x->p, x->source, pick->node);
    struct build_entry b = copy_of(x->p, x->source, &pick->x.e);
    struct cb_arena *arena = &x->p->upper.arena;
    CB_AUTO(free) char *path = build_item_path(x->item, pick->x.e.path);
    b.data_path = cb_arena_strdup(arena, path);
    b.origin = x->item->node->origin;
    b.seen = pick->x.seen;
    b.e.link = cb_arena_strdup(arena, b.e.link);
    return b;
}

/* A directory over what is there. A new one is as its source; an existing one takes all of the source's
 * metadata, or (a directory that is only on the way to something selected) its mode bits alone. */
static int merge_dir(struct placing *x, struct build_upnode *dir, const char *name, const struct build_picked *pick,
                     struct build_upnode **ret, struct cb_error *err)
{
    struct build_upnode *n = build_upper_child(&x->p->upper, dir, name, strlen(name));
    if (n && !build_upnode_is_dir(n))
        return fail_at(dir, name, "cannot copy to non-directory: ", "", err);
    if (n && !pick->x.whole) {
        struct cache_entry *e = build_upper_edit(&x->p->upper, n);
        e->mode = pick->x.e.mode;
        e->mtime = pick->x.e.mtime;
        *ret = n;
        return 0;
    }
    struct build_entry b = copy_picked(x, pick);
    return build_upper_put(&x->p->upper, dir, name, strlen(name), build_inode_new(&x->p->upper, &b), ret, err);
}

static struct build_inode *inode_of(struct placing *x, const struct build_picked *pick)
{
    struct build_entry b = copy_picked(x, pick);
    uint64_t key[2] = {(uint64_t)b.origin, pick->x.link_group};
    if (!pick->x.link_group || pick->x.e.type != CB_FILE)
        return build_inode_new(&x->p->upper, &b);
    struct build_inode *inode = cb_map_getn(&x->links, (const char *)key, sizeof(key));
    if (!inode) {
        inode = build_inode_new(&x->p->upper, &b);
        cb_map_setn(&x->links, (const char *)key, sizeof(key), inode);
    }
    return inode;
}

static int place_pick(struct placing *x, const struct build_picked *pick, struct cb_error *err)
{
    size_t depth = 0;
    const char *name = pick->x.e.path;
    for (const char *slash; (slash = strchr(name, '/')); name = slash + 1)
        depth++;
    struct build_upnode *dir = x->dirs[depth], *made;
    if (pick->x.e.type != CB_DIR)
        return put_file(x->p, dir, name, inode_of(x, pick), err);
    if (merge_dir(x, dir, name, pick, &made, err) < 0)
        return -1;
    x->n_dirs = depth + 1;
    CB_PUSH(x->dirs, x->n_dirs, x->cap_dirs) = made;
    return 0;
}

static int place_dir(struct build_place *p, const struct build_source *source, const struct build_item *item,
                     struct cb_error *err)
{
    CB_AUTO(placing) struct placing x = {.p = p, .source = source, .item = item};
    CB_AUTO(build_pick_cursor) struct build_pick_cursor c = BUILD_PICK_CURSOR_INIT(item);
    struct build_upnode *top = NULL;
    struct build_picked pick;
    int r;
    if (dir_target(p, &top, err) < 0)
        return -1;
    build_upper_edit(&p->upper, top)->mtime = item->node->e.mtime;
    CB_PUSH(x.dirs, x.n_dirs, x.cap_dirs) = top;
    while ((r = build_pick_next(&c, &pick, err)) > 0)
        if (place_pick(&x, &pick, err) < 0)
            return -1;
    return r;
}

int build_place_selection(struct build_place *p, const struct build_selection *s, struct cb_error *err)
{
    for (size_t i = 0; i < s->n_items; i++) {
        const struct build_item *item = &s->items[i];
        if (item->is_dir) {
            if (place_dir(p, s->source, item, err) < 0)
                return -1;
            continue;
        }
        struct build_entry b = copy_of_node(p, s->source, item->node);
        if (place_file(p, item->name, &b, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- a directory that is not held ------------------------------------------------------------ */

void build_place_passage_done(struct build_place_passage *x)
{
    build_pick_cursor_done(&x->picks);
    free(x->above.entries);
    cb_buf_done(&x->path);
    cb_buf_done(&x->data_path);
}

/* Nothing is merged, left out, or hidden, where nothing is. */
static bool is_free(const struct build_upnode *n)
{
    return !n->kids && (n->opaque || !n->below || (n->below->e.type == CB_DIR && !n->below->n_children));
}

int build_place_pass(struct build_place *p, const struct build_selection *s, struct build_place_passage *ret,
                     struct cb_error *err)
{
    const struct build_item *item = s->n_items == 1 ? &s->items[0] : NULL;
    struct build_upnode *top = NULL;
    if (!item || !item->list || !item->n_picks || build_list_has_links(item->list))
        return 0;
    if (dir_target(p, &top, err) < 0)
        return -1;
    if (!is_free(top))
        return 0;
    build_upper_edit(&p->upper, top)->mtime = item->node->e.mtime;
    build_upper_chain(&p->upper, top, &ret->above);
    ret->place = p;
    ret->picks.item = item;
    ret->entry = (struct build_entry){.source = s->source, .data = BUILD_DATA_SOURCE};
    if (ret->above.n)
        cb_buf_printf(&ret->path, "%s/", ret->above.entries[ret->above.n - 1]->e.path);
    CB_AUTO(free) char *data = build_item_path(item, "");
    cb_buf_adds(&ret->data_path, data);
    ret->path_start = ret->path.len;
    ret->data_start = ret->data_path.len;
    return 1;
}

size_t build_place_passing(const struct build_place_passage *x)
{
    return x->above.n + x->picks.item->n_picks;
}

int build_place_next(struct build_place_passage *x, const struct build_entry **ret, struct cb_error *err)
{
    struct build_picked pick;
    *ret = &x->entry;
    if (x->n_above < x->above.n) {
        *ret = x->above.entries[x->n_above++];
        return 1;
    }
    int r = build_pick_next(&x->picks, &pick, err);
    if (r <= 0)
        return r;
    cb_buf_truncate(&x->path, x->path_start);
    cb_buf_truncate(&x->data_path, x->data_start);
    cb_buf_adds(&x->path, pick.x.e.path);
    cb_buf_adds(&x->data_path, pick.x.e.path);
    x->entry = copy_of(x->place, x->entry.source, &pick.x.e);
    x->entry.e.path = x->path.data;
    x->entry.data_path = x->data_path.data;
    x->entry.origin = x->picks.item->node->origin;
    x->entry.seen = pick.x.seen;
    return 1;
}

int build_place_inline(struct build_place *p, const char *name, const void *bytes, size_t n, struct cb_error *err)
{
    struct build_entry b = {.e = {.type = CB_FILE, .mode = 0644, .size = n, .mtime = p->params.mtime},
                            .data = n ? BUILD_DATA_INLINE : BUILD_DATA_NONE,
                            .bytes = bytes};
    cb_sha256(bytes, n, &b.e.digest);
    build_place_owner(p, &b.e);
    if (p->params.chmod)
        b.e.mode = df_chmod_apply(p->params.chmod, false, b.e.mode);
    return place_file(p, name, &b, err);
}

int build_place_workdir(struct build_place *p, const char *path, struct cb_error *err)
{
    struct build_upnode *dir;
    /* As mkdir -p makes it: what a ".." leads out of is made too. */
    for (const char *at = path; (at = strstr(at, "/..")); at += strlen("/..")) {
        if (at[3] != '/' && at[3] != '\0')
            continue;
        CB_AUTO(free) char *up = cb_memdup0(path, (size_t)(at - path));
        if (build_place_mkdirs(p, up, &p->made, &dir, err) < 0)
            return -1;
    }
    return build_place_mkdirs(p, path, &p->made, &dir, err);
}

int build_place_finish(struct build_place *p, struct build_layer *ret, struct cb_error *err)
{
    (void)err; /* nothing can fail today; the signature is that of the other functions */
    build_upper_layer(&p->upper, ret);
    return 0;
}
