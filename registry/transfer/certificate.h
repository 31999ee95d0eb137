/* The certificate of a server that is not believed, in words. Pure. */
#ifndef REG_CERTIFICATE_H
#define REG_CERTIFICATE_H

#include "base/buf.h"

struct reg_certificate { /* borrowed; NULL: not known */
    const char *subject, *issuer, *names, *start, *expire;
};
/* Takes a line as libcurl's CURLINFO_CERTINFO has them ("Subject:CN = x"); others are passed over. */
void reg_certificate_add(struct reg_certificate *c, const char *line);
/* "of 'CN = x' for DNS:x, signed by itself, valid from … to …"; nothing when nothing is known. */
void reg_certificate_text(const struct reg_certificate *c, struct cb_buf *out);

#endif
