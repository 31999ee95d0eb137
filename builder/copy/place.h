/* What the layer of a COPY, ADD or WORKDIR holds (dockerfile.md §12.2-§12.5, §13 WORKDIR, §17 Layers).
 * A place starts at the stage's tree (or at nothing: --link), takes the sources of one instruction in
 * order, and at the end gives the difference as layer entries. The stage's tree is not changed.
 *
 *     p = build_place_new(&params);
 *     build_place_selection(p, &selection, &err);   // each source in order
 *     build_place_archive(p, …);                    // builder/copy/extract.h
 *     build_place_inline(p, "EOF", bytes, n, &err); // heredocs last
 *     build_place_finish(p, &layer, &err);
 *
 * After a failure the place can only be freed. */
#ifndef BUILD_PLACE_H
#define BUILD_PLACE_H

#include "builder/copy/select.h"

struct df_chmod;

struct build_place_params {
    struct cache_tree *dest; /* borrowed until the place is freed; NULL: an empty root (--link, scratch) */
    const char *path;        /* destination after expansion; its trailing "/" counts. Unused by WORKDIR */
    const char *workdir;     /* a relative `path` is below it; NULL: "/" */
    bool has_owner;          /* --chown, or the owner of a WORKDIR */
    uint32_t uid, gid;
    const struct df_chmod *chmod; /* NULL: none. The caller drops --link when it is set (§12.4) */
    int64_t mtime;                /* of directories and inline files that are made here */
};

/* Where the bytes of an entry come from. */
enum build_data {
    BUILD_DATA_NONE,   /* no file, or an empty one */
    BUILD_DATA_SOURCE, /* data_path of `origin` of `source` */
    BUILD_DATA_DEST,   /* the same of the stage's own tree, where it is `node` */
    BUILD_DATA_INLINE, /* bytes, e.size of them */
    BUILD_DATA_MEMBER, /* the member with this ordinal of archive `archive` */
};

struct build_entry {
    struct cache_entry e; /* type may be CB_HARDLINK or CACHE_WHITEOUT; digest zero where it is not known */
    enum build_data data;
    const struct build_source *source;
    const struct cache_node *node;
    const char *data_path;
    int origin;
    struct cache_seen seen; /* SOURCE: as it was when its digest was taken */
    const void *bytes;
    int archive; /* as given to build_place_archive */
    uint64_t member;
};

/* In an order in which a layer can be written: first everything but the two kinds that follow, sorted by path with parents before
 * children; then members of archives, by archive and ordinal; then hard links. */
struct build_layer {
    const struct build_entry **entries; /* the array is the caller's to free, the entries are the place's */
    size_t n, cap;
};

struct build_place;
struct build_place *build_place_new(const struct build_place_params *params);
void build_place_free(struct build_place *p);
CB_DEFINE_AUTO_PTR(build_place, struct build_place, build_place_free)

/* Digests of the selection must be known (build_selection_digest): a file without one counts as changed. */
int build_place_selection(struct build_place *p, const struct build_selection *s, struct cb_error *err);
/* The same for one listed directory that goes where nothing is: its entries, and those of the directories on the way there, come
 * one after another, in the order of an index, and nothing of them is held. */
struct build_place_passage {
    struct build_place *place;
    struct build_layer above;
    size_t n_above; /* given so far */
    struct build_pick_cursor picks;
    struct build_entry entry;
    struct cb_buf path, data_path;
    size_t path_start, data_start;
};
#define BUILD_PLACE_PASSAGE_INIT                                                                                                 \
    ((struct build_place_passage){.picks = BUILD_PICK_CURSOR_INIT(NULL), .path = CB_BUF_INIT, .data_path = CB_BUF_INIT})
void build_place_passage_done(struct build_place_passage *x);
CB_DEFINE_AUTO(build_place_passage, struct build_place_passage, build_place_passage_done)
/* 1: *ret gives them all, and the place is good for nothing else. 0: they have to be held: call build_place_selection. -1: `err`.
 */
int build_place_pass(struct build_place *p, const struct build_selection *s, struct build_place_passage *ret,
                     struct cb_error *err);
size_t build_place_passing(const struct build_place_passage *x); /* how many there are */
/* 1: *ret, which lasts until the next call. 0: there is no more. -1: `err`. */
int build_place_next(struct build_place_passage *x, const struct build_entry **ret, struct cb_error *err);
/* A heredoc: a file `name`, 0644, 0:0. `bytes` are borrowed until the layer is written. */
int build_place_inline(struct build_place *p, const char *name, const void *bytes, size_t n, struct cb_error *err);
/* WORKDIR: `path` is absolute, as written. Makes what is missing of it (0755, with the owner of the params), including what
 * stands before a "..". */
int build_place_workdir(struct build_place *p, const char *path, struct cb_error *err);

/* The difference: entries that the tree already has with the same metadata, mtime (to the second) and content are left out, and
 * so are directories of which only times changed; what is in the layer brings its parent directories along. Strings are owned by
 * the place. Call it once. */
int build_place_finish(struct build_place *p, struct build_layer *ret, struct cb_error *err);

#endif
