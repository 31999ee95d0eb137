/* What a COPY takes from one directory of a context, written down entry by entry in the order in which it was found (parents
 * first, siblings bytewise): neither the build nor a step holds the entries of a large context. A short list is in memory; what
 * exceeds that lies in a file without a name in the store, which forks share.
 *
 * A list is written by one process (add, drop, settle, end) and then read by any number of cursors, also in its forks. */
#ifndef BUILD_LIST_H
#define BUILD_LIST_H

#include "cache/layer/layer.h"

struct build_list;
struct build_line {
    struct cache_entry e; /* its path is below the directory; of a file, the digest is known */
    bool whole;           /* see build_pick */
    uint64_t link_group;
    struct cache_seen seen; /* of a file: as it was when its digest was taken */
};

struct build_list *build_list_new(struct cache_store *s); /* NULL: it stays in memory */
void build_list_free(struct build_list *l);
CB_DEFINE_AUTO_PTR(build_list, struct build_list, build_list_free)

/* Its place, for settle and drop. */
uint64_t build_list_add(struct build_list *l, const struct build_line *x);
/* What was not known of a file when it was added: digest, size, time and `seen`. Only until build_list_rest. */
void build_list_settle(struct build_list *l, uint64_t place, const struct build_line *x);
/* Forgets the entry at `place` and all after it. */
void build_list_drop(struct build_list *l, uint64_t place);
/* All that was added so far is settled, and may go into the file. */
void build_list_rest(struct build_list *l);
bool build_list_is_full(const struct build_list *l);   /* it is time for that */
bool build_list_has_links(const struct build_list *l); /* some of its files are one */

struct build_list_cursor {
    const struct build_list *list;
    uint64_t at; /* the next entry */
    /* a part of the file */
    struct cb_buf piece;
    uint64_t piece_at;
    /* strings of the entry given last */
    struct cb_buf path, link;
};
#define BUILD_LIST_CURSOR_INIT ((struct build_list_cursor){.piece = CB_BUF_INIT, .path = CB_BUF_INIT, .link = CB_BUF_INIT})
void build_list_cursor_done(struct build_list_cursor *c);
CB_DEFINE_AUTO(build_list_cursor, struct build_list_cursor, build_list_cursor_done)
/* The next entry: its strings last until the next call. 1; 0: there is none; -1: the file cannot be read. */
int build_list_next(struct build_list_cursor *c, struct build_line *ret, struct cb_error *err);
/* The same, but no more of it than what is hashed for it (select.h). */
int build_list_next_bytes(struct build_list_cursor *c, struct cb_str *ret, struct cb_error *err);

#endif
