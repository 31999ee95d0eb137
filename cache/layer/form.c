/* Where the owners of a layer's files are: in their inodes, or, where the build has no other ids, beside them (base/owner.h).
 * Which it is is known by the process that wrote them. A store may be used in one way today and in another tomorrow, when its
 * user has got subordinate ids, or has lost them: what is to be stacked is put into this process's form first, from the
 * index. Files that belong to ids which do not exist here cannot be; those of such a layer are made anew from its blob, or copied
 * from what can be read of them (cache_layer_materialize). */
#include "cache/layer/layer-internal.h"
#include "base/owner.h"

#include <unistd.h>

static const char *const names[] = {
    [CACHE_FORM_UNKNOWN] = "", [CACHE_FORM_INODES] = " inodes", [CACHE_FORM_BESIDE] = " beside", [CACHE_FORM_LINKS] = " links"};

const char *cache_layer_form_name(enum cache_layer_form f)
{
    return names[f];
}

enum cache_layer_form cache_layer_form_parse(const char *text)
{
    for (size_t i = 1; i < CB_LEN(names); i++)
        if (cb_starts(text, names[i]) && (text[strlen(names[i])] == '\0' || text[strlen(names[i])] == ' '))
            return (enum cache_layer_form)i;
    return CACHE_FORM_UNKNOWN;
}

bool cache_layer_is_owned_link(const struct cache_entry *e)
{
    return (e->type == CB_SYMLINK || e->type == CB_FIFO) && (e->uid || e->gid);
}

static bool has_owned_links(const struct cache_index *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (cache_layer_is_owned_link(&x->entries[i]))
            return true;
    return false;
}

enum cache_layer_form cache_layer_form_here(const struct cache_index *x)
{
    return cache_layer_form_of(!cache_layer_can_set_owners() && has_owned_links(x));
}

enum cache_layer_form cache_layer_form_of(bool owned_links)
{
    return cache_layer_can_set_owners() ? CACHE_FORM_INODES : owned_links ? CACHE_FORM_LINKS : CACHE_FORM_BESIDE;
}

/* Whoever makes files without giving them away owns them. */
static bool is_given_away(const struct stat *st)
{
    return st->st_uid != geteuid() || st->st_gid != getegid();
}

enum cache_layer_form cache_layer_form_found(int fs, const struct cache_index *x)
{
    CB_AUTO(cache_layer_cursor) struct cache_layer_cursor c = CACHE_LAYER_CURSOR_INIT;
    cache_layer_cursor_set_root(&c, fs);
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];
        const char *name;
        struct stat st;
        if (e->type == CB_HARDLINK || e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE || (!e->uid && !e->gid))
            continue;
        int dir = cache_layer_cursor_parent(&c, e->path, &name);
        if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        return is_given_away(&st) ? CACHE_FORM_INODES : has_owned_links(x) ? CACHE_FORM_LINKS : CACHE_FORM_BESIDE;
    }
    return CACHE_FORM_UNKNOWN;
}

bool cache_layer_form_fits(enum cache_layer_form f)
{
    return f != CACHE_FORM_UNKNOWN && (f == CACHE_FORM_INODES) == cache_layer_can_set_owners();
}

/* ---- changing it ----------------------------------------------------------------------------- */

/* Does it belong to somebody else than root, or is it a device, whose numbers may be beside it? */
static bool is_odd(const struct cache_entry *e)
{
    return e->uid || e->gid || e->type == CB_CHAR || e->type == CB_BLOCK;
}

static int adopt_entry(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err)
{
    const char *name;
    struct stat st;
    if (e->type == CB_HARDLINK || e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE || !is_odd(e))
        return 0;
    int dir = cache_layer_cursor_parent(&d->cursor, e->path, &name);
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return cb_fail_sys(err, dir < 0 ? dir : errno, "open '/%s' of a layer", e->path);
    if (d->owners && st.st_uid == e->uid && st.st_gid == e->gid)
        return 0;
    if (st.st_uid != d->uid || st.st_gid != d->gid)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' of a layer belongs to an id that does not exist here", e->path);
    return cache_layer_disk_own(d, dir, name, e, err);
}

static int adopt(struct cache_store *s, int dir, int fs, const struct cache_layer_state *state, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cache_layer_disk) struct cache_layer_disk d = CACHE_LAYER_DISK_INIT;
    if (cache_layer_index_beside(fs, &x, err) < 0)
        return -1;
    cache_layer_disk_init(&d, fs);
    for (size_t i = 0; i < x.n; i++)
        if (adopt_entry(&d, &x.entries[i], err) < 0)
            return -1;
    struct cache_layer_state new = *state;
    new.form = cache_layer_form_here(&x);
    (void)cache_layer_write_state(s, dir, &new); /* else it is looked through again the next time */
    return 0;
}

int cache_layer_open_own(struct cache_store *s, const struct cb_digest *id, enum cache_layer_form *ret_form, struct cb_error *err)
{
    CB_AUTO(close) int fs = cache_layer_open_fs(s, id, err);
    CB_AUTO(close) int dir = fs < 0 ? -1 : cache_layer_open(s, id);
    struct cache_layer_state state;
    struct stat st;
    if (dir < 0 || fstat(fs, &st) < 0)
        return fs < 0 ? -1 : cb_fail_sys(err, dir < 0 ? dir : errno, "open %s", cache_layer_name(id).text);
    cache_layer_read_state(s, dir, st.st_ino, &state);
    *ret_form = state.form;
    if (cache_layer_form_fits(state.form))
        return cb_take_fd(&fs);
    if (adopt(s, dir, fs, &state, err) < 0) {
        if (err->code != CB_E_CORRUPT)
            return -1;
        cache_layer_drop(s, id);
        cb_hint(err, "it was made with subordinate ids that are not there now, and was taken out of the store: build again");
        return cb_prefix(err, "%s", cache_layer_name(id).text);
    }
    cache_layer_read_state(s, dir, st.st_ino, &state);
    *ret_form = state.form;
    return cb_take_fd(&fs);
}

/* ---- what the inodes cannot say ---------------------------------------------------------------- */

struct gathering {
    struct cache_index *indexes; /* of the layers seen so far, top first */
    size_t n;
    struct cb_link_owners *ret;
    size_t cap;
    struct cb_arena *arena;
};

/* Does a layer above have something else there? */
static bool is_covered(const struct gathering *g, const char *path)
{
    for (size_t i = 0; i + 1 < g->n; i++)
        if (cache_index_find(&g->indexes[i], path))
            return true;
    return false;
}

static void gather(struct gathering *g)
{
    const struct cache_index *x = &g->indexes[g->n - 1];
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];
        if (cache_layer_is_owned_link(e) && !is_covered(g, e->path))
            CB_PUSH(g->ret->items, g->ret->n, g->cap) =
                (struct cb_link_owner){cb_arena_strdup(g->arena, e->path), e->uid, e->gid};
    }
}

int cache_layer_gather_links(const int *dirs, size_t n, struct cb_arena *arena, struct cb_link_owners *ret, struct cb_error *err)
{
    struct gathering g = {.indexes = cb_alloc((n + 1) * sizeof(*g.indexes)), .ret = ret, .arena = arena};
    int r = 0;
    while (g.n < n && r == 0) {
        r = cache_layer_index_beside(dirs[g.n], &g.indexes[g.n], err);
        g.n++;
        if (r == 0)
            gather(&g);
    }
    for (size_t i = 0; i < g.n; i++)
        cache_index_done(&g.indexes[i]);
    free(g.indexes);
    cb_link_owners_sort(ret);
    return r;
}
