/* Columns for people. */
#ifndef BUILD_TABLE_H
#define BUILD_TABLE_H

#include "base/buf.h"

#define BUILD_TABLE_COLUMNS 8

/* Cells row by row, `columns` to a row; the first row is the head. Zero but for `columns` and `gap` is an empty table. */
struct build_table {
    size_t columns; /* at most BUILD_TABLE_COLUMNS */
    size_t gap;     /* blanks between columns */
    struct cb_strv cells;
};
/* One row: `columns` strings, copied; NULL is "". Control bytes become visible. */
void build_table_row(struct build_table *t, const char *const *cells);
/* Appends the lines and empties the table. Widths are counted in characters. */
void build_table_print(struct build_table *t, struct cb_buf *out);

#endif
