/* Lines of HTTP headers: of answers, as libcurl hands them over, and of requests. */
#ifndef REG_HEADER_H
#define REG_HEADER_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

/* "name: value" with the name in lower case, no blanks around the value, and tabs in it turned into blanks; NULL: not such a
 * line. Caller frees. */
char *reg_header_line(const char *p, size_t n);
/* No control bytes. Text that has some is neither used nor kept: sent back (an ETag), it would end its line and begin another, or
 * be refused. */
bool reg_header_clean(const char *text);
/* `line`: a whole one of an answer, `before`: the value of Content-Length in that answer so far, or NULL. -1: this one is a
 * Content-Length, but not a number of bytes, or differs from `before`. */
int reg_header_check_length(const char *line, const char *before, struct cb_error *err);

#endif
