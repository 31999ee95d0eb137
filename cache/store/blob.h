/* Content-addressed blobs: blobs/sha256/<hex>, named as in an OCI image layout. A name is given only to
 * bytes whose digest was computed while they were written.
 *
 * begin, write…, commit; then abort in every case (it is the cleanup; after commit it only closes). Killed
 * in between, a writer leaves nothing. Any number of processes may write the same blob: one wins, all
 * succeed.
 *
 * Nothing is synced: after a power loss a *named* blob may hold the wrong bytes. So cache_blob_get verifies,
 * whoever streams a blob from cache_blob_open verifies it on the way, and a commit does not trust a file of
 * an earlier boot that has its name already, but puts its own in that place. */
#ifndef CACHE_BLOB_H
#define CACHE_BLOB_H

#include "cache/store/store.h"

#define CACHE_BLOB_PARTIAL 96
struct cache_blob_writer {
    struct cache_store *store; /* borrowed; NULL: nothing was begun */
    int fd;                    /* a file without a name */
    struct cache_work work;    /* where it lies on a file system without O_TMPFILE */
    struct cb_sha256 sha;
    uint64_t size;                    /* written so far */
    char partial[CACHE_BLOB_PARTIAL]; /* its name while it grows; "": none */
    bool replaces;                    /* what has the name already is not looked at: this takes its place */
};
#define CACHE_BLOB_WRITER_INIT ((struct cache_blob_writer){.fd = -1, .work = {-1, -1, ""}})
int cache_blob_begin(struct cache_store *s, struct cache_blob_writer *ret, struct cb_error *err);
/* The same for a download of these bytes, which goes on where an earlier one was ended: w->size bytes are there, for w->sha are
 * they counted. One process at a time writes it, others wait here. 1; 0: one of them has brought it; -1. Killed, it leaves what
 * it has; prune removes what is old. */
int cache_blob_resume(struct cache_store *s, const struct cb_digest *d, uint64_t size, struct cache_blob_writer *ret,
                      struct cb_error *err);
/* What was written so far is of no use: nobody goes on with it. */
void cache_blob_discard(struct cache_blob_writer *w);
int cache_blob_write(struct cache_blob_writer *w, const void *p, size_t n, struct cb_error *err);
/* Names it. `want` (may be NULL) is compared first: a difference is CB_E_CORRUPT. `ret` may be NULL. */
int cache_blob_commit(struct cache_blob_writer *w, const struct cb_digest *want, struct cb_digest *ret, struct cb_error *err);
void cache_blob_abort(struct cache_blob_writer *w);
CB_DEFINE_AUTO(cache_blob_writer, struct cache_blob_writer, cache_blob_abort)

/* A small blob at once. `ret` may be NULL. */
int cache_blob_put(struct cache_store *s, const void *p, size_t n, struct cb_digest *ret, struct cb_error *err);
/* 1: *ret_size is set. 0: not there. */
int cache_blob_has(struct cache_store *s, const struct cb_digest *d, uint64_t *ret_size);
/* Is it there with this size? One of another size is damaged: it counts as not there and is replaced. */
bool cache_blob_fits(struct cache_store *s, const struct cb_digest *d, uint64_t size);
/* fd to read, or -1 with err (CB_E_NOT_FOUND when it is not there). Its bytes are the reader's to verify;
 * a reader that finds them wrong calls cache_blob_damaged. */
int cache_blob_open(struct cache_store *s, const struct cb_digest *d, struct cb_error *err);
/* A small document (config, manifest), whole and verified against its digest. 1; 0: not there; -1. A
 * damaged one is removed and reported as not there. */
int cache_blob_get(struct cache_store *s, const struct cb_digest *d, size_t max, struct cb_buf *ret, struct cb_error *err);

/* 1: its bytes have the digest. 0: they do not, and it was removed; or it is not there. Reads all of it: for
 * whoever has failed and does not know why. */
int cache_blob_check(struct cache_store *s, const struct cb_digest *d);
/* 1: its bytes have the digest. 0: they do not, or cannot be read; it was removed unless `keep`. -ENOENT: it is not there. */
int cache_blob_verify(struct cache_store *s, const struct cb_digest *d, bool keep, uint64_t *ret_bytes);
/* Removes the blob that `fd` is open on, so that it will be made or fetched anew; a sound one that took its name
 * in the meantime stays. */
void cache_blob_damaged(struct cache_store *s, const struct cb_digest *d, int fd);

#endif
