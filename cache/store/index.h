/* The index of a layer: every entry of it, sorted bytewise by path, with the digest of its content
 * (architecture.md "Identity"). Made in the same pass that packs or unpacks a layer; it tells what COPY --from
 * selects, whether two results are equal and what changed, even when the layer is not present.
 *
 * All strings live in the index's arena. Whiteouts are entries of type CACHE_WHITEOUT at the path that
 * is deleted; CACHE_OPAQUE marks a directory (path) whose lower content is hidden.
 *
 * On disk: magic "cbidx", version, count, entries in base/pack.h form (grammar in index.c). */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include "base/digest.h"
#include "base/stream/tar.h"

enum cache_type { /* CB_FILE … CB_FIFO, CB_HARDLINK of cb_ftype keep their values */
                  CACHE_WHITEOUT = CB_FTYPE_COUNT,
                  CACHE_OPAQUE,
};

struct cache_entry {
    const char *path; /* no leading '/', no trailing one; never "" */
    int type;         /* enum cb_ftype or enum cache_type */
    uint32_t mode, uid, gid;
    uint64_t size;
    int64_t mtime;    /* seconds; not part of the content ID */
    const char *link; /* symlink: target; hard link: path of an earlier entry of this layer; else NULL */
    uint32_t dev_major, dev_minor;
    const struct cb_xattr *xattrs;
    size_t n_xattrs;
    struct cb_digest digest; /* of a file's content; zero for other types */
};

struct cache_index {
    struct cache_entry *entries;
    size_t n, cap;
    struct cb_arena arena;
};

void cache_index_done(struct cache_index *x);
CB_DEFINE_AUTO(cache_index, struct cache_index, cache_index_done)

/* Have they the same attributes, in the same order? In an index these are sorted. */
bool cache_same_xattrs(const struct cache_entry *a, const struct cache_entry *b);

/* Whether a file of `size` bytes may be in a layer: asked before its content is read. -1: it may not (CB_MAX_FILE). */
int cache_check_size(const char *path, uint64_t size, struct cb_error *err);

/* Adds a copy of `e` (strings and xattrs into the arena). Order does not matter before sort. */
void cache_index_add(struct cache_index *x, const struct cache_entry *e);
/* Sorts by path; the last added of equal paths stays. Sort order: parents before children,
 * siblings bytewise ('/' sorts before every other byte, as filepath.Walk goes). */
void cache_index_sort(struct cache_index *x);
const struct cache_entry *cache_index_find(const struct cache_index *x, const char *path); /* sorted; NULL: none */
/* The order of paths in a sorted index. */
int cache_index_compare(const char *a, const char *b);

/* SHA-256 of the canonical form without mtimes. Needs a sorted index. */
void cache_index_content_id(const struct cache_index *x, struct cb_digest *ret);
/* Sum of file sizes. */
uint64_t cache_index_size(const struct cache_index *x);

/* The parts of that form, and of the form of the content ID, for whoever has one entry at a time. */
void cache_index_put_head(uint64_t n, struct cb_buf *b);
void cache_index_put(const struct cache_entry *e, bool with_mtime, struct cb_buf *b);
void cache_index_write(const struct cache_index *x, struct cb_buf *out);
/* Trusts nothing: -1 with CB_E_CORRUPT for anything that is not a sorted, well-formed index. */
int cache_index_read(const void *p, size_t n, struct cache_index *ret, struct cb_error *err);

/* The entries of an index in a file (sealed or not), one after another, for whoever needs no more than one at a time: what it
 * takes in memory does not grow with their number. As little is trusted, but that a hard link's target is there. */
struct cache_index_cursor {
    int fd; /* borrowed; read from its start */
    struct cb_buf window;
    size_t at;             /* in the window: the first byte that is not yet used */
    uint64_t rest;         /* bytes of the index that are not in the window yet */
    uint64_t n;            /* entries that are still to come */
    int last_type;         /* of the entry before */
    struct cb_buf last;    /* its path; empty: there was none */
    struct cb_arena entry; /* strings of the one that was given last */
};
#define CACHE_INDEX_CURSOR_INIT ((struct cache_index_cursor){.fd = -1, .window = CB_BUF_INIT, .last = CB_BUF_INIT})
int cache_index_cursor_open(int fd, struct cache_index_cursor *ret, struct cb_error *err);
/* 1: *ret is the next entry, whose strings last until the next call. 0: there is none. -1: the index is damaged. */
int cache_index_cursor_next(struct cache_index_cursor *c, struct cache_entry *ret, struct cb_error *err);
void cache_index_cursor_done(struct cache_index_cursor *c);
CB_DEFINE_AUTO(cache_index_cursor, struct cache_index_cursor, cache_index_cursor_done)

#endif
