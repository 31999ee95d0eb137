/* Only for base/codec*.c: the gzip encoder, whose threads need a file of their own. */
#ifndef CB_CODEC_INTERNAL_H
#define CB_CODEC_INTERNAL_H

#include "base/codec.h"

struct gzip_encoder;
struct gzip_encoder *gzip_encoder_new(int level, int threads, cb_sink_fn *sink, void *arg);
int gzip_encoder_add(struct gzip_encoder *g, const void *p, size_t n, struct cb_error *err);
int gzip_encoder_end(struct gzip_encoder *g, struct cb_error *err);
void gzip_encoder_free(struct gzip_encoder *g);

#endif
