/* .dockerignore files and the matcher behind them, which also serves --exclude and --parents
 * (dockerfile.md §15, §12.4).
 *
 * Use: df_ignore_read (file text) or a list of flag values -> df_ignore_new -> walk the tree top-down with
 * one df_ignore_state per directory, or ask for single paths with df_ignore_match. The matcher never changes
 * once it is made: any number of walks may use it. Paths are relative to the root, '/'-separated, cleaned,
 * without leading or trailing '/'; the root itself is never asked for. The time of one test is at most the
 * length of the path times that of the patterns. */
#ifndef CB_PARSER_IGNORE_H
#define CB_PARSER_IGNORE_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the patterns of an ignore file, cleaned as a file's are, to `ret`. Never fails: malformed
 * patterns are found by df_ignore_new. */
void df_ignore_read(const char *text, size_t n, struct cb_strv *ret);

struct df_ignore;
/* Compiles patterns (from df_ignore_read, or --exclude values as written). NULL with `err` set
 * (CB_E_DOCKERFILE: `syntax error in pattern`, `illegal exclusion pattern: "!"`). Caller frees. */
struct df_ignore *df_ignore_new(const struct cb_strv *patterns, struct cb_error *err);
void df_ignore_free(struct df_ignore *m); /* NULL is fine */
CB_DEFINE_AUTO_PTR(df_ignore, struct df_ignore, df_ignore_free)

size_t df_ignore_count(const struct df_ignore *m);        /* patterns; 0: nothing ever matches */
bool df_ignore_has_exceptions(const struct df_ignore *m); /* holds a `!` pattern */

/* What a walk remembers of a directory: which patterns matched it or a parent. Zero is a valid empty
 * state; a state may be used again for another directory of the same matcher without df_ignore_state_done. */
struct df_ignore_state {
    unsigned char *hit; /* one byte per pattern, owned */
    size_t n;
    bool excluded; /* the verdict on the directory itself */
};
void df_ignore_state_done(struct df_ignore_state *s);
CB_DEFINE_AUTO(df_ignore_state, struct df_ignore_state, df_ignore_state_done)

/* The verdict on `path`: true when the patterns match it (ignored, excluded, or with --parents:
 * selected). `parent` is the state of its directory, NULL for an entry of the root. `ret` (NULL for
 * non-directories) receives the path's own state; it must not be `parent`. */
bool df_ignore_test(const struct df_ignore *m, const char *path, const struct df_ignore_state *parent,
                    struct df_ignore_state *ret);
/* The same, walking down to `path` from the root. */
bool df_ignore_match(const struct df_ignore *m, const char *path);

/* Whether nothing below the directory `path` can get a verdict other than "matched", so that it need not
 * be walked. False when the directory itself was not matched. May say false although it is so, never
 * true although it is not. */
bool df_ignore_can_skip_dir(const struct df_ignore *m, const char *path, const struct df_ignore_state *state);
/* For --parents: whether anything at or below the directory `path` (with its state) can be matched. May say
 * true although nothing can, never false although something can. */
bool df_ignore_may_match_below(const struct df_ignore *m, const char *path, const struct df_ignore_state *state);

#endif
