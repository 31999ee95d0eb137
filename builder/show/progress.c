/* Plain text and silence; progress-tty.c has the live display, progress-json.c the JSON. Everything goes to standard error;
 * only quiet mode's image ID goes to standard output. */
#include "builder/show/progress.h"
#include "base/text.h"
#include "builder/show/progress-text.h"
#include "builder/show/progress-json.h"
#include "builder/show/progress-tty.h"

#include <stdio.h>
#include <unistd.h>

/* ---- plain ------------------------------------------------------------------------------------------------------- */

struct plain {
    struct build_renderer r;
    struct cb_map progress; /* step number -> last tenth of its work that was shown, as (void *)(tenth + 1) */
};

static void plain_progress(struct plain *p, const struct build_event *e, struct cb_buf *out)
{
    char key[16], done[16], total[16];
    if (!e->total)
        return;
    snprintf(key, sizeof(key), "%d", e->step);
    uintptr_t tenth = (uintptr_t)(e->done * 10 / e->total) + 1;
    if (tenth <= (uintptr_t)cb_map_get(&p->progress, key))
        return;
    cb_map_set(&p->progress, key, (void *)tenth);
    cb_buf_printf(out, "#%d %s %s / %s\n", e->step, e->what, cb_human_size(e->done, done), cb_human_size(e->total, total));
}

static void plain_event(struct build_renderer *r, const struct build_event *e)
{
    struct plain *p = (struct plain *)r;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char time[16];
    switch (e->kind) {
    case EVENT_STEP_STARTED:
        cb_buf_printf(&out, "#%d ", e->step);
        progress_text(&out, e->name);
        break;
    case EVENT_STEP_CACHED:
        cb_buf_printf(&out, "#%d CACHED ", e->step);
        progress_text(&out, e->name);
        break;
    case EVENT_STEP_LOG:
        cb_buf_printf(&out, "#%d ", e->step);
        cb_escape_terminal(&out, e->text, strlen(e->text), true); /* one line: what is kept of `lines` are tabs */
        cb_buf_addc(&out, '\n');
        break;
    case EVENT_STEP_PROGRESS:
        plain_progress(p, e, &out);
        break;
    case EVENT_STEP_DONE:
        cb_buf_printf(&out, "#%d DONE %s\n", e->step, cb_human_duration(e->seconds, time));
        break;
    case EVENT_STEP_FAILED:
        cb_buf_printf(&out, "#%d ERROR: ", e->step);
        progress_text(&out, e->error->msg);
        break;
    case EVENT_STEP_CANCELED:
        cb_buf_printf(&out, "#%d CANCELED\n", e->step);
        break;
    case EVENT_NOTE:
        cb_buf_adds(&out, "note: ");
        progress_text(&out, e->text);
        break;
    case EVENT_WARNING:
        cb_buf_adds(&out, "warning: ");
        progress_text(&out, e->text);
        break;
    case EVENT_LINT:
        progress_lint(e, &out);
        break;
    case EVENT_BUILD_DONE:
        progress_summary(e->summary, &out);
        break;
    case EVENT_BUILD_STARTED:
        break;
    }
    fwrite(out.data, 1, out.len, stderr);
}

static void plain_free(struct build_renderer *r)
{
    cb_map_done(&((struct plain *)r)->progress);
    free(r);
}

/* ---- quiet and none -------------------------------------------------------------------------------------------------------- */

static void quiet_event(struct build_renderer *r, const struct build_event *e)
{
    (void)r;
    if (e->kind == EVENT_BUILD_DONE && e->summary)
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
    if (kind == PROGRESS_TTY || (kind == PROGRESS_AUTO && progress_tty_possible()))
        return progress_tty_new();
    if (kind == PROGRESS_RAWJSON)
        return progress_json_new();
    struct plain *p = CB_NEW(struct plain);
    p->r = (struct build_renderer){plain_event, NULL, plain_free};
    if (kind == PROGRESS_QUIET)
        p->r = (struct build_renderer){quiet_event, NULL, quiet_free};
    if (kind == PROGRESS_NONE)
        p->r = (struct build_renderer){no_event, NULL, quiet_free};
    return &p->r;
}
