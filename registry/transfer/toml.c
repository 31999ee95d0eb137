#include "registry/transfer/toml.h"

#include "base/map.h"
#include "base/text.h"
#include <ctype.h>

struct reader {
    const char *p, *end;
    int line;
    char *table;
    struct cb_map keys; /* of the table being read, for duplicates */
};

/* The text ends with a NUL, and NUL is refused as a control byte, so *p is always readable. */
static void skip_blanks(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
}

static void skip_comment(struct reader *r)
{
    if (*r->p == '#')
        while (r->p < r->end && *r->p != '\n')
            r->p++;
}

static bool skip_newline(struct reader *r)
{
    if (*r->p == '\r' && r->p[1] == '\n')
        r->p++;
    if (*r->p != '\n')
        return false;
    r->p++;
    r->line++;
    return true;
}

static int expect_end_of_line(struct reader *r, struct cb_error *err)
{
    skip_blanks(r);
    skip_comment(r);
    if (r->p == r->end || skip_newline(r))
        return 0;
    return cb_fail(err, CB_E_FAILED, "unexpected '%c' after a value or header", *r->p);
}

static int read_unicode(struct reader *r, size_t digits, struct cb_buf *out, struct cb_error *err)
{
    uint32_t cp = 0;
    for (size_t i = 0; i < digits; i++, r->p++) {
        if (!isxdigit((unsigned char)*r->p))
            return cb_fail(err, CB_E_FAILED, "a \\u escape needs %zu hexadecimal digits", digits);
        char c = (char)(*r->p | 0x20);
        cp = cp * 16 + (uint32_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
    }
    if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return cb_fail(err, CB_E_FAILED, "a \\u escape names no character");
    cb_utf8_encode(out, cp);
    return 0;
}

static int read_escape(struct reader *r, struct cb_buf *out, struct cb_error *err)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    char c = *r->p++;
    if (c == 'u' || c == 'U')
        return read_unicode(r, c == 'u' ? 4 : 8, out, err);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return cb_fail(err, CB_E_FAILED, "unknown escape in a string");
    cb_buf_addc(out, to[at - from]);
    return 0;
}

static int read_string(struct reader *r, struct cb_buf *out, struct cb_error *err)
{
    char quote = *r->p;
    if (r->p[1] == quote && r->p[2] == quote)
        return cb_fail(err, CB_E_FAILED, "multi-line strings are not supported here");
    for (r->p++; *r->p != quote;) {
        if ((unsigned char)*r->p < 0x20 && *r->p != '\t')
            return cb_fail(err, CB_E_FAILED, "a string is not closed on its line");
        if (quote == '"' && *r->p == '\\') {
            r->p++;
            if (read_escape(r, out, err) < 0)
                return -1;
        } else {
            cb_buf_addc(out, *r->p++);
        }
    }
    r->p++;
    return 0;
}

static int read_key(struct reader *r, struct cb_buf *out, struct cb_error *err)
{
    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, out, err);
    while (isalnum((unsigned char)*r->p) || *r->p == '-' || *r->p == '_')
        cb_buf_addc(out, *r->p++);
    if (out->len == 0)
        return cb_fail(err, CB_E_FAILED, "expected a key");
    return 0;
}

/* Blanks, comments and line ends, as they may occur between the elements of an array. */
static void skip_space(struct reader *r)
{
    do {
        skip_blanks(r);
        skip_comment(r);
    } while (skip_newline(r));
}

static int read_strings(struct reader *r, struct cb_strv *out, struct cb_error *err)
{
    for (r->p++;;) {
        skip_space(r);
        if (*r->p == ']')
            break;
        if (*r->p != '"' && *r->p != '\'')
            return cb_fail(err, CB_E_FAILED, "expected a string in the array");
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        if (read_string(r, &b, err) < 0)
            return -1;
        cb_strv_push(out, b.data);
        skip_space(r);
        if (*r->p == ',')
            r->p++;
        else if (*r->p != ']')
            return cb_fail(err, CB_E_FAILED, "expected ',' or ']' in the array");
    }
    r->p++;
    return 0;
}

