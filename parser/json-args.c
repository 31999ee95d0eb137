/* JSON argument lists (dockerfile.md §5). It has a reader of its own instead of base/json.h, because what counts as
 * JSON here decides between exec and shell form: invalid UTF-8 and lone surrogates are JSON (U+FFFD), so is
 * \u0000; numbers beyond a double and nesting beyond 10,000 are not. Iterative: nesting costs one byte per level. */
#include "parser/lex-internal.h"

#include "base/text.h"
#include <math.h>

#define MAX_DEPTH 10000

struct reader {
    const char *p, *end;
    struct cb_buf string; /* the last string read */
};

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool hex4(struct reader *r, uint32_t *ret)
{
    if (r->end - r->p < 4)
        return false;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

/* After `\u`. Two surrogates make one character; one alone becomes U+FFFD (cb_utf8_encode does that). */
static bool unicode_escape(struct reader *r)
{
    uint32_t cp, low;
    if (!hex4(r, &cp))
        return false;
    if (cp >= 0xD800 && cp < 0xDC00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        struct reader ahead = {.p = r->p + 2, .end = r->end};
        if (!hex4(&ahead, &low))
            return false;
        if (low >= 0xDC00 && low < 0xE000) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
            r->p = ahead.p;
        }
    }
    cb_utf8_encode(&r->string, cp);
    return true;
}

static bool escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return false;
    char c = *r->p++;
    if (c == 'u')
        return unicode_escape(r);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return false;
    cb_buf_addc(&r->string, to[at - from]);
    return true;
}

static bool string(struct reader *r)
{
    cb_buf_reset(&r->string);
    if (!take(r, '"'))
        return false;
    while (r->p < r->end) {
        unsigned char c = (unsigned char)*r->p;
        size_t len = 1;
        if (c == '"') {
            r->p++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c == '\\') {
            r->p++;
            if (!escape(r))
                return false;
            continue;
        }
        cb_utf8_encode(&r->string, cb_utf8_decode(r->p, (size_t)(r->end - r->p), &len));
        r->p += len;
    }
    return false;
}

static size_t digits(struct reader *r)
{
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - start);
}

static bool number(struct reader *r)
{
    const char *start = r->p;
    take(r, '-');
    if (!take(r, '0') && !digits(r))
        return false;
    if (take(r, '.') && !digits(r))
        return false;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+'))
            take(r, '-');
        if (!digits(r))
            return false;
    }
    /* The grammar is checked; strtod only says whether the value fits (the text ends with a NUL). */
    return !isinf(strtod(start, NULL));
}

static bool scalar(struct reader *r)
{
    static const struct cb_str words[] = {CB_STR("true"), CB_STR("false"), CB_STR("null")};
    if (r->p == r->end)
        return false;
    if (*r->p == '"')
        return string(r);
    if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
        return number(r);
    for (size_t i = 0; i < CB_LEN(words); i++)
        if ((size_t)(r->end - r->p) >= words[i].n && memcmp(r->p, words[i].p, words[i].n) == 0) {
            r->p += words[i].n;
            return true;
        }
    return false;
}

/* `"key":` inside an object. */
static bool key(struct reader *r)
{
    skip_blanks(r);
    if (!string(r))
        return false;
    skip_blanks(r);
    return take(r, ':');
}

/* Skips the rest of the container whose opening bracket is at the position. */
static bool skip_container(struct reader *r)
{
    char stack[MAX_DEPTH];
    size_t depth = 1;  /* the outer array */
    bool value = true; /* a value must follow */
    do {
        skip_blanks(r);
        if (value && r->p < r->end && (*r->p == '[' || *r->p == '{')) {
            if (depth == MAX_DEPTH)
                return false;
            char close = *r->p++ == '[' ? ']' : '}';
            stack[depth++] = close;
            skip_blanks(r);
            if (take(r, close)) {
                depth--;
                value = false;
            } else if (close == '}' && !key(r)) {
                return false;
            }
            continue;
        }
        if (value) {
            if (!scalar(r))
                return false;
            value = false;
            continue;
        }
        if (take(r, stack[depth - 1])) {
            depth--;
            continue;
        }
        if (!take(r, ',') || (stack[depth - 1] == '}' && !key(r)))
            return false;
        value = true;
    } while (depth > 1);
    return true;
}

/* One element; *other is set when it is not a string. */
static bool element(struct reader *r, struct df_collect *items, bool *other)
{
    skip_blanks(r);
    if (r->p == r->end)
        return false;
    if (*r->p == '"') {
        if (!string(r))
            return false;
        df_collect_add(items, r->string.data, r->string.len);
        return true;
    }
    *other = true;
    return *r->p == '[' || *r->p == '{' ? skip_container(r) : scalar(r);
}

static bool array(struct reader *r, struct df_collect *items, bool *other)
{
    if (!take(r, '['))
        return false;
    skip_blanks(r);
    if (!take(r, ']')) {
        do {
            if (!element(r, items, other))
                return false;
            skip_blanks(r);
        } while (take(r, ','));
        if (!take(r, ']'))
            return false;
    }
    skip_blanks(r);
    return r->p == r->end;
}

enum df_json_result df_json_array(struct cb_str text, struct df_collect *items)
{
    text = df_trim_left(text);
    struct reader r = {.p = text.p, .end = text.p + text.n, .string = CB_BUF_INIT};
    size_t before = items->n;
    bool other = false;
    bool valid = array(&r, items, &other);
    cb_buf_done(&r.string);
    if (valid && !other)
        return DF_JSON_STRINGS;
    items->n = before;
    return valid ? DF_JSON_OTHER : DF_JSON_NOT;
}
