/* Layers in the store. The id of a layer that a step made is its content ID; the id of a base image's layer is its diff ID.
 * A layer has two forms, files and packed blob; each can be made from the other.
 *
 * Functions marked [ns] touch files of any owner and run in a job inside the build's user namespace
 * (or as root, or as a single-id user: then owners that cannot be set stay in the index only). */
#ifndef CACHE_LAYER_H
#define CACHE_LAYER_H

#include "base/job.h"
#include "base/owner.h"
#include "cache/store/index.h"
#include "cache/store/store.h"

struct cache_layer {
    struct cb_digest id;
    bool has_files; /* they can be stacked and read (cache/layer/reader.h); else cache_layer_materialize makes them */
    bool has_diff_id;
    struct cb_digest diff_id; /* of the uncompressed tar */
    uint64_t size;            /* sum of file sizes */
    uint64_t entries;
    struct timespec created; /* when it was first made */
};

/* 1: *ret is filled. 0: the store has no such layer. A layer from an earlier boot is verified against
 * its index first when its durability is not known; a damaged one is set aside and counts as not there. */
int cache_layer_find(struct cache_store *s, const struct cb_digest *id, struct cache_layer *ret, struct cb_error *err);
/* The layer with this diff ID, whatever its id. 1 / 0 / -1. */
int cache_layer_find_diff(struct cache_store *s, const struct cb_digest *diff_id, struct cache_layer *ret, struct cb_error *err);
/* Do the files of the layer with this diff ID belong to ids that this build does not have? When cache_layer_find_diff finds none,
 * this is why. */
bool cache_layer_is_foreign(struct cache_store *s, const struct cb_digest *diff_id);
int cache_layer_index(struct cache_store *s, const struct cb_digest *id, struct cache_index *ret, struct cb_error *err);
/* The same, entry by entry: an fd that *ret borrows, to be closed after it; or -1. */
int cache_layer_entries(struct cache_store *s, const struct cb_digest *id, struct cache_index_cursor *ret, struct cb_error *err);
struct cache_layer_seen {
    uint64_t files, bytes; /* that were read */
    char *wrong;           /* what is damaged; the caller frees it */
};
/* Reads all of a layer. 1: it is what its index says. 0: it is not, see seen->wrong; it stays where it is. -EACCES: this process
 * may not look into it. -ENOENT: it is not there. [ns] */
int cache_layer_verify(struct cache_store *s, const struct cb_digest *id, struct cache_layer_seen *seen);
/* Takes a damaged layer out of the store, so that it will be made anew. */
void cache_layer_drop(struct cache_store *s, const struct cb_digest *id);
/* Syncs the store's file system and notes that these layers are on disk, so that no later boot has to check them.
 * Takes as long as the disk needs: for the end of a build, where nobody waits (a child that outlives it). */
int cache_layer_settle(struct cache_store *s, const struct cb_digest *ids, size_t n, struct cb_error *err);

/* ---- making layers ------------------------------------------------------------------------- */

/* A file as it was when its digest was taken. */
struct cache_seen {
    bool sure; /* whoever finds it so finds this content */
    uint64_t ino;
    int64_t ctime;
    uint32_t ctime_nsec, mtime_nsec;
};

/* Where the bytes of a new file come from. */
enum cache_data_kind { CACHE_DATA_NONE, CACHE_DATA_INLINE, CACHE_DATA_FILE, CACHE_DATA_LAYER };
struct cache_data {
    enum cache_data_kind kind;
    const void *bytes;           /* INLINE: e.size bytes */
    int root;                    /* FILE: directory fd, opened beneath it without following symlinks */
    const char *path;            /* FILE, LAYER */
    uint32_t mtime_nsec;         /* FILE: of its time, which has whole seconds in the entry */
    struct cache_seen seen;      /* FILE: found so, it has the entry's digest, and is not hashed again */
    bool may_grow;               /* FILE: others may append to it; its content is as many bytes as the entry says */
    struct cache_reader *reader; /* LAYER: cache/layer/reader.h */
    int layer;
    const void *source; /* the caller's, for cache_layer_culprit */
};
/* A layer under construction from entries (COPY, ADD, WORKDIR, heredocs). Parents before children.
 * `entry.digest` may be zero for FILE: it is computed while copying. When it is not zero it is checked
 * against the bytes, and a difference is CB_E_CORRUPT ("changed while it was read").
 * Hard links: type CB_HARDLINK, link = path of an earlier entry. */
struct cache_layer_writer;
int cache_layer_writer_new(struct cache_store *s, struct cache_layer_writer **ret, struct cb_error *err); /* [ns] */
/* Of a layer that nothing is expected to stand on: no file is made; each is read once, into the layer's tar, which is its packed
 * form, uncompressed, and whose digest is its diff ID. Entries come in the order of the index, all by cache_layer_add. */
int cache_layer_writer_packed(struct cache_store *s, struct cache_layer_writer **ret, struct cb_error *err);
/* Files that `earlier` has at the same path, equal in everything, become hard links to its files. Where it is not in the store as
 * files, all are copied. Call it before anything is added. */
void cache_layer_writer_like(struct cache_layer_writer *w, const struct cb_digest *earlier);
/* All that is added from now on, n entries, comes in the order of the index, without hard links and members of archives: none of
 * it is held. What entries and data point to need not last, bytes apart. */
