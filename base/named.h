/* Files that the user named: they may be pipes (`<(command)`, a FIFO, /dev/stdin), which can be read only once and whose
 * writer may take its time. Waiting for it stops when a signal asks us to end (cb_check_signals). Never for names that come
 * from an image or a build context. */
#ifndef CB_NAMED_H
#define CB_NAMED_H

#include "base/buf.h"

/* Appends all that comes. 0; -EFBIG: more than `max` bytes; -ECANCELED: a signal; another -errno. */
int cb_read_named(const char *path, size_t max, struct cb_buf *b);
int cb_read_stream(int fd, size_t max, struct cb_buf *b); /* the same for an open one, such as standard input */
/* Opens for writing what is not a plain file; a FIFO, once somebody reads it. An fd or -errno, -ECANCELED as above. */
int cb_open_to_write(const char *path);

#endif
