/* Rules of advice: a file each, and a line in RULES (advice.c). */
#ifndef MEASURE_ADVICE_INTERNAL_H
#define MEASURE_ADVICE_INTERNAL_H

#include "builder/measure/advice.h"
#include "parser/dockerfile.h"

struct measure_rule {
    const char *name;
    void (*find)(const struct measure_rule *rule, const struct measure_subject *s, struct measure_advices *ret);
    /* NULL: the Dockerfile stays as it is. True: done. */
    bool (*apply)(const struct measure_advice *a, const struct df_file *f, const struct cb_strv *present, struct cb_buf *out);
    void (*say)(const struct measure_advice *a, struct cb_buf *out);
    bool ignores; /* its files are patterns for the ignore file */
    bool enables; /* what stands in the way of others goes out of it */
};
extern const struct measure_rule measure_rule_order, measure_rule_split, measure_rule_late, measure_rule_ignore;

/* Nodes of a stage: from the one behind its FROM to the one before the next, as [*ret_first, *ret_end). False: there is no such
 * stage. */
bool measure_stage_nodes(const struct df_file *f, size_t stage, size_t *ret_first, size_t *ret_end);
/* The node of a stage that says this, from `from` on; SIZE_MAX: there is none. */
size_t measure_find_node(const struct df_file *f, size_t from, size_t end, const char *text);
/* The text with the node `moved` in front of the node `before` (n_nodes: at the end), comments right above them included.
 * `insert` (lines, or "") goes in front of it. */
void measure_move_node(const struct df_file *f, size_t moved, size_t before, const char *insert, struct cb_buf *out);

/* Appends what an instruction says, in quotes and not too long. */
void measure_quote(const char *text, struct cb_buf *out);

/* The report's step that a node is, by what it says; SIZE_MAX: it has none. */
size_t measure_step_of(const struct measure_report *r, const struct df_node *n);
/* What the step's miss in the i-th build cost; 0: it did not miss. */
double measure_miss_cost(const struct measure_report *r, size_t i, size_t step);
const struct measure_mark *measure_find_mark(const struct measure_build *b, size_t step); /* NULL: none */

#endif
