#include "builder/cli/commands/rows.h"
#include "builder/show/table.h"

#include <stdio.h>

void cli_form_done(struct cli_form *f)
{
    cli_template_free(f->template);
    *f = (struct cli_form){0};
}

/* Shells hand on the backslash. */
static char *with_tabs(const char *text)
{
    struct cb_buf b = CB_BUF_INIT;
    for (const char *s = text; *s; s++)
        if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n'))
            cb_buf_addc(&b, *++s == 't' ? '\t' : '\n');
        else
            cb_buf_addc(&b, *s);
    return cb_buf_detach(&b);
}

int cli_set_form(const char *value, void *to, struct cb_error *err)
{
    struct cli_form *f = to;
    cli_form_done(f);
    if (strcmp(value, "json") == 0 || strcmp(value, "table") == 0) {
        f->json = *value == 'j';
        return 0;
    }
    f->table = cb_starts(value, "table ");
    CB_AUTO(free) char *text = with_tabs(f->table ? value + strlen("table ") : value);
    if (!strstr(text, "{{"))
        return cb_fail(err, CB_E_USAGE, "'%s' is neither json, table, nor a template such as '{{.ID}}'", value);
    return cli_template_parse(text, &f->template, err);
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */

static size_t count_tabs(const char *s)
{
    size_t n = 0;
    for (; (s = strchr(s, '\t')); s++)
        n++;
    return n;
}

/* A line of cells; those that the head does not have are left out. */
static void add_line(struct build_table *t, char *line)
{
    const char *cells[BUILD_TABLE_COLUMNS] = {0};
    char *rest = line;
    for (size_t i = 0; rest && i < t->columns; i++)
        cells[i] = strsep(&rest, "\t");
    build_table_row(t, cells);
}

static int add_rendered(struct build_table *t, const struct cli_template *template, json_t *row, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    if (cli_template_render(template, row, &line, err) < 0)
        return -1;
    if (!t->columns)
        t->columns = CB_MIN(count_tabs(line.data) + 1, (size_t)BUILD_TABLE_COLUMNS);
    add_line(t, line.data);
    return 0;
}

static int print_table(const struct cli_template *template, json_t *rows, json_t *heads, struct cb_buf *out, struct cb_error *err)
{
    struct build_table table = {.gap = 3};
    size_t i;
    json_t *row;
    int r = add_rendered(&table, template, heads, err);
    json_array_foreach (rows, i, row) {
        if (r == 0)
            r = add_rendered(&table, template, row, err);
    }
    if (r == 0)
        build_table_print(&table, out);
    cb_strv_done(&table.cells);
    return r;
}

/* ---- forms ------------------------------------------------------------------------------------------------------------ */

static int print_each(const struct cli_form *f, json_t *rows, struct cb_buf *out, struct cb_error *err)
{
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        if (f->json)
            cb_json_dump(row, CB_JSON_COMPACT, out);
        else if (cli_template_render(f->template, row, out, err) < 0)
            return -1;
        cb_buf_addc(out, '\n');
    }
    return 0;
}

int cli_print_rows(const struct cli_form *f, json_t *rows, const struct cli_column *columns, size_t n, const char *usual,
                   struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(json) json_t *heads = json_object();
    CB_AUTO(cli_template) struct cli_template *own = NULL;
    if (f->json || (f->template && !f->table))
        return print_each(f, rows, out, err);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(heads, columns[i].field, json_string(columns[i].head));
    if (!f->template && cli_template_parse(usual, &own, err) < 0)
        return -1;
    return print_table(f->template ? f->template : own, rows, heads, out, err);
}

/* ---- times ------------------------------------------------------------------------------------------------------------ */

char *cli_ago(int64_t seconds, char out[CLI_AGO_MAX])
{
    static const struct {
        int64_t below, unit; /* seconds */
        const char *one, *many;
    } units[] = {
        {60, 1, "1 second", "seconds"},
        {3600, 60, "about a minute", "minutes"},
        {48 * 3600, 3600, "about an hour", "hours"},
        {14 * 86400, 86400, "1 day", "days"},
        {60 * 86400, 7 * 86400, "1 week", "weeks"},
        {730 * 86400, 30 * 86400, "1 month", "months"},
        {INT64_MAX, 365 * 86400, "1 year", "years"},
    };
    size_t i = 0;
    while (seconds >= units[i].below && i + 1 < CB_LEN(units))
        i++;
    long long count = seconds / units[i].unit;
    if (seconds < 1)
        snprintf(out, CLI_AGO_MAX, "less than a second ago");
    else if (count == 1)
        snprintf(out, CLI_AGO_MAX, "%s ago", units[i].one);
    else
        snprintf(out, CLI_AGO_MAX, "%lld %s ago", count, units[i].many);
    return out;
}
