#include "parser/expand.h"

#include "base/limits.h"
#include "base/text.h"
#include "parser/match/pattern.h"
#include "parser/match/unicode.h"

#define END          0xFFFFFFFFu /* no character left */
#define SHOWN_SOURCE 4096u       /* bytes of the source that an error shows */

struct lexer {
    const struct df_expand *x;
    const char *p, *end;
    uint32_t escape;
    bool raw_escapes;
    unsigned depth; /* ${…} around us */
    size_t room;    /* bytes that values may still add */
    uint64_t steps; /* comparisons that patterns may still make */
    char *what;     /* owned; the mistake found */
    /* Words mode. The word being made is shared by all depths: a nested ${…} empties it, which is
     * how `80${X:-81}` loses its 80 (dockerfile.md §7). */
    struct cb_strv *words; /* NULL: not wanted */
    struct cb_buf word;
    bool in_word;
};

const struct df_expand df_expand_heredoc_detect = {.escape = '\\', .raw_quotes = true, .raw_escapes = true, .skip_unset = true};
const struct df_expand df_expand_heredoc_name = {.escape = '\\', .skip_unset = true};
const struct df_expand df_expand_heredoc_body = {.escape = '\\', .skip_quotes = true};

static int fail(struct lexer *lx, const char *fmt, ...) CB_PRINTF(2, 3);
static int lex_until(struct lexer *lx, uint32_t stop, bool raw_escapes, struct cb_buf *out);

