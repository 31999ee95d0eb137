/* Compression of layer blobs and archives. Each kind is an entry of one table, which everything that names, offers or
 * recognises compressions reads. All are streams: memory is bounded, whatever the size. Output is deterministic for the same
 * input, kind and level (gzip header: mtime 0, no name, OS 255). */
#ifndef CB_CODEC_H
#define CB_CODEC_H

#include "base/buf.h"
#include "base/error.h"

struct cb_codec {
    const char *name;          /* in options and in the store: "gzip" */
    const char *edition;       /* of the bytes that it makes, in the store: another one when those of a level change */
    const char *oci_suffix;    /* after the media type of a layer's tar: "+gzip" */
    const char *docker_suffix; /* after Docker's: ".gzip" */
    bool docker_reads;         /* Docker takes such layers under its own media types */
    int min_level, max_level, normal_level;
    const char *library;                        /* NULL: it needs none */
    const char *(*version)(void);               /* of the library */
    const struct cb_codec_encoder_ops *encoder; /* these two for base/stream/codec.c only */
    const struct cb_codec_decoder_ops *decoder;
};
/* The first is taken where nobody chose one; a NULL ends the table. */
extern const struct cb_codec *const cb_codecs[];
/* The last: bytes as they are. */
extern const struct cb_codec cb_codec_none;
const struct cb_codec *cb_codec_find(const char *name); /* NULL: there is none of that name */
/* All names, with `between` between them. */
void cb_codec_names(struct cb_buf *out, const char *between);
bool cb_codec_has_level(const struct cb_codec *c, int level);
/* The level itself, or the normal one when the codec has no such level (below 0: none was chosen). */
int cb_codec_level(const struct cb_codec *c, int level);

/* Takes bytes; 0 or -1 with err set. */
typedef int cb_sink_fn(void *arg, const void *p, size_t n, struct cb_error *err);
/* Gives up to n bytes; 0 at the end; -1 with err set. */
typedef ssize_t cb_source_fn(void *arg, void *p, size_t n, struct cb_error *err);

struct cb_encoder;
/* `level` as in cb_codec_level. Compresses on `threads` threads (>= 1), into one gzip member or zstd frame; the result depends
 * neither on their number nor on the sizes of the pieces that are added. */
struct cb_encoder *cb_encoder_new(const struct cb_codec *codec, int level, int threads, cb_sink_fn *sink, void *arg);
int cb_encoder_add(struct cb_encoder *e, const void *p, size_t n, struct cb_error *err);
int cb_encoder_end(struct cb_encoder *e, struct cb_error *err); /* flushes; call once */
void cb_encoder_free(struct cb_encoder *e);
CB_DEFINE_AUTO_PTR(cb_encoder, struct cb_encoder, cb_encoder_free)

struct cb_decoder;
/* The kind is recognised by the first bytes, not by a media type (oci-image.md §6). Multi-member gzip,
 * several zstd frames and skippable frames are read. `what` names the stream in messages. */
struct cb_decoder *cb_decoder_new(cb_source_fn *source, void *arg, const char *what);
ssize_t cb_decoder_read(struct cb_decoder *d, void *p, size_t n, struct cb_error *err); /* 0: end */
const struct cb_codec *cb_decoder_codec(const struct cb_decoder *d);                    /* valid after the first read */
void cb_decoder_free(struct cb_decoder *d);
CB_DEFINE_AUTO_PTR(cb_decoder, struct cb_decoder, cb_decoder_free)

#endif
