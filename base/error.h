/* Errors. Leaf helpers that wrap one system call return 0/value or -errno. Whoever knows *names*
 * (path, digest, step) takes `struct cb_error *err` as its last parameter, returns 0 (or a result)
 * on success and -1 on failure, when it has filled it exactly once. `err` is untouched on success.
 * A function either reports or returns, never both: only builder/ prints.
 *
 * "Not found" and "end of data" are results (1 / 0), not errors.
 * Messages: lower case, no full stop, what failed first, subjects in single quotes; bytes from
 * outside are escaped where they are shown (base/text.h), not here. */
#ifndef CB_ERROR_H
#define CB_ERROR_H

#include "base/mem.h"

enum cb_code {
    CB_E_NONE = 0,
    CB_E_FAILED,      /* anything without a code of its own */
    CB_E_USAGE,       /* command line: exit status 2 */
    CB_E_DOCKERFILE,  /* a mistake in the Dockerfile; `at` says where */
    CB_E_NOT_FOUND,   /* a file, image or name that should be there is not */
    CB_E_SYSTEM,      /* a system call; `sys` holds errno */
    CB_E_NETWORK,     /* no connection, broken transfer: a later try may work */
    CB_E_DENIED,      /* a registry refused the credentials or the lack of them */
    CB_E_CORRUPT,     /* wrong digest, truncated or malicious input, damaged store */
    CB_E_UNSUPPORTED, /* this machine or this version cannot */
    CB_E_RUN,         /* a RUN command ended with a status other than 0 */
    CB_E_LOST,        /* a layer that was to be had elsewhere no longer is: its step has to be done again */
    CB_E_CANCELED,    /* the user or another step's failure stopped it */
    CB_E_COUNT
};

/* Lines are 1-based and inclusive; line 0: no place. */
struct cb_place {
    int line, last_line;
};

struct cb_error {
    enum cb_code code;
    int sys;         /* errno behind it, 0 if none */
    int exit_status; /* with CB_E_RUN: the command's status (128 + signal), else 0 */
    struct cb_place at;
    char *file; /* owned; name of the Dockerfile that `at` is in, or NULL */
    char *msg;  /* owned */
    char *hint; /* owned; what the user can do, or NULL */
};

#define CB_ERROR_INIT ((struct cb_error){0})

/* All return -1, so that `return cb_fail(err, …)` is one line. */
int cb_fail(struct cb_error *err, enum cb_code code, const char *fmt, ...) CB_PRINTF(3, 4);
/* `sys` is an errno or its negative; its text is appended: "open 'x': No such file or directory".
 * ENOSPC, EMFILE and the like get a hint of their own. */
int cb_fail_sys(struct cb_error *err, int sys, const char *fmt, ...) CB_PRINTF(3, 4);
/* Prefixes the message: "unpack layer x: <message>". Outer callers add a prefix; none replaces the message. */
int cb_prefix(struct cb_error *err, const char *fmt, ...) CB_PRINTF(2, 3);
/* Sets the hint unless there is one already. */
int cb_hint(struct cb_error *err, const char *fmt, ...) CB_PRINTF(2, 3);
/* Sets the place unless there is one already. */
int cb_at(struct cb_error *err, int line, int last_line);

void cb_error_done(struct cb_error *err);                            /* frees; all zero again */
void cb_error_move(struct cb_error *to, struct cb_error *from);      /* `from` is all zero afterwards */
int cb_error_copy(struct cb_error *to, const struct cb_error *from); /* -1: the same has failed once more */
CB_DEFINE_AUTO(cb_error, struct cb_error, cb_error_done)

#endif
