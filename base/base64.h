/* Base64 (RFC 4648 §4), for Authorization headers and credential files. */
#ifndef CB_BASE64_H
#define CB_BASE64_H

#include "base/buf.h"

void cb_base64_encode(struct cb_buf *out, const char *p, size_t n);
/* Appends the bytes; padding may be missing. False: not base64 (`out` may hold part of it). */
bool cb_base64_decode(struct cb_buf *out, const char *text);

#endif
