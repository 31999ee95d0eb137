#include "base/text.h"
#include "builder/measure/report.h"
#include "builder/show/table.h"

#include <stdio.h>

/* ---- cells -------------------------------------------------------------------------------------------------------------------
 */

struct cells {
    char *items[BUILD_TABLE_COLUMNS];
    size_t n;
};

static void put(struct cells *c, char *text)
{
    c->items[c->n++] = text;
}

static void put_count(struct cells *c, size_t n)
{
    put(c, cb_printf("%zu", n));
}

static void put_seconds(struct cells *c, double seconds)
{
    char text[16];
    put(c, cb_strdup(cb_human_duration(seconds, text)));
}

static void put_size(struct cells *c, uint64_t bytes)
{
    char text[16];
    put(c, cb_strdup(cb_human_size(bytes, text)));
}

static void put_short(struct cells *c, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_shorten(&out, text, strlen(text), 60);
    put(c, cb_buf_detach(&out));
}

static void end_row(struct build_table *t, struct cells *c)
{
    build_table_row(t, (const char *const *)c->items);
    for (size_t i = 0; i < c->n; i++)
        free(c->items[i]);
    *c = (struct cells){0};
}

/* ---- commits -----------------------------------------------------------------------------------------------------------------
 */

static void add_peer(struct cells *c, const struct measure_report *r, const struct measure_build *b)
{
    if (!r->peer)
        return;
    if (b->peer_error)
        put(c, cb_strdup("failed"));
    else
        put_seconds(c, b->peer_seconds);
}

static void add_error(const struct measure_build *b, const char *where, const char *error, struct cb_buf *out)
{
    if (!error)
        return;
    cb_buf_printf(out, "%.10s failed%s: ", b->commit, where);
    cb_escape_terminal(out, error, strnlen(error, 400), false);
    cb_buf_addc(out, '\n');
}

static void add_commits(const struct measure_report *r, struct cb_buf *out)
{
    struct build_table t = {.columns = r->peer ? 6 : 5, .gap = 2};
    struct cells c = {0};
    static const char *const titles[] = {"COMMIT", "HITS", "MISSES", "TIME"};
    for (size_t i = 0; i < CB_LEN(titles); i++)
        put(&c, cb_strdup(titles[i]));
    if (r->peer)
        put(&c, cb_strdup(r->peer));
    put(&c, cb_strdup("SUBJECT"));
    end_row(&t, &c);
    for (size_t i = 0; i < r->n_builds; i++) {
        const struct measure_build *b = &r->builds[i];
        put(&c, cb_printf("%.10s", b->commit));
        put_count(&c, measure_count(b, MEASURE_HIT) + measure_count(b, MEASURE_SKIPPED));
        put_count(&c, measure_count(b, MEASURE_MISS));
        put_seconds(&c, b->seconds);
        add_peer(&c, r, b);
        put_short(&c, b->subject);
        end_row(&t, &c);
    }
    build_table_print(&t, out);
    for (size_t i = 0; i < r->n_builds; i++) {
        add_error(&r->builds[i], "", r->builds[i].error, out);
        add_error(&r->builds[i], " with the other builder", r->builds[i].peer_error, out);
    }
}

/* ---- steps --------------------------------------------------------------------------------------------------------------------
 */

/* "files 3, below 1" */
static char *causes(const struct measure_sums *s)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (int i = 0; i < MEASURE_CAUSES; i++)
        if (s->causes[i])
            cb_buf_printf(&out, "%s%s %zu", out.len ? ", " : "", measure_cause_names[i], s->causes[i]);
    return cb_buf_detach(&out);
}

static char *step_name(const struct measure_step *s)
{
    return *s->stage ? cb_printf("[%s] %s", s->stage, s->text) : cb_strdup(s->text);
}

static void add_steps(const struct measure_report *r, struct cb_buf *out)
{
    struct build_table t = {.columns = 7, .gap = 2};
    build_table_row(&t, (const char *const[]){"STEP", "HITS", "MISSES", "SPENT", "SAVED", "MADE", "MISSED BECAUSE OF"});
    for (size_t i = 0; i < r->n_steps; i++) {
        struct measure_sums s = measure_sum(r, i);
        struct cells c = {0};
        CB_AUTO(free) char *name = step_name(&r->steps[i]);
        put_short(&c, name);
        put_count(&c, s.hits);
        put_count(&c, s.misses);
        put_seconds(&c, s.spent);
        put_seconds(&c, s.saved);
        put_size(&c, s.bytes);
        put(&c, causes(&s));
        end_row(&t, &c);
    }
    build_table_print(&t, out);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------------
 */

static void add_whole(const struct measure_report *r, struct cb_buf *out)
{
    struct measure_sums s = measure_sum(r, SIZE_MAX);
    struct measure_whole w = measure_whole(r);
    char a[16], b[16], c[16];
    cb_buf_printf(out, "%zu builds", r->n_builds);
    if (w.failed)
        cb_buf_printf(out, ", %zu failed", w.failed);
    cb_buf_printf(out, "; the first filled the cache in %s, and is in no sum\n", cb_human_duration(w.first, a));
    cb_buf_printf(out, "hit rate  %.1f %%  (%zu of %zu steps)\n", measure_hit_rate(&s) * 100, s.hits, s.hits + s.misses);
    cb_buf_printf(out, "steps     %s with the cache, %s without it: %s saved\n", cb_human_duration(s.spent, a),
                  cb_human_duration(s.spent + s.saved, b), cb_human_duration(s.saved, c));
    cb_buf_printf(out, "builds    %s in all\n", cb_human_duration(w.wall, a));
    if (r->peer)
        cb_buf_printf(out, "%-9s %s for the %zu builds that both could do, cbuild %s\n", r->peer, cb_human_duration(w.peers, a),
                      w.both, cb_human_duration(w.ours, b));
}

void measure_report_table(const struct measure_report *r, struct cb_buf *out)
{
    add_commits(r, out);
    cb_buf_addc(out, '\n');
    add_steps(r, out);
    cb_buf_addc(out, '\n');
    add_whole(r, out);
}
