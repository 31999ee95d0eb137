/* What a template can call, and how values are printed. */
#include "base/text.h"
#include "builder/cli/template/template-internal.h"

#include <ctype.h>
#include <stdio.h>

/* ---- values ----------------------------------------------------------------------------------------------------------- */

bool template_is_true(json_t *v)
{
    if (json_is_object(v) || json_is_array(v))
        return json_object_size(v) + json_array_size(v) > 0;
    if (json_is_number(v))
        return json_number_value(v) != 0;
    return json_is_true(v) || json_string_length(v) > 0;
}

void template_keys(json_t *map, struct cb_strv *ret)
{
    const char *key;
    json_t *ignored;
    json_object_foreach (map, key, ignored)
        cb_strv_push(ret, key);
    cb_strv_sort(ret);
}

static void print_map(json_t *map, struct cb_buf *out)
{
    CB_AUTO(cb_strv) struct cb_strv keys = {0};
    template_keys(map, &keys);
    cb_buf_adds(out, "map[");
    for (size_t i = 0; i < keys.n; i++) {
        cb_buf_printf(out, "%s%s:", i ? " " : "", keys.items[i]);
        template_print(json_object_get(map, keys.items[i]), out);
    }
    cb_buf_addc(out, ']');
}

static void print_list(json_t *list, struct cb_buf *out)
{
    size_t i;
    json_t *v;
    cb_buf_addc(out, '[');
    json_array_foreach (list, i, v) {
        if (i)
            cb_buf_addc(out, ' ');
        template_print(v, out);
    }
    cb_buf_addc(out, ']');
}

void template_print(json_t *v, struct cb_buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        print_map(v, out);
        break;
    case JSON_ARRAY:
        print_list(v, out);
        break;
    case JSON_STRING:
        cb_buf_add(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        cb_buf_printf(out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        cb_buf_printf(out, "%g", json_real_value(v));
        break;
    case JSON_TRUE:
        cb_buf_adds(out, "true");
        break;
    case JSON_FALSE:
        cb_buf_adds(out, "false");
        break;
    case JSON_NULL:
        cb_buf_adds(out, "<no value>");
        break;
    }
}

static json_t *text_of(struct cb_buf *b)
{
    json_t *j = json_stringn(b->data, b->len);
    cb_buf_done(b);
    return j;
}

static json_t *wrong(struct cb_error *err, const char *what)
{
    cb_fail(err, CB_E_USAGE, "%s", what);
    return NULL;
}

/* ---- text ------------------------------------------------------------------------------------------------------------- */

static json_t *as_json(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    struct cb_buf b = CB_BUF_INIT;
    cb_json_dump(args[0], CB_JSON_COMPACT, &b);
    return text_of(&b);
}

static json_t *join(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n;
    size_t i;
    json_t *v;
    if (!json_is_string(args[1]) || !(json_is_array(args[0]) || json_is_null(args[0])))
        return wrong(err, "'join' takes a list and what stands between its items");
    struct cb_buf b = CB_BUF_INIT;
    json_array_foreach (args[0], i, v) {
        if (i)
            cb_buf_adds(&b, json_string_value(args[1]));
        template_print(v, &b);
    }
    return text_of(&b);
}

static json_t *split(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n;
    const char *s = json_string_value(args[0]), *by = json_string_value(args[1]);
    if (!s || !by || !*by)
        return wrong(err, "'split' takes a text and what it is cut at");
    json_t *list = json_array();
    for (const char *at; (at = strstr(s, by)); s = at + strlen(by))
        json_array_append_new(list, json_stringn(s, (size_t)(at - s)));
    json_array_append_new(list, json_string(s));
    return list;
}

static json_t *each_char(json_t *v, int (*of)(int))
{
    struct cb_buf b = CB_BUF_INIT;
    template_print(v, &b);
    for (size_t i = 0; i < b.len; i++)
        b.data[i] = (char)((unsigned char)b.data[i] < 0x80 ? of((unsigned char)b.data[i]) : b.data[i]);
    return text_of(&b);
}

static json_t *lower(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    return each_char(args[0], tolower);
}

static json_t *upper(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    return each_char(args[0], toupper);
}

static json_t *title(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    struct cb_buf b = CB_BUF_INIT;
    template_print(args[0], &b);
    for (size_t i = 0; i < b.len; i++)
        if (i == 0 || isspace((unsigned char)b.data[i - 1]))
            b.data[i] = (char)((unsigned char)b.data[i] < 0x80 ? toupper((unsigned char)b.data[i]) : b.data[i]);
    return text_of(&b);
}

/* Go's print puts a blank between two values of which neither is a text; println, between all. */
static json_t *print_all(json_t *const *args, size_t n, bool lines)
{
    struct cb_buf b = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (i && (lines || (!json_is_string(args[i]) && !json_is_string(args[i - 1]))))
            cb_buf_addc(&b, ' ');
        template_print(args[i], &b);
    }
    if (lines)
        cb_buf_addc(&b, '\n');
    return text_of(&b);
}

