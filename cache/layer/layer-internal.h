/* What the files of cache/layer/ share and nobody else uses. A layer directory (all but `state` and fs/ are sealed:
 * cache/store/seal.h; a damaged state only means that the layer is checked):
 *
 *   index       cache/store/index.h
 *   meta.json   what never changes: content ID, base layer or not, sizes, creation time
 *   state       "<boot id> <inode of fs/, 0: none> [<form of its owners>] [durable]": since when the layer is as it is
 *               (layer.c, "trust"), and where fs/ has owners (form.c)
 *   diff        the diff ID in hex, once it is known
 *   packed-<kind>.json, packed-<kind><edition>-<level>.json
 *               the blobs it came in, and those that were made from it
 *   from.json   who else has a blob of it (places.h)
 *   fs/         */
#ifndef CACHE_LAYER_INTERNAL_H
#define CACHE_LAYER_INTERNAL_H

#include "cache/layer/layer.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"
#include <sys/stat.h>

#define CACHE_LAYER_MAX_INDEX   ((size_t)4 << 30)
#define CACHE_LAYER_COPY_BUFFER (256u << 10)

/* ---- where owners are (form.c) ---------------------------------------------------------------- */

enum cache_layer_form {
    CACHE_FORM_UNKNOWN,
    CACHE_FORM_INODES,
    CACHE_FORM_BESIDE,
    CACHE_FORM_LINKS /* beside, and some of what can have no attribute has an owner, which is in the index alone */
};
struct cache_layer_state {
    ino_t fs_ino;
    bool durable;
    enum cache_layer_form form;
};
const char *cache_layer_form_name(enum cache_layer_form f); /* " name", or "" */
enum cache_layer_form cache_layer_form_parse(const char *text);
/* Of what this process writes. */
enum cache_layer_form cache_layer_form_here(const struct cache_index *x);
enum cache_layer_form cache_layer_form_of(bool owned_links);
/* Of the files below `fs`, when nobody has noted it; also from outside of the namespace in which they were made. UNKNOWN: they
 * are the same in all forms. */
enum cache_layer_form cache_layer_form_found(int fs, const struct cache_index *x);
/* Can this process stack it as it is? */
bool cache_layer_form_fits(enum cache_layer_form f);
/* Does somebody else than root own what can have no attribute? */
bool cache_layer_is_owned_link(const struct cache_entry *e);
/* cache_layer_open_fs, in this process's form. CB_E_CORRUPT: it cannot be put into it, and was taken out of the store. [ns] */
int cache_layer_open_own(struct cache_store *s, const struct cb_digest *id, enum cache_layer_form *ret_form,
                         struct cb_error *err);
/* *ret: a directory (to be closed) to stack right below the layer's own, with the marks that this could not hold; -1: there are
 * none. 0, or -1 with `err` set. (marks.c) */
int cache_layer_open_marks(struct cache_store *s, const struct cb_digest *id, int *ret, struct cb_error *err);
/* Owners in the indexes of stacked layers (top first), of symlinks and FIFOs that none above them covers. ret->items is a heap
 * array; paths are in `arena`. */
int cache_layer_gather_links(const int *dirs, size_t n, struct cb_arena *arena, struct cb_link_owners *ret, struct cb_error *err);

/* ---- the directory (layer.c) ---------------------------------------------------------------- */

