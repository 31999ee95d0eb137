#include "builder/measure/model.h"

#include <ctype.h>

const char *const measure_fate_names[MEASURE_FATES] = {
    [MEASURE_ABSENT] = "absent", [MEASURE_HIT] = "hit",       [MEASURE_SKIPPED] = "skipped",
    [MEASURE_MISS] = "miss",     [MEASURE_FAILED] = "failed",
};

static void build_done(struct measure_build *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->marks[i].why);
    char *strings[] = {b->commit, b->subject, b->error, b->image, b->peer_error};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    free(b->marks);
}

void measure_report_done(struct measure_report *r)
{
    for (size_t i = 0; i < r->n_steps; i++) {
        free(r->steps[i].stage);
        free(r->steps[i].text);
    }
    for (size_t i = 0; i < r->n_builds; i++)
        build_done(&r->builds[i]);
    free(r->steps);
    free(r->builds);
    free(r->range);
    *r = (struct measure_report){0};
}

struct measure_seen *measure_seen_get(struct measure_seen_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i].name, name) == 0)
            return &l->items[i];
    struct measure_seen *s = &CB_PUSH(l->items, l->n, l->cap);
    s->name = cb_strdup(name);
    return s;
}

void measure_seen_done(struct measure_seen_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].name);
        free(l->items[i].mark.why);
    }
    free(l->items);
    *l = (struct measure_seen_list){0};
}

/* ---- which step it is -------------------------------------------------------------------------------------------- */

/* "[build 2/5] RUN make", "[2/5] RUN make" */
struct name {
    const char *stage, *text;
    size_t n_stage, position;
};

static bool split(const char *s, struct name *ret)
{
    const char *end = strchr(s, ']'), *number = end;
    if (*s != '[' || !end || end[1] != ' ')
        return false;
    while (number > s + 1 && (isdigit((unsigned char)number[-1]) || number[-1] == '/'))
        number--;
    if (!isdigit((unsigned char)*number))
        return false;
    *ret = (struct name){s + 1, end + 2, (size_t)(number - s) - 1, strtoul(number, NULL, 10)};
    ret->n_stage -= ret->n_stage > 0; /* the blank before the number */
    return true;
}

static bool in_stage(const struct measure_step *s, const struct name *n)
{
    return strlen(s->stage) == n->n_stage && memcmp(s->stage, n->stage, n->n_stage) == 0;
}

static struct measure_mark *mark_of(const struct measure_build *b, size_t step)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->marks[i].step == step)
            return &b->marks[i];
    return NULL;
}

enum { BY_TEXT, BY_PLACE, MATCHES };

/* A step that this build does not have yet: one that says the same, else one that stood in this place. */
static size_t find(const struct measure_report *r, const struct measure_build *b, const struct name *n, int how)
{
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct measure_step *s = &r->steps[i];
        bool same = how == BY_TEXT ? strcmp(s->text, n->text) == 0 : s->position == n->position;
        if (same && in_stage(s, n) && !mark_of(b, i))
            return i;
    }
    return SIZE_MAX;
}

static size_t add_step(struct measure_report *r, const struct name *n)
{
    CB_PUSH(r->steps, r->n_steps, r->cap_steps).stage = cb_memdup0(n->stage, n->n_stage);
    return r->n_steps - 1;
}

static void put_mark(struct measure_report *r, struct measure_build *b, size_t at, const struct name *n, struct measure_mark *m)
{
    struct measure_step *s = &r->steps[at];
    free(s->text);
    s->text = cb_strdup(n->text);
    s->position = n->position;
    m->step = at;
    if (m->fate == MEASURE_SKIPPED) {
        m->cost = s->cost;
        m->bytes = s->bytes;
    } else if (m->fate != MEASURE_FAILED) {
        s->cost = m->cost;
        s->bytes = m->bytes;
    }
    CB_PUSH(b->marks, b->n, b->cap) = *m;
    m->why = NULL;
}

static int by_step(const void *a, const void *b)
{
    size_t x = ((const struct measure_mark *)a)->step, y = ((const struct measure_mark *)b)->step;
    return (x > y) - (x < y);
}

/* All that say the same first, so that none of them loses its place to one that is new there. */
void measure_report_add(struct measure_report *r, struct measure_build *b, struct measure_seen_list *seen)
{
    bool *placed = cb_alloc(seen->n + 1);
    for (int how = 0; how <= MATCHES; how++)
        for (size_t i = 0; i < seen->n; i++) {
            struct name n;
            if (placed[i] || seen->items[i].mark.fate == MEASURE_ABSENT || !split(seen->items[i].name, &n))
                continue;
            size_t at = how < MATCHES ? find(r, b, &n, how) : add_step(r, &n);
            if (at == SIZE_MAX)
                continue;
            put_mark(r, b, at, &n, &seen->items[i].mark);
            placed[i] = true;
        }
    free(placed);
    if (b->n)
        qsort(b->marks, b->n, sizeof(*b->marks), by_step);
    CB_PUSH(r->builds, r->n_builds, r->cap_builds) = *b;
    *b = (struct measure_build){0};
    measure_seen_done(seen);
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static void add(struct measure_sums *s, const struct measure_mark *m)
{
    bool hit = m->fate == MEASURE_HIT || m->fate == MEASURE_SKIPPED;
    s->hits += hit;
    s->misses += m->fate == MEASURE_MISS;
    s->causes[m->cause] += m->fate == MEASURE_MISS;
    s->saved += hit ? m->cost : 0;
    s->spent += hit ? 0 : m->cost;
    s->bytes += m->fate == MEASURE_MISS ? m->bytes : 0;
}

struct measure_sums measure_sum(const struct measure_report *r, size_t step)
{
    struct measure_sums s = {0};
    for (size_t i = 1; i < r->n_builds; i++)
        for (size_t k = 0; k < r->builds[i].n; k++)
            if (step == SIZE_MAX || r->builds[i].marks[k].step == step)
                add(&s, &r->builds[i].marks[k]);
    return s;
}

double measure_hit_rate(const struct measure_sums *s)
{
    size_t all = s->hits + s->misses;
    return all ? (double)s->hits / (double)all : 0;
}

size_t measure_count(const struct measure_build *b, enum measure_fate f)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += b->marks[i].fate == f;
    return n;
}

struct measure_whole measure_whole(const struct measure_report *r)
{
    struct measure_whole w = {0};
    for (size_t i = 0; i < r->n_builds; i++) {
        const struct measure_build *b = &r->builds[i];
        w.failed += b->error != NULL;
        *(i ? &w.wall : &w.first) += b->seconds;
        if (!i || !r->peer || b->error || b->peer_error)
            continue;
        w.both++;
        w.ours += b->seconds;
        w.peers += b->peer_seconds;
    }
    return w;
}
