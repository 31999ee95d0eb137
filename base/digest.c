/* The low-level SHA-256 interface is used on purpose: libcrypto's EVP layer loads providers, reads
 * configuration files and costs half a millisecond, a tenth of what a cached build takes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct cb_sha256), "cb_sha256 holds libcrypto's state");

void cb_sha256_init(struct cb_sha256 *s)
{
    SHA256_Init((SHA256_CTX *)s->opaque);
}

void cb_sha256_add(struct cb_sha256 *s, const void *p, size_t n)
{
    SHA256_Update((SHA256_CTX *)s->opaque, p, n);
}

void cb_sha256_end(struct cb_sha256 *s, struct cb_digest *ret)
{
    SHA256_Final(ret->b, (SHA256_CTX *)s->opaque);
}

void cb_sha256(const void *p, size_t n, struct cb_digest *ret)
{
    struct cb_sha256 s;
    cb_sha256_init(&s);
    cb_sha256_add(&s, p, n);
    cb_sha256_end(&s, ret);
}

/* ---- stretching ---------------------------------------------------------------------------------------------------- *
 * PBKDF2 of HMAC-SHA256. libcrypto's own comes with its EVP layer, as does its SHA256(): linked into cbuild that makes the
 * program twice as large and each start of it 0.3 ms longer, whether anything is stretched or not. */

struct hmac {
    SHA256_CTX inner, outer; /* with their pads */
};

/* A key that is longer than a block counts as its digest, a shorter one as it is. */
static void hmac_key(struct hmac *h, const void *p, size_t n)
{
    uint8_t blocks[2][SHA256_CBLOCK] = {{0}};
    struct cb_digest shorter;
    if (n > SHA256_CBLOCK) {
        cb_sha256(p, n, &shorter);
        p = &shorter, n = sizeof(shorter.b);
    }
    if (n)
        memcpy(blocks[0], p, n);
    memcpy(blocks[1], blocks[0], SHA256_CBLOCK);
    for (size_t i = 0; i < SHA256_CBLOCK; i++) {
        blocks[0][i] ^= 0x36;
        blocks[1][i] ^= 0x5c;
    }
    SHA256_Init(&h->inner);
    SHA256_Update(&h->inner, blocks[0], SHA256_CBLOCK);
    SHA256_Init(&h->outer);
    SHA256_Update(&h->outer, blocks[1], SHA256_CBLOCK);
    explicit_bzero(blocks, sizeof(blocks));
    explicit_bzero(&shorter, sizeof(shorter));
}

static void hmac(const struct hmac *h, const void *p, size_t n, struct cb_digest *ret)
{
    SHA256_CTX c = h->inner;
    SHA256_Update(&c, p, n);
    SHA256_Final(ret->b, &c);
    c = h->outer;
    SHA256_Update(&c, ret->b, sizeof(ret->b));
    SHA256_Final(ret->b, &c);
}

void cb_stretch(const void *p, size_t n, const struct cb_digest *salt, uint32_t rounds, struct cb_digest *ret)
{
    struct hmac h;
    struct cb_digest u;
    uint8_t first[sizeof(salt->b) + 4] = {[sizeof(salt->b) + 3] = 1}; /* the number of the block */
    memcpy(first, salt->b, sizeof(salt->b));
    hmac_key(&h, p, n);
    hmac(&h, first, sizeof(first), &u);
    *ret = u;
    for (uint32_t i = 1; i < rounds; i++) {
        hmac(&h, u.b, sizeof(u.b), &u);
        for (size_t k = 0; k < sizeof(u.b); k++)
            ret->b[k] ^= u.b[k];
    }
    explicit_bzero(&h, sizeof(h));
}

void cb_digest_hex(const struct cb_digest *d, char out[CB_DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(d->b); i++) {
        out[2 * i] = digits[d->b[i] >> 4];
        out[2 * i + 1] = digits[d->b[i] & 15];
    }
    out[CB_DIGEST_HEX] = 0;
}

void cb_digest_text(const struct cb_digest *d, char out[CB_DIGEST_TEXT + 1])
{
    memcpy(out, "sha256:", 7);
    cb_digest_hex(d, out + 7);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool cb_digest_parse_hex(const char *hex, struct cb_digest *ret)
{
    struct cb_digest d;
    for (size_t i = 0; i < sizeof(d.b); i++) {
        int hi = hex_value(hex[2 * i]);
        int lo = hi < 0 ? -1 : hex_value(hex[2 * i + 1]);
        if (lo < 0)
            return false;
        d.b[i] = (uint8_t)(hi << 4 | lo);
    }
    if (hex[CB_DIGEST_HEX])
        return false;
    *ret = d;
    return true;
}

bool cb_digest_parse(const char *text, struct cb_digest *ret)
{
    return cb_starts(text, "sha256:") && cb_digest_parse_hex(text + 7, ret);
}
