/* Finished steps scroll up as single lines; below them stands a block that is redrawn (progress-layout.h). The whole log of a
 * step that fails is printed with its error. */
#include "builder/show/progress-tty.h"
#include "base/clock.h"
#include "builder/show/progress-layout.h"
#include "builder/show/progress-summary.h"
#include "builder/show/progress-text.h"
#include "builder/show/standard-error.h"
#include "builder/show/terminal-text.h"

#include <sys/ioctl.h>

#define KEPT_LINES 1000 /* of a running step's log, for the error */

struct part {
    char *name;
    uint64_t done, total, first; /* first: what was there when it was told of first */
    struct timespec since;
};

struct live {
    int step;
    char *name;
    struct timespec started;
    struct build_terminal streams[2];
    char **lines; /* ring of the last KEPT_LINES */
    size_t n_lines;
    uint64_t done, total;
    struct part *parts;
    size_t n_parts, cap_parts;
};

struct tty {
    struct build_renderer r;
    bool colours;
    struct live *live;
    size_t n, cap;
    size_t drawn; /* lines of the block on the screen */
    int steps_done, steps;
    struct timespec started, last;
    struct progress_tally tally;
};

static struct progress_size screen(void)
{
    struct winsize w = {0};
    (void)ioctl(2, TIOCGWINSZ, &w); /* where nothing is known: the size all terminals once had */
    return (struct progress_size){w.ws_col ? w.ws_col : 80, w.ws_row ? w.ws_row : 24};
}

/* ---- the block -------------------------------------------------------------------------------------------------- */

static uint64_t rate(const struct part *p)
{
    double seconds = cb_seconds_since(&p->since);
    return seconds > 0.2 ? (uint64_t)((double)(p->done - p->first) / seconds) : 0;
}

/* What is on its way stands where a log would: such steps have none. Gives how many lines; the caller frees them. */
static size_t part_lines(const struct live *l, char *lines[BUILD_PROGRESS_LOG_LINES])
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_parts && n < BUILD_PROGRESS_LOG_LINES; i++) {
        const struct part *p = &l->parts[i];
        struct cb_buf line = CB_BUF_INIT;
        if (p->done >= p->total)
            continue;
        build_progress_part(&(struct progress_part){p->name, p->done, p->total, rate(p)}, &line);
        lines[n++] = cb_buf_detach(&line);
    }
    return n;
}

static struct progress_running running(const struct live *l)
{
    struct progress_running r = {.name = l->name, .seconds = cb_seconds_since(&l->started), .done = l->done, .total = l->total};
    for (size_t i = l->n_lines - CB_MIN(l->n_lines, (size_t)BUILD_PROGRESS_LOG_LINES); i < l->n_lines; i++)
        r.log[r.n_log++] = l->lines[i % KEPT_LINES];
    return r;
}

static void draw(struct tty *t, struct cb_buf *out)
{
    struct progress_running *all = cb_alloc((t->n + 1) * sizeof(*all));
    CB_AUTO(cb_strv) struct cb_strv kept = {0};
    for (size_t i = 0; i < t->n; i++) {
        char *lines[BUILD_PROGRESS_LOG_LINES];
        size_t n = part_lines(&t->live[i], lines);
        all[i] = running(&t->live[i]);
        all[i].n_log = n ? n : all[i].n_log;
        for (size_t k = 0; k < n; k++) {
            all[i].log[k] = lines[k];
            cb_strv_take(&kept, lines[k]);
        }
    }
    struct progress_state s = {.done = t->steps_done,
                               .total = t->steps,
                               .seconds = cb_seconds_since(&t->started),
                               .colours = t->colours,
                               .running = all,
                               .n_running = t->n};
    t->drawn = build_progress_layout(&s, screen(), out);
    t->last = cb_clock_now();
    free(all);
}

/* In one write, with no line wrapped: where our width of a character is not the terminal's, a line is cut there. */
static void flush(struct tty *t, const struct cb_buf *permanent)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (t->drawn)
        cb_buf_printf(&out, "\033[%zuA", t->drawn);
    cb_buf_adds(&out, "\r\033[J");
    cb_buf_add(&out, permanent->data, permanent->len);
    cb_buf_adds(&out, t->n ? "\033[?7l" : "");
    draw(t, &out);
    cb_buf_adds(&out, t->n ? "\033[?7h" : "");
    build_show(&out);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static struct live *find(struct tty *t, int step)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->live[i].step == step)
            return &t->live[i];
    return NULL;
}

static void drop(struct tty *t, int step)
{
    struct live *l = find(t, step);
    if (!l)
        return;
    for (size_t i = 0; l->lines && i < KEPT_LINES; i++)
        free(l->lines[i]);
    free(l->lines);
    for (size_t i = 0; i < l->n_parts; i++)
        free(l->parts[i].name);
    free(l->parts);
    free(l->name);
    size_t at = (size_t)(l - t->live);
    memmove(l, l + 1, (t->n - at - 1) * sizeof(*l));
    t->n--;
}

static void start(struct tty *t, const struct build_event *e)
{
    struct live *l = &CB_PUSH(t->live, t->n, t->cap);
    l->step = e->step;
    l->name = cb_strdup(e->name);
    l->started = cb_clock_now();
    l->streams[0].colours = l->streams[1].colours = t->colours;
}

