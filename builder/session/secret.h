/* The secrets of a build (--secret): which one a mount asks for, and its value (dockerfile.md §11, --mount=type=secret). The
 * coordinator reads a value once, when something first needs it: its file may be a pipe, and what hides it in logs has to know
 * the same bytes as the step. It is kept in the request, never in the plan or a record, and in a key only as keys-secret.c puts
 * it there; a job of the helper, which was forked earlier, gets it as a file in memory. */
#ifndef BUILD_SECRET_H
#define BUILD_SECRET_H

#include "builder/session/request.h"

struct df_mount;

/* The id that the mount asks for. Borrowed from it. */
const char *build_secret_id(const struct df_mount *m);
/* 1: *ret is the value, borrowed from the request. 0: nobody gave it, or its environment variable is not set. -1: its file
 * cannot be read, or is larger than BuildKit takes (500 KiB), or a signal came while we waited for a pipe. */
int build_secret_read(const struct build_request *q, const char *id, struct cb_str *ret, struct cb_error *err);

/* Whether its value is to be part of keys. */
bool build_secret_is_keyed(const struct build_request *q, const char *id);

/* Hand secrets to a job of the helper. The first, in the coordinator, gives an fd, or -1, without err when none of them was
 * given; the second is called once in the job, before anything reads one. */
int build_secret_send(const struct build_request *q, const char *const *ids, size_t n, struct cb_error *err);
int build_secret_receive(const struct build_request *q, int fd, struct cb_error *err);

/* The value as one word, without newlines at its end. Caller frees; NULL: there is none, or it is empty or cannot be read. */
char *build_secret_text(const struct build_request *q, const char *id);

#endif
