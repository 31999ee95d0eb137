/* gzip, written on several threads (blocks.h). Each block is deflated on its own, and its end opened (deflate-open.h), so the
 * pieces put one after the other are one valid deflate stream, joined into one gzip member: some readers stop after the first.
 * libdeflate gives the same bytes on every processor. */
#include "base/stream/blocks.h"
#include "base/stream/codec-internal.h"
#include "base/stream/deflate-open.h"
#include <libdeflate.h>
#include <zlib.h>

#define BLOCK (1u << 20)
#define ROOM  (BLOCK + BLOCK / 8 + 1024)

struct gzip_encoder {
    cb_sink_fn *sink;
    void *arg;
    struct cb_blocks *blocks;
    bool begun;
    uint32_t crc;
    uint64_t total;
};

static void *open_packer(int level)
{
    return libdeflate_alloc_compressor(level);
}

static void close_packer(void *packer)
{
    libdeflate_free_compressor(packer);
}

static bool deflate_block(void *packer, struct cb_block *b, size_t room)
{
    b->crc = libdeflate_crc32(0, b->in, b->len);
    b->out_len = libdeflate_deflate_compress(packer, b->in, b->len, b->out, room - CB_DEFLATE_SLACK);
    if (b->out_len && !b->last)
        b->out_len = cb_deflate_open(b->out, b->out_len);
    return b->out_len > 0;
}

static int take_block(void *arg, const struct cb_block *b, struct cb_error *err)
{
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    struct gzip_encoder *g = arg;
    if (!g->begun && g->sink(g->arg, header, sizeof(header), err) < 0)
        return -1;
    g->begun = true;
    g->crc = (uint32_t)crc32_combine(g->crc, b->crc, (z_off_t)b->len);
    g->total += b->len;
    return g->sink(g->arg, b->out, b->out_len, err);
}

static void *encoder_open(int level, int threads, cb_sink_fn *sink, void *arg)
{
    static const struct cb_blocks_ops ops = {open_packer, deflate_block, close_packer, take_block};
    struct gzip_encoder *g = CB_NEW(struct gzip_encoder);
    g->sink = sink;
    g->arg = arg;
    g->blocks = cb_blocks_new(&ops, level, BLOCK, ROOM, threads, g);
    return g;
}

static int encoder_add(void *encoder, const void *p, size_t n, struct cb_error *err)
{
    struct gzip_encoder *g = encoder;
    return cb_blocks_add(g->blocks, p, n, err);
}

static int encoder_end(void *encoder, struct cb_error *err)
{
    struct gzip_encoder *g = encoder;
    unsigned char trailer[8];
    if (cb_blocks_end(g->blocks, err) < 0)
        return -1;
    for (int i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(g->crc >> 8 * i);
        trailer[4 + i] = (unsigned char)(g->total >> 8 * i);
    }
    return g->sink(g->arg, trailer, sizeof(trailer), err);
}

static void encoder_close(void *encoder)
{
    struct gzip_encoder *g = encoder;
    cb_blocks_free(g->blocks);
    free(g);
}

const struct cb_codec_encoder_ops cb_gzip_encoder_ops = {encoder_open, encoder_add, encoder_end, encoder_close};
