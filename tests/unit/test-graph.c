#include "builder/execute/keys/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MAX 8

/* A plan by hand: `text` has a word for each step: its parent's index or '-', then those it takes files from. */
struct fixture {
    struct build_step steps[MAX];
    struct build_step *list[MAX];
    struct build b;
    struct build_graph g;
};

static const struct build_step **inputs_of(struct fixture *f, const char *digits)
{
    const struct build_step **list = cb_alloc((strlen(digits) + 1) * sizeof(*list));
    for (size_t i = 0; digits[i]; i++)
        list[i] = &f->steps[digits[i] - '0'];
    return list;
}

static void begin(struct fixture *f, size_t n, const char *const *words)
{
    memset(f, 0, sizeof(*f));
    for (size_t i = 0; i < n; i++) {
        struct build_step *s = &f->steps[i];
        s->op = BUILD_OP_RUN;
        s->index = i;
        s->parent = words[i][0] == '-' ? NULL : &f->steps[words[i][0] - '0'];
        s->n_inputs = strlen(words[i] + 1);
        s->inputs = inputs_of(f, words[i] + 1);
        f->list[i] = s;
    }
    f->b.plan.steps = f->list;
    f->b.plan.n_steps = n;
    build_graph_init(&f->g, &f->b);
}

static void end(struct fixture *f)
{
    build_graph_done(&f->g);
    for (size_t i = 0; i < f->b.plan.n_steps; i++)
        free(f->steps[i].inputs);
    free(f->b.made);
}

/* The steps that are to be looked at, in order, as digits. */
static void looks_at(struct fixture *f, const char *expected)
{
    char have[32] = "";
    size_t n = 0;
    for (const struct build_step *s; (s = build_graph_next(&f->g));)
        have[n++] = (char)('0' + s->index);
    have[n] = 0;
    assert_string_equal(have, expected);
}

static void set_phase(struct fixture *f, size_t i, enum build_phase phase)
{
    f->g.states[i].phase = phase;
}

static void test_need(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 5, (const char *const[]){"-", "0", "1", "-", "23"});
    looks_at(&f, "");
    build_graph_need(&f.g, &f.steps[4]); /* what it stands on, but not yet what it takes from */
    looks_at(&f, "0124");
    assert_int_equal(f.g.states[3].phase, BUILD_STEP_IDLE);
    build_graph_need_inputs(&f.g, &f.steps[4]);
    looks_at(&f, "3");
    build_graph_need_inputs(&f.g, &f.steps[4]); /* it was needed before */
    build_graph_need(&f.g, NULL);
    looks_at(&f, "");
    end(&f);
}

static void test_finish(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 5, (const char *const[]){"-", "0", "0", "-2", "3"});
    build_graph_need(&f.g, &f.steps[4]);
    build_graph_need(&f.g, &f.steps[1]);
    build_graph_need_inputs(&f.g, &f.steps[3]);
    looks_at(&f, "34012");
    build_graph_finish(&f.g, &f.steps[0]);
    looks_at(&f, "12");
    set_phase(&f, 1, BUILD_STEP_RUNNING);
    assert_false(build_graph_inputs_done(&f.g, &f.steps[3]));
    build_graph_finish(&f.g, &f.steps[2]);
    assert_true(build_graph_inputs_done(&f.g, &f.steps[3]));
    looks_at(&f, "3");
    build_graph_finish(&f.g, &f.steps[0]); /* again: what runs is not looked at */
    looks_at(&f, "");
    end(&f);
}

/* Who takes from a step twice, or stands on it and takes from it, is looked at once. */
static void test_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2, (const char *const[]){"-", "000"});
    build_graph_need(&f.g, &f.steps[1]);
    looks_at(&f, "01");
    build_graph_finish(&f.g, &f.steps[0]);
    looks_at(&f, "1");
    end(&f);
}

/* A miss is told upwards step by step, once each. */
static void test_missed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3, (const char *const[]){"-", "0", "1"});
    build_graph_need(&f.g, &f.steps[2]);
    looks_at(&f, "012");
    build_graph_missed(&f.g, &f.steps[0]);
    looks_at(&f, "1");
    build_graph_missed(&f.g, &f.steps[1]);
    looks_at(&f, "2");
    build_graph_missed(&f.g, &f.steps[0]);
    looks_at(&f, "");
    end(&f);
}

static void test_wait(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3, (const char *const[]){"-", "-", "-"});
    for (size_t i = 0; i < 3; i++)
        build_graph_need(&f.g, &f.steps[i]);
    looks_at(&f, "012");
    for (size_t i = 0; i < 3; i++) {
        set_phase(&f, i, i == 1 ? BUILD_STEP_AWAITS_LOCK : BUILD_STEP_AWAITS_TURN);
        build_graph_wait(&f.g, &f.steps[i]);
    }
    build_graph_wake(&f.g, BUILD_STEP_AWAITS_FILES);
    looks_at(&f, "");
    build_graph_wake(&f.g, BUILD_STEP_AWAITS_TURN);
    looks_at(&f, "02");
    build_graph_wake(&f.g, BUILD_STEP_AWAITS_TURN); /* they wait no more */
    looks_at(&f, "");
    build_graph_wake(&f.g, BUILD_STEP_AWAITS_LOCK);
    looks_at(&f, "1");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_need), cmocka_unit_test(test_finish), cmocka_unit_test(test_once),
                                       cmocka_unit_test(test_missed), cmocka_unit_test(test_wait)};
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
