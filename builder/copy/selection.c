/* Identity of a selection (dockerfile.md §18), and what is left of it. */
#include "builder/copy/select-internal.h"

#include "base/pack.h"
#include "base/path.h"

#define HASH_PIECE 65536 /* bytes gathered before they are hashed */

void build_selection_done(struct build_selection *s)
{
    for (size_t i = 0; i < s->n_items; i++) {
        free(s->items[i].name);
        free(s->items[i].picks);
        build_list_free(s->items[i].list);
    }
    free(s->items);
    free(s->barren);
    *s = (struct build_selection){0};
}

/* security.capability, and all user and trusted ones: what a copy may carry. */
static bool xattr_counts(const char *name)
{
    return strcmp(name, "security.capability") == 0 || (!cb_starts(name, "security.") && !cb_starts(name, "system."));
}

static void put_xattrs(struct cb_buf *b, const struct cache_entry *e)
{
    for (size_t i = 0; i < e->n_xattrs; i++) {
        if (!xattr_counts(e->xattrs[i].name))
            continue;
        cb_put_u8(b, 1);
        cb_put_str(b, e->xattrs[i].name);
        cb_put_bytes(b, e->xattrs[i].value, e->xattrs[i].len);
    }
    cb_put_u8(b, 0);
}

void build_put_entry(struct cb_buf *b, const char *path, const struct cache_entry *e)
{
    cb_put_str(b, path);
    cb_put_u8(b, (uint8_t)e->type);
    cb_put_u32(b, e->type == CB_SYMLINK ? 0777 : e->mode);
    cb_put_u32(b, e->uid);
    cb_put_u32(b, e->gid);
    cb_put_u64(b, e->type == CB_FILE ? e->size : 0);
    cb_put_str(b, e->type == CB_SYMLINK ? e->link : NULL);
    cb_put_u32(b, e->dev_major);
    cb_put_u32(b, e->dev_minor);
    put_xattrs(b, e);
    if (e->type == CB_FILE)
        cb_put_bytes(b, e->digest.b, sizeof(e->digest.b));
}

static int put_entry(const struct build_source *s, const char *path, const struct cache_node *n, struct cb_buf *b,
                     struct cb_error *err)
{
    if (n->e.type == CB_FILE && build_source_digest(s, n, err) < 0)
        return -1;
    build_put_entry(b, path, &n->e);
    return 0;
}

static void flush(struct cb_sha256 *sha, struct cb_buf *b, size_t at_least)
{
    if (b->len < at_least)
        return;
    cb_sha256_add(sha, b->data, b->len);
    cb_buf_reset(b);
}

void build_selection_put_entry(const char *path, const struct cache_entry *e, struct cb_buf *to)
{
    build_put_entry(to, path, e);
}

static int put_list(const struct build_item *item, struct cb_sha256 *sha, struct cb_buf *b, struct cb_error *err)
{
    CB_AUTO(build_list_cursor) struct build_list_cursor c = BUILD_LIST_CURSOR_INIT;
    struct cb_str bytes;
    int r;
    c.list = item->list;
    while ((r = build_list_next_bytes(&c, &bytes, err)) > 0) {
        cb_buf_add(b, bytes.p, bytes.n);
        flush(sha, b, HASH_PIECE);
    }
    return r;
}

/* The directory of an item is only the place of what is below it: its own metadata is never copied (§12.3). */
static int put_item(const struct build_selection *s, const struct build_item *item, struct cb_sha256 *sha, struct cb_buf *b,
                    struct cb_error *err)
{
    cb_put_u8(b, item->is_dir ? 'd' : 'f');
    if (!item->is_dir)
        return put_entry(s->source, item->name, item->node, b, err);
    cb_put_str(b, item->name);
    cb_put_u64(b, item->n_picks);
    if (item->list)
        return put_list(item, sha, b, err);
    for (size_t i = 0; i < item->n_picks; i++) {
        cb_put_u8(b, item->picks[i].whole);
        if (put_entry(s->source, build_pick_path(item, &item->picks[i]), item->picks[i].node, b, err) < 0)
            return -1;
        flush(sha, b, HASH_PIECE);
    }
    return 0;
}

int build_selection_digest(const struct build_selection *s, struct cb_digest *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    cb_put_str(&b, "selection 1"); /* a new form takes a new number */
    cb_put_u8(&b, s->parents);
    cb_put_u64(&b, s->n_items);
    for (size_t i = 0; i < s->n_items; i++)
        if (put_item(s, &s->items[i], &sha, &b, err) < 0)
            return -1;
    flush(&sha, &b, 0);
    cb_sha256_end(&sha, ret);
    return 0;
}

/* ---- directories nothing is selected from -------------------------------------------------- */

static bool is_below(const struct cache_node *n, const struct cache_node *dir)
{
    while (n && n != dir)
        n = n->parent;
    return n == dir;
}

/* A list says no more than paths below the item's directory. When it cannot be read, what is selected cannot be told: then it is.
 */
static bool lists_below(const struct build_item *item, const char *dir)
{
    CB_AUTO(build_list_cursor) struct build_list_cursor c = BUILD_LIST_CURSOR_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct build_line x;
    size_t n = strlen(dir);
    int r;
    c.list = item->list;
    while ((r = build_list_next(&c, &x, &ignored)) > 0)
        if (strncmp(x.e.path, dir, n) == 0 && (x.e.path[n] == '/' || !x.e.path[n]))
            return true;
    return r < 0;
}

/* Whether `s` takes `dir` itself or something below it. Picks of an item all lie below its directory, so
 * the item alone decides unless `dir` lies below that too. */
static bool touches(const struct build_selection *s, const struct cache_node *dir)
{
    for (size_t i = 0; i < s->n_items; i++) {
        const struct build_item *item = &s->items[i];
        if (is_below(item->node, dir) && (!item->is_dir || !s->parents || item->n_picks > 0))
            return true;
        if (item->list && is_below(dir, item->node) && lists_below(item, cache_node_path(dir) + item->skip))
            return true;
        for (size_t k = 0; !item->list && is_below(dir, item->node) && k < item->n_picks; k++)
            if (is_below(item->picks[k].node, dir))
                return true;
    }
    return false;
}

int build_selection_check_barren(const struct build_selection *s, const struct build_selection *const *all, size_t n_all,
                                 struct cb_error *err)
{
    for (size_t i = 0; i < s->n_barren; i++) {
        bool used = false;
        for (size_t k = 0; k < n_all && !used; k++)
            used = all[k]->source->tree == s->source->tree && touches(all[k], s->barren[i]);
        if (!used)
            return cb_fail(err, CB_E_NOT_FOUND, "lstat /%s: no such file or directory", cache_node_path(s->barren[i]));
    }
    return 0;
}
