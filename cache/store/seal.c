#include "cache/store/seal.h"

#include "base/fd.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_SIZE (1 + 16) /* a blank and hexadecimal digits */

#define PIECE     ((size_t)64 << 10) /* a multiple of what is summed at a time */

static uint64_t begin(uint64_t n)
{
    return n + 0x9E3779B97F4A7C15u;
}

/* Eight bytes at a time: the table of a large context has megabytes. */
static uint64_t add(uint64_t h, const char *p, size_t n)
{
    for (; n; p += CB_MIN(n, 8), n -= CB_MIN(n, 8)) {
        uint64_t w = 0;
        memcpy(&w, p, CB_MIN(n, 8));
        h = (h ^ le64toh(w)) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    return h;
}

uint64_t cache_checksum(const void *bytes, size_t n)
{
    return add(begin(n), bytes, n);
}

void cache_seal(struct cb_buf *b)
{
    cb_buf_printf(b, " %016" PRIx64, cache_checksum(b->data, b->len));
}

static bool is_seal(uint64_t sum, const char *found)
{
    char seal[SEAL_SIZE + 1];
    snprintf(seal, sizeof(seal), " %016" PRIx64, sum);
    return memcmp(seal, found, SEAL_SIZE) == 0;
}

size_t cache_unseal(const char *p, size_t n)
{
    bool sealed = n >= SEAL_SIZE && is_seal(cache_checksum(p, n - SEAL_SIZE), p + n - SEAL_SIZE);
    return sealed ? n - SEAL_SIZE : n;
}

/* Of the first n bytes of a file, which is read from its start on. */
static int checksum_file(int fd, int64_t n, uint64_t *ret)
{
    CB_AUTO(free) char *piece = cb_alloc_buffer(PIECE);
    *ret = begin((uint64_t)n);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    for (int64_t at = 0; at < n;) {
        int r = cb_read_full(fd, piece, (size_t)CB_MIN(n - at, (int64_t)PIECE));
        if (r <= 0)
            return r < 0 ? r : -EIO;
        *ret = add(*ret, piece, (size_t)r);
        at += r;
    }
    return 0;
}

int64_t cache_unseal_file(int fd)
{
    struct stat st;
    char found[SEAL_SIZE];
    uint64_t sum;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < SEAL_SIZE)
        return st.st_size;
    int r = checksum_file(fd, st.st_size - SEAL_SIZE, &sum);
    if (r == 0)
        r = cb_read_full(fd, found, SEAL_SIZE);
    return r < 0 ? r : r == SEAL_SIZE && is_seal(sum, found) ? st.st_size - SEAL_SIZE : st.st_size;
}

int cache_seal_file(int fd)
{
    struct stat st;
    char seal[SEAL_SIZE + 1];
    uint64_t sum;
    int r = fstat(fd, &st) < 0 ? -errno : checksum_file(fd, st.st_size, &sum);
    if (r < 0)
        return r;
    snprintf(seal, sizeof(seal), " %016" PRIx64, sum);
    return cb_write_full(fd, seal, SEAL_SIZE);
}
