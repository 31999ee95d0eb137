/* Compression of layer blobs: gzip, zstd, none. Streams, memory bounded whatever the size. Output is
 * deterministic for the same input, kind and level (gzip header: mtime 0, no name, OS 255). */
#ifndef CB_CODEC_H
#define CB_CODEC_H

#include "base/buf.h"
#include "base/error.h"

enum cb_compression { CB_COMPRESS_NONE, CB_COMPRESS_GZIP, CB_COMPRESS_ZSTD, CB_COMPRESS_COUNT };
extern const char *const cb_compression_names[CB_COMPRESS_COUNT]; /* "uncompressed" "gzip" "zstd" */

/* Takes bytes; 0 or -1 with err set. */
typedef int cb_sink_fn(void *arg, const void *p, size_t n, struct cb_error *err);
/* Gives up to n bytes; 0 at the end; -1 with err set. */
typedef ssize_t cb_source_fn(void *arg, void *p, size_t n, struct cb_error *err);

struct cb_encoder;
/* level < 0: the kind's default (gzip 6, zstd 3). gzip compresses blocks on `threads` threads (>= 1),
 * joined into one member; the result does not depend on the number of threads. */
struct cb_encoder *cb_encoder_new(enum cb_compression kind, int level, int threads, cb_sink_fn *sink, void *arg);
int cb_encoder_add(struct cb_encoder *e, const void *p, size_t n, struct cb_error *err);
int cb_encoder_end(struct cb_encoder *e, struct cb_error *err); /* flushes; call once */
void cb_encoder_free(struct cb_encoder *e);
bool cb_level_valid(enum cb_compression kind, int level);
CB_DEFINE_AUTO_PTR(cb_encoder, struct cb_encoder, cb_encoder_free)

struct cb_decoder;
/* The kind is told by the first bytes, not by a media type (oci-image.md §6). Multi-member gzip,
 * several zstd frames and skippable frames are read. `what` names the stream in messages. */
struct cb_decoder *cb_decoder_new(cb_source_fn *source, void *arg, const char *what);
ssize_t cb_decoder_read(struct cb_decoder *d, void *p, size_t n, struct cb_error *err); /* 0: end */
enum cb_compression cb_decoder_kind(const struct cb_decoder *d);                        /* valid after the first read */
void cb_decoder_free(struct cb_decoder *d);
CB_DEFINE_AUTO_PTR(cb_decoder, struct cb_decoder, cb_decoder_free)

#endif
