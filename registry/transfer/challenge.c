#include "registry/transfer/challenge.h"

#include <ctype.h>
#include <strings.h>

void reg_challenges_done(struct reg_challenges *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct reg_challenge *x = &c->items[i];
        free(x->scheme);
        free(x->realm);
        free(x->service);
        free(x->scope);
        free(x->error);
    }
    free(c->items);
    *c = (struct reg_challenges){0};
}

static void skip(const char **p, const char *what)
{
    *p += strspn(*p, what);
}

static struct cb_str token(const char **p)
{
    const char *start = *p;
    while (isalnum((unsigned char)**p) || (**p && strchr("!#$%&'*+-.^_`|~", **p)))
        (*p)++;
    return (struct cb_str){start, (size_t)(*p - start)};
}

/* NULL: a quoted value is not closed. */
static char *parameter_value(const char **p)
{
    if (**p != '"') {
        size_t n = strcspn(*p, ", \t");
        *p += n;
        return cb_memdup0(*p - n, n);
    }
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for ((*p)++; **p != '"'; (*p)++) {
        if (**p == '\\')
            (*p)++;
        if (**p == '\0')
            return NULL;
        cb_buf_addc(&b, **p);
    }
    (*p)++;
    return cb_buf_detach(&b);
}

/* Unknown parameters are dropped, the first of a repeated one counts. */
static void keep(struct reg_challenge *c, struct cb_str name, char *value)
{
    const struct {
        const char *name;
        char **at;
    } known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}, {"error", &c->error}};
    for (size_t i = 0; i < CB_LEN(known); i++)
        if (strlen(known[i].name) == name.n && strncasecmp(known[i].name, name.p, name.n) == 0 && !*known[i].at) {
            *known[i].at = value;
            return;
        }
    free(value);
}

/* Parameters up to the next scheme or the end. False: the text makes no sense from here on. */
static bool read_parameters(struct reg_challenge *c, const char **p)
{
    for (;;) {
        skip(p, " \t,");
        const char *start = *p;
        struct cb_str name = token(p);
        if (name.n == 0)
            return false;
        const char *after = *p;
        skip(p, " \t");
        if (**p != '=' || (after[0] == '=' && (after[1] == '=' || after[1] == ','))) {
            *p = start; /* not a parameter: the next challenge's scheme */
            return **p != '\0' && (isspace((unsigned char)*after) || *after == ',' || *after == '\0');
        }
        (*p)++;
        skip(p, " \t");
        char *value = parameter_value(p);
        if (!value)
            return false;
        keep(c, name, value);
    }
}

void reg_challenges_parse(struct reg_challenges *c, const char *value)
{
    const char *p = value;
    for (;;) {
        skip(&p, " \t,");
        struct cb_str scheme = token(&p);
        if (scheme.n == 0)
            return;
        struct reg_challenge *x = &CB_PUSH(c->items, c->n, c->cap);
        x->scheme = cb_memdup0(scheme.p, scheme.n);
        for (char *s = x->scheme; *s; s++)
            *s = (char)tolower((unsigned char)*s);
        if (!read_parameters(x, &p))
            return;
    }
}

const struct reg_challenge *reg_challenges_find(const struct reg_challenges *c, const char *scheme)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].scheme, scheme) == 0)
            return &c->items[i];
    return NULL;
}
