/* The page is report-page.html with the report in its place, as JSON: cbuild carries it as bytes. */
#include "builder/measure/report.h"

static const unsigned char page[] = {
#include "report-page.inc"
};

/* What stands in a script element ends at "</script>", whatever it is part of. In JSON a '<' is in strings alone. */
static void add_json(const struct measure_report *r, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf json = CB_BUF_INIT;
    measure_report_json(r, &json);
    for (const char *p = json.data; *p; p++) {
        if (*p == '<')
            cb_buf_adds(out, "\\u003c");
        else
            cb_buf_addc(out, *p);
    }
}

void measure_report_html(const struct measure_report *r, struct cb_buf *out)
{
    static const char place[] = "@REPORT@";
    const char *text = (const char *)page, *end = text + sizeof(page), *at = memmem(text, sizeof(page), place, strlen(place));
    cb_buf_add(out, text, (size_t)(at - text));
    add_json(r, out);
    at += strlen(place);
    cb_buf_add(out, at, (size_t)(end - at));
}
