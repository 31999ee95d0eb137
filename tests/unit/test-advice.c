/* What is said about a Dockerfile, and what becomes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/measure/advice.h"
#include "parser/dockerfile.h"
#include <string.h>

/* Two builds; in the second, every step missed for this reason, at a second each, after this file was changed. */
static const struct {
    const char *dockerfile, *changed, *why;
    const char *said, *result; /* of the first advice; NULL: there is none */
} cases[] = {
    {"FROM a\nCOPY . /src\n# tools\nRUN apt\n", "main.c", "below", "move 'RUN apt' above 'COPY . /src'",
     "FROM a\n# tools\nRUN apt\nCOPY . /src\n"},
    {"FROM a\nWORKDIR /w\nCOPY . .\nRUN npm ci && npm run x", "main.c", "below",
     "copy package.json package-lock.json first, and move 'RUN npm ci && npm run x' above 'COPY . .'",
     "FROM a\nWORKDIR /w\nCOPY package.json package-lock.json ./\nRUN npm ci && npm run x\nCOPY . .\n"},
    {"FROM a\nCOPY --chown=1:1 . /src/\nRUN cat /src/sub/deps.txt > x\n", "main.c", "below",
     "copy sub/deps.txt first, and move 'RUN cat /src/sub/deps.txt > x' above 'COPY --chown=1:1 . /src/'",
     "FROM a\nCOPY --chown=1:1 sub/deps.txt /src/sub/\nRUN cat /src/sub/deps.txt > x\nCOPY --chown=1:1 . /src/\n"},
    {"FROM a\nCOPY sub /s\nRUN cat deps.txt \\\n  /s/more\n", "main.c", "below",
     "copy sub/deps.txt first, and move 'RUN cat deps.txt   /s/more' above 'COPY sub /s'",
     "FROM a\nCOPY sub/deps.txt /s/\nRUN cat deps.txt \\\n  /s/more\nCOPY sub /s\n"},
    /* what it needs was changed */
    {"FROM a\nCOPY . .\nRUN npm ci\n", "package.json", "below", NULL, NULL},
    /* a declaration stands between, or the COPY cannot be written again */
    {"FROM a\nCOPY . .\nWORKDIR /x\nRUN npm ci\n", "main.c", "below", NULL, NULL},
    {"FROM a\nCOPY --exclude=x . .\nRUN npm ci\n", "main.c", "below", NULL, NULL},
    {"FROM a\nCOPY --from=b . .\nRUN npm ci\n", "main.c", "below", NULL, NULL},
    {"FROM a\nCOPY main.c .\nRUN npm ci\n", "main.c", "below", NULL, NULL},
    {"FROM a\nARG V=1\nRUN x\nRUN y ${V}\nRUN z\n", "other", "ARG V changed", "declare 'ARG V=1' where it is first used",
     "FROM a\nRUN x\nARG V=1\nRUN y ${V}\nRUN z\n"},
    {"FROM a\nENV V=1\nRUN x $VV\nFROM b\nRUN $V", "other", "ENV V changed (+1 more)", "declare 'ENV V=1' where it is first used",
     "FROM a\nRUN x $VV\nENV V=1\nFROM b\nRUN $V\n"},
    {"FROM a\nARG V=1\nRUN <<E\necho $V\nE\nRUN z\n", "other", "ARG V changed", NULL, NULL},
    {"FROM a\nARG V=1\nRUN x\n", "other", "ARG VV changed", NULL, NULL},
    {"FROM a\nRUN x\n", "doc/x.md", "doc/x.md changed", "put into .dockerignore: **/*.md", "FROM a\nRUN x\n"},
};

static const char *const context[] = {"doc/x.md", "main.c", "package-lock.json", "package.json", "sub/deps.txt"};

static enum measure_cause cause_of(const char *why)
{
    return strcmp(why, "below") == 0 ? MEASURE_BELOW : measure_cause_of(why);
}

