#include "builder/show/report.h"
#include "base/text.h"
#include "builder/show/standard-error.h"
#include "parser/excerpt.h"

static void add_text(struct cb_buf *out, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    cb_shorten_message(&shown, text, strlen(text));
    cb_escape_terminal(out, shown.data, shown.len, true);
    cb_buf_addc(out, '\n');
}

void build_report(struct cb_str source, const char *name, const struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (err->at.line && source.n)
        df_excerpt(source, name ? name : "Dockerfile", err->at, &out);
    cb_buf_adds(&out, "ERROR: ");
    add_text(&out, err->msg ? err->msg : "unknown error");
    if (err->hint) {
        cb_buf_adds(&out, "  hint: ");
        add_text(&out, err->hint);
    }
    build_show(&out);
}

int build_exit_status(const struct cb_error *err)
{
    if (err->code == CB_E_USAGE)
        return 2;
    if (err->code == CB_E_CANCELED && err->exit_status)
        return 128 + err->exit_status;
    return 1;
}
