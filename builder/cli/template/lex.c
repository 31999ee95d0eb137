/* The tokens of an action: what is between {{ and }}. */
#include "builder/cli/template/template-internal.h"

#include <ctype.h>

bool template_is(const struct template_lexer *l, enum template_token token, const char *text)
{
    return l->token == token && strcmp(l->text.data, text) == 0;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void take_name(struct template_lexer *l)
{
    const char *from = l->p;
    while (l->p < l->end && is_name(*l->p))
        l->p++;
    cb_buf_add(&l->text, from, (size_t)(l->p - from));
}

static int escaped(char c)
{
    static const char from[] = "ntr\\\"'", to[] = "\n\t\r\\\"'";
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : -1;
}

static int take_string(struct template_lexer *l, struct cb_error *err)
{
    char quote = *l->p++;
    for (; l->p < l->end && *l->p != quote; l->p++) {
        int c = (unsigned char)*l->p;
        if (c == '\\' && quote == '"' && (++l->p == l->end || (c = escaped(*l->p)) < 0))
            return cb_fail(err, CB_E_USAGE, "a string has an escape that is not known");
        cb_buf_addc(&l->text, (char)c);
    }
    if (l->p == l->end)
        return cb_fail(err, CB_E_USAGE, "a string does not end");
    l->p++;
    return TOKEN_STRING;
}

static int take_sign(struct template_lexer *l, struct cb_error *err)
{
    char c = *l->p++;
    cb_buf_addc(&l->text, c);
    bool sets = c == ':' && l->p < l->end && *l->p == '=';
    l->p += sets;
    return sets || strchr("()|,", c) ? TOKEN_SIGN : cb_fail(err, CB_E_USAGE, "'%c' has no meaning there", c);
}

static int take(struct template_lexer *l, struct cb_error *err)
{
    if (l->p == l->end)
        return TOKEN_END;
    char c = *l->p, next = l->p + 1 < l->end ? l->p[1] : ' ';
    if (c == '"' || c == '`')
        return take_string(l, err);
    if (c == '.' || c == '$') {
        l->p++;
        take_name(l);
        return c == '$' ? TOKEN_VARIABLE : l->text.len ? TOKEN_FIELD : TOKEN_DOT;
    }
    if (!isdigit((unsigned char)c) && !(c == '-' && isdigit((unsigned char)next)) && !is_name(c))
        return take_sign(l, err);
    if (c == '-')
        cb_buf_addc(&l->text, *l->p++);
    take_name(l);
    return isdigit((unsigned char)c) || c == '-' ? TOKEN_NUMBER : TOKEN_WORD;
}

int template_next(struct template_lexer *l, struct cb_error *err)
{
    const char *from = l->p;
    while (l->p < l->end && isspace((unsigned char)*l->p))
        l->p++;
    l->spaced = l->p > from;
    cb_buf_reset(&l->text);
    int token = take(l, err);
    if (token < 0)
        return -1;
    l->token = (enum template_token)token;
    return 0;
}
