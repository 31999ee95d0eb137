/* Ways to read gzip, the fastest first; only for codec-gzip.c. All give the same bytes: which one a machine has does not matter.
 */
#ifndef CB_GUNZIP_H
#define CB_GUNZIP_H

#include <stddef.h>

/* What is left of a packed stream, and of the room for what comes out of it. */
struct cb_gunzip_step {
    const unsigned char *in;
    size_t in_left;
    unsigned char *out;
    size_t out_left;
};

struct cb_gunzip_ops {
    void *(*open)(void);        /* NULL: this machine does not have it, or no memory */
    void (*begin)(void *state); /* a further member begins */
    /* 1: the member is whole, its checksum and length are right. 0: it goes on. -1: *ret_why, a constant text. */
    int (*step)(void *state, struct cb_gunzip_step *s, const char **ret_why);
    void (*close)(void *state);
};
extern const struct cb_gunzip_ops cb_gunzip_isal, cb_gunzip_zlib; /* the first only where cbuild was compiled with it */

#endif
