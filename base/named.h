/* Files that the user named: they may be pipes (`<(command)`, a FIFO, /dev/stdin), whose writer takes its time and which can
 * be read once. Waiting for it ends when a signal asks us to (cb_check_signals). Never for names that come from an image or
 * a build context. */
#ifndef CB_NAMED_H
#define CB_NAMED_H

#include "base/buf.h"

/* All that comes, appended. 0; -EFBIG: more than `max` bytes; -ECANCELED: a signal; another -errno. */
int cb_read_named(const char *path, size_t max, struct cb_buf *b);
int cb_read_stream(int fd, size_t max, struct cb_buf *b); /* the same of an open one, as standard input */
/* Opens what is no plain file for writing; a FIFO when somebody reads it. An fd or -errno, -ECANCELED as above. */
int cb_open_to_write(const char *path);

#endif
