#include "base/error.h"

#include <assert.h>
#include <string.h>

static void set(struct cb_error *err, enum cb_code code, int sys, char *msg)
{
    assert(err->code == CB_E_NONE && "an error is set once");
    err->code = code;
    err->sys = sys;
    err->msg = msg;
}

int cb_fail(struct cb_error *err, enum cb_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(err, code, 0, cb_vprintf(fmt, ap));
    va_end(ap);
    return -1;
}

static const char *sys_hint(int sys)
{
    switch (sys) {
    case ENOSPC:
    case EDQUOT:
        return "the disk is full: free some space, run 'cbuild prune', or choose another store with --root";
    case EMFILE:
    case ENFILE:
        return "too many open files: raise the limit with 'ulimit -n'";
    case EAGAIN: /* of fork and its kin: nothing here waits for what is not ready */
        return "too many processes or threads of this user: end some, or raise the limit with 'ulimit -u'";
    case EROFS:
        return "the file system is read-only: choose another place (--root for the store)";
    case ENOSYS:
        return "the kernel has no such system call, or a seccomp filter around cbuild hides it: Linux 6.1 has all that is needed";
    default:
        return NULL;
    }
}

int cb_fail_sys(struct cb_error *err, int sys, const char *fmt, ...)
{
    va_list ap;
    sys = sys < 0 ? -sys : sys;
    va_start(ap, fmt);
    char *text = cb_vprintf(fmt, ap);
    va_end(ap);
    set(err, CB_E_SYSTEM, sys, cb_printf("%s: %s", text, strerror(sys)));
    free(text);
    if (sys_hint(sys))
        cb_hint(err, "%s", sys_hint(sys));
    return -1;
}

int cb_prefix(struct cb_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *prefix = cb_vprintf(fmt, ap);
    va_end(ap);
    char *whole = cb_printf("%s: %s", prefix, err->msg ? err->msg : "");
    free(prefix);
    free(err->msg);
    err->msg = whole;
    return -1;
}

int cb_hint(struct cb_error *err, const char *fmt, ...)
{
    if (!err->hint) {
        va_list ap;
        va_start(ap, fmt);
        err->hint = cb_vprintf(fmt, ap);
        va_end(ap);
    }
    return -1;
}

int cb_at(struct cb_error *err, int line, int last_line)
{
    if (!err->at.line)
        err->at = (struct cb_place){line, last_line};
    return -1;
}

void cb_error_done(struct cb_error *err)
{
    free(err->file);
    free(err->msg);
    free(err->hint);
    *err = CB_ERROR_INIT;
}

void cb_error_move(struct cb_error *to, struct cb_error *from)
{
    *to = *from;
    *from = CB_ERROR_INIT;
}

int cb_error_copy(struct cb_error *to, const struct cb_error *from)
{
    *to = *from;
    to->file = cb_strdup(from->file);
    to->msg = cb_strdup(from->msg);
    to->hint = cb_strdup(from->hint);
    return -1;
}
