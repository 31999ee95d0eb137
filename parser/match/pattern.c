#include "parser/match/pattern.h"

#include "base/text.h"
#include "parser/match/unicode.h"

/* Tokens above Unicode. */
#define ANY  0x110000u
#define STAR 0x110001u

/* ---- compiling -------------------------------------------------------------------------------- */

/* One character or wildcard; at the end of `s` after a backslash: U+FFFD. */
static uint32_t take(struct cb_str *s)
{
    size_t len;
    uint32_t cp = cb_utf8_decode(s->p, s->n, &len);
    s->p += len;
    s->n -= len;
    return cp;
}

static int take_token(struct cb_str *s, uint32_t *ret, uint32_t *ret_bad)
{
    uint32_t cp = take(s);
    if (cp == '*' || cp == '?') {
        *ret = cp == '*' ? STAR : ANY;
        return 0;
    }
    if (cp == '\\') {
        cp = s->n ? take(s) : 0xFFFD;
        if (cp == 0xFFFD || !strchr("*?\\}/", (int)(cp < 0x80 && cp ? cp : 'x'))) {
            *ret_bad = cp;
            return -1;
        }
    }
    *ret = cp;
    return 0;
}

int df_pattern_compile(struct cb_str text, uint64_t *steps, struct df_pattern *ret, uint32_t *ret_bad)
{
    struct df_pattern p = {.steps = steps};
    size_t cap = 0, cap_runs = 0;
    CB_PUSH(p.runs, p.n_runs, cap_runs) = (struct df_pattern_run){0, 0};
    if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0)
        text = (struct cb_str){text.p + 3, text.n - 3};
    while (text.n) {
        uint32_t token = 0;
        if (take_token(&text, &token, ret_bad) < 0) {
            df_pattern_done(&p);
            return -1;
        }
        struct df_pattern_run *run = &p.runs[p.n_runs - 1];
        if (token != STAR) {
            CB_PUSH(p.tokens, p.n, cap) = token;
            run->to = p.n;
        } else if (p.n_runs == 1 || run->from != run->to) { /* several stars are one */
            CB_PUSH(p.runs, p.n_runs, cap_runs) = (struct df_pattern_run){p.n, p.n};
        }
    }
    *ret = p;
    return 0;
}

void df_pattern_done(struct df_pattern *p)
{
    free(p->tokens);
    free(p->runs);
    *p = (struct df_pattern){0};
}

/* ---- matching --------------------------------------------------------------------------------- */

/* A run has no star in it, so it matches at `pos` in one way or not at all. */
static bool run_at(const struct df_pattern *p, size_t run, struct cb_str v, size_t pos, size_t *ret_end)
{
    for (size_t i = p->runs[run].from; i < p->runs[run].to; i++) {
        if (*p->steps == 0 || pos >= v.n)
            return false;
        --*p->steps;
        size_t len;
        uint32_t cp = cb_utf8_decode(v.p + pos, v.n - pos, &len);
        if (p->tokens[i] == ANY ? cp == '\n' : cp != p->tokens[i])
            return false;
        pos += len;
    }
    *ret_end = pos;
    return true;
}

static size_t next_char(struct cb_str v, size_t pos)
{
    size_t len;
    cb_utf8_decode(v.p + pos, v.n - pos, &len);
    return pos + len;
}

/* Where a star that begins at `pos` must end: it does not match a newline. */
static size_t line_end(struct cb_str v, size_t pos)
{
    const char *nl = pos < v.n ? memchr(v.p + pos, '\n', v.n - pos) : NULL;
    return nl ? (size_t)(nl - v.p) : v.n;
}

/* A star at `pos` and then the run: the first place, or the last one on this line. */
static bool run_behind_star(const struct df_pattern *p, size_t run, struct cb_str v, size_t pos, bool last, size_t *ret_end)
{
    size_t stop = line_end(v, pos);
    if (p->runs[run].from == p->runs[run].to) {
        *ret_end = last ? stop : pos;
        return true;
    }
    bool found = false;
    for (; pos <= stop && *p->steps; pos = next_char(v, pos)) {
        --*p->steps;
        if (run_at(p, run, v, pos, ret_end)) {
            found = true;
            if (!last)
                break;
        }
        if (pos == v.n)
            break;
    }
    return found;
}

/* All runs after the first one, which ended at `pos`. Taking the first place for every run but the last is
 * enough: stars do not cross lines, and within a line an earlier place leaves more to the later runs. */
static bool rest_at(const struct df_pattern *p, struct cb_str v, size_t pos, bool greedy, size_t *ret_end)
{
    for (size_t i = 1; i < p->n_runs; i++)
        if (!run_behind_star(p, i, v, pos, greedy && i + 1 == p->n_runs, &pos))
            return false;
    *ret_end = pos;
    return true;
}

