/* Plain text and silence; progress-tty.c has the live display, progress-json.c the JSON. Everything goes to standard error;
 * only quiet mode's image ID goes to standard output. */
#include "builder/show/progress.h"
#include "base/clock.h"
#include "base/text.h"
#include "builder/show/progress-summary.h"
#include "builder/show/progress-text.h"
#include "builder/show/progress-json.h"
#include "builder/show/progress-tty.h"
#include "builder/show/standard-error.h"
#include "builder/show/terminal-text.h"

#include <stdio.h>

/* ---- plain ------------------------------------------------------------------------------------------------------- */

#define PLAIN_COLUMNS 100 /* of the summary */

struct plain_part {
    char *name;
    uint64_t first; /* bytes that were there when it was told of first */
    struct timespec since;
    bool whole;
};

struct plain_step {
    struct timespec started;
    struct plain_part *parts;
    size_t n_parts, cap_parts;
    unsigned tenths; /* of its work that were shown, from 1 */
    struct build_terminal streams[2];
};

struct plain {
    struct build_renderer r;
    bool colours;
    struct progress_tally tally;
    struct plain_step *steps; /* by number */
    size_t n, cap;
};

static struct plain_step *plain_step(struct plain *p, const struct build_event *e)
{
    while (p->n <= (size_t)e->step) {
        struct plain_step *s = &CB_PUSH(p->steps, p->n, p->cap);
        s->started = cb_clock_now();
        s->streams[0].colours = s->streams[1].colours = p->colours;
    }
    return &p->steps[e->step];
}

static void plain_started(struct plain *p, const struct build_event *e, struct cb_buf *out)
{
    plain_step(p, e)->started = cb_clock_now();
    cb_buf_printf(out, "#%d ", e->step);
    build_progress_text(out, e->name);
}

static void plain_log(struct plain *p, const struct build_event *e, struct cb_buf *out)
{
    struct plain_step *s = plain_step(p, e);
    cb_buf_printf(out, "#%d %.3f ", e->step, cb_seconds_since(&s->started));
    build_terminal_line(&s->streams[e->stream == 2], cb_str(e->text), BUILD_ANY_WIDTH, out);
    cb_buf_addc(out, '\n');
}

static struct plain_part *plain_part(struct plain_step *s, const struct build_event *e)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (strcmp(s->parts[i].name, e->part) == 0)
            return &s->parts[i];
    struct plain_part *p = &CB_PUSH(s->parts, s->n_parts, s->cap_parts);
    *p = (struct plain_part){.name = cb_strdup(e->part), .first = e->done, .since = cb_clock_now()};
    return p;
}

/* One of several things is whole: one line. */
static void plain_part_progress(struct plain_step *s, const struct build_event *e, struct cb_buf *out)
{
    char total[16], rate[16];
    struct plain_part *p = plain_part(s, e);
    double seconds = cb_seconds_since(&p->since);
    if (e->done < e->total || p->whole)
        return;
    p->whole = true;
    cb_buf_printf(out, "#%d %s %s %s", e->step, e->what, e->part, cb_human_size(e->total, total));
    if (seconds > 0.01)
        cb_buf_printf(out, " (%s/s)", cb_human_size((uint64_t)((double)(e->total - p->first) / seconds), rate));
    cb_buf_addc(out, '\n');
}

static void plain_progress(struct plain *p, const struct build_event *e, struct cb_buf *out)
{
    char done[16], total[16];
    struct plain_step *s = plain_step(p, e);
    if (e->part) {
        plain_part_progress(s, e, out);
        return;
    }
    unsigned tenths = e->total ? (unsigned)(e->done * 10 / e->total) + 1 : 0;
    if (tenths <= s->tenths)
        return;
    s->tenths = tenths;
    cb_buf_printf(out, "#%d %s %s / %s\n", e->step, e->what, cb_human_size(e->done, done), cb_human_size(e->total, total));
}

