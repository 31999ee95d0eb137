#include "builder/report.h"
#include "base/text.h"
#include "parser/excerpt.h"

#include <stdio.h>

void build_report(struct cb_str source, const char *name, const struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (err->at.line && source.n)
        df_excerpt(source, name ? name : "Dockerfile", err->at, &out);
    cb_buf_adds(&out, "ERROR: ");
    cb_escape_terminal(&out, err->msg ? err->msg : "unknown error", err->msg ? strlen(err->msg) : 13, true);
    cb_buf_addc(&out, '\n');
    if (err->hint) {
        cb_buf_adds(&out, "  hint: ");
        cb_escape_terminal(&out, err->hint, strlen(err->hint), true);
        cb_buf_addc(&out, '\n');
    }
    fputs(out.data, stderr);
}

int build_exit_status(const struct cb_error *err)
{
    if (err->code == CB_E_USAGE)
        return 2;
    if (err->code == CB_E_CANCELED && err->exit_status)
        return 128 + err->exit_status;
    return 1;
}
