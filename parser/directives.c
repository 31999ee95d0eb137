/* `# name=value` lines at the top of a Dockerfile (dockerfile.md §2). */
#include "parser/lex-internal.h"

#include "base/json.h"

static const char *const directive_names[DF_DIRECTIVE_COUNT] = {"syntax", "escape", "check"};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t regex_spaces(struct cb_str s, size_t i)
{
    while (i < s.n && df_is_regex_space(s.p[i]))
        i++;
    return i;
}

/* `name = value` with blanks around both; a value of nothing but blanks is the last of them. */
static bool split_assignment(struct cb_str s, struct cb_str *name, struct cb_str *value)
{
    size_t i = 0;
    if (!s.n || !is_alpha(s.p[0]))
        return false;
    while (i < s.n && (is_alpha(s.p[i]) || (s.p[i] >= '0' && s.p[i] <= '9')))
        i++;
    *name = (struct cb_str){s.p, i};
    i = regex_spaces(s, i);
    if (i == s.n || s.p[i] != '=')
        return false;
    size_t behind = i + 1;
    i = regex_spaces(s, behind);
    if (i == s.n) {
        *value = (struct cb_str){s.p + s.n - 1, 1};
        return i > behind;
    }
    size_t end = s.n;
    while (df_is_regex_space(s.p[end - 1]))
        end--;
    *value = (struct cb_str){s.p + i, end - i};
    return true;
}

int df_directive_line(struct df_directives *d, struct cb_str line, enum df_directive_kind *kind, struct cb_str *value,
                      struct cb_error *err)
{
    struct cb_str name;
    size_t prefix = strlen(d->prefix);
    if (d->done)
        return 0;
    d->done = true;
    if (line.n < prefix || memcmp(line.p, d->prefix, prefix) != 0)
        return 0;
    line = df_trim_left((struct cb_str){line.p + prefix, line.n - prefix});
    if (!split_assignment(line, &name, value))
        return 0;
    for (unsigned i = 0; i < DF_DIRECTIVE_COUNT; i++) {
        if (!df_equal_fold(name, directive_names[i]))
            continue;
        if (d->seen & 1u << i)
            return cb_fail(err, CB_E_DOCKERFILE, "only one %s parser directive can be used", directive_names[i]);
        d->seen |= 1u << i;
        d->done = false;
        *kind = (enum df_directive_kind)i;
        return 1;
    }
    return 0;
}

static struct df_directive found(struct cb_str whole, int line)
{
    const char *blank = memchr(whole.p, ' ', whole.n);
    return (struct df_directive){
        .value = {whole.p, blank ? (size_t)(blank - whole.p) : whole.n}, .whole = whole, .line = CB_MAX(line, 1)};
}

static bool find_in_lines(struct cb_str text, const char *prefix, const char *name, int line, struct df_directive *ret)
{
    struct df_directives d = {.prefix = prefix};
    struct cb_str one, value;
    enum df_directive_kind kind;
    while (df_next_line(&text, &one)) {
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        line++;
        if (one.n && one.p[one.n - 1] == '\n')
            one.n--;
        if (one.n && one.p[one.n - 1] == '\r')
            one.n--;
        if (df_directive_line(&d, one, &kind, &value, &ignored) <= 0)
            return false; /* a repetition ends the search too; df_parse reports it */
        if (strcmp(directive_names[kind], name) == 0) {
            *ret = found(value, line);
            return true;
        }
    }
    return false;
}

static bool find_in_json(struct cb_str text, const char *name, int line, struct cb_buf *hold, struct df_directive *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_str start = df_trim_left(text);
    if (!start.n || start.p[0] != '{')
        return false;
    CB_AUTO(json) json_t *doc = cb_json_parse(text.p, text.n, "Dockerfile", &ignored);
    json_t *value = doc ? json_object_get(doc, name) : NULL;
    if (!json_is_string(value))
        return false;
    size_t at = hold->len;
    cb_buf_add(hold, json_string_value(value), json_string_length(value));
    *ret = found((struct cb_str){hold->data + at, hold->len - at}, line);
    ret->value = ret->whole; /* only the line forms carry options after a blank */
    return true;
}

bool df_directive_find(const char *text, size_t n, const char *name, bool any_format, struct cb_buf *hold,
                       struct df_directive *ret)
{
    struct cb_str rest = {text, n}, shebang;
    int line = 0;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        rest = (struct cb_str){text + 3, n - 3};
    if (rest.n >= 2 && memcmp(rest.p, "#!", 2) == 0) {
        df_next_line(&rest, &shebang);
        line = 1;
    }
    if (find_in_lines(rest, "#", name, line, ret))
        return true;
    return any_format && (find_in_lines(rest, "//", name, line, ret) || find_in_json(rest, name, line, hold, ret));
}
