/* Text to a template: literal text and actions, and in these pipelines of operands. */
#include "base/text.h"
#include "builder/cli/template/template-internal.h"

#include <ctype.h>

struct parser {
    struct cli_template *t;
    const char *p; /* what is not read yet */
    struct template_lexer lexer;
    bool trim; /* the action that was read last ended with -}} */
    int depth;
};

/* ---- expressions ------------------------------------------------------------------------------------------------------ */

static struct template_expr *new_expr(struct parser *p, int kind)
{
    struct template_expr *e = cb_arena_alloc(&p->t->arena, sizeof(*e));
    e->kind = kind;
    return e;
}

/* The lists of arguments live in the arena, too: a longer one is a new one. */
static void add_arg(struct parser *p, struct template_expr *call, struct template_expr *arg)
{
    if (call->n_args == call->cap_args) {
        struct template_expr **more = cb_arena_alloc(&p->t->arena, (call->cap_args * 2 + 2) * sizeof(struct template_expr *));
        for (size_t i = 0; i < call->n_args; i++)
            more[i] = call->args[i];
        call->args = more;
        call->cap_args = call->cap_args * 2 + 2;
    }
    call->args[call->n_args++] = arg;
}

static struct template_expr *literal(struct parser *p, json_t *value)
{
    struct template_expr *e = new_expr(p, EXPR_LITERAL);
    e->literal = value;
    json_array_append_new(p->t->literals, value);
    return e;
}

static struct template_expr *named(struct parser *p, int kind, struct template_expr *of)
{
    struct template_expr *e = new_expr(p, kind);
    e->name = cb_arena_strdup(&p->t->arena, p->lexer.text.data);
    if (of)
        add_arg(p, e, of);
    return e;
}

static int unexpected(struct parser *p, struct cb_error *err)
{
    return p->lexer.token == TOKEN_END ? cb_fail(err, CB_E_USAGE, "a value is missing")
                                       : cb_fail(err, CB_E_USAGE, "'%s' is not expected there", p->lexer.text.data);
}

static struct template_expr *number(struct parser *p, struct cb_error *err)
{
    int64_t v;
    if (cb_parse_i64(p->lexer.text.data, &v))
        return literal(p, json_integer(v));
    cb_fail(err, CB_E_USAGE, "'%s' is not a number", p->lexer.text.data);
    return NULL;
}

static struct template_expr *call_of(struct parser *p, struct cb_error *err)
{
    struct template_expr *e = new_expr(p, EXPR_CALL);
    e->function = template_function_find(p->lexer.text.data);
    if (e->function)
        return e;
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    template_function_names(&names);
    cb_fail(err, CB_E_USAGE, "there is no function '%s'", p->lexer.text.data);
    cb_hint(err, "there are %s; a field has a dot before its name", names.data);
    return NULL;
}

static struct template_expr *word(struct parser *p, struct cb_error *err)
{
    const char *s = p->lexer.text.data;
    if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0)
        return literal(p, json_boolean(*s == 't'));
    return strcmp(s, "nil") == 0 ? literal(p, json_null()) : call_of(p, err);
}

static struct template_expr *pipeline(struct parser *p, struct cb_error *err);

static struct template_expr *parenthesis(struct parser *p, struct cb_error *err)
{
    if (++p->depth > TEMPLATE_MAX_DEPTH) {
        cb_fail(err, CB_E_USAGE, "it is nested too deeply");
        return NULL;
    }
    struct template_expr *e = template_next(&p->lexer, err) < 0 ? NULL : pipeline(p, err);
    p->depth--;
    if (e && !template_is(&p->lexer, TOKEN_SIGN, ")")) {
        unexpected(p, err);
        return NULL;
    }
    return e;
}

/* One value; afterwards the token behind it is the current one. */
static struct template_expr *operand(struct parser *p, struct cb_error *err)
{
    struct template_expr *e = NULL;
    switch (p->lexer.token) {
    case TOKEN_DOT:
        e = new_expr(p, EXPR_DOT);
        break;
    case TOKEN_FIELD:
        e = named(p, EXPR_FIELD, new_expr(p, EXPR_DOT));
        break;
    case TOKEN_VARIABLE:
        e = named(p, EXPR_VARIABLE, NULL);
        break;
    case TOKEN_STRING:
        e = literal(p, json_stringn(p->lexer.text.data, p->lexer.text.len));
        break;
    case TOKEN_NUMBER:
        e = number(p, err);
        break;
    case TOKEN_WORD:
        e = word(p, err);
        break;
    case TOKEN_SIGN:
    case TOKEN_END:
        e = template_is(&p->lexer, TOKEN_SIGN, "(") ? parenthesis(p, err) : (unexpected(p, err), NULL);
        break;
    }
    if (!e || template_next(&p->lexer, err) < 0)
        return NULL;
    for (; p->lexer.token == TOKEN_FIELD && !p->lexer.spaced;) {
        e = named(p, EXPR_FIELD, e);
        if (template_next(&p->lexer, err) < 0)
            return NULL;
    }
    return e;
}

