#include "builder/execute/keys/notes.h"

#define HASH_PIECE 65536 /* bytes gathered before they are hashed */

void build_notes_done(struct build_notes *n)
{
    for (size_t i = 0; i < n->n; i++)
        free(n->items[i].name);
    free(n->items);
    *n = (struct build_notes){0};
}

static void add_digest(struct build_notes *n, const char *kind, const char *name, const struct cb_digest *d)
{
    char hex[CB_DIGEST_HEX + 1];
    struct build_note *note = &CB_PUSH(n->items, n->n, n->cap);
    cb_digest_hex(d, hex);
    note->name = name ? cb_printf("%s:%s", kind, name) : cb_strdup(kind);
    memcpy(note->digest, hex, sizeof(note->digest) - 1);
    note->digest[sizeof(note->digest) - 1] = 0;
}

void build_notes_add(struct build_notes *n, const char *kind, const char *name, const void *bytes, size_t len)
{
    struct cb_digest d;
    cb_sha256(bytes, len, &d);
    add_digest(n, kind, name, &d);
}

void build_notes_add_secret(struct build_notes *n, const char *id, const struct cb_digest *d)
{
    add_digest(n, "secret", id, d);
    n->items[n->n - 1].digest[4] = 0;
}

/* ---- files ----------------------------------------------------------------------------------------------- */

/* Entries below one path, while they are gathered. */
struct group {
    const struct build_selection *selection;
    struct build_notes notes;
    size_t bytes; /* of names */
    bool whole;   /* by the topmost level instead of each */
    const char *kind;
    struct cb_buf name;
    struct cb_buf entries; /* not yet hashed */
    struct cb_sha256 sha;
};

static bool fits(const struct group *g)
{
    return g->notes.n <= BUILD_NOTES_FILES && g->bytes <= BUILD_NOTES_BYTES;
}

static void hash(struct group *g)
{
    cb_sha256_add(&g->sha, g->entries.data, g->entries.len);
    cb_buf_reset(&g->entries);
}

static void flush(struct group *g)
{
    struct cb_digest d;
    if (!g->kind)
        return;
    hash(g);
    cb_sha256_end(&g->sha, &d);
    add_digest(&g->notes, g->kind, g->name.data, &d);
    g->bytes += g->name.len;
    g->kind = NULL;
}

/* `skip`: bytes of the path that are the item's own. */
static void add_entry(struct group *g, const char *path, const struct cache_entry *e, size_t skip)
{
    const char *slash = strchr(path + skip, '/');
    bool below = g->whole && slash;
    struct cb_str name = {path, below ? (size_t)(slash - path) : strlen(path)};
    bool dir = below || e->type == CB_DIR;
    if (!g->kind || !g->whole || !cb_str_eq((struct cb_str){g->name.data, g->name.len}, name)) {
        flush(g);
        g->kind = dir ? "dir" : "file";
        cb_buf_reset(&g->name);
        cb_buf_add(&g->name, name.p, name.n);
        cb_sha256_init(&g->sha);
    }
    build_selection_put_entry(path, e, &g->entries);
    if (g->entries.len >= HASH_PIECE)
        hash(g);
}

/* -1: they cannot be read. */
static int add_picks(struct group *g, const struct build_item *item)
{
    CB_AUTO(build_pick_cursor) struct build_pick_cursor c = BUILD_PICK_CURSOR_INIT(item);
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct build_picked p;
    int r = 0;
    while (fits(g) && (r = build_pick_next(&c, &p, &ignored)) > 0) {
        CB_AUTO(free) char *path = build_item_path(item, p.x.e.path);
        add_entry(g, path, &p.x.e, item->skip);
    }
    return r;
}

static bool gather(struct group *g)
{
    const struct build_selection *s = g->selection;
    int r = 0;
    for (size_t i = 0; i < s->n_items && r >= 0 && fits(g); i++) {
        const struct build_item *item = &s->items[i];
        if (!item->is_dir)
            add_entry(g, cache_node_path(item->node), &item->node->e, 0);
        r = add_picks(g, item);
    }
    flush(g);
    return r >= 0 && fits(g);
}

static void move(struct build_notes *to, struct build_note *note)
{
    CB_PUSH(to->items, to->n, to->cap) = *note;
    note->name = NULL;
}

void build_notes_add_selection(struct build_notes *n, const struct build_selection *s, const struct cb_digest *whole)
{
    bool done = false;
    for (int level = 0; level < 2 && !done; level++) {
        struct group g = {.selection = s, .whole = level, .name = CB_BUF_INIT, .entries = CB_BUF_INIT};
        done = gather(&g);
        for (size_t i = 0; done && i < g.notes.n; i++)
            move(n, &g.notes.items[i]);
        build_notes_done(&g.notes);
        cb_buf_done(&g.entries);
        cb_buf_done(&g.name);
    }
    if (!done)
        add_digest(n, "files", NULL, whole);
}
