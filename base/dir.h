/* Reading a directory: names without "." and "..". */
#ifndef CB_DIR_H
#define CB_DIR_H

#include "base/buf.h"
#include <dirent.h>

struct cb_dir {
    DIR *stream; /* NULL: it could not be opened */
    int error;   /* 0, or the -errno of what failed so far */
};
/* Takes `fd` (an errno less than 0 too, as cb_open_beneath gives one). Whether it worked shows in .error, also after the last
 * name: callers may read plainly and check once. */
struct cb_dir cb_dir_take(int fd);
/* The directory `path` as of openat without following a link at its end; its position is its own. */
struct cb_dir cb_dir_open(int dirfd, const char *path);
/* The next entry, valid until the next call; NULL: there is none, or .error is set. */
const struct dirent *cb_dir_next(struct cb_dir *d);
void cb_dir_close(struct cb_dir *d);
CB_DEFINE_AUTO(cb_dir, struct cb_dir, cb_dir_close)

/* All names of an open directory into `ret`, which is sorted then. 0 or -errno. */
int cb_dir_names(struct cb_dir *d, struct cb_strv *ret);

#endif
