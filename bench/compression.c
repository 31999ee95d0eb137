/* pack CODEC LEVEL THREADS | unpack: standard input to standard output, through cbuild's own codecs. Built and run by
 * bench/compression. */
#include "base/fd.h"
#include "base/stream/codec.h"
#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

#define BUFFER (1u << 18)

static int write_out(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)arg;
    int r = cb_write_full(STDOUT_FILENO, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write") : 0;
}

static ssize_t read_in(void *arg, void *p, size_t n, struct cb_error *err)
{
    (void)arg;
    ssize_t r = cb_read(STDIN_FILENO, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read") : r;
}

static int pack(char **argv, char *buffer, struct cb_error *err)
{
    int64_t level, threads;
    const struct cb_codec *codec = cb_codec_find(argv[0]);
    if (!codec || !cb_parse_i64(argv[1], &level) || !cb_parse_i64(argv[2], &threads))
        return cb_fail(err, CB_E_USAGE, "pack CODEC LEVEL THREADS");
    CB_AUTO(cb_encoder) struct cb_encoder *e = cb_encoder_new(codec, (int)level, (int)threads, write_out, NULL);
    ssize_t n;
    while ((n = read_in(NULL, buffer, BUFFER, err)) > 0)
        if (cb_encoder_add(e, buffer, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : cb_encoder_end(e, err);
}

static int unpack(char *buffer, struct cb_error *err)
{
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(read_in, NULL, "input");
    ssize_t n;
    while ((n = cb_decoder_read(d, buffer, BUFFER, err)) > 0)
        if (write_out(NULL, buffer, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *buffer = cb_alloc_buffer(BUFFER);
    int r = argc == 5 ? pack(argv + 2, buffer, &err) : unpack(buffer, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err.msg);
    return r < 0;
}
