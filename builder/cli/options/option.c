#include "builder/cli/options/option.h"
#include "parser/csv.h"
#include "parser/value.h"

int cli_put(char **field, const char *value)
{
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

int cli_choose(const char *what, const char *const *names, int n, const char *v, int *ret, struct cb_error *err)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], v) == 0) {
            *ret = i;
            return 0;
        }
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    for (int i = 0; i < n; i++)
        cb_buf_printf(&all, i ? ", %s" : "%s", names[i]);
    return cb_fail(err, CB_E_USAGE, "%s: '%s' is not one of %s", what, v, all.data);
}

int cli_set_string(const char *value, void *to, struct cb_error *err)
{
    (void)err;
    return cli_put(to, value);
}

int cli_set_file(const char *value, void *to, struct cb_error *err)
{
    return *value ? cli_put(to, value) : cb_fail(err, CB_E_USAGE, "the name of a file is missing");
}

int cli_set_switch(const char *value, void *to, struct cb_error *err)
{
    return df_parse_bool(value, to) ? 0 : cb_fail(err, CB_E_USAGE, "expected true or false, not '%s'", value);
}

int cli_set_size(const char *value, void *to, struct cb_error *err)
{
    int64_t size;
    if (!df_parse_size(value, &size) || size < 0)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a size (try 128m or 10g)", value);
    *(uint64_t *)to = (uint64_t)size;
    return 0;
}

int cli_set_span(const char *value, void *to, struct cb_error *err)
{
    int64_t ns;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (df_parse_duration(value, &ns, &ignored) < 0 || ns < 0)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a time span (try 24h)", value);
    *(int64_t *)to = ns / 1000000000;
    return 0;
}

int cli_add_pair(const char *value, void *to, struct cb_error *err)
{
    if (*value == '=' || !*value)
        return cb_fail(err, CB_E_USAGE, "'%s': expected NAME=VALUE", value);
    cb_strv_push(to, value);
    return 0;
}

/* `--attest type=sbom,disabled=true` switches off what is not there. */
static bool has_field(const char *value, const char *field)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return df_csv_fields(value, CB_E_USAGE, &fields, &ignored) == 0 && cb_strv_find(&fields, field) >= 0;
}

/* One of "a|b". */
static bool is_one_of(const char *list, const char *value)
{
    for (size_t n = strlen(value); *list || !n; list += strcspn(list, "|"), list += *list == '|') {
        if (strncmp(list, value, n) == 0 && (list[n] == '|' || !list[n]))
            return true;
        if (!*list)
            break;
    }
    return false;
}

static bool is_fine(const char *fine, const char *value)
{
    bool given, wanted;
    if (!fine)
        return false;
    if (strcmp(fine, "*") == 0 || is_one_of(fine, value))
        return true;
    if (strchr(fine, '='))
        return has_field(value, fine);
    return df_parse_bool(fine, &wanted) && df_parse_bool(value, &given) && given == wanted;
}

int cli_refuse(const struct cli_option *o, const char *value, struct cb_error *err)
{
    const struct cli_refusal *r = o->refusal;
    if (is_fine(r->fine, value))
        return 0;
    cb_fail(err, CB_E_USAGE, o->value ? "option '--%s %s' cannot be honoured: %s" : "option '--%s=%s' cannot be honoured: %s",
            o->name, value, r->why);
    return r->hint ? cb_hint(err, "%s", r->hint) : -1;
}