static void add_log(struct tty *t, const struct build_event *e)
{
    struct live *l = find(t, e->step);
    struct cb_buf text = CB_BUF_INIT;
    if (!l)
        return;
    if (!l->lines)
        l->lines = cb_alloc(KEPT_LINES * sizeof(*l->lines));
    build_terminal_line(&l->streams[e->stream == 2], cb_str(e->text), BUILD_ANY_WIDTH, &text);
    char **slot = &l->lines[l->n_lines++ % KEPT_LINES];
    free(*slot);
    *slot = cb_buf_detach(&text);
}

static void print_log(const struct live *l, struct cb_buf *out)
{
    if (!l || !l->n_lines)
        return;
    cb_buf_adds(out, "------\n");
    for (size_t i = l->n_lines > KEPT_LINES ? l->n_lines - KEPT_LINES : 0; i < l->n_lines; i++)
        cb_buf_printf(out, "%s\n", l->lines[i % KEPT_LINES]);
    cb_buf_adds(out, "------\n");
}

static void finish(struct tty *t, enum progress_end end, const struct build_event *e, struct cb_buf *out)
{
    build_progress_layout_end(end, e->name ? e->name : "", e->seconds, t->colours, screen().columns, out);
    if (end == BUILD_PROGRESS_DONE && e->why)
        build_progress_layout_why(e->why, t->colours, screen().columns, out);
    if (end == BUILD_PROGRESS_FAILED)
        print_log(find(t, e->step), out);
    t->steps_done += (end == BUILD_PROGRESS_DONE || end == BUILD_PROGRESS_CACHED) && !e->extra;
    drop(t, e->step);
}

static void add_line(struct cb_buf *out, const char *label, const char *text)
{
    cb_buf_adds(out, label);
    build_progress_text(out, text);
}

static void note_part(struct live *l, const struct build_event *e)
{
    struct part *p = NULL;
    for (size_t i = 0; i < l->n_parts && !p; i++)
        if (strcmp(l->parts[i].name, e->part) == 0)
            p = &l->parts[i];
    if (!p) {
        p = &CB_PUSH(l->parts, l->n_parts, l->cap_parts);
        *p = (struct part){.name = cb_strdup(e->part), .first = e->done, .since = cb_clock_now()};
    }
    p->first = CB_MIN(p->first, e->done); /* an upload may begin anew */
    p->done = e->done;
    p->total = e->total;
}

/* Whether there is a bar now that was not there before: that is shown at once, all else by the next tick. */
static bool progress(struct tty *t, const struct build_event *e)
{
    struct live *l = find(t, e->step);
    if (!l)
        return false;
    if (e->part) {
        note_part(l, e);
        return false;
    }
    bool first = e->total && !l->total;
    l->done = e->done;
    l->total = e->total;
    return first;
}

static void tty_event(struct build_renderer *r, const struct build_event *e)
{
    struct tty *t = (struct tty *)r;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    build_progress_tally_add(&t->tally, e);
    switch (e->kind) {
    case BUILD_EVENT_STEP_STARTED:
        start(t, e);
        break;
    case BUILD_EVENT_STEP_LOG:
        add_log(t, e);
        return; /* the next tick shows it */
    case BUILD_EVENT_STEP_PROGRESS:
        if (!progress(t, e))
            return;
        break;
    case BUILD_EVENT_STEP_CACHED:
        finish(t, BUILD_PROGRESS_CACHED, e, &out);
        break;
    case BUILD_EVENT_STEP_DONE:
        finish(t, BUILD_PROGRESS_DONE, e, &out);
        break;
    case BUILD_EVENT_STEP_FAILED:
        finish(t, BUILD_PROGRESS_FAILED, e, &out);
        break;
    case BUILD_EVENT_STEP_CANCELED:
        finish(t, BUILD_PROGRESS_CANCELED, e, &out);
        break;
    case BUILD_EVENT_NOTE:
        add_line(&out, "note: ", e->text);
        break;
    case BUILD_EVENT_WARNING:
        add_line(&out, "warning: ", e->text);
        break;
    case BUILD_EVENT_LINT:
        build_progress_lint(e, &out);
        break;
    case BUILD_EVENT_BUILD_DONE:
        build_progress_summary(e->summary, &t->tally, screen().columns, &out);
        break;
    case BUILD_EVENT_CONTINUED:
        t->drawn = 0; /* what stands below the block now is not ours to overwrite */
        break;
    case BUILD_EVENT_BUILD_STARTED:
        t->steps = e->n_steps;
        return;
    case BUILD_EVENT_WAITING:
        return;
    }
    flush(t, &out);
}

static void tty_tick(struct build_renderer *r)
{
    struct tty *t = (struct tty *)r;
    struct cb_buf none = CB_BUF_INIT;
    if (t->n && cb_seconds_since(&t->last) > 0.1)
        flush(t, &none);
}

static void tty_free(struct build_renderer *r)
{
    struct tty *t = (struct tty *)r;
    while (t->n)
        drop(t, t->live[0].step);
    build_progress_tally_done(&t->tally);
    free(t->live);
    free(t);
}

struct build_renderer *build_progress_tty_new(void)
{
    struct tty *t = CB_NEW(struct tty);
    t->colours = build_progress_colours();
    t->started = cb_clock_now();
    t->r = (struct build_renderer){tty_event, tty_tick, tty_free};
    return &t->r;
}
