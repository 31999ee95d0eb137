/* What a header block holds: its checksum, and numbers. */
#include "base/stream/tar-internal.h"

uint32_t cb_tar_checksum(const struct cb_tar_header *h, bool as_signed)
{
    const char *p = (const char *)h;
    uint32_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool inside = i >= offsetof(struct cb_tar_header, checksum) && i < offsetof(struct cb_tar_header, type);
        char c = inside ? ' ' : p[i];
        sum += as_signed ? (uint32_t)(int32_t)(signed char)c : (uint32_t)(unsigned char)c;
    }
    return sum;
}

bool cb_tar_get_number(const char *p, size_t n, int64_t *ret)
{
    const unsigned char *b = (const unsigned char *)p;
    uint64_t v = 0;
    size_t i = 0;
    if (b[0] & 0x80) {
        bool negative = b[0] & 0x40;
        v = negative ? ~(uint64_t)0 : 0;
        for (i = 0; i < n; i++) {
            uint64_t byte = i == 0 ? (negative ? b[0] : b[0] & 0x7fu) : b[i];
            if (i + 8 < n && byte != (negative ? 0xffu : 0))
                return false;
            v = v << 8 | byte;
        }
        *ret = (int64_t)v;
        return (*ret < 0) == negative;
    }
    while (i < n && (p[i] == ' ' || p[i] == '\0'))
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
        if (v >> 59)
            return false;
        v = v << 3 | (uint64_t)(p[i] - '0');
    }
    for (; i < n; i++) {
        if (p[i] != ' ' && p[i] != '\0')
            return false;
    }
    *ret = (int64_t)v;
    return true;
}

int cb_tar_header_number(const char *p, size_t n, const char *what, int64_t min, uint64_t max, int64_t *ret, struct cb_error *err)
{
    if (!cb_tar_get_number(p, n, ret) || *ret < min || (*ret > 0 && (uint64_t)*ret > max))
        return cb_fail(err, CB_E_CORRUPT, "tar: damaged header: invalid %s", what);
    return 0;
}
