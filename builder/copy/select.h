/* Which entries of a source a COPY or ADD takes, in order (dockerfile.md §12.3, --exclude and --parents of §12.4), and the
 * identity of what it takes (§18). Nothing is written, and only build_selection_digest reads content. */
#ifndef BUILD_SELECT_H
#define BUILD_SELECT_H

#include "builder/copy/list.h"
#include "builder/copy/source.h"

/* An entry below an item's directory. Parents come before children, siblings bytewise. */
struct build_pick {
    const struct cache_node *node;
    uint32_t up; /* index + 1 of the pick that is its parent; 0: the item's directory itself */
    bool whole;  /* a directory whose metadata replaces that of an existing one; else only its mode does */
};

/* One source path, or one match of a wildcard. */
struct build_item {
    char *name;                    /* last component of the path as written or matched; owned */
    const struct cache_node *node; /* what it is, links followed */
    bool is_dir;                   /* its picks are merged into the destination, else it is one entry */
    size_t skip;                   /* bytes of a pick's path that are the item's own: see build_pick_path */
    struct build_pick *picks;      /* of a directory; NULL: they are in `list` */
    size_t n_picks, cap_picks;
    struct build_list *list; /* owned; NULL: there is none */
};

struct build_selection {
    const struct build_source *source;
    struct build_item *items;
    size_t n_items, cap_items;
    bool parents;
    const struct cache_node **barren; /* of a local source: directories before a wildcard that matched nothing */
    size_t n_barren, cap_barren;
};

struct build_select_params {
    const char *const *words; /* source words after expansion; heredocs and URLs are not among them */
    size_t n_words;
    const char *const *exclude; /* --exclude patterns as given */
    size_t n_exclude;
    bool parents;
    bool literal; /* words are names, whatever is in them: what ADD fetched from a URL */
    bool listed;  /* of a context: what lies in directories is listed, not kept, and so are digests */
};

/* Missing: `failed to compute cache key: "/x": not found` with CB_E_NOT_FOUND. A zeroed *ret is filled;
 * release it even after a failure. Borrows the source and its tree. */
int build_select(const struct build_source *source, const struct build_select_params *params, struct build_selection *ret,
                 struct cb_error *err);
void build_selection_done(struct build_selection *s);
CB_DEFINE_AUTO(build_selection, struct build_selection, build_selection_done)

/* Path of a pick below its item's directory. Borrowed. */
static inline const char *build_pick_path(const struct build_item *item, const struct build_pick *pick)
{
    return cache_node_path(pick->node) + item->skip;
}

/* The entries below an item's directory, wherever they are. */
struct build_pick_cursor {
    const struct build_item *item;
    size_t n; /* given so far */
    struct build_list_cursor listed;
};
#define BUILD_PICK_CURSOR_INIT(item_) ((struct build_pick_cursor){.item = (item_), .listed = BUILD_LIST_CURSOR_INIT})
void build_pick_cursor_done(struct build_pick_cursor *c);
CB_DEFINE_AUTO(build_pick_cursor, struct build_pick_cursor, build_pick_cursor_done)
struct build_picked {
    struct build_line x;           /* its path is below the item's directory */
    const struct cache_node *node; /* NULL: it is listed */
};
/* 1 with *ret, whose strings last until the next call; 0: there is no more; -1: the list cannot be read. */
int build_pick_next(struct build_pick_cursor *c, struct build_picked *ret, struct cb_error *err);

/* The path in the source of what is below an item's directory at `below`. Caller frees. */
char *build_item_path(const struct build_item *item, const char *below);

/* SHA-256 over everything selected: item names, paths below them, type, mode, owner, size, link target,
 * device, xattrs as §18 names them, content. Never mtimes. Digests of files that were unknown are known
 * afterwards. */
int build_selection_digest(const struct build_selection *s, struct cb_digest *ret, struct cb_error *err);

/* Appends what is hashed for an entry. Call it after build_selection_digest, so that the digests of files are known. */
void build_selection_put_entry(const char *path, const struct cache_entry *e, struct cb_buf *to);

/* The local context's rule for wildcards without a match: their directory must be one that the build as a
 * whole selects something from (§12.3). `all`: every selection of the build from this source. */
int build_selection_check_barren(const struct build_selection *s, const struct build_selection *const *all, size_t n_all,
                                 struct cb_error *err);

/* Selects the whole tree as one directory (a bind mount of a context, an image as a source). */
int build_select_all(const struct build_source *source, struct build_selection *ret, struct cb_error *err);

#endif