static void report_of(const struct df_file *f, const char *why, struct measure_report *ret)
{
    for (int i = 0; i < 2; i++) {
        struct measure_build b = {.commit = cb_strdup("c")};
        struct measure_seen_list seen = {0};
        for (size_t k = 0; k < f->n_nodes; k++) {
            if (f->nodes[k].kind == DF_FROM || f->nodes[k].kind == DF_ARG || f->nodes[k].kind == DF_ENV)
                continue;
            char *name = cb_printf("[%zu/9] %s", k, f->nodes[k].source.p);
            measure_seen_get(&seen, name)->mark =
                (struct measure_mark){.fate = MEASURE_MISS, .cause = cause_of(why), .why = cb_strdup(why), .cost = 1};
            free(name);
        }
        measure_report_add(ret, &b, &seen);
    }
}

static void check(size_t i)
{
    CB_AUTO(measure_report) struct measure_report r = {0};
    CB_AUTO(measure_advices) struct measure_advices found = {0};
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    CB_AUTO(cb_buf) struct cb_buf said = CB_BUF_INIT, result = CB_BUF_INIT;
    CB_AUTO(df_file) struct df_file *f = NULL;
    struct cb_strv changed[2] = {0};
    struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(df_parse(cases[i].dockerfile, strlen(cases[i].dockerfile), &f, &err), 0);
    report_of(f, cases[i].why, &r);
    for (size_t k = 0; k < CB_LEN(context); k++)
        cb_strv_push(&files, context[k]);
    cb_strv_push(&changed[1], cases[i].changed);
    measure_advices_find(&(struct measure_subject){f, &r, &files, changed}, &found);
    cb_strv_done(&changed[1]);
    if (!cases[i].said) {
        if (found.n)
            measure_advice_say(&found.items[0], &said);
        assert_string_equal(said.data, "");
        return;
    }
    assert_true(found.n > 0);
    measure_advice_say(&found.items[0], &said);
    assert_string_equal(said.data, cases[i].said);
    assert_true(measure_advice_apply(&found.items[0], &files, f->text.p, f->text.n, &result, &err) >= 0);
    assert_string_equal(result.data, cases[i].result);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++)
        check(i);
}

/* Of an older commit, which has not all of it. */
static void test_apply_elsewhere(void **state)
{
    (void)state;
    static const char newest[] = "FROM a\nCOPY . .\nRUN npm ci\n";
    static const struct {
        const char *dockerfile, *present, *result; /* NULL: it stays */
    } older[] = {
        {newest, "package.json", "FROM a\nCOPY package.json ./\nRUN npm ci\nCOPY . .\n"},
        {newest, "main.c", NULL},
        {"FROM a\nCOPY . .\nRUN npm install\n", "package.json", NULL},
        {"FROM a\nCOPY . .\nARG X\nRUN npm ci\n", "package.json", NULL},
        {"FROM a\nRUN npm ci\nCOPY . .\n", "package.json", NULL},
        {"FROM a\nRUN x\nFROM b\nCOPY . .\nRUN npm ci\n", "package.json", NULL},
    };
    CB_AUTO(measure_report) struct measure_report r = {0};
    CB_AUTO(measure_advices) struct measure_advices found = {0};
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    CB_AUTO(df_file) struct df_file *f = NULL;
    struct cb_strv changed[2] = {0};
    struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(df_parse(newest, strlen(newest), &f, &err), 0);
    report_of(f, "below", &r);
    cb_strv_push(&files, "package.json");
    cb_strv_push(&files, "package-lock.json");
    measure_advices_find(&(struct measure_subject){f, &r, &files, changed}, &found);
    assert_int_equal(found.n, 1);
    for (size_t i = 0; i < CB_LEN(older); i++) {
        CB_AUTO(cb_strv) struct cb_strv present = {0};
        CB_AUTO(cb_buf) struct cb_buf result = CB_BUF_INIT;
        const char *text = older[i].dockerfile;
        cb_strv_push(&present, older[i].present);
        int done = measure_advice_apply(&found.items[0], &present, text, strlen(text), &result, &err);
        assert_int_equal(done, older[i].result != NULL);
        assert_string_equal(result.data, older[i].result ? older[i].result : text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_apply_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
