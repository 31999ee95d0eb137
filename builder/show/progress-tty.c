/* Finished steps scroll up as single lines; below them stands a block that is drawn anew: one line a running
 * step and its last log lines. The whole log of a step that fails is printed with its error. */
#include "builder/show/progress-tty.h"
#include "base/text.h"
#include "builder/show/progress-text.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SHOWN_LINES 4    /* of a running step's log */
#define KEPT_LINES  1000 /* for the error */

struct live {
    int step;
    char *name;
    struct timespec started;
    char **lines; /* ring of the last KEPT_LINES */
    size_t n_lines;
    const char *what;
    uint64_t done, total;
};

struct tty {
    struct build_renderer r;
    struct live *live;
    size_t n, cap;
    int drawn; /* lines of the block on the screen */
    struct timespec last;
};

static int columns(void)
{
    struct winsize w;
    return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static double seconds_since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

/* Appends `text` cut to `width` characters: a line that wraps would break the redrawing. */
static void add_cut(struct cb_buf *out, const char *text, int width)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_escape_terminal(&clean, text, strnlen(text, (size_t)CB_MAX(width, 0) * 4), false);
    const char *p = clean.data;
    for (size_t left = clean.len, len; left && width > 0; left -= len, width--) {
        cb_utf8_decode(p, left, &len);
        cb_buf_add(out, p, len);
        p += len;
    }
}

static void erase(struct tty *t, struct cb_buf *out)
{
    if (t->drawn)
        cb_buf_printf(out, "\033[%dA", t->drawn);
    cb_buf_adds(out, "\r\033[J");
    t->drawn = 0;
}

static void draw_step(struct tty *t, const struct live *l, struct cb_buf *out, int width)
{
    char time[16], done[16], total[16];
    cb_buf_printf(out, "\033[36m=>\033[0m ");
    add_cut(out, l->name, width - 34);
    if (l->total)
        cb_buf_printf(out, "  %s %s / %s", l->what ? l->what : "", cb_human_size(l->done, done), cb_human_size(l->total, total));
    cb_buf_printf(out, "  %s\n", cb_human_duration(seconds_since(&l->started), time));
    t->drawn++;
    size_t from = l->n_lines > SHOWN_LINES ? l->n_lines - SHOWN_LINES : 0;
    for (size_t i = from; i < l->n_lines; i++) {
        cb_buf_adds(out, "\033[2m   ");
        add_cut(out, l->lines[i % KEPT_LINES], width - 4);
        cb_buf_adds(out, "\033[0m\n");
        t->drawn++;
    }
}

static void draw(struct tty *t, struct cb_buf *out)
{
    int width = columns();
    for (size_t i = 0; i < t->n; i++)
        draw_step(t, &t->live[i], out, width);
    clock_gettime(CLOCK_MONOTONIC, &t->last);
}

static void flush(struct tty *t, struct cb_buf *permanent)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    erase(t, &out);
    cb_buf_add(&out, permanent->data, permanent->len);
    draw(t, &out);
    fwrite(out.data, 1, out.len, stderr);
}

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
    clock_gettime(CLOCK_MONOTONIC, &l->started);
}

static void add_log(struct tty *t, const struct build_event *e)
{
    struct live *l = find(t, e->step);
    if (!l)
        return;
    if (!l->lines)
        l->lines = cb_alloc(KEPT_LINES * sizeof(*l->lines));
    char **slot = &l->lines[l->n_lines++ % KEPT_LINES];
    free(*slot);
    *slot = cb_strdup(e->text);
}

static void finished(struct cb_buf *out, const char *mark, const char *name, const char *tail)
{
    cb_buf_printf(out, "%s ", mark);
    add_cut(out, name ? name : "", columns() - 16);
    cb_buf_printf(out, "  %s\n", tail);
}

static void failed(struct tty *t, const struct build_event *e, struct cb_buf *out)
{
    const struct live *l = find(t, e->step);
    finished(out, "\033[31m=>\033[0m", e->name, "ERROR");
    if (!l || !l->n_lines)
        return;
    cb_buf_adds(out, "------\n");
    for (size_t i = l->n_lines > KEPT_LINES ? l->n_lines - KEPT_LINES : 0; i < l->n_lines; i++) {
        const char *line = l->lines[i % KEPT_LINES];
        cb_escape_terminal(out, line, strlen(line), false);
        cb_buf_addc(out, '\n');
    }
    cb_buf_adds(out, "------\n");
}

static void add_line(struct cb_buf *out, const char *label, const char *text)
{
    cb_buf_adds(out, label);
    progress_text(out, text);
}

static void progress(struct tty *t, const struct build_event *e)
{
    struct live *l = find(t, e->step);
    if (!l)
        return;
    l->what = "";
    l->done = e->done;
    l->total = e->total;
}

static void tty_event(struct build_renderer *r, const struct build_event *e)
{
    struct tty *t = (struct tty *)r;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char time[16];
    switch (e->kind) {
    case EVENT_STEP_STARTED:
        start(t, e);
        break;
    case EVENT_STEP_LOG:
        add_log(t, e);
        return; /* the next tick shows it */
    case EVENT_STEP_PROGRESS:
        progress(t, e);
        return;
    case EVENT_STEP_CACHED:
        finished(&out, "\033[32m=>\033[0m", e->name, "CACHED");
        break;
    case EVENT_STEP_DONE:
        finished(&out, "\033[32m=>\033[0m", e->name, cb_human_duration(e->seconds, time));
        drop(t, e->step);
        break;
    case EVENT_STEP_FAILED:
        failed(t, e, &out);
        drop(t, e->step);
        break;
    case EVENT_STEP_CANCELED:
        finished(&out, "\033[33m=>\033[0m", e->name, "CANCELED");
        drop(t, e->step);
        break;
    case EVENT_NOTE:
        add_line(&out, "note: ", e->text);
        break;
    case EVENT_WARNING:
        add_line(&out, "warning: ", e->text);
        break;
    case EVENT_LINT:
        progress_lint(e, &out);
        break;
    case EVENT_BUILD_DONE:
        progress_summary(e->summary, &out);
        break;
    case EVENT_BUILD_STARTED:
        return;
    }
    flush(t, &out);
}

static void tty_tick(struct build_renderer *r)
{
    struct tty *t = (struct tty *)r;
    struct cb_buf none = CB_BUF_INIT;
    if (t->n && seconds_since(&t->last) > 0.1)
        flush(t, &none);
}

static void tty_free(struct build_renderer *r)
{
    struct tty *t = (struct tty *)r;
    while (t->n)
        drop(t, t->live[0].step);
    free(t->live);
    free(t);
}

struct build_renderer *progress_tty_new(void)
{
    struct tty *t = CB_NEW(struct tty);
    t->r = (struct build_renderer){tty_event, tty_tick, tty_free};
    return &t->r;
}
