/* Content-addressed blobs: blobs/sha256/<hex>, named as in an OCI image layout. A name is given only to
 * bytes whose digest was computed while they were written. */
#ifndef CACHE_BLOB_H
#define CACHE_BLOB_H

#include "cache/store.h"

struct cache_blob_writer {
    struct cache_store *store;
    int fd; /* unnamed file */
    struct cb_sha256 sha;
    uint64_t size;
};
int cache_blob_begin(struct cache_store *s, struct cache_blob_writer *ret, struct cb_error *err);
int cache_blob_write(struct cache_blob_writer *w, const void *p, size_t n, struct cb_error *err);
/* Names it. `want` (may be NULL) is compared first: a difference is CB_E_CORRUPT. EEXIST is success. */
int cache_blob_commit(struct cache_blob_writer *w, const struct cb_digest *want, struct cb_digest *ret, struct cb_error *err);
void cache_blob_abort(struct cache_blob_writer *w); /* also after commit: closes */

int cache_blob_put(struct cache_store *s, const void *p, size_t n, struct cb_digest *ret, struct cb_error *err);
/* 1: *ret_size is set. 0: not there. */
int cache_blob_has(struct cache_store *s, const struct cb_digest *d, uint64_t *ret_size);
/* fd to read, or -1 with err (CB_E_NOT_FOUND when it is not there). Large blobs are verified by readers. */
int cache_blob_open(struct cache_store *s, const struct cb_digest *d, struct cb_error *err);
/* A small document (config, manifest), whole and verified against its digest. 1, 0: not there, -1. A
 * damaged one is removed and reported as not there. */
int cache_blob_get(struct cache_store *s, const struct cb_digest *d, size_t max, struct cb_buf *ret, struct cb_error *err);

#endif
