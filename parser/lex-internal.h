/* What the files behind parser/dockerfile.h share: lexical pieces of the Dockerfile language (dockerfile.md
 * §1-§6). Everything is linear; results that are kept go to the caller's arena. */
#ifndef DF_LEX_INTERNAL_H
#define DF_LEX_INTERNAL_H

#include "parser/dockerfile.h"

/* `$WS` of the specification: what separates the keyword and the words of lists. */
static inline bool df_is_ws(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}
/* Blanks of regular expressions (\s): as above without vertical tab, with newline. */
static inline bool df_is_regex_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* Unicode white space taken off the ends. */
struct cb_str df_trim_left(struct cb_str s);
struct cb_str df_trim(struct cb_str s);
/* Without the trailing run of \r and \n. */
struct cb_str df_trim_newline(struct cb_str s);
/* First non-blank character is '#'. */
bool df_is_comment(struct cb_str line);
/* Compares without letter case, ASCII. */
bool df_equal_fold(struct cb_str a, const char *b);

/* The next physical line of *rest with its end; false at the end of the text. */
bool df_next_line(struct cb_str *rest, struct cb_str *line);
/* Takes off a continuation character at the end of `line`; true when there was one (§3). */
bool df_cut_continuation(struct cb_str *line, char escape);
/* Up to the first run of $WS; *rest is what follows the run ("" when there is none; then false). */
bool df_split_ws(struct cb_str s, struct cb_str *first, struct cb_str *rest);

/* A list under construction: items on the heap, their bytes in the arena. */
struct df_collect {
    struct cb_arena *arena;
    struct cb_str *items;
    size_t n, cap;
};
void df_collect_add(struct df_collect *c, const char *p, size_t n);
/* Moves the list to the arena; `c` is empty again. */
struct df_strs df_collect_end(struct df_collect *c);
struct cb_str df_keep(struct cb_arena *a, struct cb_str s);

/* Flag words in front of `text`; gives what follows them, trimmed (§4). */
struct cb_str df_lex_flags(struct cb_str text, char escape, struct df_collect *flags);
/* Words separated by runs of $WS; quotes have no meaning. */
void df_lex_list(struct cb_str text, struct df_collect *words);
/* Words of ENV, LABEL and ARG: quotes and escapes are kept, invalid bytes become U+FFFD. */
void df_lex_words(struct cb_str text, char escape, struct df_collect *words);

enum df_json_result { DF_JSON_STRINGS, DF_JSON_OTHER, DF_JSON_NOT };
/* Reads `text` as one JSON array. DF_JSON_STRINGS: its strings were added to `items`. DF_JSON_OTHER: valid,
 * but with other elements. DF_JSON_NOT: not a JSON array. `items` is unchanged except in the first case. */
enum df_json_result df_json_array(struct cb_str text, struct df_collect *items);

/* The heredocs that the words of a logical line announce, in order, without bodies (§6). -1: a word is
 * malformed. Gives items in the arena. */
int df_heredocs_of_line(struct cb_str line, struct cb_arena *arena, struct df_heredoc **ret, size_t *ret_n, struct cb_error *err);
/* One word. 1: it is a heredoc, *ret is filled (content empty). 0: it is not. -1: malformed. */
int df_heredoc_word(struct cb_str word, struct cb_arena *arena, struct df_heredoc *ret, struct cb_error *err);

/* State of the directive lines at the top (§2). */
struct df_directives {
    unsigned seen; /* one bit each */
    bool done;
    const char *prefix; /* "#" or "//" */
};
enum df_directive_kind { DF_DIRECTIVE_SYNTAX, DF_DIRECTIVE_ESCAPE, DF_DIRECTIVE_CHECK, DF_DIRECTIVE_COUNT };
/* 1: a directive; *kind and *value (borrowed from `line`) are set. 0: none, here or on any later line. -1: it was given before.
 * `line` has no newline. */
int df_directive_line(struct df_directives *d, struct cb_str line, enum df_directive_kind *kind, struct cb_str *value,
                      struct cb_error *err);

/* Fills `ret` from the logical line `line`, which is kept: keyword, flags, arguments, trigger. Places,
 * comments and heredocs are the caller's. Errors have no place yet. */
int df_node_parse(struct df_file *f, struct cb_str line, struct df_node *ret, struct cb_error *err);
/* A heredoc can follow: RUN, COPY, ADD or ONBUILD of one, not in JSON form. */
bool df_node_takes_heredocs(const struct df_node *node);

#endif
