/* The regular expressions that ignore patterns are translated to (dockerfile.md §15), matched without
 * backtracking. They know alternatives, concatenation, characters, classes, `.`, a star or `{n,m}` after one of these, an
 * optional run of directories, and Go's escapes; what BuildKit's translation cannot produce is not supported. Only
 * parser/match/ignore.c uses this. */
#ifndef DF_IGNORE_REGEX_H
#define DF_IGNORE_REGEX_H

#include "base/buf.h"

struct df_regex;
/* Compiles text without the `^` in front of its first and the `$` after its last alternative. NULL: Go would refuse
 * it (or it holds \p, \P, \Q, which are not known here), or its repetitions exceed *budget, from which they are
 * taken. Caller frees. */
struct df_regex *df_regex_new(const char *text, size_t *budget);
void df_regex_free(struct df_regex *r);

/* The whole of s[0..n) matches. */
bool df_regex_match(const struct df_regex *r, const char *s, size_t n);
/* Some text that begins with s, a '/' and at least one more character may match. Never false when one does. */
bool df_regex_may_match_below(const struct df_regex *r, const char *s, size_t n);

#endif