struct cache_layer_dir {
    struct cache_layer l;
    struct cb_digest content;
    bool base;                      /* came as a tar from outside: its diff ID is its id, its tar is not ours to make */
    bool trusted;                   /* nothing can have been lost since it was made or checked */
    bool foreign;                   /* it has files, but they belong to ids that are not there (l.has_files is false) */
    struct cache_layer_state state; /* fs_ino 0: no fs/ */
};
struct cache_layer_path {
    char text[sizeof("layers/") + CB_DIGEST_HEX];
};
struct cache_layer_path cache_layer_path(const struct cb_digest *id); /* below the store */
/* Opens layers/<id>: an fd, or -errno. */
int cache_layer_open(struct cache_store *s, const struct cb_digest *id);
/* Of an open layer. 1: there is a list of places that have its bytes. 0: there is none. -1: it is damaged. (places.c) */
int cache_layer_look_elsewhere(int dir);
/* Its fs/ (O_PATH), or -1 with `err` set. */
int cache_layer_open_fs(struct cache_store *s, const struct cb_digest *id, struct cb_error *err);
/* A file of a layer without fs/, taken out of its blob: an fd of its own, or -1. (packed-file.c) */
int cache_layer_open_packed(struct cache_store *s, const struct cb_digest *id, const char *path, struct cb_error *err);
/* 1: *ret tells what is there, trusted or not. 0: nothing, or something that cannot be read. */
int cache_layer_load(struct cache_store *s, const struct cb_digest *id, struct cache_layer_dir *ret, struct cb_error *err);
/* The index of the layer that `fs` is the fs/ of; empty when that lies in no layer. Other damage is an error. */
int cache_layer_index_beside(int fs, struct cache_index *ret, struct cb_error *err);
/* Entry by entry; `dir` of the layer: an fd (to be closed) that *ret borrows, or -1. */
int cache_layer_read_entries(int dir, struct cache_index_cursor *ret, struct cb_error *err);
/* Verified against `content`, if that is not NULL. */
int cache_layer_read_index(int dir, const struct cb_digest *content, struct cache_index *ret, struct cb_error *err);
/* 1: the files in the layer's directory are those of the index: kinds, sizes and names; with `seen` their contents, too. 0: they
 * are not. -EACCES: they cannot be seen from here. (check.c) */
int cache_layer_check_files(int dir, const struct cache_index *x, struct cache_layer_seen *seen);
/* Prefix of messages: "layer <first 12 digits>". */
struct cache_layer_name {
    char text[20];
};
struct cache_layer_name cache_layer_name(const struct cb_digest *id);

/* ---- publishing (publish.c) ----------------------------------------------------------- */

/* What became of entries of which none was held. */
struct cache_layer_passed {
    uint64_t n, size;
    bool owned_links;
};

/* A layer under construction: layer/ in a work directory of its own, or of whoever makes it. */
struct cache_layer_draft {
    struct cache_store *store;
    struct cache_work work;            /* its own */
    int base;                          /* the work directory, borrowed */
    int dir;                           /* layer/ in it, -1: not begun */
    int fs;                            /* its fs/, -1: none */
    struct cache_layer_passed *passed; /* borrowed; the index is written already: NULL stands for it below */
};
#define CACHE_LAYER_DRAFT_INIT ((struct cache_layer_draft){NULL, CACHE_WORK_INIT, -1, -1, -1, NULL})
int cache_layer_draft_begin(struct cache_store *s, bool want_fs, struct cache_layer_draft *ret, struct cb_error *err);
/* The same in `base`, an open directory below the store's work/ that stays the caller's. */
int cache_layer_draft_begin_in(struct cache_store *s, int base, bool want_fs, struct cache_layer_draft *ret,
                               struct cb_error *err);
void cache_layer_draft_done(struct cache_layer_draft *d);
CB_DEFINE_AUTO(cache_layer_draft, struct cache_layer_draft, cache_layer_draft_done)
/* Publishes the draft with this sorted index. `content` is the index's content ID. `diff_id` not NULL: a base layer,
 * named by it. An existing layer of the same id is the result, unless it cannot be trusted; it gets our fs/ when it has
 * none. */
int cache_layer_publish(struct cache_layer_draft *d, const struct cache_index *x, const struct cb_digest *content,
                        const struct cb_digest *diff_id, struct cache_layer *ret, struct cb_error *err);
/* 1: there is a trusted layer of this content with its fs/, as good as a new one. 0: there is not. */
int cache_layer_exists(struct cache_store *s, const struct cb_digest *content, struct cache_layer *ret, struct cb_error *err);
/* Moves the draft's fs/ into an existing layer that has none, or none that is of use here. `x`: its index. */
int cache_layer_give_fs(struct cache_layer_draft *d, const struct cb_digest *id, const struct cache_index *x,
                        struct cb_error *err);
int cache_layer_remember_diff(struct cache_store *s, const struct cb_digest *id, const struct cb_digest *diff,
                              struct cb_error *err);
/* Rewrites `state`: from now on the layer is as this boot sees it. */
int cache_layer_write_state(struct cache_store *s, int dir, const struct cache_layer_state *state);
/* False: it does not say that these files can be trusted. ret->form is of files with this inode. */
bool cache_layer_read_state(struct cache_store *s, int dir, ino_t fs_ino, struct cache_layer_state *ret);

/* The two halves of cache_layer_settle, with the sync between them: what is marked as durable is what was there before it. A
 * layer or its files that somebody puts in its place meanwhile were not synced: their state stays as it is, or names other files.
 */
