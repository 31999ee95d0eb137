/* Templates as people give them to docker and podman with --format: Go's text/template over a JSON document. What is there:
 * fields, variables, pipelines, if, else, with, range, end, and the functions of functions.c; what is not (define, block,
 * template, break, continue) is an error. A template is a value: it knows nothing of images. */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include "base/error.h"
#include "base/json.h"

struct cli_template;

/* -1 with CB_E_USAGE, which says what is wrong where in the text. *ret is the caller's. */
int cli_template_parse(const char *text, struct cli_template **ret, struct cb_error *err);
void cli_template_free(struct cli_template *t); /* NULL is fine */
CB_DEFINE_AUTO_PTR(cli_template, struct cli_template, cli_template_free)

/* Appends what the template makes of `data` (borrowed), an object. A field of it that it does not have is CB_E_USAGE with those
 * that there are; further down what is not there is nothing, as in Go's maps. On failure a part may have been appended. */
int cli_template_render(const struct cli_template *t, json_t *data, struct cb_buf *out, struct cb_error *err);

#endif
