/* Pieces of data that were deflated one by one are put together to one deflate stream: the last block of a stream says that it
 * is the last, in a bit that can be anywhere, and libdeflate cannot be asked to leave it out. So it is looked for. */
#ifndef CB_DEFLATE_OPEN_H
#define CB_DEFLATE_OPEN_H

#include <stddef.h>

/* Bytes that must be there behind the stream: it may grow, and is read in words. */
#define CB_DEFLATE_SLACK 16

/* Opens the end of a whole deflate stream, so that another one can follow it: its last block is no longer marked as such, and it
 * ends at a byte. Gives its new length; 0: that is no deflate stream (a bug, these streams are our own). */
size_t cb_deflate_open(unsigned char *stream, size_t n);

#endif