static bool read_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0 || isalnum((unsigned char)r->p[n]))
        return false;
    r->p += n;
    return true;
}

static int read_assignment(struct reader *r, reg_toml_fn *fn, void *arg, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT, string = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv strings = {0};
    struct reg_toml_item item = {.table = r->table, .strings = &strings};
    if (read_key(r, &key, err) < 0)
        return -1;
    skip_blanks(r);
    if (*r->p == '.')
        return cb_fail(err, CB_E_FAILED, "dotted keys are not supported here");
    if (*r->p != '=')
        return cb_fail(err, CB_E_FAILED, "expected '=' after the key '%s'", key.data);
    r->p++;
    skip_blanks(r);
    if (*r->p == '"' || *r->p == '\'') {
        item.kind = REG_TOML_STRING;
        if (read_string(r, &string, err) < 0)
            return -1;
    } else if (*r->p == '[') {
        item.kind = REG_TOML_STRINGS;
        if (read_strings(r, &strings, err) < 0)
            return -1;
    } else if ((item.boolean = read_word(r, "true")) || read_word(r, "false")) {
        item.kind = REG_TOML_BOOL;
    } else {
        return cb_fail(err, CB_E_FAILED, "the value of '%s' is not a string, a boolean or an array of strings", key.data);
    }
    if (cb_map_has(&r->keys, key.data))
        return cb_fail(err, CB_E_FAILED, "the key '%s' is given twice", key.data);
    cb_map_set(&r->keys, key.data, NULL);
    item.key = key.data;
    item.string = string.data;
    return fn(arg, &item, err);
}

static int read_header(struct reader *r, reg_toml_fn *fn, void *arg, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    bool many = r->p[1] == '[';
    r->p += many ? 2 : 1;
    for (;;) {
        CB_AUTO(cb_buf) struct cb_buf part = CB_BUF_INIT;
        skip_blanks(r);
        if (read_key(r, &part, err) < 0)
            return -1;
        cb_buf_add(&name, part.data, part.len);
        skip_blanks(r);
        if (*r->p != '.')
            break;
        cb_buf_addc(&name, *r->p++);
    }
    if (*r->p != ']' || (many && r->p[1] != ']'))
        return cb_fail(err, CB_E_FAILED, "the table header is not closed");
    r->p += many ? 2 : 1;
    free(r->table);
    r->table = cb_buf_detach(&name);
    cb_map_done(&r->keys);
    struct reg_toml_item item = {.kind = many ? REG_TOML_TABLES : REG_TOML_TABLE, .table = r->table};
    return fn(arg, &item, err);
}

static int read_lines(struct reader *r, reg_toml_fn *fn, void *arg, int *line, struct cb_error *err)
{
    for (;;) {
        skip_space(r);
        *line = r->line;
        if (r->p == r->end)
            return 0;
        if (*r->p == '[' ? read_header(r, fn, arg, err) < 0 : read_assignment(r, fn, arg, err) < 0)
            return -1;
        *line = r->line;
        if (expect_end_of_line(r, err) < 0)
            return -1;
    }
}

int reg_toml_read(const char *text, size_t n, const char *file, reg_toml_fn *fn, void *arg, struct cb_error *err)
{
    int line = 1;
    CB_AUTO(free) char *copy = cb_memdup0(text, n); /* so that it ends with a NUL */
    struct reader r = {copy, copy + n, 1, cb_strdup(""), {0}};
    if (n >= 3 && memcmp(copy, "\xef\xbb\xbf", 3) == 0)
        r.p += 3;
    int result = read_lines(&r, fn, arg, &line, err);
    free(r.table);
    cb_map_done(&r.keys);
    return result < 0 ? cb_prefix(err, "'%s':%d", file, line) : 0;
}