static bool ends_command(const struct parser *p)
{
    return p->lexer.token == TOKEN_END || template_is(&p->lexer, TOKEN_SIGN, "|") || template_is(&p->lexer, TOKEN_SIGN, ")");
}

/* A value, or a function and its arguments; `last` is one more of these: what the command before it gave. */
static struct template_expr *command(struct parser *p, struct template_expr *last, struct cb_error *err)
{
    struct template_expr *e = operand(p, err);
    if (e && e->kind != EXPR_CALL && (last || !ends_command(p))) {
        cb_fail(err, CB_E_USAGE, "only functions take arguments");
        return NULL;
    }
    while (e && !ends_command(p)) {
        struct template_expr *arg = operand(p, err);
        if (!arg)
            return NULL;
        add_arg(p, e, arg);
    }
    if (e && last)
        add_arg(p, e, last);
    if (e && e->kind == EXPR_CALL && (e->n_args < e->function->min || e->n_args > e->function->max)) {
        cb_fail(err, CB_E_USAGE, "'%s' has %zu arguments, which is too %s", e->function->name, e->n_args,
                e->n_args < e->function->min ? "few" : "many");
        return NULL;
    }
    return e;
}

static struct template_expr *pipeline(struct parser *p, struct cb_error *err)
{
    struct template_expr *e = command(p, NULL, err);
    while (e && template_is(&p->lexer, TOKEN_SIGN, "|"))
        e = template_next(&p->lexer, err) < 0 ? NULL : command(p, e, err);
    return e;
}

/* The pipeline that is the rest of the action. */
static int rest(struct parser *p, struct template_expr **ret, struct cb_error *err)
{
    *ret = pipeline(p, err);
    return !*ret ? -1 : p->lexer.token == TOKEN_END ? 0 : unexpected(p, err);
}

/* ---- actions ---------------------------------------------------------------------------------------------------------- */

static struct template_node *add_node(struct parser *p, struct template_node ***tail, int kind)
{
    struct template_node *n = cb_arena_alloc(&p->t->arena, sizeof(*n));
    n->kind = kind;
    **tail = n;
    *tail = &n->next;
    return n;
}

/* Finds the end of the action that begins at `from`, behind its braces; braces in strings do not count. */
static const char *action_end(const char *from)
{
    char quote = 0;
    for (const char *s = from; *s; s++) {
        if (quote && *s == '\\' && quote == '"' && s[1])
            s++;
        else if (quote)
            quote = *s == quote ? 0 : quote;
        else if (*s == '"' || *s == '`')
            quote = *s;
        else if (s[0] == '}' && s[1] == '}')
            return s;
    }
    return NULL;
}

static void add_text(struct parser *p, struct template_node ***tail, const char *end, bool trim_end)
{
    const char *from = p->p;
    while (p->trim && from < end && isspace((unsigned char)*from))
        from++;
    while (trim_end && end > from && isspace((unsigned char)end[-1]))
        end--;
    if (end > from)
        add_node(p, tail, NODE_TEXT)->text = (struct cb_str){from, (size_t)(end - from)};
}

static bool is_comment(const char *s, const char *end)
{
    while (s < end && isspace((unsigned char)*s))
        s++;
    return end - s >= 2 && s[0] == '/' && s[1] == '*';
}

/* Reads text up to the next action, which the lexer then has. 1; 0: that was the last text. */
static int next_action(struct parser *p, struct template_node ***tail, struct cb_error *err)
{
    for (;;) {
        const char *open = strstr(p->p, "{{"), *end = open ? action_end(open + 2) : NULL;
        if (!open) {
            add_text(p, tail, p->p + strlen(p->p), false);
            return 0;
        }
        if (!end)
            return cb_fail(err, CB_E_USAGE, "'{{' without '}}'");
        const char *from = open + 2;
        bool trim = from[0] == '-' && isspace((unsigned char)from[1]);
        add_text(p, tail, open, trim);
        p->p = end + 2;
        p->trim = end > from + 1 && end[-1] == '-' && isspace((unsigned char)end[-2]);
        p->lexer.p = from + trim;
        p->lexer.end = CB_MAX(end - p->trim, p->lexer.p);
        if (!is_comment(p->lexer.p, p->lexer.end))
            return template_next(&p->lexer, err) < 0 ? -1 : 1;
    }
}

static int items(struct parser *p, struct template_node **first, bool inside, bool *ret_else, struct cb_error *err);

