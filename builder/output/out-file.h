/* A file that the user named for output. A plain file appears whole: it is written beside its place and renamed, and
 * where the name is a symlink its target is what is replaced. What is not a plain file (/dev/null, a pipe, /dev/stdout)
 * cannot be replaced and is written as it stands. */
#ifndef BUILD_OUT_FILE_H
#define BUILD_OUT_FILE_H

#include "base/error.h"

#include <stddef.h>

struct build_out_file {
    int fd;           /* to write to */
    const char *dest; /* borrowed: the name, for messages */
    char *path, *tmp; /* NULL: written as it stands */
};
/* Whether such a file, or a directory that is made with what is missing above it, can be expected to be written, so that what can
 * be known before the build is not said only after it. Nothing is made. */
int build_out_check(const char *dest, struct cb_error *err);
int build_out_check_directory(const char *dest, struct cb_error *err);
/* Removes what an earlier run wrote there, so that a run that fails does not leave it. Only a plain file goes. */
void build_out_forget(const char *dest);
/* "-" is standard output. */
int build_out_open(struct build_out_file *ret, const char *dest, struct cb_error *err);
/* Ends what build_out_open began, even if that failed. `result` is what writing came to: below 0, nothing gets the name and err
 * stays as it is. Gives `result`, or -1. */
int build_out_close(struct build_out_file *f, int result, struct cb_error *err);

int build_out_put(const char *dest, const void *p, size_t n, struct cb_error *err); /* a whole file at once */

#endif
