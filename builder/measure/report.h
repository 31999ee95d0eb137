/* A report in its forms. */
#ifndef MEASURE_REPORT_H
#define MEASURE_REPORT_H

#include "base/error.h"
#include "builder/measure/model.h"

void measure_report_table(const struct measure_report *r, struct cb_buf *out); /* for people: text */
void measure_report_json(const struct measure_report *r, struct cb_buf *out);  /* for programs: docs/measuring.md */
void measure_report_html(const struct measure_report *r, struct cb_buf *out);  /* a page that needs nothing else */

/* Reads what measure_report_json wrote; trusts nothing of it. */
int measure_report_read(const char *text, size_t n, struct measure_report *ret, struct cb_error *err);

#endif
