#include "builder/show/progress-summary.h"
#include "base/text.h"
#include "builder/show/progress-text.h"
#include "builder/show/terminal-text.h"

#include <stdio.h>

#define LONG_BUILD  1.0 /* seconds and, below, bytes: from here on details are worth their lines */
#define LARGE_IMAGE 100000000u
#define MOST_ROWS   3
#define MOST_STEPS  10000
#define LEAST_PART  10 /* percent of the whole, for what is named */

void build_progress_tally_add(struct progress_tally *t, const struct build_event *e)
{
    if (e->extra || (e->kind != BUILD_EVENT_STEP_DONE && e->kind != BUILD_EVENT_STEP_CACHED))
        return;
    CB_PUSH(t->steps, t->n, t->cap) =
        (struct progress_ended){cb_strdup(e->name ? e->name : ""), e->seconds, e->kind == BUILD_EVENT_STEP_CACHED};
}

void build_progress_tally_done(struct progress_tally *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->steps[i].name);
    free(t->steps);
}

/* ---- rows of an amount and a name ------------------------------------------------------------------------------- */

static void add_row(struct cb_buf *out, const char *label, const char *amount, const char *name, size_t columns)
{
    struct build_terminal t = {0};
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    cb_buf_printf(out, "  %-7s %8s  ", label, amount);
    cb_escape_terminal(&shown, name, strnlen(name, columns * 4), false);
    build_terminal_line(&t, (struct cb_str){shown.data, shown.len}, columns > 40 ? columns - 20 : 20, out);
    cb_buf_addc(out, '\n');
}

struct share {
    const char *name;
    double part; /* of the whole: seconds or bytes */
};

static int largest_first(const void *a, const void *b)
{
    double x = ((const struct share *)a)->part, y = ((const struct share *)b)->part;
    return (x < y) - (x > y);
}

/* The largest ones under a label, as far as they matter. */
static void add_shares(struct cb_buf *out, const char *label, struct share *shares, size_t n, double whole, bool bytes,
                       size_t columns)
{
    char text[16];
    if (n < 2)
        return;
    qsort(shares, n, sizeof(*shares), largest_first);
    for (size_t i = 0; i < n && i < MOST_ROWS && shares[i].part * 100 >= whole * LEAST_PART; i++)
        add_row(out, i ? "" : label,
                bytes ? cb_human_size((uint64_t)shares[i].part, text) : cb_human_duration(shares[i].part, text), shares[i].name,
                columns);
}

static void add_times(struct cb_buf *out, const struct build_summary *s, const struct progress_tally *t, size_t columns)
{
    struct share *shares = cb_alloc((t->n + 1) * sizeof(*shares));
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!t->steps[i].cached)
            shares[n++] = (struct share){t->steps[i].name, t->steps[i].seconds};
    add_shares(out, "time", shares, n, s->seconds, false, columns);
    free(shares);
}

static void add_layers(struct cb_buf *out, const struct build_summary *s, size_t columns)
{
    struct share *shares = cb_alloc((s->n_layers + 1) * sizeof(*shares));
    for (size_t i = 0; i < s->n_layers; i++)
        shares[i] = (struct share){s->layers[i].name, (double)s->layers[i].size};
    add_shares(out, "layers", shares, s->n_layers, (double)s->size, true, columns);
    free(shares);
}

/* ---- what was cached -------------------------------------------------------------------------------------------- */

/* "[build 2/5] RUN make": the stage, without a name when there is but one; its step; of how many. */
struct position {
    struct cb_str stage;
    unsigned long at, total;
};

static bool position_of(const char *name, struct position *ret)
{
    const char *end = *name == '[' ? strchr(name, ']') : NULL, *word = end;
    while (word && word > name + 1 && word[-1] != ' ')
        word--;
    char *slash = NULL, *last = NULL;
    if (!word || *word < '0' || *word > '9')
        return false;
    ret->at = strtoul(word, &slash, 10);
    ret->total = *slash == '/' ? strtoul(slash + 1, &last, 10) : 0;
    ret->stage = (struct cb_str){name + 1, word > name + 1 ? (size_t)(word - name - 2) : 0};
    return last == end && ret->total <= MOST_STEPS;
}

static bool is_cached(const struct progress_tally *t, struct cb_str stage, unsigned long at)
{
    struct position p;
    for (size_t i = 0; i < t->n; i++)
        if (t->steps[i].cached && position_of(t->steps[i].name, &p) && p.at == at && cb_str_eq(p.stage, stage))
            return true;
    return false;
}

static bool is_first_of_stage(const struct progress_tally *t, size_t at, struct cb_str stage)
{
    struct position p;
    for (size_t i = 0; i < at; i++)
        if (t->steps[i].cached && position_of(t->steps[i].name, &p) && cb_str_eq(p.stage, stage))
            return false;
    return true;
}

/* "base 1-3, 5 of 6" */
static void add_stage(struct cb_buf *out, const struct progress_tally *t, const struct position *p)
{
    const char *before = p->stage.n ? " " : "";
    cb_buf_add(out, p->stage.p, p->stage.n);
    for (unsigned long from = 1; from <= p->total; from++) {
        unsigned long to = from;
        if (!is_cached(t, p->stage, from))
            continue;
        while (to < p->total && is_cached(t, p->stage, to + 1))
            to++;
        cb_buf_printf(out, to > from ? "%s%lu-%lu" : "%s%lu", before, from, to);
        before = ", ";
        from = to;
    }
    cb_buf_printf(out, " of %lu", p->total);
}

static void add_cached(struct cb_buf *out, const struct progress_tally *t, size_t columns)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    struct position p;
    for (size_t i = 0; i < t->n; i++)
        if (t->steps[i].cached && position_of(t->steps[i].name, &p) && is_first_of_stage(t, i, p.stage)) {
            cb_buf_adds(&text, text.len ? ", " : "");
            add_stage(&text, t, &p);
        }
    if (!text.len)
        return;
    struct build_terminal plain = {0};
    cb_buf_printf(out, "  %-9s ", "cached");
    build_terminal_line(&plain, (struct cb_str){text.data, text.len}, columns > 40 ? columns - 12 : 28, out);
    cb_buf_addc(out, '\n');
}

static void add_shared(struct cb_buf *out, const struct build_counts *c)
{
    if (!c->shared && !c->put && !c->late)
        return;
    cb_buf_printf(out, "  shared    %d taken, %d put", c->shared, c->put);
    if (c->late)
        cb_buf_printf(out, ", %d made elsewhere meanwhile", c->late);
    cb_buf_addc(out, '\n');
}

void build_progress_summary(const struct build_summary *s, const struct progress_tally *t, size_t columns, struct cb_buf *out)
{
    char time[16], size[16];
    if (!s)
        return;
    cb_buf_printf(out, "\n%d step%s run, %d cached in %s; image %s, %s\n", s->counts.run, s->counts.run == 1 ? "" : "s",
                  s->counts.cached, cb_human_duration(s->seconds, time), s->image_id, cb_human_size(s->size, size));
    add_shared(out, &s->counts);
    if (s->counts.run && (s->seconds >= LONG_BUILD || s->size >= LARGE_IMAGE)) {
        add_times(out, s, t, columns);
        add_cached(out, t, columns);
        add_layers(out, s, columns);
    }
    if (s->manifest_digest)
        cb_buf_printf(out, "manifest %s\n", s->manifest_digest);
    for (size_t i = 0; i < s->n_names; i++) {
        cb_buf_adds(out, "=> ");
        build_progress_text(out, s->names[i]);
    }
}