static void plain_done(const struct build_event *e, struct cb_buf *out)
{
    char time[16];
    cb_buf_printf(out, "#%d DONE %s\n", e->step, cb_human_duration(e->seconds, time));
    if (!e->why)
        return;
    cb_buf_printf(out, "#%d ran: ", e->step);
    build_progress_text(out, e->why);
}

static void plain_event(struct build_renderer *r, const struct build_event *e)
{
    struct plain *p = (struct plain *)r;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    build_progress_tally_add(&p->tally, e);
    switch (e->kind) {
    case BUILD_EVENT_STEP_STARTED:
        plain_started(p, e, &out);
        break;
    case BUILD_EVENT_STEP_CACHED:
        cb_buf_printf(&out, "#%d CACHED ", e->step);
        build_progress_text(&out, e->name);
        break;
    case BUILD_EVENT_STEP_LOG:
        plain_log(p, e, &out);
        break;
    case BUILD_EVENT_STEP_PROGRESS:
        plain_progress(p, e, &out);
        break;
    case BUILD_EVENT_STEP_DONE:
        plain_done(e, &out);
        break;
    case BUILD_EVENT_STEP_FAILED:
        cb_buf_printf(&out, "#%d ERROR: ", e->step);
        build_progress_text(&out, e->error->msg);
        break;
    case BUILD_EVENT_STEP_CANCELED:
        cb_buf_printf(&out, "#%d CANCELED\n", e->step);
        break;
    case BUILD_EVENT_NOTE:
        cb_buf_adds(&out, "note: ");
        build_progress_text(&out, e->text);
        break;
    case BUILD_EVENT_WARNING:
        cb_buf_adds(&out, "warning: ");
        build_progress_text(&out, e->text);
        break;
    case BUILD_EVENT_LINT:
        build_progress_lint(e, &out);
        break;
    case BUILD_EVENT_BUILD_DONE:
        build_progress_summary(e->summary, &p->tally, PLAIN_COLUMNS, &out);
        break;
    case BUILD_EVENT_BUILD_STARTED:
    case BUILD_EVENT_CONTINUED:
    case BUILD_EVENT_WAITING:
        break;
    }
    (e->kind == BUILD_EVENT_STEP_LOG ? build_show_later : build_show)(&out);
}

static void plain_free(struct build_renderer *r)
{
    struct plain *p = (struct plain *)r;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->steps[i].n_parts; k++)
            free(p->steps[i].parts[k].name);
        free(p->steps[i].parts);
    }
    build_progress_tally_done(&p->tally);
    free(p->steps);
    free(r);
}

/* ---- quiet and none -------------------------------------------------------------------------------------------------------- */

static void quiet_event(struct build_renderer *r, const struct build_event *e)
{
    (void)r;
    if (e->kind == BUILD_EVENT_BUILD_DONE && e->summary)
        puts(e->summary->image_id);
}

static void no_event(struct build_renderer *r, const struct build_event *e)
{
    (void)r;
    (void)e;
}

static void quiet_free(struct build_renderer *r)
{
    free(r);
}

/* ---- choice -------------------------------------------------------------------------------------------------------- */

struct build_renderer *build_renderer_new(enum build_progress kind)
{
    if (kind == BUILD_PROGRESS_TTY || (kind == BUILD_PROGRESS_AUTO && build_progress_terminal()))
        return build_progress_tty_new();
    if (kind == BUILD_PROGRESS_RAWJSON)
        return build_progress_json_new();
    struct plain *p = CB_NEW(struct plain);
    p->colours = build_progress_colours();
    p->r = (struct build_renderer){plain_event, NULL, plain_free};
    if (kind == BUILD_PROGRESS_QUIET)
        p->r = (struct build_renderer){quiet_event, NULL, quiet_free};
    if (kind == BUILD_PROGRESS_NONE)
        p->r = (struct build_renderer){no_event, NULL, quiet_free};
    return &p->r;
}
