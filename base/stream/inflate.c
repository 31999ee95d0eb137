#include "base/stream/inflate.h"

#include <zlib.h>

#define PIECE 65536

static int inflate_all(z_stream *z, size_t max, struct cb_buf *out, struct cb_error *err)
{
    size_t before = out->len;
    for (;;) {
        cb_buf_reserve(out, PIECE);
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = PIECE;
        int r = inflate(z, Z_NO_FLUSH);
        out->len += PIECE - z->avail_out;
        out->data[out->len] = '\0';
        if (out->len - before > max)
            return cb_fail(err, CB_E_CORRUPT, "more than %zu bytes", max);
        if (r == Z_STREAM_END)
            return 0;
        if (r != Z_OK)
            return cb_fail(err, CB_E_CORRUPT, "damaged zlib stream: %s", z->msg ? z->msg : "it is cut off");
    }
}

int cb_inflate(const void *p, size_t n, size_t max, struct cb_buf *out, struct cb_error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)CB_MIN(n, (size_t)UINT32_MAX)};
    if (inflateInit(&z) != Z_OK)
        return cb_fail(err, CB_E_FAILED, "zlib: out of memory");
    int r = inflate_all(&z, max, out, err);
    inflateEnd(&z);
    return r;
}
