#include "parser/csv.h"

/* A quoted field, after its first quote; *at is left after the closing one. */
static int quoted(const char *text, size_t end, size_t *at, struct cb_buf *field)
{
    while (*at < end) {
        const char *quote = memchr(text + *at, '"', end - *at);
        if (!quote)
            break;
        size_t i = (size_t)(quote - text);
        cb_buf_add(field, text + *at, i - *at);
        *at = i + 1;
        if (*at == end || text[*at] != '"')
            return 0;
        cb_buf_addc(field, '"');
        ++*at;
    }
    return -1;
}

static int parse_error(struct cb_error *err, enum cb_code code, size_t at, const char *what)
{
    return cb_fail(err, code, "parse error on line 1, column %zu: %s", at + 1, what);
}

int df_csv_fields(const char *text, enum cb_code code, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    size_t end = strlen(text);
    if (end && text[end - 1] == '\n')
        end -= end > 1 && text[end - 2] == '\r' ? 2 : 1;
    if (end == 0)
        return cb_fail(err, code, "EOF");
    for (size_t at = 0;; at++) {
        CB_AUTO(cb_buf) struct cb_buf field = CB_BUF_INIT;
        if (at < end && text[at] == '"') {
            at++;
            if (quoted(text, end, &at, &field) < 0)
                return parse_error(err, code, at, "extraneous or missing \" in quoted-field");
            if (at < end && text[at] != ',')
                return parse_error(err, code, at - 1, "extraneous or missing \" in quoted-field");
        } else {
            for (; at < end && text[at] != ','; at++) {
                if (text[at] == '"')
                    return parse_error(err, code, at, "bare \" in non-quoted-field");
                cb_buf_addc(&field, text[at]);
            }
        }
        cb_strv_take(&fields, cb_buf_detach(&field));
        if (at == end)
            break;
    }
    for (size_t i = 0; i < fields.n; i++)
        cb_strv_take(ret, CB_TAKE(fields.items[i]));
    fields.n = 0;
    return 0;
}