static json_t *print(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)err;
    return print_all(args, n, false);
}

static json_t *println(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)err;
    return print_all(args, n, true);
}

/* What one verb of printf makes of a value. */
static int put_verb(struct cb_buf *out, char verb, json_t *v, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (verb == 'd' && !json_is_integer(v))
        return cb_fail(err, CB_E_USAGE, "'printf': %%d is for whole numbers");
    if (!strchr("svdqt", verb))
        return cb_fail(err, CB_E_USAGE, "'printf' knows %%s, %%v, %%d, %%q and %%t, and not %%%c", verb);
    template_print(v, verb == 'q' ? &text : out);
    if (verb == 'q')
        cb_quote_go(out, text.data, text.len);
    return 0;
}

#define MAX_WIDTH 1000

/* A verb with a width, "%-20s"; *s is at its '%' and then at its letter. */
static int put_padded(struct cb_buf *out, const char **s, json_t *v, struct cb_error *err)
{
    bool left = (*s)[1] == '-';
    size_t width = 0;
    for (*s += 1 + left; isdigit((unsigned char)**s); ++*s)
        width = CB_MIN(width * 10 + (size_t)(**s - '0'), (size_t)MAX_WIDTH);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (!**s || put_verb(&text, **s, v, err) < 0)
        return **s ? -1 : cb_fail(err, CB_E_USAGE, "'printf': the format ends in the middle of a verb");
    int pad = (int)(width > text.len ? width - text.len : 0);
    cb_buf_printf(out, "%*s%s%*s", left ? 0 : pad, "", text.data, left ? pad : 0, "");
    return 0;
}

static json_t *print_format(json_t *const *args, size_t n, struct cb_error *err)
{
    const char *s = json_string_value(args[0]);
    size_t next = 1;
    if (!s)
        return wrong(err, "'printf' begins with a format");
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (; *s; s++) {
        bool percent = s[0] == '%' && s[1] == '%';
        if (*s != '%' || percent) {
            cb_buf_addc(&b, *s);
            s += percent;
            continue;
        }
        if (next == n)
            return wrong(err, "'printf': there are more verbs than values");
        if (put_padded(&b, &s, args[next++], err) < 0)
            return NULL;
    }
    return next < n ? wrong(err, "'printf': there are more values than verbs") : json_stringn(b.data, b.len);
}

/* ---- parts ------------------------------------------------------------------------------------------------------------ */

static json_t *length(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n;
    json_t *v = args[0];
    if (!json_is_string(v) && !json_is_array(v) && !json_is_object(v) && !json_is_null(v))
        return wrong(err, "'len' is for texts, lists and maps");
    return json_integer((json_int_t)(json_is_string(v)  ? json_string_length(v)
                                     : json_is_array(v) ? json_array_size(v)
                                                        : json_object_size(v)));
}

