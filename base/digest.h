/* SHA-256 (libcrypto, linked statically where possible: a cached build must load no library). */
#ifndef CB_DIGEST_H
#define CB_DIGEST_H

#include "base/buf.h"
#include "base/error.h"

struct cb_digest {
    uint8_t b[32];
};
#define CB_DIGEST_HEX  64 /* without the NUL */
#define CB_DIGEST_TEXT 71 /* "sha256:" and the hex */

struct cb_sha256 {
    uint64_t opaque[16]; /* large enough for libcrypto's state; checked at compile time */
};
void cb_sha256_init(struct cb_sha256 *s);
void cb_sha256_add(struct cb_sha256 *s, const void *p, size_t n);
void cb_sha256_end(struct cb_sha256 *s, struct cb_digest *ret);
void cb_sha256(const void *p, size_t n, struct cb_digest *ret);

/* A digest of something that may be guessed, made so that each guess costs `rounds` times two hashes: PBKDF2 with HMAC-SHA-256
 * (RFC 8018), its first block. */
void cb_stretch(const void *p, size_t n, const struct cb_digest *salt, uint32_t rounds, struct cb_digest *ret);

void cb_digest_hex(const struct cb_digest *d, char out[CB_DIGEST_HEX + 1]);
void cb_digest_text(const struct cb_digest *d, char out[CB_DIGEST_TEXT + 1]); /* "sha256:…" */
bool cb_digest_parse_hex(const char *hex, struct cb_digest *ret);             /* exactly 64 lower-case digits */
bool cb_digest_parse(const char *text, struct cb_digest *ret);                /* "sha256:" + 64 digits */
static inline bool cb_digest_eq(const struct cb_digest *a, const struct cb_digest *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
static inline bool cb_digest_is_zero(const struct cb_digest *d)
{
    static const struct cb_digest zero;
    return cb_digest_eq(d, &zero);
}

#endif
