#include "builder/show/progress-layout.h"
#include "base/text.h"
#include "builder/show/terminal-text.h"

#include <stdio.h>

#define EDGE       100 /* a time further right is not seen as belonging to its step */
#define LEAST_NAME 12  /* columns of a name; before it gets fewer, what stands right of it goes */
#define AMOUNTS_AT 50  /* columns from which there is room for sizes, and for a bar */
#define BAR_AT     70
#define PART_BAR   16 /* columns */

struct row {
    const char *mark, *style; /* of the mark, as SGR numbers */
    const char *name, *tail;
};

static size_t usable(size_t columns)
{
    return columns > 1 ? columns - 1 : 1; /* some terminals go on to the next line when one is full */
}

static void add_styled(struct cb_buf *out, const char *style, const char *text, bool colours)
{
    if (colours)
        cb_buf_printf(out, "\033[%sm%s\033[0m", style, text);
    else
        cb_buf_adds(out, text);
}

/* A text from outside without its styles, in at most `width` columns; gives how many. */
static size_t add_cut(struct cb_buf *out, const char *text, size_t width)
{
    struct build_terminal t = {0};
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    cb_escape_terminal(&shown, text, strnlen(text, width * 4 + 4), false);
    return build_terminal_line(&t, (struct cb_str){shown.data, shown.len}, width, out);
}

/* Mark and name on the left, the tail at the right edge. */
static void add_row(struct cb_buf *out, const struct row *r, bool colours, size_t columns)
{
    size_t width = usable(columns), tail = strlen(r->tail);
    if (width < 3) {
        cb_buf_adds(out, width < 2 ? "\n" : "…\n");
        return;
    }
    if (tail + 2 + 2 + CB_MIN(strlen(r->name), (size_t)LEAST_NAME) > width)
        tail = 0;
    add_styled(out, r->style, r->mark, colours);
    cb_buf_addc(out, ' ');
    size_t at = 2 + add_cut(out, r->name, width - 2 - (tail ? tail + 2 : 0));
    size_t edge = CB_MAX(CB_MIN(width, (size_t)EDGE), at + 2 + tail);
    if (tail)
        cb_buf_printf(out, "%*s%s", (int)(edge - tail - at), "", r->tail);
    cb_buf_addc(out, '\n');
}

/* ---- running steps ---------------------------------------------------------------------------------------------- */

static void add_bar(struct cb_buf *out, uint64_t done, uint64_t total, size_t width)
{
    size_t full = (size_t)((double)CB_MIN(done, total) / (double)total * (double)width);
    cb_buf_addc(out, '[');
    for (size_t i = 0; i < width; i++)
        cb_buf_addc(out, i < full ? '=' : i == full ? '>' : ' ');
    cb_buf_adds(out, "]  ");
}

void build_progress_part(const struct progress_part *p, struct cb_buf *out)
{
    char done[16], total[16], rate[16];
    cb_buf_printf(out, "%s  ", p->name);
    add_bar(out, p->done, CB_MAX(p->total, 1), PART_BAR);
    cb_buf_printf(out, "%s / %s", cb_human_size(p->done, done), cb_human_size(p->total, total));
    if (p->rate)
        cb_buf_printf(out, "  %s/s", cb_human_size(p->rate, rate));
}

static void add_amount(struct cb_buf *out, const struct progress_running *r, size_t width)
{
    char done[16], total[16];
    if (r->total && width < AMOUNTS_AT)
        cb_buf_printf(out, "%d%%  ", (int)((double)CB_MIN(r->done, r->total) / (double)r->total * 100));
    else if (r->total)
        cb_buf_printf(out, "%s / %s  ", cb_human_size(r->done, done), cb_human_size(r->total, total));
    else if (r->done)
        cb_buf_printf(out, "%s  ", cb_human_size(r->done, done));
}

static void add_running(struct cb_buf *out, const struct progress_running *r, bool colours, size_t columns)
{
    char time[16];
    size_t width = usable(columns);
    CB_AUTO(cb_buf) struct cb_buf tail = CB_BUF_INIT;
    if (r->total && width >= BAR_AT)
        add_bar(&tail, r->done, r->total, CB_MIN(width / 8, (size_t)20));
    add_amount(&tail, r, width);
    cb_buf_adds(&tail, cb_human_duration(r->seconds, time));
    add_row(out, &(struct row){">", "1;36", r->name, tail.data}, colours, columns);
}

