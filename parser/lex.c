#include "parser/lex-internal.h"

#include "base/text.h"

/* ---- trimming ------------------------------------------------------------------------------- */

struct cb_str df_trim_left(struct cb_str s)
{
    while (s.n) {
        size_t len;
        if (!cb_is_unicode_space(cb_utf8_decode(s.p, s.n, &len)))
            break;
        s.p += len;
        s.n -= len;
    }
    return s;
}

static struct cb_str trim_right(struct cb_str s)
{
    while (s.n) {
        size_t back = 1, len;
        while (back < s.n && back < 4 && (s.p[s.n - back] & 0xC0) == 0x80)
            back++;
        uint32_t cp = cb_utf8_decode(s.p + s.n - back, back, &len);
        if (len != back || !cb_is_unicode_space(cp))
            break;
        s.n -= back;
    }
    return s;
}

struct cb_str df_trim(struct cb_str s)
{
    return trim_right(df_trim_left(s));
}

struct cb_str df_trim_newline(struct cb_str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

bool df_is_comment(struct cb_str line)
{
    line = df_trim_left(line);
    return line.n && line.p[0] == '#';
}

bool df_equal_fold(struct cb_str a, const char *b)
{
    size_t n = strlen(b);
    if (a.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b[i];
        x = x >= 'A' && x <= 'Z' ? x + 32 : x;
        y = y >= 'A' && y <= 'Z' ? y + 32 : y;
        if (x != y)
            return false;
    }
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

bool df_next_line(struct cb_str *rest, struct cb_str *line)
{
    if (!rest->n)
        return false;
    const char *nl = memchr(rest->p, '\n', rest->n);
    line->p = rest->p;
    line->n = nl ? (size_t)(nl - rest->p) + 1 : rest->n;
    rest->p += line->n;
    rest->n -= line->n;
    return true;
}

bool df_cut_continuation(struct cb_str *line, char escape)
{
    size_t n = line->n;
    while (n && (line->p[n - 1] == ' ' || line->p[n - 1] == '\t'))
        n--;
    if (!n || line->p[n - 1] != escape || (n > 1 && line->p[n - 2] == escape))
        return false;
    line->n = n - 1;
    return true;
}

bool df_split_ws(struct cb_str s, struct cb_str *first, struct cb_str *rest)
{
    size_t i = 0;
    while (i < s.n && !df_is_ws(s.p[i]))
        i++;
    *first = (struct cb_str){s.p, i};
    bool found = i < s.n;
    while (i < s.n && df_is_ws(s.p[i]))
        i++;
    *rest = (struct cb_str){s.p + i, s.n - i};
    return found;
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct cb_str df_keep(struct cb_arena *a, struct cb_str s)
{
    return (struct cb_str){cb_arena_memdup0(a, s.p, s.n), s.n};
}

void df_collect_add(struct df_collect *c, const char *p, size_t n)
{
    CB_PUSH(c->items, c->n, c->cap) = df_keep(c->arena, (struct cb_str){p, n});
}

struct df_strs df_collect_end(struct df_collect *c)
{
    struct df_strs r = {NULL, c->n};
    if (c->n) {
        r.items = cb_arena_alloc(c->arena, c->n * sizeof(*r.items));
        memcpy(r.items, c->items, c->n * sizeof(*r.items));
    }
    free(c->items);
    *c = (struct df_collect){.arena = c->arena};
    return r;
}

void df_lex_list(struct cb_str text, struct df_collect *words)
{
    while (text.n) {
        struct cb_str word;
        df_split_ws(text, &word, &text);
        df_collect_add(words, word.p, word.n);
    }
}

/* ---- flags ---------------------------------------------------------------------------------- */

/* One flag word from the front of *text, unquoted, into `word`. */
static void flag_word(struct cb_str *text, char escape, struct cb_buf *word)
{
    char quote = 0;
    size_t i = 0;
    for (; i < text->n; i++) {
        char c = text->p[i];
        if (!quote && (df_is_ws(c) || c == '\n'))
            break;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote ^= c; /* opens or closes */
            continue;
        }
        if (c == escape) {
            if (++i == text->n) /* at the very end it is dropped */
                break;
            c = text->p[i];
        }
        cb_buf_addc(word, c);
    }
    i = CB_MIN(i, text->n);
    text->p += i;
    text->n -= i;
}

struct cb_str df_lex_flags(struct cb_str text, char escape, struct df_collect *flags)
{
    CB_AUTO(cb_buf) struct cb_buf word = CB_BUF_INIT;
    for (;;) {
        /* Other Unicode space is already the argument: `--x` after it is not a flag. */
        while (text.n && (df_is_ws(*text.p) || *text.p == '\n')) {
            text.p++;
            text.n--;
        }
        if (text.n < 2 || text.p[0] != '-' || text.p[1] != '-')
            return df_trim(text);
        cb_buf_reset(&word);
        flag_word(&text, escape, &word);
        if (word.len == 2)
            return df_trim(text);
        df_collect_add(flags, word.data, word.len);
    }
}

/* ---- words of ENV, LABEL, ARG --------------------------------------------------------------- */

struct word_lexer {
    struct cb_str text;
    size_t pos;
    char escape;
    struct cb_buf word;
};

/* Copies the character at the position, decoded, so that an invalid byte becomes U+FFFD. */
static uint32_t word_char(struct word_lexer *l)
{
    size_t len;
    uint32_t cp = cb_utf8_decode(l->text.p + l->pos, l->text.n - l->pos, &len);
    cb_utf8_encode(&l->word, cp);
    l->pos += len;
    return cp;
}

/* The escape character stays and takes the next character with it; at the very end it is dropped. */
static void word_escape(struct word_lexer *l)
{
    if (++l->pos == l->text.n)
        return;
    cb_buf_addc(&l->word, l->escape);
    word_char(l);
}

static void word_quoted(struct word_lexer *l)
{
    char quote = l->text.p[l->pos];
    word_char(l);
    while (l->pos < l->text.n) {
        char c = l->text.p[l->pos];
        if (c == l->escape && quote != '\'')
            word_escape(l);
        else if (word_char(l) == (uint32_t)quote)
            return;
    }
}

static bool word_space(const struct word_lexer *l, size_t *len)
{
    return cb_is_unicode_space(cb_utf8_decode(l->text.p + l->pos, l->text.n - l->pos, len));
}

void df_lex_words(struct cb_str text, char escape, struct df_collect *words)
{
    struct word_lexer l = {.text = text, .escape = escape, .word = CB_BUF_INIT};
    size_t len;
    while (l.pos < text.n) {
        if (word_space(&l, &len)) {
            l.pos += len;
            continue;
        }
        cb_buf_reset(&l.word);
        while (l.pos < text.n && !word_space(&l, &len)) {
            char c = text.p[l.pos];
            if (c == '\'' || c == '"')
                word_quoted(&l);
            else if (c == escape)
                word_escape(&l);
            else
                word_char(&l);
        }
        if (l.word.len)
            df_collect_add(words, l.word.data, l.word.len);
    }
    cb_buf_done(&l.word);
}
