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
    struct cb_str name;    /* borrowed from a node's path */
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
    CB_AUTO(free) char *name = cb_memdup0(g->name.p, g->name.n);
    cb_sha256_end(&g->sha, &d);
    add_digest(&g->notes, g->kind, name, &d);
    g->bytes += g->name.n;
    g->kind = NULL;
}

/* `skip`: bytes of the path that are the item's own. */
static void add_node(struct group *g, const struct cache_node *node, size_t skip)
{
    const char *path = cache_node_path(node), *slash = strchr(path + skip, '/');
    bool below = g->whole && slash;
    struct cb_str name = {path, below ? (size_t)(slash - path) : strlen(path)};
    bool dir = below || node->e.type == CB_DIR;
    if (!g->kind || !g->whole || g->name.n != name.n || memcmp(g->name.p, name.p, name.n) != 0) {
        flush(g);
        g->kind = dir ? "dir" : "file";
        g->name = name;
        cb_sha256_init(&g->sha);
    }
    build_selection_put_entry(g->selection, node, &g->entries);
    if (g->entries.len >= HASH_PIECE)
        hash(g);
}

static bool gather(struct group *g)
{
    const struct build_selection *s = g->selection;
    for (size_t i = 0; i < s->n_items && fits(g); i++) {
        const struct build_item *item = &s->items[i];
        if (!item->is_dir)
            add_node(g, item->node, 0);
        for (size_t k = 0; k < item->n_picks && fits(g); k++)
            add_node(g, item->picks[k].node, item->skip);
    }
    flush(g);
    return fits(g);
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
        struct group g = {.selection = s, .whole = level, .entries = CB_BUF_INIT};
        done = gather(&g);
        for (size_t i = 0; done && i < g.notes.n; i++)
            move(n, &g.notes.items[i]);
        build_notes_done(&g.notes);
        cb_buf_done(&g.entries);
    }
    if (!done)
        add_digest(n, "files", NULL, whole);
}
