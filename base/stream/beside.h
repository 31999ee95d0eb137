/* Hands a stream of bytes on in another thread, so that whoever makes them goes on while they are hashed or written. Little is
 * kept in between; what is less than one piece is handed on by the caller's own thread, at the end. */
#ifndef CB_BESIDE_H
#define CB_BESIDE_H

#include "base/stream/codec.h"

struct cb_beside;
struct cb_beside *cb_beside_new(cb_sink_fn *sink, void *arg);
/* A cb_sink_fn. An error of the sink comes with a later piece, or at the end. */
int cb_beside_add(void *beside, const void *p, size_t n, struct cb_error *err);
/* All has been handed on, and the thread is gone. Call it once, and nothing but free after a failure. */
int cb_beside_end(struct cb_beside *b, struct cb_error *err);
void cb_beside_free(struct cb_beside *b); /* NULL is fine */
CB_DEFINE_AUTO_PTR(cb_beside, struct cb_beside, cb_beside_free)

#endif
