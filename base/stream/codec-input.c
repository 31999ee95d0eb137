/* What the decoders of all codecs share: a packed stream, read ahead. */
#include "base/stream/codec-internal.h"

int cb_codec_fill(struct cb_codec_input *in, size_t n, struct cb_error *err)
{
    if (in->len - in->pos >= n || in->at_end)
        return 0;
    memmove(in->bytes, in->bytes + in->pos, in->len - in->pos);
    in->len -= in->pos;
    in->pos = 0;
    while (in->len < n && !in->at_end) {
        ssize_t got = in->source(in->arg, in->bytes + in->len, CODEC_READ_SIZE - in->len, err);
        if (got < 0)
            return -1;
        in->at_end = got == 0;
        in->len += (size_t)got;
    }
    return 0;
}

int cb_codec_truncated(const struct cb_codec_input *in, const char *codec, struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "%s: truncated %s stream", in->what, codec);
}
