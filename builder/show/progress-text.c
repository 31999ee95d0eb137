#include "builder/show/progress-text.h"
#include "base/text.h"

#include <unistd.h>

bool build_progress_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(2) && term && *term && strcmp(term, "dumb") != 0;
}

bool build_progress_colours(void)
{
    const char *none = getenv("NO_COLOR");
    return build_progress_terminal() && !(none && *none);
}

void build_progress_text(struct cb_buf *out, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    cb_shorten_message(&shown, text ? text : "", text ? strlen(text) : 0);
    cb_escape_terminal(out, shown.data, shown.len, false);
    cb_buf_addc(out, '\n');
}

void build_progress_lint(const struct build_event *e, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    if (!e->lint || !e->lint->n)
        return;
    cb_buf_printf(out, "\n %zu warning%s found:\n", e->lint->n, e->lint->n == 1 ? "" : "s");
    for (size_t i = 0; i < e->lint->n; i++) {
        cb_buf_reset(&line);
        df_warning_short(&e->lint->items[i], &line);
        cb_buf_adds(out, " - ");
        build_progress_text(out, line.data);
    }
}
