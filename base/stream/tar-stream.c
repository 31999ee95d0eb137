/* The bytes of a tar as its reader takes them: from whatever they are compressed with, blocks at a time or past the buffer. */
#include "base/stream/tar-internal.h"

static ssize_t pull_decoder(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct cb_tar_reader *t = arg;
    if (t->first_at < t->n_first) {
        n = CB_MIN(n, t->n_first - t->first_at);
        memcpy(p, t->first + t->first_at, n);
        t->first_at += n;
        return (ssize_t)n;
    }
    return cb_decoder_read(t->decoder, p, n, err);
}

static ssize_t pull_filter(void *arg, void *p, size_t n, struct cb_error *err)
{
    return cb_tar_filter_read(arg, p, n, err);
}

/* any_format: finds out what the archive is compressed with. */
static int open_any(struct cb_tar_reader *t, struct cb_error *err)
{
    t->decoder = cb_decoder_new(t->source, t->arg, "archive");
    t->pull = pull_decoder;
    t->pull_arg = t;
    while (t->n_first < sizeof(t->first)) {
        ssize_t n = cb_decoder_read(t->decoder, t->first + t->n_first, sizeof(t->first) - t->n_first, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        t->n_first += (size_t)n;
    }
    if (cb_decoder_codec(t->decoder) == &cb_codec_none && cb_tar_filter_wanted(t->first, t->n_first)) {
        t->filter = cb_tar_filter_new(pull_decoder, t, err);
        if (!t->filter)
            return -1;
        t->pull = pull_filter;
        t->pull_arg = t->filter;
    }
    return 0;
}

/* Bytes straight from the source; `in` must be empty. */
static ssize_t pull(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err)
{
    if (!t->pull && open_any(t, err) < 0)
        return -1;
    ssize_t got = t->pull(t->pull_arg, p, n, err);
    if (got > 0)
        t->taken += (uint64_t)got;
    return got;
}

ssize_t cb_tar_reader_bytes(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err)
{
    return pull(t, p, n, err);
}

int cb_tar_truncated(struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "tar: truncated: the archive ends in the middle of an entry");
}

/* Makes `n` <= TAR_READ_AHEAD bytes available at in[pos]. 1; 0: the stream ends here; -1: it ends within them, or failed. */
int cb_tar_need(struct cb_tar_reader *t, size_t n, struct cb_error *err)
{
    if (t->len - t->pos >= n)
        return 1;
    memmove(t->in, t->in + t->pos, t->len - t->pos);
    t->len -= t->pos;
    t->pos = 0;
    while (t->len < n) {
        ssize_t got = pull(t, t->in + t->len, TAR_READ_AHEAD - t->len, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return t->len ? cb_tar_truncated(err) : 0;
        t->len += (size_t)got;
    }
    return 1;
}

/* Up to n bytes of the stream. Large reads do not pass through `in`. */
ssize_t cb_tar_take(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err)
{
    ssize_t got;
    if (t->pos == t->len && n >= TAR_READ_AHEAD) {
        got = pull(t, p, n, err);
        return got == 0 ? cb_tar_truncated(err) : got;
    }
    if (t->pos == t->len) {
        int r = cb_tar_need(t, 1, err);
        if (r <= 0)
            return r == 0 ? cb_tar_truncated(err) : -1;
    }
    n = CB_MIN(n, t->len - t->pos);
    memcpy(p, t->in + t->pos, n);
    t->pos += n;
    return (ssize_t)n;
}

int cb_tar_skip(struct cb_tar_reader *t, uint64_t n, struct cb_error *err)
{
    while (n > 0) {
        if (t->pos == t->len && t->skip && n >= TAR_READ_AHEAD) {
            t->taken += n;
            return t->skip(t->arg, n, err);
        }
        if (t->pos == t->len) {
            int r = cb_tar_need(t, 1, err);
            if (r <= 0)
                return r == 0 ? cb_tar_truncated(err) : -1;
        }
        size_t part = (size_t)CB_MIN(n, (uint64_t)(t->len - t->pos));
        t->pos += part;
        n -= part;
    }
    return 0;
}

uint32_t cb_tar_padding(uint64_t size)
{
    return (uint32_t)(-size & (TAR_BLOCK - 1));
}
