/* Source excerpts as BuildKit shows them (dockerfile.md §19):
 *
 *     Dockerfile:3
 *     --------------------
 *        1 |     FROM busybox
 *        2 |
 *        3 | >>> RUNN make
 *     --------------------
 */
#ifndef DF_EXCERPT_H
#define DF_EXCERPT_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the lines of `at`, marked, with two lines on either side of a single line and one on either side of
 * several. Bytes that could drive a terminal are escaped, overlong lines and ranges shortened. Nothing is
 * appended when `at` has no line or lies beyond the end of the text. */
void df_excerpt(struct cb_str text, const char *name, struct cb_place at, struct cb_buf *out);

#endif
