/* One CSV record (RFC 4180, dockerfile.md §20), as --mount, --secret, --ssh, --output and --build-context take it:
 * a field that starts with `"` runs to the closing `"` and `""` in it is a quote; a `"` anywhere else is
 * an error. */
#ifndef CB_PARSER_CSV_H
#define CB_PARSER_CSV_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the fields of the first record of `text` to `ret`, which is unchanged on failure. Errors
 * carry Go's text without a prefix (`EOF` for text without a record); add yours with cb_prefix. */
int df_csv_fields(const char *text, enum cb_code code, struct cb_strv *ret, struct cb_error *err);

#endif
