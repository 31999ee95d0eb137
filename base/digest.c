/* The low-level SHA-256 interface is used on purpose: libcrypto's EVP layer loads providers, reads
 * configuration files and costs half a millisecond, a tenth of what a cached build takes. Stretching costs a hundred times that.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/evp.h>
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

void cb_stretch(const void *p, size_t n, const struct cb_digest *salt, uint32_t rounds, struct cb_digest *ret)
{
    if (n > INT32_MAX || rounds > INT32_MAX ||
        !PKCS5_PBKDF2_HMAC(p, (int)n, salt->b, sizeof(salt->b), (int)rounds, EVP_sha256(), sizeof(ret->b), ret->b))
        abort(); /* out of memory, as everywhere */
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
