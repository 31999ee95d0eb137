#include "parser/excerpt.h"

#include "base/text.h"

#define RULER      "--------------------\n"
#define LINE_SHOWN 1000 /* bytes of one line */
#define HEAD_SHOWN 40   /* first lines of a range; what lies between them and the last ones is left out */
#define TAIL_SHOWN 5

static int count_lines(struct cb_str text)
{
    int n = 1;
    for (const char *p = text.p, *end = text.p + text.n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    return n;
}

static struct cb_str take_line(struct cb_str *rest)
{
    const char *nl = memchr(rest->p, '\n', rest->n);
    struct cb_str line = {rest->p, nl ? (size_t)(nl - rest->p) : rest->n};
    size_t used = line.n + (nl != NULL);
    rest->p += used;
    rest->n -= used;
    return line;
}

static void show_line(struct cb_str line, int number, bool marked, struct cb_buf *out)
{
    bool cut = line.n > LINE_SHOWN;
    if (!cut && line.n && line.p[line.n - 1] == '\r')
        line.n--;
    cb_buf_printf(out, " %3d | %s ", number, marked ? ">>>" : "   ");
    cb_escape_terminal(out, line.p, cut ? LINE_SHOWN : line.n, true);
    cb_buf_adds(out, cut ? "...\n" : "\n");
}

void df_excerpt(struct cb_str text, const char *name, struct cb_place at, struct cb_buf *out)
{
    int lines = count_lines(text), last = CB_MIN(CB_MAX(at.line, at.last_line), lines);
    if (at.line < 1 || at.line > lines)
        return;
    int margin = last == at.line ? 2 : 1;
    int from = CB_MAX(at.line - margin, 1), to = CB_MIN(last + margin, lines);
    bool shorten = to - from >= HEAD_SHOWN + TAIL_SHOWN + 1;
    cb_escape_terminal(out, name, strlen(name), false);
    cb_buf_printf(out, ":%d\n" RULER, at.line);
    for (int i = 1; i <= to; i++) {
        struct cb_str line = take_line(&text);
        bool left_out = shorten && i >= from + HEAD_SHOWN && i <= to - TAIL_SHOWN;
        if (i >= from && !left_out)
            show_line(line, i, i >= at.line && i <= last, out);
        else if (left_out && i == from + HEAD_SHOWN)
            cb_buf_printf(out, " ... | (%d lines)\n", to - from + 1 - HEAD_SHOWN - TAIL_SHOWN);
    }
    cb_buf_adds(out, RULER);
}
