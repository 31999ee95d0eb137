/* The table of codecs, and the streams in front of them. */
#include "base/stream/codec-internal.h"

#define CODEC_ENTRY(name) &cb_codec_##name,
const struct cb_codec *const cb_codecs[] = {CODECS(CODEC_ENTRY) NULL};

const struct cb_codec *cb_codec_find(const char *name)
{
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

void cb_codec_names(struct cb_buf *out, const char *between)
{
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        cb_buf_printf(out, "%s%s", c == cb_codecs ? "" : between, (*c)->name);
}

bool cb_codec_has_level(const struct cb_codec *c, int level)
{
    return level >= c->min_level && level <= c->max_level;
}

int cb_codec_level(const struct cb_codec *c, int level)
{
    return level >= 0 && cb_codec_has_level(c, level) ? level : c->normal_level;
}

/* ---- encoder -------------------------------------------------------------------------------- */

struct cb_encoder {
    const struct cb_codec_encoder_ops *ops;
    void *state;
};

struct cb_encoder *cb_encoder_new(const struct cb_codec *codec, int level, int threads, cb_sink_fn *sink, void *arg)
{
    struct cb_encoder *e = CB_NEW(struct cb_encoder);
    e->ops = codec->encoder;
    e->state = e->ops->open(cb_codec_level(codec, level), threads, sink, arg);
    return e;
}

int cb_encoder_add(struct cb_encoder *e, const void *p, size_t n, struct cb_error *err)
{
    return n ? e->ops->add(e->state, p, n, err) : 0;
}

int cb_encoder_end(struct cb_encoder *e, struct cb_error *err)
{
    return e->ops->end(e->state, err);
}

void cb_encoder_free(struct cb_encoder *e)
{
    if (!e)
        return;
    e->ops->close(e->state);
    free(e);
}

/* ---- decoder -------------------------------------------------------------------------------- */

struct cb_decoder {
    struct cb_codec_input in;
    const struct cb_codec *codec; /* NULL until the first read */
    void *state;                  /* of the codec */
    bool broken;
};

struct cb_decoder *cb_decoder_new(cb_source_fn *source, void *arg, const char *what)
{
    struct cb_decoder *d = CB_NEW(struct cb_decoder);
    d->in =
        (struct cb_codec_input){.source = source, .arg = arg, .what = cb_strdup(what), .bytes = cb_alloc_buffer(CODEC_READ_SIZE)};
    return d;
}

const struct cb_codec *cb_decoder_codec(const struct cb_decoder *d)
{
    return d->codec;
}

static int begin(struct cb_decoder *d, struct cb_error *err)
{
    if (cb_codec_fill(&d->in, CODEC_SNIFF, err) < 0)
        return -1;
    const struct cb_codec *const *c = cb_codecs;
    while (!(*c)->decoder->sniff(d->in.bytes, d->in.len))
        c++;
    d->codec = *c;
    d->state = d->codec->decoder->open(&d->in, err);
    return d->state ? 0 : -1;
}

ssize_t cb_decoder_read(struct cb_decoder *d, void *p, size_t n, struct cb_error *err)
{
    if (d->broken)
        return cb_fail(err, CB_E_CORRUPT, "%s: damaged stream", d->in.what);
    if (n == 0)
        return 0;
    ssize_t r = d->codec || begin(d, err) == 0 ? d->codec->decoder->read(d->state, p, n, err) : -1;
    d->broken = r < 0;
    return r;
}

void cb_decoder_free(struct cb_decoder *d)
{
    if (!d)
        return;
    if (d->state)
        d->codec->decoder->close(d->state);
    free(d->in.bytes);
    free(d->in.what);
    free(d);
}
