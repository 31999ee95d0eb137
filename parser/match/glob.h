/* Go's filepath.Match (dockerfile.md §12.3, §20): `*` and `?` do not cross '/', classes with ranges and
 * `^`, `\c` is c itself, the whole name must match. Time is at most the length of the pattern times that of the name. */
#ifndef CB_PARSER_GLOB_H
#define CB_PARSER_GLOB_H

#include <stdbool.h>

enum df_glob { DF_GLOB_NO, DF_GLOB_YES, DF_GLOB_BAD };

/* DF_GLOB_BAD: the pattern is malformed ("syntax error in pattern"), whatever the name. */
enum df_glob df_glob_match(const char *pattern, const char *name);
bool df_glob_valid(const char *pattern);
/* Holds an unescaped `*`, `?` or `[`. */
bool df_glob_has_meta(const char *s);

#endif
