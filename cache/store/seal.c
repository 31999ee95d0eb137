#include "cache/store/seal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

#define SEAL_SIZE (1 + 16) /* a blank and hexadecimal digits */

/* Eight bytes at a time: the table of a large context has megabytes. */
uint64_t cache_checksum(const void *bytes, size_t n)
{
    const char *p = bytes;
    uint64_t h = n + 0x9E3779B97F4A7C15u;
    for (; n; p += CB_MIN(n, 8), n -= CB_MIN(n, 8)) {
        uint64_t w = 0;
        memcpy(&w, p, CB_MIN(n, 8));
        h = (h ^ le64toh(w)) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    return h;
}

void cache_seal(struct cb_buf *b)
{
    cb_buf_printf(b, " %016" PRIx64, cache_checksum(b->data, b->len));
}

size_t cache_unseal(const char *p, size_t n)
{
    char seal[SEAL_SIZE + 1];
    if (n < SEAL_SIZE)
        return n;
    snprintf(seal, sizeof(seal), " %016" PRIx64, cache_checksum(p, n - SEAL_SIZE));
    return memcmp(seal, p + n - SEAL_SIZE, SEAL_SIZE) == 0 ? n - SEAL_SIZE : n;
}