struct cache_layer_present {
    int dir; /* of the layer; -1: it is not there, or not trusted */
    struct cache_layer_state state;
};
struct cache_layer_present *cache_layer_look(struct cache_store *s, const struct cb_digest *ids, size_t n);
void cache_layer_mark(struct cache_store *s, struct cache_layer_present *p, size_t n, bool synced); /* frees p */

/* ---- directories along sorted paths (cursor.c) ----------------------------------------- */

/* Holds the directories at the end of the last path open, so that a sorted walk opens each of them only once. No symlink is
 * followed. */
#define CACHE_CURSOR_LEVELS 128
struct cache_layer_cursor {
    int root; /* borrowed */
    struct cb_buf path;
    size_t end[CACHE_CURSOR_LEVELS]; /* where the level's path ends */
    int fd[CACHE_CURSOR_LEVELS];
    int n;
};
#define CACHE_LAYER_CURSOR_INIT ((struct cache_layer_cursor){.root = -1, .path = CB_BUF_INIT})
void cache_layer_cursor_done(struct cache_layer_cursor *c);
CB_DEFINE_AUTO(cache_layer_cursor, struct cache_layer_cursor, cache_layer_cursor_done)
void cache_layer_cursor_set_root(struct cache_layer_cursor *c, int root);
/* The directory that holds `path` (O_PATH, borrowed until the next call), or -errno; *name points into `path`. */
int cache_layer_cursor_parent(struct cache_layer_cursor *c, const char *path, const char **name);
/* Forgets what was opened at and below `path`, which is about to be replaced. */
void cache_layer_cursor_forget(struct cache_layer_cursor *c, const char *path);
/* Opens the regular file `path` to read: no symlink, no device, never blocking. An fd, or -errno. */
int cache_layer_cursor_open(struct cache_layer_cursor *c, const char *path, struct stat *ret);

/* ---- writing files of a layer (disk.c) -------------------------------------------------- */

/* Modes, owners, xattrs and times of directories, and whiteouts, are set by cache_layer_disk_finish from the index:
 * creating something in a directory changes its time, and a mode may shut us out. */
struct cache_layer_disk {
    struct cache_layer_cursor cursor;
    bool owners;     /* every owner can be set; else only those that come by themselves; the index has the rest */
    bool no_devices; /* mknod was refused once: empty files stand for devices */
    bool merged;     /* it is what layers show together: marks have done their work and are not made */
    uid_t uid;
    gid_t gid;
    mode_t umask;
    /* the file being written */
    int fd;
    uint64_t size;
    long nsec; /* of its time, of which the entry has the whole seconds */
    bool holes;
};
/* Can the file system be trusted to hold whiteouts and opaque marks? On others, another overlay among them, they may be in the
 * index alone. */
bool cache_layer_holds_marks(int fd);
/* May this process give files to any owner? Else only the index knows owners. */
bool cache_layer_can_set_owners(void);
#define CACHE_LAYER_DISK_INIT ((struct cache_layer_disk){.cursor = CACHE_LAYER_CURSOR_INIT, .fd = -1})
void cache_layer_disk_init(struct cache_layer_disk *d, int fs);
void cache_layer_disk_done(struct cache_layer_disk *d);
CB_DEFINE_AUTO(cache_layer_disk, struct cache_layer_disk, cache_layer_disk_done)
/* Removes whatever is at `path`. */
int cache_layer_disk_remove(struct cache_layer_disk *d, const char *path, struct cb_error *err);
/* Makes anything but a file with data; its parent is there. A directory that exists stays. */
int cache_layer_disk_make(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err);
int cache_layer_disk_begin(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err);
int cache_layer_disk_write(struct cache_layer_disk *d, const struct cache_entry *e, const void *p, size_t n,
                           struct cb_error *err);
int cache_layer_disk_end(struct cache_layer_disk *d, const struct cache_entry *e, struct cb_error *err);
int cache_layer_disk_finish(struct cache_layer_disk *d, const struct cache_index *x, struct cb_error *err);
/* Gives what is there already the entry's owner, and what a change of owner takes away. */
int cache_layer_disk_own(struct cache_layer_disk *d, int dir, const char *name, const struct cache_entry *e,
                         struct cb_error *err);
/* Makes a regular file from the one that `from` has at `path`. */
int cache_layer_copy_file(struct cache_layer_disk *to, struct cache_layer_cursor *from, const struct cache_entry *e,
                          const char *path, struct cb_error *err);
