/* Packing on several threads; only for codecs. The input is cut into blocks, each is packed on its own, and what they became is
 * handed on in their order. Where the cuts are depends on the input alone, so what comes out does not depend on the number of
 * threads. Threads are started at the second block: small layers do not pay for them. */
#ifndef CB_BLOCKS_H
#define CB_BLOCKS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cb_block {
    unsigned char *in, *out;
    size_t len, out_len;
    bool last;
    uint32_t crc; /* for whoever packs, to whoever takes it */
};

struct cb_blocks_ops {
    void *(*open)(int level);                                    /* what one thread packs with; NULL: no memory */
    bool (*pack)(void *packer, struct cb_block *b, size_t room); /* fills in `out_len`; never called with NULL */
    void (*close)(void *packer);                                 /* NULL is fine */
    int (*take)(void *arg, const struct cb_block *b,
                struct cb_error *err); /* a packed block, in its turn, in the caller's thread */
};

struct cb_blocks;
/* Blocks of `size` bytes, packed into at most `room`. */
struct cb_blocks *cb_blocks_new(const struct cb_blocks_ops *ops, int level, size_t size, size_t room, int threads, void *arg);
int cb_blocks_add(struct cb_blocks *b, const void *p, size_t n, struct cb_error *err);
int cb_blocks_end(struct cb_blocks *b, struct cb_error *err); /* the last block, which is empty if nothing was added */
void cb_blocks_free(struct cb_blocks *b);

#endif
