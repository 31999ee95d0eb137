/* A small binary form for what processes of one build tell each other, for layer indexes and for the
 * bytes that keys are hashed over: fixed-width little-endian numbers, and byte strings with a 64-bit
 * length in front. Canonical: equal values give equal bytes.
 * The reader trusts no length: after the first short read every further read gives 0 / empty and
 * `failed` stays set, so callers simply read on and check once. Strings are borrowed from the input. */
#ifndef CB_PACK_H
#define CB_PACK_H

#include "base/digest.h"

void cb_put_u8(struct cb_buf *b, uint8_t v);
void cb_put_u32(struct cb_buf *b, uint32_t v);
void cb_put_u64(struct cb_buf *b, uint64_t v);
void cb_put_str(struct cb_buf *b, const char *s); /* NULL is written as "" */
void cb_put_bytes(struct cb_buf *b, const void *p, size_t n);
void cb_put_digest(struct cb_buf *b, const struct cb_digest *d);

struct cb_unpack {
    const char *p, *end;
    bool failed;
};
static inline struct cb_unpack cb_unpack(const void *p, size_t n)
{
    return (struct cb_unpack){(const char *)p, (const char *)p + n, false};
}
uint8_t cb_get_u8(struct cb_unpack *u);
uint32_t cb_get_u32(struct cb_unpack *u);
uint64_t cb_get_u64(struct cb_unpack *u);
struct cb_str cb_get_bytes(struct cb_unpack *u);
struct cb_digest cb_get_digest(struct cb_unpack *u);
char *cb_get_str(struct cb_unpack *u); /* caller frees; never NULL; an inner NUL sets `failed` */

#endif
