/* Only for base/stream/codec*.c: what the file of a codec gives the table, and where its decoder gets its bytes. */
#ifndef CB_CODEC_INTERNAL_H
#define CB_CODEC_INTERNAL_H

#include "base/stream/codec.h"

/* All codecs, in the order in which they are asked whether a stream is theirs; `none`, which takes any, comes last. */
#define CODECS(X)                                                                                                                \
    X(gzip)                                                                                                                      \
    X(zstd)                                                                                                                      \
    X(none)
#define CODEC_DECLARE(name) extern const struct cb_codec cb_codec_##name;
CODECS(CODEC_DECLARE)

struct cb_codec_encoder_ops {
    void *(*open)(int level, int threads, cb_sink_fn *sink, void *arg);       /* gives what the others take; never NULL */
    int (*add)(void *encoder, const void *p, size_t n, struct cb_error *err); /* n > 0 */
    int (*end)(void *encoder, struct cb_error *err);
    void (*close)(void *encoder);
};

/* The packed stream: [pos, len) of `bytes` have been read and not yet consumed. */
#define CODEC_READ_SIZE 131072
struct cb_codec_input {
    cb_source_fn *source;
    void *arg;
    char *what; /* the stream's name in messages */
    unsigned char *bytes;
    size_t pos, len;
    bool at_end; /* the source has no more */
};
/* (codec-input.c) Tries to have at least n bytes ready; fewer only at the end of the source. */
int cb_codec_fill(struct cb_codec_input *in, size_t n, struct cb_error *err);
int cb_codec_truncated(const struct cb_codec_input *in, const char *codec, struct cb_error *err); /* the error; -1 */

#define CODEC_SNIFF 4
struct cb_codec_decoder_ops {
    bool (*sniff)(const unsigned char *p, size_t n); /* the first bytes, CODEC_SNIFF unless the stream is shorter */
    void *(*open)(struct cb_codec_input *in, struct cb_error *err);          /* NULL: it failed */
    ssize_t (*read)(void *decoder, void *p, size_t n, struct cb_error *err); /* n > 0; 0: the end */
    void (*close)(void *decoder);
};

extern const struct cb_codec_encoder_ops cb_gzip_encoder_ops; /* codec-gzip-write.c */

#endif