/* Can this process read all files of a layer's fs/? */
bool cache_layer_can_be_read(int fs, const struct cache_index *x);
/* Makes all of it below `to`, in this process's form. */
int cache_layer_copy_files(int fs, int to, const struct cache_index *x, struct cb_error *err);
/* Is this attribute the overlay's own, or ours? It never goes into a layer, nor out of one. */
bool cache_layer_reserved_xattr(const char *name);

/* Sorts. Of the names of one inode, the first in order has the data; the others are links to it. */
void cache_layer_settle_links(struct cache_index *x);

/* ---- what no index holds (attributes.c) -------------------------------------------------- */

struct cache_layer_carried {
    bool capability;         /* security.capability, which stays */
    bool opaque;             /* the directory hid what is below it */
    bool redirect, metacopy; /* it shows files from elsewhere: what is left cannot stand alone */
};
/* Takes every attribute off the open `fd`, or off `name` in that directory (no link is followed), but a capability that
 * is to be kept, an owner where it can be nowhere else, the labels of security modules and overlay's origin, which affect nobody;
 * tells what there was. 0 or -errno. */
int cache_layer_strip(int fd, const char *name, bool keep_capability, struct cache_layer_carried *ret);
/* The inode's flags (chattr(1)); 0 where the file system has none. */
unsigned cache_layer_flags(int fd);
/* Makes those flags of the open inode that an owner may set the same as in `like`. 0 or -errno. */
int cache_layer_reset_flags(int fd, unsigned like);
/* Makes a layer's root, which is in no index, like every root: 0755, owned by its maker (root, inside), without
 * attributes. 0 or -errno. */
int cache_layer_plain_root(int fs);

/* ---- what a command left (changed.c) ----------------------------------------------------- */

struct cache_layer_capability {
    char v[24];
    size_t n;     /* 0: none */
    bool foreign; /* of a root other than ours, for whom it means nothing */
};
/* security.capability in its second form: the third adds a root id, which means nothing in an image. 0 or -errno. */
int cache_layer_get_capability(int fd, struct cache_layer_capability *ret);
/* From here on the inode carries what the index says: takes attributes and flags off what a command left. `flags`: those of
 * inodes that were given none. */
int cache_layer_settle_file(int fd, const char *path, unsigned flags, struct cache_layer_capability *ret, struct cb_error *err);
int cache_layer_settle_dir(int fd, const char *path, unsigned flags, struct cache_layer_carried *ret, struct cb_error *err);
int cache_layer_settle_name(int dir, const char *name, const char *path, struct cb_error *err); /* neither file nor directory */
/* The type of an entry for what this is; -1: a layer cannot hold it. */
int cache_layer_type(mode_t mode);
struct cache_entry cache_layer_entry_of(const char *path, int type, const struct stat *st);
/* Size and digest of the rest of a file. `buffer`: CACHE_LAYER_COPY_BUFFER bytes. 0 or -errno. */
int cache_layer_hash(int fd, char *buffer, struct cache_entry *e);

/* ---- the tar (pack.c) ---------------------------------------------------------------------- */

/* Begins an entry in a layer's tar; the bytes of a file follow. */
/* The tar of a layer that a step made and that has its files; times later than `latest` (NULL: any) become that. [ns] (pack.c) */
int cache_layer_tar_files(struct cache_store *s, const struct cache_layer *l, const int64_t *latest, struct cb_job_io *io,
                          cb_sink_fn *sink, void *arg, struct cb_error *err);
int cache_layer_tar_entry(struct cb_tar_writer *tar, const struct cache_entry *e, struct cb_error *err);

/* ---- writing the bytes of files (hand.c) -------------------------------------------------- */

/* One that writes files of a layer. Several of them write into one directory side by side. */
struct cache_layer_hand {
    struct cache_layer_disk disk;
    struct cb_tar_writer *tar;              /* borrowed; NULL: files are made on the disk */
    uint64_t size;                          /* of the file being written, so far */
    int model;                              /* the files of a layer that may get further names; borrowed; -1: there is none */
    struct cache_layer_cursor model_cursor; /* in it */
    struct cache_layer_cursor source;       /* where the files of the last FILE entry's root come from */
    struct cache_reader *reader;            /* its own, of the list of the last LAYER entry's reader */
    const struct cache_reader *reads_like;
    char *buffer;
    struct cb_sha256 sha; /* of the file being written */
    bool trusted;         /* its digest is known to be that of the entry */
};
void cache_layer_hand_init(struct cache_layer_hand *h, int fs, int model);
void cache_layer_hand_done(struct cache_layer_hand *h);
/* A file whose bytes come in pieces. At the end its size and digest must be what the entry says, where it says so; then the entry
 * has the digest. */
