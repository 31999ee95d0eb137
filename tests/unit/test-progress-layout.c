/* The live display as text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/show/progress-layout.h"
#include "base/text.h"

#include <stdio.h>

#define MANY 50

static struct progress_running many[MANY];

static void prepare(void)
{
    static char names[MANY][32];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "[s%zu 1/2] RUN sleep %zu", i, i);
        many[i] = (struct progress_running){.name = names[i], .seconds = (double)i, .log = {"one", "two"}, .n_log = 2};
    }
}

static void expect(const struct progress_state *s, size_t columns, size_t rows, const char *want)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    size_t lines = build_progress_layout(s, (struct progress_size){columns, rows}, &out), counted = 0;
    for (const char *p = out.data; *p; p++)
        counted += *p == '\n';
    if (strcmp(out.data, want) != 0)
        fail_msg("%zux%zu gives\n%s\nnot\n%s", columns, rows, out.data, want);
    assert_int_equal(lines, counted);
}

static void one_step_and_its_log(void **state)
{
    const struct progress_running run = {.name = "[build 2/5] RUN make -j4 all",
                                         .seconds = 3.21,
                                         .log = {"cc a.c", "\033[31mcc b.c\033[0m", "cc a-long-name-of-a-file.c"},
                                         .n_log = 3};
    struct progress_state s = {.done = 4, .total = 9, .seconds = 12.3, .running = &run, .n_running = 1};
    (void)state;
    expect(&s, 80, 24,
           "Building 12.3s, 4 of 9 steps, 1 running\n"
           "> [build 2/5] RUN make -j4 all                                             3.2s\n"
           "    cc a.c\n"
           "    cc b.c\n"
           "    cc a-long-name-of-a-file.c\n");
    expect(&s, 30, 5,
           "Building 12.3s, 4 of 9 steps…\n"
           "> [build 2/5] RUN make…  3.2s\n"
           "    cc b.c\n"
           "    cc a-long-name-of-a-file…\n");
    expect(&s, 12, 3,
           "Building 1…\n"
           "> [build 2…\n");
    expect(&s, 80, 2, "Building 12.3s, 4 of 9 steps, 1 running\n");
}

static void parts_have_a_bar_and_a_rate(void **state)
{
    static const struct {
        struct progress_part part;
        const char *want;
    } cases[] = {
        {{"5bef32336463", 2500000, 10000000, 0}, "5bef32336463  [====>           ]  2.50 MB / 10.0 MB"},
        {{"5bef32336463", 10000000, 10000000, 1500000}, "5bef32336463  [================]  10.0 MB / 10.0 MB  1.50 MB/s"},
        {{"x", 0, 0, 0}, "x  [>               ]  0 B / 0 B"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        build_progress_part(&cases[i].part, &out);
        assert_string_equal(out.data, cases[i].want);
    }
}

static void amounts_by_width(void **state)
{
    const struct progress_running pull = {
        .name = "FROM docker.io/library/alpine:3.20", .seconds = 0.5, .done = 2500000, .total = 10000000};
    struct progress_state s = {.running = &pull, .n_running = 1};
    (void)state;
    expect(&s, 40, 5, "> FROM docker.io/library/al…  25%  0.5s\n");
    expect(&s, 60, 5, "> FROM docker.io/library/alpine:3…  2.50 MB / 10.0 MB  0.5s\n");
    expect(&s, 200, 50, "> FROM docker.io/library/alpine:3.20                 [=====>              ]  2.50 MB / 10.0 MB  0.5s\n");
}

static void more_steps_than_rows(void **state)
{
    struct progress_state s = {.total = 60, .seconds = 1, .running = many, .n_running = MANY};
    (void)state;
    prepare();
    expect(&s, 40, 5,
           "Building 1.0s, 0 of 60 steps, 50 runni…\n"
           "> [s0 1/2] RUN sleep 0            0.0ms\n"
           "> [s1 1/2] RUN sleep 1             1.0s\n"
           "  48 more\n");
    s.n_running = 3;
    expect(&s, 40, 5,
           "Building 1.0s, 0 of 60 steps, 3 running\n"
           "> [s0 1/2] RUN sleep 0            0.0ms\n"
           "> [s1 1/2] RUN sleep 1             1.0s\n"
           "> [s2 1/2] RUN sleep 2             2.0s\n");
    s.n_running = 2;
    expect(&s, 40, 7,
           "Building 1.0s, 0 of 60 steps, 2 running\n"
           "> [s0 1/2] RUN sleep 0            0.0ms\n"
           "    one\n"
           "    two\n"
           "> [s1 1/2] RUN sleep 1             1.0s\n"
           "    two\n");
}

static void ends_differ(void **state)
{
    static const struct {
        enum progress_end end;
        const char *want;
    } cases[] = {
        {BUILD_PROGRESS_DONE, "✓ [1/2] COPY a\\x1b /b              12ms\n"},
        {BUILD_PROGRESS_CACHED, "✓ [1/2] COPY a\\x1b /b            CACHED\n"},
        {BUILD_PROGRESS_FAILED, "✗ [1/2] COPY a\\x1b /b             ERROR\n"},
        {BUILD_PROGRESS_CANCELED, "- [1/2] COPY a\\x1b /b          CANCELED\n"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        build_progress_layout_end(cases[i].end, "[1/2] COPY a\033 /b", 0.012, false, 40, &out);
        assert_string_equal(out.data, cases[i].want);
    }
}

static size_t width_of(const char *line, size_t n)
{
    size_t width = 0;
    for (size_t len; n; line += len, n -= len) {
        len = 1;
        if (*line == '\033') {
            len = strcspn(line, "m") + 1;
            continue;
        }
        cb_utf8_decode(line, n, &len);
        width++;
    }
    return width;
}

/* In every size: what was promised, and no line that wraps. */
static void every_size_holds(void **state)
{
    (void)state;
    prepare();
    many[1].log[1] = "\033[31m日本語 and a very long line of a program, longer than most terminals are wide\033[0m";
    many[2].total = 7, many[2].done = 3;
    for (size_t columns = 1; columns < 220; columns++)
        for (size_t rows = 1; rows < 60; rows += 1 + rows / 8)
            for (size_t n = 0; n <= MANY; n += 1 + n / 4) {
                struct progress_state s = {.total = 60, .colours = n & 1, .running = many, .n_running = n};
                CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
                size_t lines = build_progress_layout(&s, (struct progress_size){columns, rows}, &out);
                assert_in_range(lines, n ? 1 : 0, CB_MAX(rows, 2) - 1);
                const char *p = out.data;
                for (size_t i = 0; i < lines; i++, p += strcspn(p, "\n") + 1)
                    assert_in_range(width_of(p, strcspn(p, "\n")), 0, CB_MAX(columns, 2) - 1);
                assert_int_equal(p - out.data, out.len);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_and_its_log), cmocka_unit_test(amounts_by_width), cmocka_unit_test(parts_have_a_bar_and_a_rate),
        cmocka_unit_test(more_steps_than_rows), cmocka_unit_test(ends_differ),      cmocka_unit_test(every_size_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
