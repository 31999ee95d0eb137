/* An ARG or ENV that changes from build to build and is declared above steps that do not use it: each of them is made anew. */
#include "builder/measure/advice-internal.h"

#include <ctype.h>

/* The only name that a node declares; NULL: there are several. Caller frees. */
static char *declared(const struct df_node *n)
{
    if (n->kind == DF_ARG && n->args.n == 1)
        return cb_memdup0(n->args.items[0].p, strcspn(n->args.items[0].p, "="));
    if (n->kind == DF_ENV && n->args.n == 2)
        return cb_strdup(n->args.items[0].p);
    return NULL;
}

static bool mentions(struct cb_str text, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = text.p, *end = p + text.n; (p = memchr(p, '$', (size_t)(end - p))); p++) {
        const char *word = p + 1 + (p + 1 < end && p[1] == '{');
        if ((size_t)(end - word) >= n && memcmp(word, name, n) == 0 &&
            (word + n == end || (!isalnum((unsigned char)word[n]) && word[n] != '_')))
            return true;
    }
    return false;
}

static bool uses(const struct df_node *n, const char *name)
{
    bool found = mentions(n->source, name);
    for (size_t i = 0; i < n->n_heredocs; i++)
        found = found || mentions(n->heredocs[i].content, name);
    return found;
}

/* The first node behind `at` that names it, or `end`. */
static size_t first_use(const struct df_file *f, size_t at, size_t end, const char *name)
{
    size_t i = at + 1;
    while (i < end && !uses(&f->nodes[i], name))
        i++;
    return i;
}

static bool because_of(const struct measure_mark *m, const char *reason)
{
    return m && m->fate == MEASURE_MISS && m->why && cb_starts(m->why, reason);
}

/* What the steps between it and its first use cost in builds in which it made one of them miss. */
static double estimate(const struct measure_subject *s, size_t at, size_t use, const char *reason)
{
    const struct measure_report *r = s->report;
    double sum = 0;
    for (size_t i = 1; i < r->n_builds; i++) {
        double costs = 0;
        bool blamed = false;
        for (size_t k = at + 1; k < use; k++) {
            size_t step = measure_step_of(r, &s->dockerfile->nodes[k]);
            if (step == SIZE_MAX)
                continue;
            costs += measure_miss_cost(r, i, step);
            blamed = blamed || because_of(measure_find_mark(&r->builds[i], step), reason);
        }
        sum += blamed ? costs : 0;
    }
    return sum;
}

static void consider(const struct measure_subject *s, size_t stage, size_t at, size_t end, struct measure_advices *ret)
{
    const struct df_node *n = &s->dockerfile->nodes[at];
    CB_AUTO(free) char *name = declared(n);
    if (!name)
        return;
    CB_AUTO(free) char *reason = cb_printf("%s %s ", df_kind_name(n->kind), name);
    double most = estimate(s, at, first_use(s->dockerfile, at, end, name), reason);
    if (most > 0)
        CB_PUSH(ret->items, ret->n, ret->cap) = (struct measure_advice){
            .rule = &measure_rule_late, .stage = stage, .moved = cb_strdup(n->source.p), .estimate = most};
}

static void find(const struct measure_rule *rule, const struct measure_subject *s, struct measure_advices *ret)
{
    (void)rule;
    size_t first, end;
    for (size_t stage = 0; measure_stage_nodes(s->dockerfile, stage, &first, &end); stage++)
        for (size_t i = first; i < end; i++)
            consider(s, stage, i, end, ret);
}

static bool apply(const struct measure_advice *a, const struct df_file *f, const struct cb_strv *present, struct cb_buf *out)
{
    (void)present;
    size_t first, end;
    if (!measure_stage_nodes(f, a->stage, &first, &end))
        return false;
    size_t at = measure_find_node(f, first, end, a->moved);
    CB_AUTO(free) char *name = at == SIZE_MAX ? NULL : declared(&f->nodes[at]);
    if (!name)
        return false;
    measure_move_node(f, at, first_use(f, at, end, name), "", out);
    return true;
}

static void say(const struct measure_advice *a, struct cb_buf *out)
{
    cb_buf_adds(out, "declare ");
    measure_quote(a->moved, out);
    cb_buf_adds(out, " where it is first used");
}

const struct measure_rule measure_rule_late = {"declare-late", find, apply, say, false, true};
