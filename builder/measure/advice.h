/* What could be said about a Dockerfile whose history was measured: changes of it, each with the seconds that it might save.
 * Pure: whether one holds is found out by a replay (advise.h). */
#ifndef MEASURE_ADVICE_H
#define MEASURE_ADVICE_H

#include "base/error.h"
#include "builder/measure/model.h"

struct df_file;

/* What is looked at: the newest Dockerfile, and what the history tells. */
struct measure_subject {
    const struct df_file *dockerfile;
    const struct measure_report *report;
    const struct cb_strv *files;   /* of the context, in the newest commit; sorted */
    const struct cb_strv *changed; /* one list for each build: files of the context that differ from the build before */
};

enum measure_outcome {
    MEASURE_UNTRIED,
    MEASURE_PROVED,
    MEASURE_HARMLESS, /* it saves nothing by itself, but may be what others need; none stays so */
    MEASURE_DROPPED
};

struct measure_rule;
struct measure_advice {
    const struct measure_rule *rule;
    size_t stage;         /* number of the stage that is changed */
    char *moved;          /* owned: text of the instruction that moves; NULL: none */
    char *copy;           /* owned: text of the COPY above which it moves, or NULL */
    struct cb_strv files; /* that are copied before, or patterns that are ignored */
    double estimate;      /* seconds, at most */
    double saved;         /* seconds, when it was proved */
    enum measure_outcome outcome;
    bool differs; /* dropped since it gives other files, or nothing that can be built */
    char *why;    /* owned: why it was dropped, or what is different in the image; NULL: nothing is said */
};
struct measure_advices {
    struct measure_advice *items;
    size_t n, cap;
};
void measure_advices_done(struct measure_advices *a);
CB_DEFINE_AUTO(measure_advices, struct measure_advices, measure_advices_done)

/* All that might save anything, the most first. */
void measure_advices_find(const struct measure_subject *s, struct measure_advices *ret);

/* Does what one says to a Dockerfile whose context has the files `present`, and appends the result. 1; 0: there is nothing in it
 * that it is about, and the text stays as it is. -1: it is no Dockerfile. */
int measure_advice_apply(const struct measure_advice *a, const struct cb_strv *present, const char *text, size_t n,
                         struct cb_buf *out, struct cb_error *err);
/* The patterns that it adds to the ignore file; NULL: none. Borrowed. */
const struct cb_strv *measure_advice_patterns(const struct measure_advice *a);

/* Whether others may save something only with it. */
bool measure_advice_enables(const struct measure_advice *a);

const char *measure_advice_kind(const struct measure_advice *a);             /* "copy-less-first" */
void measure_advice_say(const struct measure_advice *a, struct cb_buf *out); /* what to do, in one line */

#endif
