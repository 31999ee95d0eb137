/* zstd. It is written by one thread: libzstd's own workers produce different bytes, and one thread at level 3 is
 * faster than all of gzip's together. Its frame has a checksum and a window of at most 8 MiB up to level 19, as the library
 * chooses. Reading bounds the window at 128 MiB, what zstd itself accepts by default. */
#include "base/stream/codec-internal.h"
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27

/* ---- encoder -------------------------------------------------------------------------------- */

struct encoder {
    cb_sink_fn *sink;
    void *arg;
    ZSTD_CCtx *zstd; /* NULL: out of memory */
    char *out;
    size_t out_size;
};

static void *encoder_open(int level, int threads, cb_sink_fn *sink, void *arg)
{
    (void)threads;
    struct encoder *e = CB_NEW(struct encoder);
    *e = (struct encoder){.sink = sink, .arg = arg, .zstd = ZSTD_createCCtx(), .out_size = ZSTD_CStreamOutSize()};
    e->out = cb_alloc_buffer(e->out_size);
    if (e->zstd) {
        ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_checksumFlag, 1);
    }
    return e;
}

static int encoder_step(struct encoder *e, ZSTD_inBuffer *in, ZSTD_EndDirective how, struct cb_error *err)
{
    if (!e->zstd)
        return cb_fail(err, CB_E_FAILED, "zstd: out of memory");
    size_t rest;
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

static int encoder_add(void *encoder, const void *p, size_t n, struct cb_error *err)
{
    ZSTD_inBuffer in = {p, n, 0};
    return encoder_step(encoder, &in, ZSTD_e_continue, err);
}

static int encoder_end(void *encoder, struct cb_error *err)
{
    ZSTD_inBuffer none = {NULL, 0, 0};
    return encoder_step(encoder, &none, ZSTD_e_end, err);
}

static void encoder_close(void *encoder)
{
    struct encoder *e = encoder;
    ZSTD_freeCCtx(e->zstd);
    free(e->out);
    free(e);
}

static const struct cb_codec_encoder_ops encoder_ops = {encoder_open, encoder_add, encoder_end, encoder_close};

/* ---- decoder -------------------------------------------------------------------------------- */

struct decoder {
    struct cb_codec_input *in;
    ZSTD_DCtx *zstd;
    bool inside; /* a frame is open */
};

static bool sniff(const unsigned char *p, size_t n)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd}, skippable[] = {0x2a, 0x4d, 0x18};
    return n >= 4 && (memcmp(p, magic, 4) == 0 || ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, skippable, 3) == 0));
}

static void *decoder_open(struct cb_codec_input *in, struct cb_error *err)
{
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    if (!zstd) {
        cb_fail(err, CB_E_FAILED, "%s: zstd: out of memory", in->what);
        return NULL;
    }
    ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    struct decoder *d = CB_NEW(struct decoder);
    *d = (struct decoder){in, zstd, true};
    return d;
}

/* Takes what is there of the stream. */
static int decoder_step(struct decoder *d, ZSTD_outBuffer *out, struct cb_error *err)
{
    struct cb_codec_input *in = d->in;
    size_t before = in->pos;
    ZSTD_inBuffer from = {in->bytes, in->len, in->pos};
    size_t r = ZSTD_decompressStream(d->zstd, out, &from);
    in->pos = from.pos;
    if (ZSTD_isError(r) && ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
        return cb_fail(err, CB_E_UNSUPPORTED, "%s: zstd stream needs a window of more than 128 MiB", in->what);
    if (ZSTD_isError(r))
        return cb_fail(err, CB_E_CORRUPT, "%s: damaged zstd stream: %s", in->what, ZSTD_getErrorName(r));
    d->inside = r != 0;
    bool stuck = d->inside && out->pos == 0 && in->pos == before && in->pos == in->len && in->at_end;
    return stuck ? cb_codec_truncated(in, cb_codec_zstd.name, err) : 0;
}

static ssize_t decoder_read(void *decoder, void *p, size_t n, struct cb_error *err)
{
    struct decoder *d = decoder;
    ZSTD_outBuffer out = {p, n, 0};
    while (out.pos == 0) {
        if (cb_codec_fill(d->in, 1, err) < 0)
            return -1;
        if (d->in->pos == d->in->len && !d->inside)
            return 0;
        if (decoder_step(d, &out, err) < 0)
            return -1;
    }
    return (ssize_t)out.pos;
}

static void decoder_close(void *decoder)
{
    struct decoder *d = decoder;
    ZSTD_freeDCtx(d->zstd);
    free(d);
}

static const struct cb_codec_decoder_ops decoder_ops = {sniff, decoder_open, decoder_read, decoder_close};

const struct cb_codec cb_codec_zstd = {.name = "zstd",
                                       .oci_suffix = "+zstd",
                                       .docker_suffix = ".zstd",
                                       .min_level = 1,
                                       .max_level = 22,
                                       .normal_level = 3,
                                       .library = "zstd",
                                       .version = ZSTD_versionString,
                                       .encoder = &encoder_ops,
                                       .decoder = &decoder_ops};
