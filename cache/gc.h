/* What the store uses, and making it smaller. Roots are the images and the records: an image names its config,
 * manifest, layers and their blobs; a record names one layer; a layer names (in meta.json and packed-*.json)
 * the blobs of its packed forms and the layers it is stacked on; what is known of a URL names its blob. What no root leads to is
 * garbage.
 *
 * [ns]: call it in a job of the helper, where the files of every owner can be read and removed. */
#ifndef CACHE_GC_H
#define CACHE_GC_H

#include "cache/store/store.h"

struct cache_usage_row {
    const char *kind; /* "layers" "blobs" "records" "images" "cache mounts" "downloads" "contexts" "work" */
    /* bytes: as the disk counts them (a file with several names once). reclaimable: of layers, blobs and records
     * what no image leads to; cache mounts, downloads (their blobs are among the blobs) and contexts: all that nobody uses now;
     * work: of dead owners. */
    uint64_t count, bytes, reclaimable;
};
#define CACHE_USAGE_ROWS 8
/* Takes no lock: what comes and goes meanwhile may be counted or not. [ns] */
int cache_usage(struct cache_store *s, struct cache_usage_row rows[CACHE_USAGE_ROWS], struct cb_error *err);

/* What goes, beside garbage, dead owners' work, left-over lock and temporary files, and tables of contexts
 * that have not been built for 30 days:
 *
 *   nothing set          nothing else: every record, image and download stays
 *   older_than           downloads, and records whose layer no image names, that have not been used for so long
 *   keep_bytes           such records and downloads, least recently used first, until the store is this small
 *   all                  every record, image and download, whoever names them; with older_than or keep_bytes only
 *                        those, by age, that the two select
 *   mounts               cache mounts too; with older_than or keep_bytes only those that they select
 *
 * older_than and keep_bytes together: only what is old enough, and only until the store is small enough.
 * The use of a record or download is noted at most once an hour; an image's age counts from `updated`. */
struct cache_prune {
    bool all;
    bool mounts;
    bool wait;           /* for running builds to end; else they are an error that says so */
    uint64_t keep_bytes; /* 0: no limit */
    int64_t older_than;  /* seconds; 0: any */
};
/* Takes the lock "gc" exclusively (builds hold it shared): nothing that a running build uses can go. Records and
 * images go before what they name, trees are renamed into work/ before they are emptied: if it is killed at any
 * moment, it leaves a store in which everything that is named is there. `ret_bytes`: freed, as the disk counts;
 * `ret_count`: records, images, layers, blobs and cache mounts removed. [ns] */
int cache_prune(struct cache_store *s, const struct cache_prune *how, uint64_t *ret_bytes, uint64_t *ret_count,
                struct cb_error *err);

#endif
