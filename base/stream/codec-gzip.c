/* gzip: what it is called, and how it is read. Writing has a file of its own. */
#include "base/stream/codec-internal.h"
#include "base/stream/gunzip.h"
#include <libdeflate.h>

struct decoder {
    struct cb_codec_input *in;
    const struct cb_gunzip_ops *ops;
    void *state; /* of ops */
    bool inside; /* a member is open */
};

static bool sniff(const unsigned char *p, size_t n)
{
    return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static const struct cb_gunzip_ops *const ways[] = {
#ifdef CB_HAVE_ISAL
    &cb_gunzip_isal,
#endif
    &cb_gunzip_zlib,
};

static void *decoder_open(struct cb_codec_input *in, struct cb_error *err)
{
    struct decoder *d = CB_NEW(struct decoder);
    d->in = in;
    d->inside = true;
    for (size_t i = 0; i < CB_LEN(ways) && !d->state; i++) {
        d->ops = ways[i];
        d->state = d->ops->open();
    }
    if (d->state)
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
            d->ops->begin(d->state);
            return 1;
        }
        if (in->pos == in->len)
            return 0;
        if (in->bytes[in->pos] != 0)
            return cb_fail(err, CB_E_CORRUPT, "%s: bytes that are not gzip follow the gzip stream", in->what);
        while (in->pos < in->len && in->bytes[in->pos] == 0)
            in->pos++;
    }
}

static int inflate_some(struct decoder *d, struct cb_gunzip_step *s, struct cb_error *err)
{
    struct cb_codec_input *in = d->in;
    const char *why;
    size_t out_before = s->out_left;
    if (cb_codec_fill(in, 1, err) < 0)
        return -1;
    s->in = in->bytes + in->pos;
    s->in_left = in->len - in->pos;
    bool exhausted = s->in_left == 0 && in->at_end;
    int r = d->ops->step(d->state, s, &why);
    in->pos = in->len - s->in_left;
    if (r < 0)
        return cb_fail(err, CB_E_CORRUPT, "%s: damaged gzip stream: %s", in->what, why);
    d->inside = r == 0;
    return d->inside && exhausted && s->out_left == out_before ? cb_codec_truncated(in, cb_codec_gzip.name, err) : 0;
}

static ssize_t decoder_read(void *decoder, void *p, size_t n, struct cb_error *err)
{
    struct decoder *d = decoder;
    struct cb_gunzip_step s = {.out = p, .out_left = n};
    while (s.out_left == n) {
        int r = d->inside ? 1 : next_member(d, err);
        if (r <= 0)
            return r;
        if (inflate_some(d, &s, err) < 0)
            return -1;
    }
    return (ssize_t)(n - s.out_left);
}

static void decoder_close(void *decoder)
{
    struct decoder *d = decoder;
    d->ops->close(d->state);
    free(d);
}

static const char *version(void)
{
    return LIBDEFLATE_VERSION_STRING;
}

static const struct cb_codec_decoder_ops decoder_ops = {sniff, decoder_open, decoder_read, decoder_close};

const struct cb_codec cb_codec_gzip = {.name = "gzip",
                                       .edition = ".2",
                                       .oci_suffix = "+gzip",
                                       .docker_suffix = ".gzip",
                                       .docker_reads = true,
                                       .max_level = 9,
                                       .normal_level = 1,
                                       .library = "libdeflate",
                                       .version = version,
                                       .encoder = &cb_gzip_encoder_ops,
                                       .decoder = &decoder_ops};
