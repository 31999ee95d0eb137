/* gzip: what it is called, and how it is read. Writing has a file of its own. */
#include "base/stream/codec-internal.h"
#include <zlib.h>

struct decoder {
    struct cb_codec_input *in;
    z_stream z;
    bool inside; /* a member is open */
};

static bool sniff(const unsigned char *p, size_t n)
{
    return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static void *decoder_open(struct cb_codec_input *in, struct cb_error *err)
{
    struct decoder *d = CB_NEW(struct decoder);
    *d = (struct decoder){.in = in, .inside = true};
    if (inflateInit2(&d->z, 15 + 16) == Z_OK)
        return d;
    cb_fail(err, CB_E_FAILED, "%s: gzip: out of memory", in->what);
    free(d);
    return NULL;
}

/* Between two members. 1: another one begins, 0: the end. Zeros that fill the last block of a tape are allowed. */
static int next_member(struct decoder *d, struct cb_error *err)
{
    struct cb_codec_input *in = d->in;
    for (;;) {
        if (cb_codec_fill(in, 2, err) < 0)
            return -1;
        if (sniff(in->bytes + in->pos, in->len - in->pos)) {
            d->inside = true;
            return inflateReset(&d->z) == Z_OK ? 1 : cb_fail(err, CB_E_FAILED, "%s: gzip: cannot go on", in->what);
        }
        if (in->pos == in->len)
            return 0;
        if (in->bytes[in->pos] != 0)
            return cb_fail(err, CB_E_CORRUPT, "%s: bytes that are not gzip follow the gzip stream", in->what);
        while (in->pos < in->len && in->bytes[in->pos] == 0)
            in->pos++;
    }
}

static int inflate_some(struct decoder *d, struct cb_error *err)
{
    struct cb_codec_input *in = d->in;
    if (cb_codec_fill(in, 1, err) < 0)
        return -1;
    d->z.next_in = in->bytes + in->pos;
    d->z.avail_in = (uInt)(in->len - in->pos);
    int r = inflate(&d->z, Z_NO_FLUSH);
    in->pos = in->len - d->z.avail_in;
    if (r == Z_STREAM_END)
        d->inside = false;
    else if (r == Z_BUF_ERROR && in->pos == in->len && in->at_end)
        return cb_codec_truncated(in, cb_codec_gzip.name, err);
    else if (r != Z_OK && r != Z_BUF_ERROR)
        return cb_fail(err, CB_E_CORRUPT, "%s: damaged gzip stream: %s", in->what, d->z.msg ? d->z.msg : "invalid data");
    return 0;
}

static ssize_t decoder_read(void *decoder, void *p, size_t n, struct cb_error *err)
{
    struct decoder *d = decoder;
    size_t want = CB_MIN(n, (size_t)1 << 30);
    d->z.next_out = p;
    d->z.avail_out = (uInt)want;
    while (d->z.avail_out == want) {
        int r = d->inside ? 1 : next_member(d, err);
        if (r <= 0)
            return r;
        if (inflate_some(d, err) < 0)
            return -1;
    }
    return (ssize_t)(want - d->z.avail_out);
}

static void decoder_close(void *decoder)
{
    struct decoder *d = decoder;
    inflateEnd(&d->z);
    free(d);
}

static const struct cb_codec_decoder_ops decoder_ops = {sniff, decoder_open, decoder_read, decoder_close};

const struct cb_codec cb_codec_gzip = {.name = "gzip",
                                       .oci_suffix = "+gzip",
                                       .docker_suffix = ".gzip",
                                       .docker_reads = true,
                                       .max_level = 9,
                                       .normal_level = 6,
                                       .library = "zlib",
                                       .version = zlibVersion,
                                       .encoder = &cb_gzip_encoder_ops,
                                       .decoder = &decoder_ops};