/* What a map does not have is an empty text: maps of images are of texts. */
static json_t *at(json_t *v, json_t *key, struct cb_error *err)
{
    if (json_is_null(v))
        return json_string("");
    if (json_is_object(v) && json_is_string(key)) {
        json_t *found = json_object_get(v, json_string_value(key));
        return found ? json_incref(found) : json_string("");
    }
    if (!json_is_array(v) || !json_is_integer(key))
        return wrong(err, "'index' takes a list and a number, or a map and a name");
    json_int_t i = json_integer_value(key);
    if (i >= 0 && (size_t)i < json_array_size(v))
        return json_incref(json_array_get(v, (size_t)i));
    cb_fail(err, CB_E_USAGE, "'index': there is no item %lld in a list of %zu", (long long)i, json_array_size(v));
    return NULL;
}

static json_t *item(json_t *const *args, size_t n, struct cb_error *err)
{
    json_t *v = json_incref(args[0]);
    for (size_t i = 1; v && i < n; i++) {
        json_t *next = at(v, args[i], err);
        json_decref(v);
        v = next;
    }
    return v;
}

/* ---- comparisons ------------------------------------------------------------------------------------------------------ */

static json_t *equal(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)err;
    for (size_t i = 1; i < n; i++)
        if (json_equal(args[0], args[i]))
            return json_true();
    return json_false();
}

static json_t *not_equal(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    return json_boolean(!json_equal(args[0], args[1]));
}

/* Below 0, 0, above 0; -2: they cannot be compared. */
static int compare(json_t *a, json_t *b, struct cb_error *err)
{
    if (json_is_string(a) && json_is_string(b)) {
        int c = strcmp(json_string_value(a), json_string_value(b));
        return (c > 0) - (c < 0);
    }
    if (json_is_number(a) && json_is_number(b))
        return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
    cb_fail(err, CB_E_USAGE, "two texts or two numbers can be compared, and nothing else");
    return -2;
}

static json_t *less(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n;
    int c = compare(args[0], args[1], err);
    return c == -2 ? NULL : json_boolean(c < 0);
}

static json_t *less_or_equal(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n;
    int c = compare(args[0], args[1], err);
    return c == -2 ? NULL : json_boolean(c <= 0);
}

static json_t *greater(json_t *const *args, size_t n, struct cb_error *err)
{
    json_t *const turned[] = {args[1], args[0]};
    return less(turned, n, err);
}

static json_t *greater_or_equal(json_t *const *args, size_t n, struct cb_error *err)
{
    json_t *const turned[] = {args[1], args[0]};
    return less_or_equal(turned, n, err);
}

static json_t * not(json_t *const *args, size_t n, struct cb_error *err)
{
    (void)n, (void)err;
    return json_boolean(!template_is_true(args[0]));
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static const struct template_function functions[] = {
    {"and", 1, SIZE_MAX, NULL},
    {"eq", 2, SIZE_MAX, equal},
    {"ge", 2, 2, greater_or_equal},
    {"gt", 2, 2, greater},
    {"index", 1, SIZE_MAX, item},
    {"join", 2, 2, join},
    {"json", 1, 1, as_json},
    {"le", 2, 2, less_or_equal},
    {"len", 1, 1, length},
    {"lower", 1, 1, lower},
    {"lt", 2, 2, less},
    {"ne", 2, 2, not_equal},
    {"not", 1, 1, not },
    {"or", 1, SIZE_MAX, NULL},
    {"print", 0, SIZE_MAX, print},
    {"printf", 1, SIZE_MAX, print_format},
    {"println", 0, SIZE_MAX, println},
    {"split", 2, 2, split},
    {"title", 1, 1, title},
    {"upper", 1, 1, upper},
};

const struct template_function *template_function_find(const char *name)
{
    for (size_t i = 0; i < CB_LEN(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

void template_function_names(struct cb_buf *out)
{
    for (size_t i = 0; i < CB_LEN(functions); i++)
        cb_buf_printf(out, "%s%s", i ? ", " : "", functions[i].name);
}
