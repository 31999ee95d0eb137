#include "base/json.h"
#include "base/limits.h"

json_t *cb_json_parse(const char *text, size_t n, const char *what, struct cb_error *err)
{
    json_error_t e;
    /* jansson itself refuses nesting beyond 2048; our own limit is lower, and checked before it parses. */
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && depth)
            depth--;
        if (depth > CB_MAX_JSON_DEPTH) {
            cb_fail(err, CB_E_CORRUPT, "%s: JSON is nested too deeply", what);
            return NULL;
        }
    }
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        cb_fail(err, CB_E_CORRUPT, "%s: bad JSON: %s (line %d, column %d)", what, e.text, e.line, e.column);
    return j;
}

static int wrong(struct cb_error *err, const char *path, const char *key, const char *want)
{
    return cb_fail(err, CB_E_CORRUPT, "%s%s%s: expected %s", path, *path ? "." : "", key, want);
}

static json_t *member(json_t *obj, const char *key)
{
    json_t *v = json_object_get(obj, key);
    return v && !json_is_null(v) ? v : NULL;
}

int cb_json_str(json_t *obj, const char *key, const char *path, const char **ret, struct cb_error *err)
{
    json_t *v = member(obj, key);
    if (!v)
        return 0;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
        return wrong(err, path, key, "a string");
    *ret = json_string_value(v);
    return 1;
}

int cb_json_int(json_t *obj, const char *key, const char *path, int64_t *ret, struct cb_error *err)
{
    json_t *v = member(obj, key);
    if (!v)
        return 0;
    if (!json_is_integer(v))
        return wrong(err, path, key, "an integer");
    *ret = json_integer_value(v);
    return 1;
}

int cb_json_bool(json_t *obj, const char *key, const char *path, bool *ret, struct cb_error *err)
{
    json_t *v = member(obj, key);
    if (!v)
        return 0;
    if (!json_is_boolean(v))
        return wrong(err, path, key, "true or false");
    *ret = json_is_true(v);
    return 1;
}

int cb_json_array(json_t *obj, const char *key, const char *path, json_t **ret, struct cb_error *err)
{
    json_t *v = member(obj, key);
    if (!v)
        return 0;
    if (!json_is_array(v))
        return wrong(err, path, key, "an array");
    *ret = v;
    return 1;
}

int cb_json_object(json_t *obj, const char *key, const char *path, json_t **ret, struct cb_error *err)
{
    json_t *v = member(obj, key);
    if (!v)
        return 0;
    if (!json_is_object(v))
        return wrong(err, path, key, "an object");
    *ret = v;
    return 1;
}

int cb_json_strv(json_t *obj, const char *key, const char *path, struct cb_strv *ret, struct cb_error *err)
{
    json_t *list = NULL;
    int r = cb_json_array(obj, key, path, &list, err);
    if (r <= 0)
        return r;
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v) {
        if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
            return wrong(err, path, key, "an array of strings");
        cb_strv_push(ret, json_string_value(v));
    }
    return 1;
}

static int add_text(const char *p, size_t n, void *out)
{
    cb_buf_add(out, p, n);
    return 0;
}

void cb_json_dump(json_t *j, enum cb_json_style style, struct cb_buf *out)
{
    static const size_t flags[] = {
        [CB_JSON_COMPACT] = JSON_COMPACT,
        [CB_JSON_SORTED] = JSON_COMPACT | JSON_SORT_KEYS,
        [CB_JSON_INDENT] = JSON_INDENT(2),
    };
    (void)json_dump_callback(j, add_text, out, flags[style] | JSON_ENCODE_ANY); /* the callback cannot fail */
}
