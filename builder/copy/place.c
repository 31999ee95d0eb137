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

/* The entry that a copy makes of `node`: --chown and --chmod applied. */
static struct build_entry copy_of(const struct build_place *p, const struct build_source *source, const struct cache_node *node)
{
    struct build_entry b = {.e = node->e, .source = source, .node = node};
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

/* A directory over what is there. A new one is as its source; an existing one takes all of the source's
 * metadata, or (a directory that is only on the way to something selected) its mode bits alone. */
static int merge_dir(struct build_place *p, struct build_upnode *dir, const struct build_source *source,
                     const struct build_pick *pick, struct build_upnode **ret, struct cb_error *err)
{
    const struct cache_node *node = pick->node;
    struct build_upnode *n = build_upper_child(&p->upper, dir, node->name, strlen(node->name));
    if (n && !build_upnode_is_dir(n))
        return fail_at(dir, node->name, "cannot copy to non-directory: ", "", err);
    if (n && !pick->whole) {
        struct cache_entry *e = build_upper_edit(&p->upper, n);
        e->mode = node->e.mode;
        e->mtime = node->e.mtime;
        *ret = n;
        return 0;
    }
    struct build_entry b = copy_of(p, source, node);
    return build_upper_put(&p->upper, dir, node->name, strlen(node->name), build_inode_new(&p->upper, &b), ret, err);
}

/* Hard links among the files of one copied directory stay: `links` is from link group to inode. */
static struct build_inode *inode_of(struct build_place *p, const struct build_source *source, const struct cache_node *node,
                                    struct cb_map *links)
{
    struct build_entry b = copy_of(p, source, node);
    uint64_t key[2] = {(uint64_t)node->origin, node->link_group};
    if (!node->link_group || node->e.type != CB_FILE)
        return build_inode_new(&p->upper, &b);
    struct build_inode *inode = cb_map_getn(links, (const char *)key, sizeof(key));
    if (!inode) {
        inode = build_inode_new(&p->upper, &b);
        cb_map_setn(links, (const char *)key, sizeof(key), inode);
    }
    return inode;
}

static int place_dir(struct build_place *p, const struct build_source *source, const struct build_item *item,
                     struct cb_error *err)
{
    struct build_upnode *top = NULL;
    if (dir_target(p, &top, err) < 0)
        return -1;
    build_upper_edit(&p->upper, top)->mtime = item->node->e.mtime;
    CB_AUTO(cb_map) struct cb_map links = {0};
    CB_AUTO(free) struct build_upnode **made = cb_alloc((item->n_picks + 1) * sizeof(*made));
    made[0] = top;
    for (size_t i = 0; i < item->n_picks; i++) {
        const struct build_pick *pick = &item->picks[i];
        struct build_upnode *dir = made[pick->up];
        int r = pick->node->e.type == CB_DIR ? merge_dir(p, dir, source, pick, &made[i + 1], err)
                                             : put_file(p, dir, pick->node->name, inode_of(p, source, pick->node, &links), err);
        if (r < 0)
            return -1;
    }
    return 0;
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
        struct build_entry b = copy_of(p, s->source, item->node);
        if (place_file(p, item->name, &b, err) < 0)
            return -1;
    }
    return 0;
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