int cache_layer_writer_pass(struct cache_layer_writer *w, size_t n, struct cb_error *err);
int cache_layer_add(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                    struct cb_error *err);
/* The same, but a file may be written later, at the latest by commit, and many are written side by side. What data and entry
 * point to must last until then. */
int cache_layer_add_soon(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                         struct cb_error *err);
/* When that or the commit failed for a file that waited: its data->source. Else NULL. */
const void *cache_layer_culprit(const struct cache_layer_writer *w);
/* Like add for a CB_FILE whose bytes arrive in pieces (archive members): begin, write…, end. */
int cache_layer_file_begin(struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err);
int cache_layer_file_write(struct cache_layer_writer *w, const void *p, size_t n, struct cb_error *err);
int cache_layer_file_end(struct cache_layer_writer *w, struct cb_error *err);
/* Publishes it under its content ID; if a layer with that ID exists, that one is the result. */
int cache_layer_commit(struct cache_layer_writer *w, struct cache_layer *ret, struct cb_error *err);
void cache_layer_writer_free(struct cache_layer_writer *w);
CB_DEFINE_AUTO_PTR(cache_layer_writer, struct cache_layer_writer, cache_layer_writer_free)

/* Makes a layer of what a RUN left in an overlay's upper directory: `upper` is the directory `name`
 * below `work_dir`, `lowers` the directories of the layers below it (cache_stack), top first. Entries that say only what
 * the layers below already say (same metadata, second of mtime and content; directories of which only
 * the times changed; whiteouts of nothing) are left out of the index *and* removed from the directory;
 * opaque directories become explicit whiteouts in both; parents of what changed are in the index.
 * Attributes other than a file's capability are removed, and the root gets the owner and mode of every root: the
 * directory must say what the index says, because it is shared by its index.
 * `links`: owners of symlinks and FIFOs in there, where they cannot be set; NULL: none is known.
 * `work_dir` lies below the store's work/, or that of a run root. The directory is renamed into the store, and only copied when
 * it lies on another file system; it stays where it is when the store already has that layer. [ns] (dockerfile.md §17, runtime.md
 * §5) */
int cache_layer_commit_upper(struct cache_store *s, int work_dir, const char *name, const int *lowers, size_t n_lowers,
                             const struct cb_link_owners *links, struct cache_layer *ret, struct cb_error *err);

/* ---- the two forms ------------------------------------------------------------------------- */

/* Reads a layer's tar (compressed or not) from `source`, verifies `diff_id` at the end, makes the index and,
 * when `want_files`, the files. The tar is hostile: nothing it says leaves the layer's directory; a path that
 * tries is an error. Publishes as layers/<diff_id>. [ns when want_files] */
int cache_layer_unpack(struct cache_store *s, cb_source_fn *source, void *arg, const struct cb_digest *diff_id, bool want_files,
                       struct cb_job_io *io, struct cache_layer *ret, struct cb_error *err);
/* The sorted index and the diff ID of such a tar, read to its end; no store gets anything of it. `what` names it in messages. */
int cache_layer_index_tar(cb_source_fn *source, void *arg, const char *what, struct cb_job_io *io, struct cache_index *ret,
                          struct cb_digest *ret_diff_id, struct cb_error *err);
/* Makes the files of a layer that has none, from its packed blob, or from files of ids that this build does not have. [ns] */
int cache_layer_materialize(struct cache_store *s, const struct cb_digest *id, struct cb_job_io *io, struct cb_error *err);
/* Writes the layer's canonical tar into `sink` from index and files; gives and remembers its diff ID. [ns] */
int cache_layer_tar(struct cache_store *s, const struct cb_digest *id, cb_sink_fn *sink, void *arg, struct cb_digest *ret_diff_id,
                    struct cb_error *err);
/* 1: the diff ID, known already, or found by making that tar and discarding it. 0: there is no such layer. [ns] */
int cache_layer_diff_id(struct cache_store *s, const struct cb_digest *id, struct cb_digest *ret, struct cb_error *err);

/* The packed form: which blob holds this layer in this compression. A base layer has the blob it came
 * with; others are packed once and remembered (layers/<id>/packed-<codec>[-level].json). */
struct cache_packed {
    struct cb_digest digest;
    uint64_t size;
    const struct cb_codec *codec;
};
/* 1 / 0: none yet / -1. level < 0: the default level. `any`: whatever packed form it has, this kind first. */
int cache_layer_packed(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level, bool any,
                       struct cache_packed *ret, struct cb_error *err);
/* Packs it (from its files, or by recompressing another packed form). Sets the diff ID too. [ns] */
int cache_layer_pack(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level,
                     struct cb_job_io *io, struct cache_packed *ret, struct cb_error *err);
/* The same for a layer that a step made, with times later than `latest` set to that: another tar, whose diff ID is given. It is
 * remembered too. [ns] */
int cache_layer_pack_until(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level,
                           int64_t latest, struct cb_job_io *io, struct cache_packed *ret, struct cb_digest *ret_diff_id,
                           struct cb_error *err);
/* Remembers that this blob (a base image's) is the packed form of the layer. */
int cache_layer_set_packed(struct cache_store *s, const struct cb_digest *id, const struct cache_packed *p, struct cb_error *err);

#endif
