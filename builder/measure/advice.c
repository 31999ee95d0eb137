#include "builder/measure/advice-internal.h"
#include "base/text.h"

static const struct measure_rule *const rules[] = {&measure_rule_order, &measure_rule_split, &measure_rule_late,
                                                   &measure_rule_ignore};

void measure_advices_done(struct measure_advices *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->items[i].moved);
        free(a->items[i].copy);
        free(a->items[i].why);
        cb_strv_done(&a->items[i].files);
    }
    free(a->items);
    *a = (struct measure_advices){0};
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

bool measure_stage_nodes(const struct df_file *f, size_t stage, size_t *ret_first, size_t *ret_end)
{
    size_t i = 0, seen = 0;
    while (i < f->n_nodes && (f->nodes[i].kind != DF_FROM || seen++ != stage))
        i++;
    if (i == f->n_nodes)
        return false;
    *ret_first = ++i;
    while (i < f->n_nodes && f->nodes[i].kind != DF_FROM)
        i++;
    *ret_end = i;
    return true;
}

size_t measure_find_node(const struct df_file *f, size_t from, size_t end, const char *text)
{
    for (size_t i = from; i < end; i++)
        if (cb_str_eq(f->nodes[i].source, cb_str(text)))
            return i;
    return SIZE_MAX;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* Where the line begins; behind the last one, the end. */
static const char *line_at(const struct df_file *f, int line)
{
    const char *p = f->text.p, *end = p + f->text.n;
    for (int i = 1; i < line && p < end; i++) {
        const char *next = memchr(p, '\n', (size_t)(end - p));
        p = next ? next + 1 : end;
    }
    return p;
}

/* The first line of a node, with the comments right above it. */
static int first_line(const struct df_file *f, size_t node)
{
    int line = node < f->n_nodes ? f->nodes[node].at.line : f->nodes[f->n_nodes - 1].at.last_line + 1;
    int above = node ? f->nodes[node - 1].at.last_line : 1; /* the first line may be a directive */
    while (node < f->n_nodes && line - 1 > above) {
        const char *p = line_at(f, line - 1);
        if (p[strspn(p, " \t")] != '#')
            break;
        line--;
    }
    return line;
}

static void add_lines(struct cb_buf *out, const char *from, const char *to)
{
    cb_buf_add(out, from, (size_t)(to - from));
    if (to > from && to[-1] != '\n')
        cb_buf_addc(out, '\n');
}

void measure_move_node(const struct df_file *f, size_t moved, size_t before, const char *insert, struct cb_buf *out)
{
    const char *begin = f->text.p, *end = begin + f->text.n;
    const char *from = line_at(f, first_line(f, moved)), *to = line_at(f, f->nodes[moved].at.last_line + 1);
    const char *place = line_at(f, first_line(f, before));
    if (place < from) {
        add_lines(out, begin, place);
        cb_buf_adds(out, insert);
        add_lines(out, from, to);
        add_lines(out, place, from);
        add_lines(out, to, end);
    } else {
        add_lines(out, begin, from);
        add_lines(out, to, place);
        cb_buf_adds(out, insert);
        add_lines(out, from, to);
        add_lines(out, place, end);
    }
}

void measure_quote(const char *text, struct cb_buf *out)
{
    cb_buf_addc(out, '\'');
    cb_shorten(out, text, strlen(text), 72);
    cb_buf_addc(out, '\'');
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

size_t measure_step_of(const struct measure_report *r, const struct df_node *n)
{
    for (size_t i = 0; i < r->n_steps; i++)
        if (cb_str_eq(cb_str(r->steps[i].text), n->source))
            return i;
    return SIZE_MAX;
}

const struct measure_mark *measure_find_mark(const struct measure_build *b, size_t step)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->marks[i].step == step)
            return &b->marks[i];
    return NULL;
}

double measure_miss_cost(const struct measure_report *r, size_t i, size_t step)
{
    const struct measure_mark *m = measure_find_mark(&r->builds[i], step);
    return m && m->fate == MEASURE_MISS ? m->cost : 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* Equal ones stay in the order in which they were found. */
static void sort(struct measure_advices *a)
{
    for (size_t i = 1; i < a->n; i++)
        for (size_t k = i; k > 0 && a->items[k].estimate > a->items[k - 1].estimate; k--) {
            struct measure_advice less = a->items[k - 1];
            a->items[k - 1] = a->items[k];
            a->items[k] = less;
        }
}

void measure_advices_find(const struct measure_subject *s, struct measure_advices *ret)
{
    for (size_t i = 0; i < CB_LEN(rules); i++)
        rules[i]->find(rules[i], s, ret);
    sort(ret);
}

int measure_advice_apply(const struct measure_advice *a, const struct cb_strv *present, const char *text, size_t n,
                         struct cb_buf *out, struct cb_error *err)
{
    struct df_file *f;
    if (!a->rule->apply) {
        cb_buf_add(out, text, n);
        return 0;
    }
    if (df_parse(text, n, &f, err) < 0)
        return -1;
    bool done = a->rule->apply(a, f, present, out);
    if (!done)
        cb_buf_add(out, text, n);
    df_file_free(f);
    return done;
}

const struct cb_strv *measure_advice_patterns(const struct measure_advice *a)
{
    return a->rule->ignores ? &a->files : NULL;
}

bool measure_advice_enables(const struct measure_advice *a)
{
    return a->rule->enables;
}

const char *measure_advice_kind(const struct measure_advice *a)
{
    return a->rule->name;
}

void measure_advice_say(const struct measure_advice *a, struct cb_buf *out)
{
    a->rule->say(a, out);
}
