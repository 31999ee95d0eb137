/* Reading a directory: names without "." and "..". */
#ifndef CB_DIR_H
#define CB_DIR_H

#include "base/buf.h"
#include <dirent.h>

struct cb_dir {
    DIR *stream; /* NULL: it could not be opened */
    int error;   /* 0, or the -errno of what has failed so far */
};
/* Takes over `fd`, which may also be a negative errno, as cb_open_beneath gives it. Whether all went well is in .error, also
 * after the last name: callers may simply read on and check once. */
struct cb_dir cb_dir_take(int fd);
/* Opens the directory `path` as openat does, without following a link at its end; its read position is its own. */
struct cb_dir cb_dir_open(int dirfd, const char *path);
/* The next entry, valid until the next call; NULL: there is none, or .error is set. */
const struct dirent *cb_dir_next(struct cb_dir *d);
void cb_dir_close(struct cb_dir *d);
CB_DEFINE_AUTO(cb_dir, struct cb_dir, cb_dir_close)

/* Adds all names of an open directory to `ret` and sorts it. 0 or -errno. */
int cb_dir_names(struct cb_dir *d, struct cb_strv *ret);

#endif
