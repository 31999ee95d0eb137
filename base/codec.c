/* Encoder and decoder of layer blobs.
 *
 * zstd is written by one thread: libzstd's own workers give other bytes than none do, and one thread at level 3 is faster
 * than all of gzip's together. Its frame has a checksum and a window of at most 8 MiB up to level 19, as the library chooses.
 * Reading bounds the window at 128 MiB, what zstd itself accepts without being asked. */
#include "base/codec-internal.h"
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27
#define READ_SIZE      131072

const char *const cb_compression_names[CB_COMPRESS_COUNT] = {"uncompressed", "gzip", "zstd"};

static const struct {
    int min, max, normal;
} levels[CB_COMPRESS_COUNT] = {[CB_COMPRESS_NONE] = {0, 0, 0}, [CB_COMPRESS_GZIP] = {0, 9, 6}, [CB_COMPRESS_ZSTD] = {1, 22, 3}};

bool cb_level_valid(enum cb_compression kind, int level)
{
    return level >= levels[kind].min && level <= levels[kind].max;
}

/* ---- encoder -------------------------------------------------------------------------------- */

struct cb_encoder {
    enum cb_compression kind;
    cb_sink_fn *sink;
    void *arg;
    struct gzip_encoder *gzip;
    ZSTD_CCtx *zstd;
    char *out;
    size_t out_size;
};

struct cb_encoder *cb_encoder_new(enum cb_compression kind, int level, int threads, cb_sink_fn *sink, void *arg)
{
    struct cb_encoder *e = CB_NEW(struct cb_encoder);

    if (level < 0 || !cb_level_valid(kind, level))
        level = levels[kind].normal;
    e->kind = kind;
    e->sink = sink;
    e->arg = arg;
    if (kind == CB_COMPRESS_GZIP)
        e->gzip = gzip_encoder_new(level, threads, sink, arg);
    if (kind == CB_COMPRESS_ZSTD) {
        e->zstd = ZSTD_createCCtx();
        e->out_size = ZSTD_CStreamOutSize();
        e->out = cb_alloc_buffer(e->out_size);
        if (e->zstd) {
            ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, level);
            ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_checksumFlag, 1);
        }
    }
    return e;
}

static int zstd_step(struct cb_encoder *e, ZSTD_inBuffer *in, ZSTD_EndDirective how, struct cb_error *err)
{
    size_t rest;

    if (!e->zstd)
        return cb_fail(err, CB_E_FAILED, "zstd: out of memory");
    do {
        ZSTD_outBuffer out = {e->out, e->out_size, 0};

        rest = ZSTD_compressStream2(e->zstd, &out, in, how);
        if (ZSTD_isError(rest))
            return cb_fail(err, CB_E_FAILED, "zstd: %s", ZSTD_getErrorName(rest));
        if (out.pos && e->sink(e->arg, e->out, out.pos, err) < 0)
            return -1;
    } while (how == ZSTD_e_end ? rest != 0 : in->pos < in->size);
    return 0;
}

int cb_encoder_add(struct cb_encoder *e, const void *p, size_t n, struct cb_error *err)
{
    ZSTD_inBuffer in = {p, n, 0};

    switch (e->kind) {
    case CB_COMPRESS_GZIP:
        return gzip_encoder_add(e->gzip, p, n, err);
    case CB_COMPRESS_ZSTD:
        return n ? zstd_step(e, &in, ZSTD_e_continue, err) : 0;
    case CB_COMPRESS_NONE:
    case CB_COMPRESS_COUNT:
        break;
    }
    return n ? e->sink(e->arg, p, n, err) : 0;
}

int cb_encoder_end(struct cb_encoder *e, struct cb_error *err)
{
    ZSTD_inBuffer none = {NULL, 0, 0};

    if (e->kind == CB_COMPRESS_GZIP)
        return gzip_encoder_end(e->gzip, err);
    return e->kind == CB_COMPRESS_ZSTD ? zstd_step(e, &none, ZSTD_e_end, err) : 0;
}

void cb_encoder_free(struct cb_encoder *e)
{
    if (!e)
        return;
    gzip_encoder_free(e->gzip);
    ZSTD_freeCCtx(e->zstd);
    free(e->out);
    free(e);
}

/* ---- decoder -------------------------------------------------------------------------------- */

struct cb_decoder {
    cb_source_fn *source;
    void *arg;
    char *what;
    enum cb_compression kind;
    bool sniffed, at_end; /* at_end: the source has no more */
    bool broken;
    unsigned char *in; /* READ_SIZE bytes: [pos, len) are not consumed */
    size_t pos, len;
    z_stream z;
    bool z_ready;
    ZSTD_DCtx *zstd;
    bool inside; /* a gzip member or zstd frame is open */
};

struct cb_decoder *cb_decoder_new(cb_source_fn *source, void *arg, const char *what)
{
    struct cb_decoder *d = CB_NEW(struct cb_decoder);

    d->source = source;
    d->arg = arg;
    d->what = cb_strdup(what);
    d->in = cb_alloc_buffer(READ_SIZE);
    return d;
}

enum cb_compression cb_decoder_kind(const struct cb_decoder *d)
{
    return d->kind;
}

/* Tries to have at least n bytes in `in`; fewer only at the end of the source. */
static int fill(struct cb_decoder *d, size_t n, struct cb_error *err)
{
    if (d->len - d->pos >= n || d->at_end)
        return 0;
    memmove(d->in, d->in + d->pos, d->len - d->pos);
    d->len -= d->pos;
    d->pos = 0;
    while (d->len < n) {
        ssize_t got = d->source(d->arg, d->in + d->len, READ_SIZE - d->len, err);

        if (got < 0)
            return -1;
        if (got == 0) {
            d->at_end = true;
            break;
        }
        d->len += (size_t)got;
    }
    return 0;
}

