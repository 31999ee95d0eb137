/* Small documents of the store end with a checksum of themselves, so that a bit that flips on the disk is not taken for
 * the truth. It guards against disks and crashes, not against people. */
#ifndef CACHE_SEAL_H
#define CACHE_SEAL_H

#include "base/buf.h"

/* Appends a blank and, in hexadecimal, the checksum of what is there. */
void cache_seal(struct cb_buf *b);
/* The same of an open file that is whole otherwise. 0 or -errno. */
int cache_seal_file(int fd);
/* How many bytes there are before a sound seal. All of them when there is none: a document of an earlier cbuild has
 * none, and whatever parses a damaged one accepts nothing after its end. */
size_t cache_unseal(const char *p, size_t n);
/* The same of an open file, of which only a piece is in memory at a time. -errno. */
int64_t cache_unseal_file(int fd);

uint64_t cache_checksum(const void *bytes, size_t n);

#endif
