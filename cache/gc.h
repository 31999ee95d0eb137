/* What of the store goes. Roots are the images and the records: an image names its config, manifest, layers and their blobs; a
 * record names one layer; a layer names (in meta.json and packed-*.json) the blobs of its packed forms and the layers it is
 * stacked on; what is known of a URL names its blob. What no root leads to is garbage.
 *
 * [ns]: call it in a job of the helper, where the files of every owner can be read and removed. */
#ifndef CACHE_GC_H
#define CACHE_GC_H

#include "cache/store/store.h"

enum cache_kind {
    CACHE_KIND_IMAGE,
    CACHE_KIND_LAYER,
    CACHE_KIND_BLOB,
    CACHE_KIND_RECORD,
    CACHE_KIND_DOWNLOAD, /* what is known of a URL; its bytes are a blob */
    CACHE_KIND_MOUNT,
    CACHE_KIND_CONTEXT, /* tables about build contexts */
    CACHE_KIND_WORK,    /* what is being made, and what dead processes left of that */
    CACHE_KINDS
};
extern const char *const cache_kind_names[CACHE_KINDS]; /* "image", "layer" … */

enum cache_either { CACHE_EITHER, CACHE_YES, CACHE_NO };
/* Zero takes everything. */
struct cache_filter {
    unsigned kinds;         /* a bit for each of enum cache_kind; 0: all */
    struct cb_strv ids;     /* whole names of images, beginnings of other ids; empty: all */
    enum cache_either used; /* images: has it a name? others: does an image with a name need it, or a process? */
};
bool cache_filter_is_set(const struct cache_filter *f);

/* Something that a person can ask about or remove. */
struct cache_item {
    enum cache_kind kind;
    const char *id;
    const char *text;       /* an instruction, a mount's key; may be NULL */
    uint64_t bytes, shared; /* on the disk; how much of it others need, too */
    int64_t used;           /* seconds since the epoch; 0: not known */
    bool in_use;            /* as in cache_filter */
};

/* What goes, beside garbage, dead owners' work, left-over lock and temporary files, tables of contexts that have not been built
 * for 30 days, and images without a name:
 *
 *   nothing set          nothing else
 *   older_than           records and downloads that have not been used for so long, unless a named image needs their layer
 *   keep_bytes           such records and downloads, least recently used first, until the store is this small
 *   all                  every such record and download, and every cache mount; with older_than or keep_bytes those they select
 *   mounts               cache mounts too, as all does
 *   filter               only what it takes, of all that could go; what it names by its id goes even if a named image needs
 *                        it, and so does an image whose name it gives
 *
 * No image with a name goes otherwise. older_than and keep_bytes together: only what is old enough, and only until the
 * store is small enough. The use of a record or download is noted at most once an hour; an image's age counts from `updated`. */
struct cache_prune {
    bool all;
    bool mounts;
    bool dry_run;
    uint64_t keep_bytes; /* 0: no limit */
    uint64_t keep_free;  /* the same, by what the file system has left; 0: no limit */
    int64_t older_than;  /* seconds; 0: any */
    struct cache_filter filter;
    void (*tell)(void *arg, const struct cache_item *i); /* of all that goes; NULL: nobody asks */
    void *arg;
};
struct cache_pruned {
    uint64_t bytes; /* as the disk counts; a file that something else holds is not freed */
    uint64_t count; /* records, images, downloads, layers, blobs and cache mounts */
    uint64_t left;  /* what the store uses now; only with keep_bytes or keep_free */
};
/* Builds may run beside it, and what they use stays (cache/store/lease.h), with all that it needs; two prunes wait for each
 * other. Records and images go before what they name, trees are renamed into work/ before they are emptied: if it is killed at
 * any moment, it leaves a store in which everything that is named is there. [ns] */
int cache_prune(struct cache_store *s, const struct cache_prune *how, struct cache_pruned *ret, struct cb_error *err);

#endif