static void add_log_line(struct cb_buf *out, const char *line, bool colours, size_t columns)
{
    struct build_terminal t = {.colours = colours, .style = {.emphasis = BUILD_STYLE_FAINT}};
    size_t width = usable(columns);
    cb_buf_printf(out, "%*s", (int)CB_MIN(width - 1, (size_t)4), "");
    /* A line may be long, and it is drawn several times a second. */
    build_terminal_line(&t, (struct cb_str){line, strnlen(line, columns * 16)}, width > 5 ? width - 4 : 1, out);
    cb_buf_addc(out, '\n');
}

/* Deals out the lines that are left, one to each step that has more, until none is left or wanted. */
static void share_lines(const struct progress_state *s, size_t n, size_t left, size_t *shares)
{
    for (size_t round = 1; left && round <= BUILD_PROGRESS_LOG_LINES; round++)
        for (size_t i = 0; left && i < n; i++)
            if (s->running[i].n_log >= round) {
                shares[i]++;
                left--;
            }
}

static void add_head(struct cb_buf *out, const struct progress_state *s, size_t columns)
{
    char time[16];
    CB_AUTO(free)
    char *text = cb_printf("Building %s, %d of %d steps, %zu running", cb_human_duration(s->seconds, time),
                           CB_MIN(s->done, s->total), s->total, s->n_running);
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    add_cut(&line, text, usable(columns));
    add_styled(out, "1", line.data, s->colours);
    cb_buf_addc(out, '\n');
}

static void add_more(struct cb_buf *out, size_t n, size_t columns)
{
    CB_AUTO(free) char *text = cb_printf("  %zu more", n);
    add_cut(out, text, usable(columns));
    cb_buf_addc(out, '\n');
}

size_t build_progress_layout(const struct progress_state *s, struct progress_size size, struct cb_buf *out)
{
    size_t room = size.rows > 2 ? size.rows - 1 : 1, lines = 0;
    if (!s->n_running)
        return 0;
    if (s->total) {
        add_head(out, s, size.columns);
        lines++;
    }
    size_t left = room - lines, n = s->n_running <= left ? s->n_running : left ? left - 1 : 0;
    size_t *shares = cb_alloc((n + 1) * sizeof(*shares));
    share_lines(s, n, n < s->n_running ? 0 : left - n, shares);
    for (size_t i = 0; i < n; i++) {
        const struct progress_running *r = &s->running[i];
        add_running(out, r, s->colours, size.columns);
        for (size_t k = r->n_log - shares[i]; k < r->n_log; k++)
            add_log_line(out, r->log[k], s->colours, size.columns);
        lines += 1 + shares[i];
    }
    free(shares);
    if (n < s->n_running && left) {
        add_more(out, s->n_running - n, size.columns);
        lines++;
    }
    return lines;
}

/* ---- what stays ------------------------------------------------------------------------------------------------- */

void build_progress_layout_end(enum progress_end end, const char *name, double seconds, bool colours, size_t columns,
                               struct cb_buf *out)
{
    static const struct {
        const char *mark, *style, *tail;
    } ends[] = {
        [BUILD_PROGRESS_DONE] = {"✓", "32", NULL},
        [BUILD_PROGRESS_CACHED] = {"✓", "2;32", "CACHED"},
        [BUILD_PROGRESS_FAILED] = {"✗", "1;31", "ERROR"},
        [BUILD_PROGRESS_CANCELED] = {"-", "33", "CANCELED"},
    };
    char time[16];
    const char *tail = ends[end].tail ? ends[end].tail : cb_human_duration(seconds, time);
    add_row(out, &(struct row){ends[end].mark, ends[end].style, name, tail}, colours, columns);
}

void build_progress_layout_why(const char *why, bool colours, size_t columns, struct cb_buf *out)
{
    static const char label[] = "  ran: ";
    size_t width = usable(columns);
    if (width < sizeof(label) + LEAST_NAME)
        return;
    if (colours)
        cb_buf_adds(out, "\033[2m");
    cb_buf_adds(out, label);
    add_cut(out, why, width - (sizeof(label) - 1));
    cb_buf_adds(out, colours ? "\033[0m\n" : "\n");
}
