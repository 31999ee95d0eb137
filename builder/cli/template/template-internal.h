/* What lex.c, parse.c, render.c and functions.c share: the parts of a template. Nobody else includes this. */
#ifndef CLI_TEMPLATE_INTERNAL_H
#define CLI_TEMPLATE_INTERNAL_H

#include "builder/cli/template/template.h"

#define TEMPLATE_MAX_DEPTH 64 /* of parentheses and of blocks */

/* ---- tokens (lex.c) ------------------------------------------------------------------------------------------------- */

enum template_token {
    TOKEN_END,      /* of the action */
    TOKEN_DOT,      /* "." alone */
    TOKEN_FIELD,    /* ".Name": text is the name */
    TOKEN_VARIABLE, /* "$" and "$name": text is the name without "$" */
    TOKEN_WORD,
    TOKEN_STRING, /* text is what it stands for */
    TOKEN_NUMBER,
    TOKEN_SIGN, /* one of ( ) | , and ":=", whose text is ":" */
};
struct template_lexer {
    const char *p, *end; /* what is left of one action */
    enum template_token token;
    bool spaced; /* there was a blank before it */
    struct cb_buf text;
};
/* Goes to the next token. */
int template_next(struct template_lexer *l, struct cb_error *err);
bool template_is(const struct template_lexer *l, enum template_token token, const char *text);

/* ---- parts ---------------------------------------------------------------------------------------------------------- */

struct template_function {
    const char *name;
    size_t min, max; /* how many arguments */
    /* A new reference, or NULL with err; the arguments are borrowed. NULL instead of a function: and, or, which look at no
     * more arguments than they need. */
    json_t *(*call)(json_t *const *args, size_t n, struct cb_error *err);
};
const struct template_function *template_function_find(const char *name); /* NULL: there is none */
void template_function_names(struct cb_buf *out);                         /* for a hint */

struct template_expr {
    enum { EXPR_LITERAL, EXPR_DOT, EXPR_VARIABLE, EXPR_FIELD, EXPR_CALL } kind;
    json_t *literal;
    char *name; /* of the variable or field */
    const struct template_function *function;
    struct template_expr **args; /* of the call; of a field: what it is a field of */
    size_t n_args, cap_args;
};
struct template_node {
    enum { NODE_TEXT, NODE_VALUE, NODE_SET, NODE_IF, NODE_WITH, NODE_RANGE } kind;
    struct cb_str text; /* points into the template's text */
    struct template_expr *value;
    char *key, *item; /* variables of a range, or that which is set (item); NULL: none */
    struct template_node *body, *otherwise;
    struct template_node *next;
};
struct cli_template {
    char *text;
    struct cb_arena arena; /* nodes, expressions, names */
    json_t *literals;      /* owns them */
    struct template_node *first;
};

/* ---- values --------------------------------------------------------------------------------------------------------- */

/* As Go prints it: [a b], map[k:v]. */
void template_print(json_t *value, struct cb_buf *out);
bool template_is_true(json_t *value);
void template_keys(json_t *map, struct cb_strv *ret); /* in the order in which Go goes through them */

#endif
