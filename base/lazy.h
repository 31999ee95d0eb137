/* Libraries that most builds do not need are loaded at their first use, not when cbuild starts:
 * libcurl with its 30 companions costs 7 ms, libarchive 4, and a cached build takes less than that.
 *
 *     #define LA(X) X(archive_read_new) X(archive_read_free)
 *     CB_LAZY_TABLE(la, LA)             // static struct { typeof(archive_read_new) *archive_read_new; … } la;
 *     if (CB_LAZY_LOAD(la, LA, "libarchive.so.13", "libarchive13", err) < 0) return -1;
 *     la.archive_read_new();
 */
#ifndef CB_LAZY_H
#define CB_LAZY_H

#include "base/error.h"

#define CB_LAZY_FIELD(fn) __typeof__(fn) *fn;
#define CB_LAZY_NAME(fn)  #fn,
#define CB_LAZY_TABLE(var, LIST)                                                                                                 \
    static struct {                                                                                                              \
        LIST(CB_LAZY_FIELD)                                                                                                      \
    } var;                                                                                                                       \
    static const char *const var##_names[] = {LIST(CB_LAZY_NAME)};
#define CB_LAZY_LOAD(var, LIST, soname, package, err)                                                                            \
    cb_lazy_load(soname, package, var##_names, CB_LEN(var##_names), (void **)&var, err)

/* Fills `table` with the addresses of `names` from `soname`. Returns 0 at once when it is filled already.
 * -1: the library or a symbol is missing; the hint names Debian's package. */
int cb_lazy_load(const char *soname, const char *package, const char *const *names, size_t n, void **table, struct cb_error *err);

#endif
