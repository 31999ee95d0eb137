/* Base64 (RFC 4648 §4), for Authorization headers and credential files. */
#ifndef REG_BASE64_H
#define REG_BASE64_H

#include "base/buf.h"

void reg_base64_encode(struct cb_buf *out, const char *p, size_t n);
/* Appends the bytes; padding may be missing. False: not base64 (out may hold a part). */
bool reg_base64_decode(struct cb_buf *out, const char *text);

#endif
