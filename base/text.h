/* Text helpers: numbers, times, quoting, similarity. Pure functions. */
#ifndef CB_TEXT_H
#define CB_TEXT_H

#include "base/buf.h"
#include <time.h>

/* Decimal digits only, no sign, no blanks, at most `max`. */
bool cb_parse_u64(const char *s, uint64_t max, uint64_t *ret);
bool cb_parse_i64(const char *s, int64_t *ret); /* optional '-' or '+' */
int cb_hex_value(char c);                       /* of a digit of either case; -1: it is not one */
bool cb_parse_octal(const char *s, uint32_t max, uint32_t *ret);

/* Cuts "KEY=VALUE" at its first '=': a copy of the key, the caller frees it; *value points behind the '=' in `pair`. Without
 * one all of it is the key, and *value is NULL. */
char *cb_split_pair(const char *pair, const char **value);

/* Go's %q: double quotes, escapes as strconv.Quote writes them. */
void cb_quote_go(struct cb_buf *b, const char *s, size_t n);
/* For showing bytes from outside on a terminal: control bytes and invalid UTF-8 as \xNN. Newlines
 * and tabs are kept when `lines` is set. */
void cb_escape_terminal(struct cb_buf *b, const char *s, size_t n, bool lines);

/* Appends s; when it is longer than `max` bytes (at least 16), only its beginning and end, with an ellipsis between them:
 * whoever reads an error wants to know how it ends. Cuts between characters. */
void cb_shorten(struct cb_buf *b, const char *s, size_t n, size_t max);

/* The same for a message to people, with CB_MAX_SHOWN; a word in it longer than CB_MAX_SHOWN_WORD is shortened on its own, so
 * that a name of kilobytes leaves room for what is said about it. */
void cb_shorten_message(struct cb_buf *b, const char *s, size_t n);

/* The candidate nearest to `word` within an edit distance of 2, or NULL (dockerfile.md §19). */
const char *cb_did_you_mean(const char *word, const char *const *candidates, size_t n, bool fold_case);

#define CB_TIME_MAX 40
/* "2026-01-02T15:04:05.123456789Z" (fraction left out when zero, trailing zeros dropped). */
void cb_time_rfc3339(struct timespec t, char out[CB_TIME_MAX]);
bool cb_time_parse_rfc3339(const char *s, struct timespec *ret);
/* "Tue, 15 Nov 1994 12:45:26 GMT" */
bool cb_time_parse_http(const char *s, int64_t *ret);

/* "812 B", "1.5 MB" … (decimal units, as docker shows sizes). Returns `out`. */
char *cb_human_size(uint64_t bytes, char out[16]);
/* "4.2ms", "0.3s", "1m02s" */
char *cb_human_duration(double seconds, char out[16]);

/* UTF-8: decodes one code point at s (n > 0 bytes left); an invalid byte gives U+FFFD and length 1. */
uint32_t cb_utf8_decode(const char *s, size_t n, size_t *len);
void cb_utf8_encode(struct cb_buf *b, uint32_t cp);
bool cb_is_unicode_space(uint32_t cp); /* Go's unicode.IsSpace */
/* Appends s with every invalid byte replaced by U+FFFD. */
void cb_utf8_sanitize(struct cb_buf *b, const char *s, size_t n);

#endif