/* A later mistake replaces an earlier one: an unclosed ${ hides what went wrong in it. */
static int fail(struct lexer *lx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(lx->what);
    lx->what = cb_vprintf(fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- characters ------------------------------------------------------------------------------- */

static uint32_t peek(const struct lexer *lx)
{
    size_t len;
    return lx->p == lx->end ? END : cb_utf8_decode(lx->p, (size_t)(lx->end - lx->p), &len);
}

static uint32_t next(struct lexer *lx)
{
    if (lx->p == lx->end)
        return END;
    size_t len;
    uint32_t c = cb_utf8_decode(lx->p, (size_t)(lx->end - lx->p), &len);
    lx->p += len;
    return c;
}

static bool at_end(const struct lexer *lx)
{
    return lx->p == lx->end;
}

/* What Go prints for a character that is not there is U+FFFD. */
static void put(struct cb_buf *out, uint32_t c)
{
    cb_utf8_encode(out, c == END ? 0xFFFD : c);
}

/* ---- words ------------------------------------------------------------------------------------ */

static bool collects(const struct lexer *lx)
{
    return lx->words && lx->depth == 0;
}

static void end_word(struct lexer *lx)
{
    if (lx->word.len == 0)
        return;
    cb_strv_push(lx->words, lx->word.data);
    cb_buf_reset(&lx->word);
    lx->in_word = false;
}

static void word_char(struct lexer *lx, uint32_t c, bool literal)
{
    if (!collects(lx))
        return;
    if (!literal && cb_is_unicode_space(c)) {
        if (lx->in_word)
            end_word(lx);
        return;
    }
    put(&lx->word, c);
    lx->in_word = true;
}

static void word_raw(struct lexer *lx, const char *p, size_t n)
{
    if (!collects(lx))
        return;
    cb_buf_add(&lx->word, p, n);
    lx->in_word = true;
}

static void word_value(struct lexer *lx, const char *p, size_t n)
{
    while (n && collects(lx)) {
        size_t len;
        word_char(lx, cb_utf8_decode(p, n, &len), false);
        p += len;
        n -= len;
    }
}

/* ---- values ----------------------------------------------------------------------------------- */

static const char *look_up(struct lexer *lx, const char *name)
{
    const char *value = lx->x->lookup ? lx->x->lookup(lx->x->lookup_arg, name) : NULL;
    struct cb_map *seen = value ? lx->x->matched : lx->x->unmatched;
    if (seen)
        cb_map_set(seen, name, NULL);
    return value;
}

static int take_room(struct lexer *lx, size_t n)
{
    if (n > lx->room)
        return fail(lx, "values add more than %u MiB", CB_MAX_EXPANDED >> 20);
    lx->room -= n;
    return 0;
}

static int add_value(struct lexer *lx, struct cb_buf *out, const char *p, size_t n)
{
    if (take_room(lx, n) < 0)
        return -1;
    cb_buf_add(out, p, n);
    return 0;
}

/* ---- ${…} ------------------------------------------------------------------------------------- */

static bool is_special_parameter(uint32_t c)
{
    return c && c < 0x80 && strchr("@*#?-$!0", (int)c);
}

/* Letters, digits and `_`; or a run of digits; or one of the special parameters. May be empty. */
static void read_name(struct lexer *lx, struct cb_buf *name)
{
    uint32_t c = peek(lx);
    if (c != END && df_is_digit(c)) {
        for (; c != END && df_is_digit(c); c = peek(lx))
            put(name, next(lx));
        return;
    }
    if (is_special_parameter(c)) {
        put(name, next(lx));
        return;
    }
    for (; c != END && (df_is_letter(c) || df_is_digit(c) || c == '_'); c = peek(lx))
        put(name, next(lx));
}

struct substitution {
    const char *name;
    const char *modifier; /* as written, for messages */
    uint32_t op;
    bool empty_is_unset; /* `:` in front of op */
};

static int is_required(struct lexer *lx, const struct substitution *s, const char *word, const char *otherwise)
{
    return fail(lx, "%s: %s", s->name, *word ? word : otherwise);
}

static int bad_pattern(struct lexer *lx, struct cb_str pattern, uint32_t bad)
{
    CB_AUTO(cb_buf) struct cb_buf c = CB_BUF_INIT;
    put(&c, bad);
    return fail(lx, "invalid pattern (%.*s) in substitution: invalid escape '\\%s'", (int)CB_MIN(pattern.n, SHOWN_SOURCE),
                pattern.p, c.data);
}

static int gave_up(struct lexer *lx)
{
    return fail(lx, "the pattern takes too many steps on this value");
}

/* ${name#pattern} and ${name##pattern}. */
static int strip_prefix(struct lexer *lx, struct cb_str pattern, struct cb_str value, bool greedy, struct cb_buf *out)
{
    CB_AUTO(df_pattern) struct df_pattern p = {0};
    uint32_t bad;
    if (df_pattern_compile(pattern, &lx->steps, &p, &bad) < 0)
        return bad_pattern(lx, pattern, bad);
    size_t len = 0;
    if (!df_pattern_prefix(&p, value, greedy, &len))
        len = 0;
    if (lx->steps == 0)
        return gave_up(lx);
    return add_value(lx, out, value.p + len, value.n - len);
}

/* ${name%pattern}: the same on everything reversed. */
static int strip_suffix(struct lexer *lx, struct cb_str pattern, struct cb_str value, bool greedy, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf rpattern = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf rvalue = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf stripped = CB_BUF_INIT;
    df_pattern_reverse(pattern, &rpattern);
    df_reverse(value, &rvalue);
    if (strip_prefix(lx, (struct cb_str){rpattern.data, rpattern.len}, (struct cb_str){rvalue.data, rvalue.len}, greedy,
                     &stripped) < 0)
        return -1;
    df_reverse((struct cb_str){stripped.data, stripped.len}, out);
    return 0;
}

static int strip(struct lexer *lx, const struct substitution *s, struct cb_str pattern, const char *value, struct cb_buf *out)
{
    bool greedy = pattern.n && (unsigned char)pattern.p[0] == s->op;
    if (greedy)
        pattern = (struct cb_str){pattern.p + 1, pattern.n - 1};
    struct cb_str v = cb_str(value ? value : "");
    return s->op == '%' ? strip_suffix(lx, pattern, v, greedy, out) : strip_prefix(lx, pattern, v, greedy, out);
}

static int substitute(struct lexer *lx, const struct substitution *s, const struct cb_buf *word, struct cb_buf *out)
{
    const char *value = look_up(lx, s->name);
    if (!value && lx->x->skip_unset) {
        cb_buf_printf(out, "${%s%s", s->name, s->modifier);
        cb_buf_add(out, word->data, word->len);
        cb_buf_addc(out, '}');
        return 0;
    }
    bool missing = !value || (s->empty_is_unset && !*value);
    switch (s->op) {
    case '?':
        if (!value)
            return is_required(lx, s, word->data, "is not allowed to be unset");
        if (missing)
            return is_required(lx, s, word->data, "is not allowed to be empty");
        return add_value(lx, out, value, strlen(value));
    case '-':
        if (!missing)
            return add_value(lx, out, value, strlen(value));
        cb_buf_add(out, word->data, word->len);
        return 0;
    case '+':
        if (!missing)
            cb_buf_add(out, word->data, word->len);
        return 0;
    case '#':
    case '%':
        return strip(lx, s, (struct cb_str){word->data, word->len}, value, out);
    default:
        return fail(lx, "unsupported modifier (%s) in substitution", s->modifier);
    }
}

/* The text up to `stop`, which must be there. */
static int nested(struct lexer *lx, uint32_t stop, bool raw_escapes, const char *if_unclosed, struct cb_buf *out)
{
    if (lx->depth == CB_MAX_NESTING)
        return fail(lx, "substitutions are nested more than %d deep", CB_MAX_NESTING);
    lx->depth++;
    int r = lex_until(lx, stop, raw_escapes, out);
    lx->depth--;
    return r < 0 && at_end(lx) ? fail(lx, "%s", if_unclosed) : r;
}

/* ${name/pattern/text} and ${name//pattern/text}, after the first slash. */
static int replace(struct lexer *lx, const char *name, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf pattern = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf with = CB_BUF_INIT;
    CB_AUTO(df_pattern) struct df_pattern p = {0};
    bool all = peek(lx) == '/';
    if (all)
        next(lx);
    if (nested(lx, '/', true, "syntax error: missing '/' in ${}", &pattern) < 0 ||
        nested(lx, '}', true, "syntax error: missing '}'", &with) < 0)
        return -1;
    const char *value = look_up(lx, name);
    if (!value && lx->x->skip_unset) {
        cb_buf_printf(out, "${%s/%s/%s}", name, pattern.data, with.data);
        return 0;
    }
    struct cb_str v = cb_str(value ? value : ""), pattern_text = {pattern.data, pattern.len};
    uint32_t bad;
    if (df_pattern_compile(pattern_text, &lx->steps, &p, &bad) < 0)
        return bad_pattern(lx, pattern_text, bad);
    size_t before = out->len, from, to;
    if (all) {
        if (!df_pattern_replace_all(&p, v, (struct cb_str){with.data, with.len}, lx->room, out))
            return take_room(lx, lx->room + 1);
    } else if (df_pattern_find(&p, v, 0, &from, &to)) {
        cb_buf_add(out, v.p, from);
        cb_buf_add(out, with.data, with.len);
        cb_buf_add(out, v.p + to, v.n - to);
    } else {
        cb_buf_add(out, v.p, v.n);
    }
    return lx->steps == 0 ? gave_up(lx) : take_room(lx, out->len - before);
}

/* After `${name`: the modifier, its word and the `}`. */
static int modified(struct lexer *lx, const char *name, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf modifier = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf word = CB_BUF_INIT;
    struct substitution s = {.name = name, .op = next(lx)};
    put(&modifier, s.op);
    if (s.op == '/')
        return replace(lx, name, out);
    if (s.op == ':') {
        s.empty_is_unset = true;
        s.op = next(lx);
        put(&modifier, s.op);
    }
    s.modifier = modifier.data;
    bool strips = s.op == '#' || s.op == '%';
    bool takes_word = s.empty_is_unset || strips || s.op == '+' || s.op == '-' || s.op == '?';
    if (!takes_word || (strips && s.empty_is_unset))
        return fail(lx, "unsupported modifier (%s) in substitution", s.modifier);
    if (nested(lx, '}', strips, "syntax error: missing '}'", &word) < 0)
        return -1;
    return substitute(lx, &s, &word, out);
}

static int plain_variable(struct lexer *lx, const char *name, bool braces, struct cb_buf *out)
{
    const char *value = look_up(lx, name);
    if (value)
        return add_value(lx, out, value, strlen(value));
    if (lx->x->skip_unset)
        cb_buf_printf(out, braces ? "${%s}" : "$%s", name);
    return 0;
}

/* At a `$`. */
static int dollar(struct lexer *lx, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    next(lx);
    if (peek(lx) != '{') {
        read_name(lx, &name);
        if (name.len)
            return plain_variable(lx, name.data, false, out);
        cb_buf_addc(out, '$');
        return 0;
    }
    next(lx);
    uint32_t c = peek(lx);
    if (c == END)
        return fail(lx, "syntax error: missing '}'");
    if (c == '{' || c == '}' || c == ':')
        return fail(lx, "syntax error: bad substitution");
    read_name(lx, &name);
    if (peek(lx) != '}')
        return modified(lx, name.data, out);
    next(lx);
    return plain_variable(lx, name.data, true, out);
}

/* ---- quotes and plain text -------------------------------------------------------------------- */

static int single_quotes(struct lexer *lx, struct cb_buf *out)
{
    uint32_t c = next(lx);
    if (lx->x->raw_quotes)
        put(out, c);
    while ((c = next(lx)) != '\'') {
        if (c == END)
            return fail(lx, "unexpected end of statement while looking for matching single-quote");
        put(out, c);
    }
    if (lx->x->raw_quotes)
        put(out, c);
    return 0;
}

/* The escape character counts only in front of `"`, `$` and itself. With raw escapes, one that does not count is
 * written once more than it occurs: BuildKit does so. */
static void quoted_char(struct lexer *lx, struct cb_buf *out)
{
    uint32_t c = next(lx);
    if (c == lx->escape) {
        if (lx->raw_escapes)
            put(out, c);
        uint32_t following = peek(lx);
        if (following == END)
            return;
        if (following == '"' || following == '$' || following == lx->escape)
            c = next(lx);
    }
    put(out, c);
}

static int double_quotes(struct lexer *lx, struct cb_buf *out)
{
    uint32_t c = next(lx);
    if (lx->x->raw_quotes)
        put(out, c);
    while ((c = peek(lx)) != '"') {
        if (c == END)
            return fail(lx, "unexpected end of statement while looking for matching double-quote");
        if (c != '$')
            quoted_char(lx, out);
        else if (dollar(lx, out) < 0)
            return -1;
    }
    next(lx);
    if (lx->x->raw_quotes)
        put(out, c);
    return 0;
}

/* `<<` keeps the blanks after it, so that `<< EOF` is one word. */
static void angle(struct lexer *lx, struct cb_buf *out)
{
    put(out, next(lx));
    if (peek(lx) != '<')
        return;
    put(out, next(lx));
    for (uint32_t c = peek(lx); c == '\t' || c == '\r' || c == ' '; c = peek(lx))
        put(out, next(lx));
}

static void plain_char(struct lexer *lx, struct cb_buf *out)
{
    uint32_t c = next(lx);
    bool literal = c == lx->escape;
    if (literal) {
        if (lx->raw_escapes) {
            put(out, c);
            word_char(lx, c, true);
        }
        c = next(lx);
        if (c == END)
            return;
    }
    word_char(lx, c, literal);
    put(out, c);
}

static int lex_body(struct lexer *lx, uint32_t stop, struct cb_buf *out)
{
    for (uint32_t c; (c = peek(lx)) != stop;) {
        if (c == END)
            return -1; /* nested() says what is missing */
        size_t from = out->len;
        int r = 0;
        if (c == '$')
            r = dollar(lx, out);
        else if (c == '<')
            angle(lx, out);
        else if (c == '\'' && !lx->x->skip_quotes)
            r = single_quotes(lx, out);
        else if (c == '"' && !lx->x->skip_quotes)
            r = double_quotes(lx, out);
        else {
            plain_char(lx, out);
            continue;
        }
        if (r < 0)
            return -1;
        if (c == '$')
            word_value(lx, out->data + from, out->len - from);
        else
            word_raw(lx, out->data + from, out->len - from);
    }
    next(lx);
    return 0;
}

/* Lexes up to `stop` (END: everything) and takes that character. */
static int lex_until(struct lexer *lx, uint32_t stop, bool raw_escapes, struct cb_buf *out)
{
    bool outer = lx->raw_escapes;
    lx->raw_escapes = raw_escapes;
    cb_buf_reset(&lx->word);
    int r = lex_body(lx, stop, out);
    lx->raw_escapes = outer;
    return r;
}

/* ---- entry ------------------------------------------------------------------------------------ */

static int expand(const struct df_expand *x, struct cb_str in, struct cb_strv *words, struct cb_buf *out, struct cb_error *err)
{
    struct lexer lx = {.x = x,
                       .p = in.p,
                       .end = in.p + in.n,
                       .escape = x->escape ? (unsigned char)x->escape : '\\',
                       .room = CB_MAX_EXPANDED,
                       .steps = CB_MAX_EXPAND_STEPS,
                       .words = words,
                       .word = CB_BUF_INIT};
    if (peek(&lx) == 0xFEFF)
        next(&lx);
    int r = lex_until(&lx, END, x->raw_escapes, out);
    if (r == 0 && words)
        end_word(&lx);
    cb_buf_done(&lx.word);
    if (r < 0) {
        CB_AUTO(cb_buf) struct cb_buf source = CB_BUF_INIT;
        cb_quote_go(&source, in.p, CB_MIN(in.n, SHOWN_SOURCE));
        cb_fail(err, CB_E_DOCKERFILE, "failed to process %s: %s", source.data, lx.what);
    }
    free(lx.what);
    return r;
}

int df_expand_bytes(const struct df_expand *x, struct cb_str word, struct cb_buf *out, struct cb_error *err)
{
    size_t before = out->len;
    int r = expand(x, word, NULL, out, err);
    if (r < 0)
        cb_buf_truncate(out, before);
    return r;
}

int df_expand_word(const struct df_expand *x, const char *word, char **ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (expand(x, cb_str(word), NULL, &out, err) < 0)
        return -1;
    *ret = cb_buf_detach(&out);
    return 0;
}

int df_expand_words(const struct df_expand *x, const char *text, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv words = {0};
    if (expand(x, cb_str(text), &words, &out, err) < 0)
        return -1;
    for (size_t i = 0; i < words.n; i++)
        cb_strv_take(ret, CB_TAKE(words.items[i]));
    words.n = 0;
    return 0;
}