/* Is the current variable one that the action sets? */
static bool is_set(const struct parser *p)
{
    const char *s = p->lexer.p;
    while (s < p->lexer.end && isspace((unsigned char)*s))
        s++;
    return p->lexer.token == TOKEN_VARIABLE && s < p->lexer.end && strchr(":,", *s);
}

static int variable(struct parser *p, char **ret, struct cb_error *err)
{
    if (p->lexer.token != TOKEN_VARIABLE)
        return unexpected(p, err);
    *ret = cb_arena_strdup(&p->t->arena, p->lexer.text.data);
    return template_next(&p->lexer, err);
}

/* "$v := " before a pipeline; before that of a range also "$i, $v := ". 1: it was there. */
static int variables(struct parser *p, struct template_node *n, struct cb_error *err)
{
    if (!is_set(p))
        return 0;
    if (variable(p, &n->item, err) < 0)
        return -1;
    if (n->kind == NODE_RANGE && template_is(&p->lexer, TOKEN_SIGN, ",")) {
        n->key = n->item;
        if (template_next(&p->lexer, err) < 0 || variable(p, &n->item, err) < 0)
            return -1;
    }
    if (!template_is(&p->lexer, TOKEN_SIGN, ":"))
        return unexpected(p, err);
    return template_next(&p->lexer, err) < 0 ? -1 : 1;
}

/* {{if}}, {{with}}, {{range}} up to their {{end}}. The current token is the word. */
static int block(struct parser *p, struct template_node *n, struct cb_error *err)
{
    bool has_else = false;
    if (++p->depth > TEMPLATE_MAX_DEPTH)
        return cb_fail(err, CB_E_USAGE, "it is nested too deeply");
    if (template_next(&p->lexer, err) < 0 || variables(p, n, err) < 0 || rest(p, &n->value, err) < 0 ||
        items(p, &n->body, true, &has_else, err) < 0)
        return -1;
    /* {{else if …}} is a block in the else of this one, with the same end. */
    struct template_node **tail = &n->otherwise;
    int r = 0;
    if (has_else && (template_is(&p->lexer, TOKEN_WORD, "if") || template_is(&p->lexer, TOKEN_WORD, "with")))
        r = block(p, add_node(p, &tail, template_is(&p->lexer, TOKEN_WORD, "if") ? NODE_IF : NODE_WITH), err);
    else if (has_else)
        r = p->lexer.token == TOKEN_END ? items(p, &n->otherwise, true, NULL, err) : unexpected(p, err);
    p->depth--;
    return r;
}

static const struct {
    const char *word;
    int kind;
} blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};

static int action(struct parser *p, struct template_node ***tail, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(blocks); i++)
        if (template_is(&p->lexer, TOKEN_WORD, blocks[i].word))
            return block(p, add_node(p, tail, blocks[i].kind), err);
    struct template_node *n = add_node(p, tail, NODE_VALUE);
    int sets = variables(p, n, err);
    if (sets > 0)
        n->kind = NODE_SET;
    return sets < 0 ? -1 : rest(p, &n->value, err);
}

/* Up to the end of the text, or of the block that this is inside of. *ret_else: it was an {{else}}, behind which the
 * current token is. */
static int items(struct parser *p, struct template_node **first, bool inside, bool *ret_else, struct cb_error *err)
{
    struct template_node **tail = first;
    for (;;) {
        int r = next_action(p, &tail, err);
        if (r <= 0)
            return r < 0 || !inside ? r : cb_fail(err, CB_E_USAGE, "a block has no '{{end}}'");
        bool ends = template_is(&p->lexer, TOKEN_WORD, "end"), turns = template_is(&p->lexer, TOKEN_WORD, "else");
        if ((ends && !inside) || (turns && !ret_else))
            return unexpected(p, err);
        if (ends || turns) {
            if (turns)
                *ret_else = true;
            return template_next(&p->lexer, err) < 0 ? -1 : ends && p->lexer.token != TOKEN_END ? unexpected(p, err) : 0;
        }
        if (action(p, &tail, err) < 0)
            return -1;
    }
}

int cli_template_parse(const char *text, struct cli_template **ret, struct cb_error *err)
{
    CB_AUTO(cli_template) struct cli_template *t = CB_NEW(struct cli_template);
    t->text = cb_strdup(text);
    t->literals = json_array();
    struct parser p = {.t = t, .p = t->text, .lexer = {.text = CB_BUF_INIT}};
    int r = items(&p, &t->first, false, NULL, err);
    cb_buf_done(&p.lexer.text);
    if (r < 0)
        return cb_prefix(err, "the template, byte %zu", (size_t)(p.p - t->text));
    *ret = CB_TAKE(t);
    return 0;
}

void cli_template_free(struct cli_template *t)
{
    if (!t)
        return;
    json_decref(t->literals);
    cb_arena_done(&t->arena);
    free(t->text);
    free(t);
}
