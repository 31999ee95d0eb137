#include "base/stream/gunzip.h"
#include "base/mem.h"

#include <zlib.h>

static void *zlib_open(void)
{
    z_stream *z = CB_NEW(z_stream);
    if (inflateInit2(z, 15 + 16) == Z_OK)
        return z;
    free(z);
    return NULL;
}

static void zlib_begin(void *state)
{
    (void)inflateReset(state); /* fails for what was never opened */
}

static int zlib_step(void *state, struct cb_gunzip_step *s, const char **ret_why)
{
    z_stream *z = state;
    size_t in = CB_MIN(s->in_left, (size_t)1 << 30), out = CB_MIN(s->out_left, (size_t)1 << 30);
    z->next_in = (unsigned char *)s->in;
    z->avail_in = (uInt)in;
    z->next_out = s->out;
    z->avail_out = (uInt)out;
    int r = inflate(z, Z_NO_FLUSH);
    s->in_left -= in - z->avail_in;
    s->out_left -= out - z->avail_out;
    s->in = z->next_in;
    s->out = z->next_out;
    if (r == Z_STREAM_END)
        return 1;
    *ret_why = z->msg ? z->msg : "invalid data";
    return r == Z_OK || r == Z_BUF_ERROR ? 0 : -1;
}

static void zlib_close(void *state)
{
    inflateEnd(state);
    free(state);
}

const struct cb_gunzip_ops cb_gunzip_zlib = {zlib_open, zlib_begin, zlib_step, zlib_close};
