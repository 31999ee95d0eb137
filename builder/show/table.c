#include "builder/show/table.h"
#include "base/text.h"

static size_t width_of(const char *s)
{
    size_t n = strlen(s), len, width = 0;
    for (; n; s += len, n -= len, width++)
        cb_utf8_decode(s, n, &len);
    return width;
}

void build_table_row(struct build_table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->columns; i++) {
        CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
        if (cells[i])
            cb_escape_terminal(&shown, cells[i], strlen(cells[i]), false);
        cb_strv_take(&t->cells, cb_buf_detach(&shown));
    }
}

void build_table_print(struct build_table *t, struct cb_buf *out)
{
    size_t widths[BUILD_TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < t->cells.n; i++)
        widths[i % t->columns] = CB_MAX(widths[i % t->columns], width_of(t->cells.items[i]));
    for (size_t i = 0; i < t->cells.n; i += t->columns) {
        for (size_t k = 0; k < t->columns; k++) {
            const char *cell = t->cells.items[i + k];
            int pad = k + 1 < t->columns ? (int)(widths[k] + t->gap - width_of(cell)) : 0;
            cb_buf_printf(out, "%s%*s", cell, pad, "");
        }
        while (out->data[out->len - 1] == ' ')
            cb_buf_truncate(out, out->len - 1);
        cb_buf_addc(out, '\n');
    }
    cb_strv_done(&t->cells);
}
