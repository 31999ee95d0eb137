/* zlib streams (RFC 1950) that are in memory. */
#ifndef CB_INFLATE_H
#define CB_INFLATE_H

#include "base/buf.h"
#include "base/error.h"

/* Appends what the stream holds. -1: it is damaged or cut off, or holds more than `max` bytes. */
int cb_inflate(const void *p, size_t n, size_t max, struct cb_buf *out, struct cb_error *err);

#endif