static bool is_gzip(const unsigned char *p, size_t n)
{
    return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static bool is_zstd(const unsigned char *p, size_t n)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd}, skippable[] = {0x2a, 0x4d, 0x18};

    return n >= 4 && (memcmp(p, magic, 4) == 0 || ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, skippable, 3) == 0));
}

static int sniff(struct cb_decoder *d, struct cb_error *err)
{
    if (fill(d, 4, err) < 0)
        return -1;
    d->sniffed = true;
    if (is_gzip(d->in, d->len)) {
        d->kind = CB_COMPRESS_GZIP;
        if (inflateInit2(&d->z, 15 + 16) != Z_OK)
            return cb_fail(err, CB_E_FAILED, "%s: gzip: out of memory", d->what);
        d->z_ready = d->inside = true;
    } else if (is_zstd(d->in, d->len)) {
        d->kind = CB_COMPRESS_ZSTD;
        d->zstd = ZSTD_createDCtx();
        if (!d->zstd)
            return cb_fail(err, CB_E_FAILED, "%s: zstd: out of memory", d->what);
        ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
        d->inside = true;
    }
    return 0;
}

static int truncated(const struct cb_decoder *d, struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "%s: truncated %s stream", d->what, cb_compression_names[d->kind]);
}

static ssize_t read_plain(struct cb_decoder *d, void *p, size_t n, struct cb_error *err)
{
    if (d->pos < d->len) {
        n = CB_MIN(n, d->len - d->pos);
        memcpy(p, d->in + d->pos, n);
        d->pos += n;
        return (ssize_t)n;
    }
    return d->at_end ? 0 : d->source(d->arg, p, n, err);
}

/* Between two members. 1: another one begins, 0: the end. Zeros that fill the last block of a tape are let pass. */
static int next_member(struct cb_decoder *d, struct cb_error *err)
{
    for (;;) {
        if (fill(d, 2, err) < 0)
            return -1;
        if (is_gzip(d->in + d->pos, d->len - d->pos)) {
            d->inside = true;
            return inflateReset(&d->z) == Z_OK ? 1 : cb_fail(err, CB_E_FAILED, "%s: gzip: cannot go on", d->what);
        }
        if (d->pos == d->len)
            return 0;
        if (d->in[d->pos] != 0)
            return cb_fail(err, CB_E_CORRUPT, "%s: bytes that are not gzip follow the gzip stream", d->what);
        while (d->pos < d->len && d->in[d->pos] == 0)
            d->pos++;
    }
}

static ssize_t read_gzip(struct cb_decoder *d, void *p, size_t n, struct cb_error *err)
{
    size_t want = CB_MIN(n, (size_t)1 << 30);

    d->z.next_out = p;
    d->z.avail_out = (uInt)want;
    while (d->z.avail_out == want) {
        int r = d->inside ? 1 : next_member(d, err);

        if (r <= 0)
            return r;
        if (fill(d, 1, err) < 0)
            return -1;
        d->z.next_in = d->in + d->pos;
        d->z.avail_in = (uInt)(d->len - d->pos);
        r = inflate(&d->z, Z_NO_FLUSH);
        d->pos = d->len - d->z.avail_in;
        if (r == Z_STREAM_END)
            d->inside = false;
        else if (r == Z_BUF_ERROR && d->pos == d->len && d->at_end)
            return truncated(d, err);
        else if (r != Z_OK && r != Z_BUF_ERROR)
            return cb_fail(err, CB_E_CORRUPT, "%s: damaged gzip stream: %s", d->what, d->z.msg ? d->z.msg : "invalid data");
    }
    return (ssize_t)(want - d->z.avail_out);
}

static ssize_t read_zstd(struct cb_decoder *d, void *p, size_t n, struct cb_error *err)
{
    ZSTD_outBuffer out = {p, n, 0};

    while (out.pos == 0) {
        size_t before = d->pos, r;

        if (fill(d, 1, err) < 0)
            return -1;
        if (d->pos == d->len && !d->inside)
            return 0;
        ZSTD_inBuffer in = {d->in, d->len, d->pos};
        r = ZSTD_decompressStream(d->zstd, &out, &in);
        d->pos = in.pos;
        if (ZSTD_isError(r) && ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
            return cb_fail(err, CB_E_UNSUPPORTED, "%s: zstd stream needs a window of more than 128 MiB", d->what);
        if (ZSTD_isError(r))
            return cb_fail(err, CB_E_CORRUPT, "%s: damaged zstd stream: %s", d->what, ZSTD_getErrorName(r));
        d->inside = r != 0;
        if (d->inside && out.pos == 0 && d->pos == before && d->pos == d->len && d->at_end)
            return truncated(d, err);
    }
    return (ssize_t)out.pos;
}

ssize_t cb_decoder_read(struct cb_decoder *d, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = -1;

    if (d->broken)
        return cb_fail(err, CB_E_CORRUPT, "%s: damaged stream", d->what);
    if (n == 0)
        return 0;
    if (d->sniffed || sniff(d, err) == 0) {
        switch (d->kind) {
        case CB_COMPRESS_GZIP:
            r = read_gzip(d, p, n, err);
            break;
        case CB_COMPRESS_ZSTD:
            r = read_zstd(d, p, n, err);
            break;
        case CB_COMPRESS_NONE:
        case CB_COMPRESS_COUNT:
            r = read_plain(d, p, n, err);
            break;
        }
    }
    d->broken = r < 0;
    return r;
}

void cb_decoder_free(struct cb_decoder *d)
{
    if (!d)
        return;
    if (d->z_ready)
        inflateEnd(&d->z);
    ZSTD_freeDCtx(d->zstd);
    free(d->in);
    free(d->what);
    free(d);
}
