/* No compression: bytes go through as they are. */
#include "base/stream/codec-internal.h"

struct plain {
    cb_sink_fn *sink;
    void *arg;
};

static void *plain_open(int level, int threads, cb_sink_fn *sink, void *arg)
{
    (void)level;
    (void)threads;
    struct plain *e = CB_NEW(struct plain);
    *e = (struct plain){sink, arg};
    return e;
}

static int plain_add(void *encoder, const void *p, size_t n, struct cb_error *err)
{
    struct plain *e = encoder;
    return e->sink(e->arg, p, n, err);
}

static int plain_end(void *encoder, struct cb_error *err)
{
    (void)encoder;
    (void)err;
    return 0;
}

static const struct cb_codec_encoder_ops encoder_ops = {plain_open, plain_add, plain_end, free};

static bool sniff(const unsigned char *p, size_t n)
{
    (void)p;
    (void)n;
    return true;
}

static void *decoder_open(struct cb_codec_input *in, struct cb_error *err)
{
    (void)err;
    return in; /* all there is to know */
}

static ssize_t decoder_read(void *decoder, void *p, size_t n, struct cb_error *err)
{
    struct cb_codec_input *in = decoder;
    if (in->pos == in->len)
        return in->at_end ? 0 : in->source(in->arg, p, n, err);
    n = CB_MIN(n, in->len - in->pos);
    memcpy(p, in->bytes + in->pos, n);
    in->pos += n;
    return (ssize_t)n;
}

static void decoder_close(void *decoder)
{
    (void)decoder;
}

static const struct cb_codec_decoder_ops decoder_ops = {sniff, decoder_open, decoder_read, decoder_close};

const struct cb_codec cb_codec_none = {.name = "uncompressed",
                                       .edition = "",
                                       .oci_suffix = "",
                                       .docker_suffix = "",
                                       .docker_reads = true,
                                       .encoder = &encoder_ops,
                                       .decoder = &decoder_ops};
