#include "base/pack.h"

#include <endian.h>

void cb_put_u8(struct cb_buf *b, uint8_t v)
{
    cb_buf_add(b, &v, sizeof(v));
}

void cb_put_u32(struct cb_buf *b, uint32_t v)
{
    v = htole32(v);
    cb_buf_add(b, &v, sizeof(v));
}

void cb_put_u64(struct cb_buf *b, uint64_t v)
{
    v = htole64(v);
    cb_buf_add(b, &v, sizeof(v));
}

void cb_put_bytes(struct cb_buf *b, const void *p, size_t n)
{
    cb_put_u64(b, n);
    cb_buf_add(b, p, n);
}

void cb_put_str(struct cb_buf *b, const char *s)
{
    cb_put_bytes(b, s, s ? strlen(s) : 0);
}

void cb_put_digest(struct cb_buf *b, const struct cb_digest *d)
{
    cb_buf_add(b, d->b, sizeof(d->b));
}

static bool take(struct cb_unpack *u, void *to, size_t n)
{
    if (u->failed || (size_t)(u->end - u->p) < n) {
        u->failed = true;
        memset(to, 0, n);
        return false;
    }
    memcpy(to, u->p, n);
    u->p += n;
    return true;
}

uint8_t cb_get_u8(struct cb_unpack *u)
{
    uint8_t v;
    take(u, &v, sizeof(v));
    return v;
}

uint32_t cb_get_u32(struct cb_unpack *u)
{
    uint32_t v;
    take(u, &v, sizeof(v));
    return le32toh(v);
}

uint64_t cb_get_u64(struct cb_unpack *u)
{
    uint64_t v;
    take(u, &v, sizeof(v));
    return le64toh(v);
}

struct cb_digest cb_get_digest(struct cb_unpack *u)
{
    struct cb_digest d;
    take(u, d.b, sizeof(d.b));
    return d;
}

struct cb_str cb_get_bytes(struct cb_unpack *u)
{
    uint64_t n = cb_get_u64(u);
    if (u->failed || (uint64_t)(u->end - u->p) < n) {
        u->failed = true;
        return (struct cb_str){"", 0};
    }
    struct cb_str s = {u->p, (size_t)n};
    u->p += n;
    return s;
}

char *cb_get_str(struct cb_unpack *u)
{
    struct cb_str s = cb_get_bytes(u);
    if (memchr(s.p, 0, s.n))
        u->failed = true;
    return cb_memdup0(s.p, s.n);
}
