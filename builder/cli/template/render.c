/* A template and a document to text. */
#include "base/text.h"
#include "builder/cli/template/template-internal.h"

struct variable {
    const char *name;
    json_t *value;
};
struct rendering {
    json_t *root;
    json_t *dot; /* borrowed, as root */
    struct variable *variables;
    size_t n_variables, cap_variables;
    struct cb_buf *out;
};

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static json_t *evaluate(struct rendering *r, const struct template_expr *e, struct cb_error *err);

/* "$" is the document. */
static json_t *variable(struct rendering *r, const char *name, struct cb_error *err)
{
    if (!*name)
        return json_incref(r->root);
    for (size_t i = r->n_variables; i-- > 0;)
        if (strcmp(r->variables[i].name, name) == 0)
            return json_incref(r->variables[i].value);
    cb_fail(err, CB_E_USAGE, "there is no variable '$%s'", name);
    return NULL;
}

static json_t *no_field(json_t *of, const char *name, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    const char *key;
    json_t *ignored;
    json_object_foreach (of, key, ignored)
        cb_buf_printf(&names, "%s.%s", names.len ? ", " : "", key);
    cb_fail(err, CB_E_USAGE, "there is no field '.%s'", name);
    cb_hint(err, "there are %s", names.data);
    return NULL;
}

static json_t *field(struct rendering *r, const struct template_expr *e, struct cb_error *err)
{
    CB_AUTO(json) json_t *of = evaluate(r, e->args[0], err);
    json_t *v = of ? json_object_get(of, e->name) : NULL;
    if (!of || v)
        return v ? json_incref(v) : NULL;
    if (of == r->root)
        return no_field(of, e->name, err);
    if (json_is_object(of) || json_is_null(of))
        return json_null();
    cb_fail(err, CB_E_USAGE, "'.%s' is asked of what has no fields", e->name);
    return NULL;
}

/* and, or: the first argument that decides, or the last one. */
static json_t *decide(struct rendering *r, const struct template_expr *e, struct cb_error *err)
{
    bool decides = e->function->name[0] == 'o';
    for (size_t i = 0;; i++) {
        json_t *v = evaluate(r, e->args[i], err);
        if (!v || i + 1 == e->n_args || template_is_true(v) == decides)
            return v;
        json_decref(v);
    }
}

static json_t *call(struct rendering *r, const struct template_expr *e, struct cb_error *err)
{
    if (!e->function->call)
        return decide(r, e, err);
    CB_AUTO(json) json_t *keep = json_array();
    CB_AUTO(free) json_t **args = cb_alloc((e->n_args + 1) * sizeof(json_t *));
    for (size_t i = 0; i < e->n_args; i++) {
        args[i] = evaluate(r, e->args[i], err);
        if (!args[i])
            return NULL;
        json_array_append_new(keep, args[i]);
    }
    return e->function->call(args, e->n_args, err);
}

/* A new reference, or NULL with err. */
static json_t *evaluate(struct rendering *r, const struct template_expr *e, struct cb_error *err)
{
    switch (e->kind) {
    case EXPR_LITERAL:
        return json_incref(e->literal);
    case EXPR_DOT:
        return json_incref(r->dot);
    case EXPR_VARIABLE:
        return variable(r, e->name, err);
    case EXPR_FIELD:
        return field(r, e, err);
    case EXPR_CALL:
        return call(r, e, err);
    }
    return NULL;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------ */

static int render(struct rendering *r, const struct template_node *n, struct cb_error *err);

static void set(struct rendering *r, const char *name, json_t *value)
{
    if (name)
        CB_PUSH(r->variables, r->n_variables, r->cap_variables) = (struct variable){name, json_incref(value)};
}

/* Variables of a block end with it. */
static void forget(struct rendering *r, size_t n)
{
    while (r->n_variables > n)
        json_decref(r->variables[--r->n_variables].value);
}

static int render_with(struct rendering *r, const struct template_node *n, json_t *dot, struct cb_error *err)
{
    json_t *before = r->dot;
    size_t variables = r->n_variables;
    r->dot = dot;
    int e = render(r, n, err);
    r->dot = before;
    forget(r, variables);
    return e;
}

static int render_item(struct rendering *r, const struct template_node *n, json_t *key, json_t *item, struct cb_error *err)
{
    size_t variables = r->n_variables;
    set(r, n->key, key);
    set(r, n->item, item);
    json_decref(key);
    int e = render_with(r, n->body, item, err);
    forget(r, variables);
    return e;
}

static int render_map(struct rendering *r, const struct template_node *n, json_t *map, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv keys = {0};
    template_keys(map, &keys);
    for (size_t i = 0; i < keys.n; i++)
        if (render_item(r, n, json_string(keys.items[i]), json_object_get(map, keys.items[i]), err) < 0)
            return -1;
    return 0;
}

static int render_range(struct rendering *r, const struct template_node *n, json_t *over, struct cb_error *err)
{
    size_t i;
    json_t *item;
    if (!template_is_true(over))
        return render_with(r, n->otherwise, r->dot, err);
    if (json_is_object(over))
        return render_map(r, n, over, err);
    if (!json_is_array(over))
        return cb_fail(err, CB_E_USAGE, "'range' is for lists and maps");
    json_array_foreach (over, i, item) {
        if (render_item(r, n, json_integer((json_int_t)i), item, err) < 0)
            return -1;
    }
    return 0;
}

static int render_block(struct rendering *r, const struct template_node *n, json_t *value, struct cb_error *err)
{
    size_t variables = r->n_variables;
    bool yes = template_is_true(value);
    set(r, n->item, value);
    int e = render_with(r, yes ? n->body : n->otherwise, yes && n->kind == NODE_WITH ? value : r->dot, err);
    forget(r, variables);
    return e;
}

static int render_node(struct rendering *r, const struct template_node *n, struct cb_error *err)
{
    if (n->kind == NODE_TEXT) {
        cb_buf_add(r->out, n->text.p, n->text.n);
        return 0;
    }
    CB_AUTO(json) json_t *value = evaluate(r, n->value, err);
    if (!value)
        return -1;
    if (n->kind == NODE_RANGE)
        return render_range(r, n, value, err);
    if (n->kind == NODE_IF || n->kind == NODE_WITH)
        return render_block(r, n, value, err);
    if (n->kind == NODE_SET)
        set(r, n->item, value);
    else
        template_print(value, r->out);
    return 0;
}

static int render(struct rendering *r, const struct template_node *n, struct cb_error *err)
{
    for (; n; n = n->next)
        if (render_node(r, n, err) < 0)
            return -1;
    return 0;
}

int cli_template_render(const struct cli_template *t, json_t *data, struct cb_buf *out, struct cb_error *err)
{
    struct rendering r = {.root = data, .dot = data, .out = out};
    int e = render(&r, t->first, err);
    forget(&r, 0);
    free(r.variables);
    return e < 0 ? cb_prefix(err, "the template") : 0;
}