int cache_layer_hand_begin(struct cache_layer_hand *h, const struct cache_entry *e, struct cb_error *err);
int cache_layer_hand_put(struct cache_layer_hand *h, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err);
int cache_layer_hand_end(struct cache_layer_hand *h, struct cache_entry *e, struct cb_error *err);
/* A whole file. `in_model`: the model has just that at the same path, and it becomes another name of it. */
int cache_layer_hand_file(struct cache_layer_hand *h, struct cache_entry *e, const struct cache_data *data, bool in_model,
                          struct cb_error *err);
/* Is one as good as the other? */
bool cache_layer_same_file(const struct cache_entry *a, const struct cache_entry *b);

/* ---- unpacking (unpack.c) -------------------------------------------------------------- */

/* The tar of a layer, compressed or not. Borrowed. */
struct cache_layer_stream {
    cb_source_fn *source;
    void *arg;
    const char *what;     /* its name in messages */
    struct cb_job_io *io; /* hears how far it is; NULL: nobody does */
};
/* Reads it to its end. Gives the sorted index, the diff ID of what was read and, unless fs < 0, the files below it. */
int cache_layer_read_tar(const struct cache_layer_stream *from, int fs, struct cache_index *ret, struct cb_digest *ret_diff,
                         struct cb_error *err);
/* The same for the tar of a known layer: one of anything else is CB_E_CORRUPT. (pack.c) */
int cache_layer_read_as(const struct cache_layer_dir *l, const struct cache_layer_stream *from, int fs, struct cache_index *ret,
                        struct cb_error *err);

/* ---- lower layers (below.c) ------------------------------------------------------------ */

/* Which lowers a directory of the overlay is merged from: numbers into the list of lowers, top first. */
struct cache_layer_merge {
    int *lower;
    size_t n, cap;
};
struct cache_layer_lowers {
    const int *fds; /* top first */
    size_t n;
};
/* What the lowers of `dir` show at `path` (of which `dir` is the parent): 1 with *st and, for a directory, the lowers
 * it is merged from in *ret (to be freed); *top is the lower that *st comes from. 0: nothing. */
int cache_layer_below_find(const struct cache_layer_lowers *l, const struct cache_layer_merge *dir, const char *path, int *top,
                           struct stat *st, struct cache_layer_merge *ret, struct cb_error *err);
/* The names that are visible in a merged directory, sorted. */
int cache_layer_below_names(const struct cache_layer_lowers *l, const struct cache_layer_merge *dir, const char *path,
                            struct cb_strv *ret, struct cb_error *err);
/* Is it a whiteout in either form? -errno when it cannot be told. */
int cache_layer_is_whiteout(int dir, const char *path, const struct stat *st);
/* The value of overlay.<what> of a directory or file: 'y', 'x', …; 0: not set; -errno. */
int cache_layer_overlay_mark(int dir, const char *path, const char *what);

/* ---- owners of what was copied up (owners.c) --------------------------------------------- */

struct cache_layer_owners {
    const struct cache_layer_lowers *lowers; /* borrowed */
    const struct cb_link_owners *links; /* what the command gave to others, of what has no attributes; borrowed, NULL: none */
    bool kept;                          /* owners are beside the files, and in the indexes */
    struct cache_index **indexes;       /* of each lower, NULL: not read yet */
};
void cache_layer_owners_init(struct cache_layer_owners *o, const struct cache_layer_lowers *lowers,
                             const struct cb_link_owners *links);
void cache_layer_owners_done(struct cache_layer_owners *o);
/* Where owners are kept beside the files: makes *st, of the lower `top` at `path`, what the image shows. */
int cache_layer_owner_below(struct cache_layer_owners *o, int top, const char *path, struct stat *st, struct cb_error *err);
/* The same for what the upper directory `dir` has under `name`, where that says itself whose it is. 1: it does. 0 / -errno. */
int cache_layer_owner_beside(const struct cache_layer_owners *o, int dir, const char *name, const char *path, struct stat *st);
/* 1: what a directory of the upper has under `name` came from what lies below in its place (*below). 0: it was made anew.
 * `hidden`: the directory hides what is below. -errno. */
int cache_layer_was_copied_up(int dir, const char *name, const struct stat *st, const struct stat *below, bool hidden);

#endif
