/* The secrets of a build (--secret): which one a mount asks for, and its value (dockerfile.md §11, --mount=type=secret).
 * A value is read when a RUN needs it, never kept in the plan, a key or a record. */
#ifndef BUILD_SECRET_H
#define BUILD_SECRET_H

#include "builder/session/request.h"

struct df_mount;

/* The id that the mount asks for. Borrowed from it. */
const char *build_secret_id(const struct df_mount *m);
/* 1: the value is appended to *ret. 0: nobody gave it, or its environment variable is not set. -1: its file cannot be
 * read, or is larger than BuildKit takes (500 KiB). */
int build_secret_read(const struct build_request *q, const char *id, struct cb_buf *ret, struct cb_error *err);

/* The same as a word: without newlines at its end. Caller frees; NULL: there is none, it is empty or cannot be read. */
char *build_secret_text(const struct build_request *q, const char *id);

#endif
