/* --format of commands that show images: JSON, a template, or a table of a template's columns ("table {{.ID}}\t{{.Tag}}"), as
 * docker's users know it. What is shown are rows: objects with the same fields. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "builder/cli/options/option.h"
#include "builder/cli/template/template.h"

struct cli_form {
    bool json, table;
    struct cli_template *template; /* NULL: none was given */
};
void cli_form_done(struct cli_form *f);
cli_set_fn cli_set_form; /* struct cli_form: replaced; backslash-t and backslash-n in a template are a tab and a new line */

struct cli_column {
    const char *field, *head;
};
/* Appends the rows (an array of objects): JSON, an object to a line; what the template gives, a line each; or a table. `columns`
 * (n of them) name the fields of the rows and their heads; `usual` is the table when no form was given. */
int cli_print_rows(const struct cli_form *f, json_t *rows, const struct cli_column *columns, size_t n, const char *usual,
                   struct cb_buf *out, struct cb_error *err);

#define CLI_AGO_MAX 40
/* "3 hours ago"; of the future and of now, "less than a second ago". Returns `out`. */
char *cli_ago(int64_t seconds, char out[CLI_AGO_MAX]);

#endif
