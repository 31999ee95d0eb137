/* Word expansion: quotes, escapes, $name and ${…} (dockerfile.md §7). Pure: the environment is a
 * callback. Input is bytes, read as UTF-8: an invalid byte becomes U+FFFD, a leading U+FEFF is dropped.
 * Work and result are bounded (CB_MAX_NESTING, CB_MAX_EXPANDED, CB_MAX_EXPAND_STEPS).
 * Every failure is CB_E_DOCKERFILE and reads `failed to process "<source>": <what>`. */
#ifndef CB_PARSER_EXPAND_H
#define CB_PARSER_EXPAND_H

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"

/* The value of a variable, or NULL when it is not set. Borrowed until the next call. */
typedef const char *df_lookup_fn(void *arg, const char *name);

/* How to lex. All zero, except perhaps `escape`, is the plain mode with an empty environment. */
struct df_expand {
    char escape;          /* '\\' or '`'; 0 means '\\' */
    bool raw_quotes;      /* quotes keep their meaning and stay in the result (heredoc detection) */
    bool raw_escapes;     /* the escape character stays in the result (heredoc detection) */
    bool skip_quotes;     /* quotes are ordinary characters (heredoc bodies) */
    bool skip_unset;      /* $unset and ${unset…} stay as written (heredoc detection) */
    df_lookup_fn *lookup; /* NULL: nothing is set */
    void *lookup_arg;
    struct cb_map *matched;   /* optional: names looked up and found, as keys, in order of first use */
    struct cb_map *unmatched; /* optional: names looked up and not found; `${x:-d}` counts as a use */
};

/* Expands `word` to one string; the caller frees *ret. */
int df_expand_word(const struct df_expand *x, const char *word, char **ret, struct cb_error *err);
/* The same over bytes that may hold NUL; appends to `out`, which is unchanged on failure. */
int df_expand_bytes(const struct df_expand *x, struct cb_str word, struct cb_buf *out, struct cb_error *err);
/* Expands and splits at Unicode space outside quotes, both literal space and space from values
 * (EXPOSE, heredoc detection). Appends the words to `ret`, which is unchanged on failure. An empty
 * word, quoted or not, is dropped. */
int df_expand_words(const struct df_expand *x, const char *text, struct cb_strv *ret, struct cb_error *err);

/* The modes of heredocs (§6), ready to use with df_expand_words. */
extern const struct df_expand df_expand_heredoc_detect; /* the words of a whole line */
extern const struct df_expand df_expand_heredoc_name;   /* the word after <<; with raw_quotes set it shows its quotes */
/* Bodies, with df_expand_bytes: set lookup and the rest in a copy. */
extern const struct df_expand df_expand_heredoc_body;

#endif