bool df_pattern_prefix(const struct df_pattern *p, struct cb_str v, bool greedy, size_t *ret_len)
{
    size_t pos = 0;
    return run_at(p, 0, v, 0, &pos) && rest_at(p, v, pos, greedy, ret_len);
}

/* Linear in the lines: when the rest does not follow from `pos`, it follows from no later place of the
 * same line, because the star in front of it would have got there. */
bool df_pattern_find(const struct df_pattern *p, struct cb_str v, size_t from, size_t *ret_from, size_t *ret_to)
{
    size_t blocked = 0;
    bool any_blocked = false;
    for (size_t i = from; i <= v.n && *p->steps; i = next_char(v, i)) {
        --*p->steps;
        size_t pos = i;
        if (run_at(p, 0, v, i, &pos) && !(any_blocked && pos <= blocked)) {
            if (rest_at(p, v, pos, true, ret_to)) {
                *ret_from = i;
                return true;
            }
            any_blocked = true;
            blocked = line_end(v, pos);
        }
        if (i == v.n)
            break;
    }
    return false;
}

/* ---- replacing -------------------------------------------------------------------------------- */

/* `name` or `{name}` after a `$`: its length with braces, 0 when it is neither. *ret_zero: it means the match. */
static size_t template_name(struct cb_str s, bool *ret_zero)
{
    size_t i = s.n && s.p[0] == '{', begin = i;
    while (i < s.n) {
        size_t len;
        uint32_t cp = cb_utf8_decode(s.p + i, s.n - i, &len);
        if (!df_is_letter(cp) && !df_is_digit(cp) && cp != '_')
            break;
        i += len;
    }
    if (i == begin || (begin && (i == s.n || s.p[i] != '}')))
        return 0;
    *ret_zero = i - begin == 1 && s.p[begin] == '0';
    return i + begin;
}

static void expand_template(struct cb_str with, struct cb_str match, struct cb_buf *out)
{
    while (with.n) {
        const char *dollar = memchr(with.p, '$', with.n);
        size_t plain = dollar ? (size_t)(dollar - with.p) : with.n;
        cb_buf_add(out, with.p, plain);
        if (!dollar)
            return;
        struct cb_str rest = {with.p + plain + 1, with.n - plain - 1};
        bool zero = false;
        size_t name = template_name(rest, &zero);
        if (rest.n && rest.p[0] == '$')
            name = 1;
        if (zero)
            cb_buf_add(out, match.p, match.n);
        else if (name == 0 || rest.p[0] == '$')
            cb_buf_addc(out, '$');
        with = (struct cb_str){rest.p + name, rest.n - name};
    }
}

bool df_pattern_replace_all(const struct df_pattern *p, struct cb_str v, struct cb_str with, size_t max, struct cb_buf *out)
{
    size_t start = out->len, search = 0, done = 0, from, to;
    while (search <= v.n && df_pattern_find(p, v, search, &from, &to)) {
        cb_buf_add(out, v.p + done, from - done);
        /* An empty match right after the last one does not count. */
        if (to > done || from == 0) {
            *p->steps -= CB_MIN(*p->steps, with.n);
            expand_template(with, (struct cb_str){v.p + from, to - from}, out);
        }
        done = to;
        if (out->len - start > max)
            return false;
        size_t next = search < v.n ? next_char(v, search) : search + 1;
        search = next > to ? next : to;
    }
    cb_buf_add(out, v.p + done, v.n - done);
    return out->len - start <= max;
}

/* ---- reversing -------------------------------------------------------------------------------- */

/* Fills the buffer from its end. `escapes`: a backslash and what follows it stay in their order. */
static void reverse(struct cb_str s, bool escapes, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s.p, s.n);
    cb_buf_reserve(out, clean.len);
    size_t write = out->len + clean.len;
    for (size_t i = 0; i < clean.len;) {
        size_t end = next_char((struct cb_str){clean.data, clean.len}, i);
        if (escapes && clean.data[i] == '\\' && end < clean.len)
            end = next_char((struct cb_str){clean.data, clean.len}, end);
        write -= end - i;
        memcpy(out->data + write, clean.data + i, end - i);
        i = end;
    }
    out->len += clean.len;
    out->data[out->len] = '\0';
}

void df_reverse(struct cb_str s, struct cb_buf *out)
{
    reverse(s, false, out);
}

void df_pattern_reverse(struct cb_str s, struct cb_buf *out)
{
    reverse(s, true, out);
}
