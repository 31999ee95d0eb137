/* zstd, written on several threads (blocks.h) as frames that follow each other: libzstd's own workers are missing in the archive
 * that Debian has. A frame has its length, a checksum and a window of at most 8 MiB up to level 19, as the library chooses.
 * Reading bounds the window at 128 MiB, what zstd itself accepts by default. */
#include "base/stream/blocks.h"
#include "base/stream/codec-internal.h"
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27
#define BLOCK          (4u << 20)
#define LARGE_BLOCK    (8u << 20) /* where ratio is what is asked for */
#define FIRST_LARGE    10         /* level */

/* ---- encoder -------------------------------------------------------------------------------- */

struct encoder {
    cb_sink_fn *sink;
    void *arg;
    struct cb_blocks *blocks;
};

static void *open_packer(int level)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd)
        return NULL;
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    return zstd;
}

static void close_packer(void *packer)
{
    ZSTD_freeCCtx(packer);
}

static bool pack_block(void *packer, struct cb_block *b, size_t room)
{
    b->out_len = ZSTD_compress2(packer, b->out, room, b->in, b->len);
    return !ZSTD_isError(b->out_len);
}

static int take_block(void *arg, const struct cb_block *b, struct cb_error *err)
{
    const struct encoder *e = arg;
    return e->sink(e->arg, b->out, b->out_len, err);
}

static void *encoder_open(int level, int threads, cb_sink_fn *sink, void *arg)
{
    static const struct cb_blocks_ops ops = {open_packer, pack_block, close_packer, take_block};
    struct encoder *e = CB_NEW(struct encoder);
    size_t block = level < FIRST_LARGE ? BLOCK : LARGE_BLOCK;
    *e = (struct encoder){sink, arg, cb_blocks_new(&ops, level, block, ZSTD_compressBound(block), threads, e)};
    return e;
}

static int encoder_add(void *encoder, const void *p, size_t n, struct cb_error *err)
{
    struct encoder *e = encoder;
    return cb_blocks_add(e->blocks, p, n, err);
}

static int encoder_end(void *encoder, struct cb_error *err)
{
    struct encoder *e = encoder;
    return cb_blocks_end(e->blocks, err);
}

static void encoder_close(void *encoder)
{
    struct encoder *e = encoder;
    cb_blocks_free(e->blocks);
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
                                       .edition = ".2",
                                       .oci_suffix = "+zstd",
                                       .docker_suffix = ".zstd",
                                       .min_level = 1,
                                       .max_level = 22,
                                       .normal_level = 3,
                                       .library = "zstd",
                                       .version = ZSTD_versionString,
                                       .encoder = &encoder_ops,
                                       .decoder = &decoder_ops};
