/* The patterns of ${x#p} ${x%p} ${x/p/r} (dockerfile.md §7): `*` any run, `?` any one character, neither crosses a
 * newline; `\*` `\?` `\\` are literal, `\}` and `\/` give `}` and `/`; a U+FEFF in front is dropped. Only
 * parser/expand.c uses this. */
#ifndef DF_PATTERN_H
#define DF_PATTERN_H

#include "base/buf.h"

struct df_pattern {
    uint32_t *tokens; /* code points and the wildcards */
    size_t n;
    struct df_pattern_run { /* the text between two `*` */
        size_t from, to;
    } * runs;
    size_t n_runs;   /* number of `*` + 1 */
    uint64_t *steps; /* borrowed: comparisons still allowed; 0: gave up, results mean nothing */
};

/* 0, or -1: *ret_bad is the character after a backslash that escapes nothing (U+FFFD at the end). */
int df_pattern_compile(struct cb_str text, uint64_t *steps, struct df_pattern *ret, uint32_t *ret_bad);
void df_pattern_done(struct df_pattern *p);
CB_DEFINE_AUTO(df_pattern, struct df_pattern, df_pattern_done)

/* Length of the shortest or longest (`greedy`) prefix of v that matches. */
bool df_pattern_prefix(const struct df_pattern *p, struct cb_str v, bool greedy, size_t *ret_len);
/* The leftmost match in v at or after `from`, the longest one there. */
bool df_pattern_find(const struct df_pattern *p, struct cb_str v, size_t from, size_t *ret_from, size_t *ret_to);
/* Appends v with every match replaced, `$0` and the like in `with` expanded as Go's regexp package does. False
 * when `out` would grow by more than `max`. */
bool df_pattern_replace_all(const struct df_pattern *p, struct cb_str v, struct cb_str with, size_t max, struct cb_buf *out);

/* For ${x%p}: code points in reverse order; a pattern keeps its backslashes in front of what they escape. */
void df_reverse(struct cb_str s, struct cb_buf *out);
void df_pattern_reverse(struct cb_str s, struct cb_buf *out);

#endif
