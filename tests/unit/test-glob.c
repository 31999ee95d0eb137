#include "vectors.h"

#include "parser/match/glob.h"

static const struct {
    const char *pattern, *name;
    enum df_glob want;
} cases[] = {
    {"", "", DF_GLOB_YES},         {"", "a", DF_GLOB_NO},         {"*", "", DF_GLOB_YES},         {"*", "abc", DF_GLOB_YES},
    {"*", "a/b", DF_GLOB_NO},      {"a*", "a", DF_GLOB_YES},      {"a*/b", "ab/b", DF_GLOB_YES},  {"a*/b", "a/c/b", DF_GLOB_NO},
    {"*.c", "x.c", DF_GLOB_YES},   {"*.c", "x.c.c", DF_GLOB_YES}, {"*.c", "d/x.c", DF_GLOB_NO},   {"a*b*c", "abbcc", DF_GLOB_YES},
    {"a**c", "abc", DF_GLOB_YES},  {"?", "ä", DF_GLOB_YES},       {"?", "/", DF_GLOB_NO},         {"??", "ä", DF_GLOB_NO},
    {"[a-c]x", "bx", DF_GLOB_YES}, {"[^a-c]x", "bx", DF_GLOB_NO}, {"[!a]", "!", DF_GLOB_YES},     {"[^b]", "/", DF_GLOB_YES},
    {"[ä-ü]", "ö", DF_GLOB_YES},   {"[\\]a]", "]", DF_GLOB_YES},  {"[*]x", "*x", DF_GLOB_YES},    {"\\*", "*", DF_GLOB_YES},
    {"\\*", "a", DF_GLOB_NO},      {"a\\", "a", DF_GLOB_BAD},     {"[", "x", DF_GLOB_BAD},        {"[^", "x", DF_GLOB_BAD},
    {"[a", "a", DF_GLOB_BAD},      {"[]a]", "]", DF_GLOB_BAD},    {"[-]", "-", DF_GLOB_BAD},      {"[x-]", "x", DF_GLOB_BAD},
    {"[a-b-c]", "a", DF_GLOB_BAD}, {"[\\", "a", DF_GLOB_BAD},     {"nothing[", "x", DF_GLOB_BAD}, {"*x[", "y", DF_GLOB_BAD},
    {"[\xFF]", "x", DF_GLOB_BAD},  {"\xFF", "\xFF", DF_GLOB_YES},
};

static void test_match(void **state)
{
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        enum df_glob got = df_glob_match(cases[i].pattern, cases[i].name);
        if (got != cases[i].want || df_glob_valid(cases[i].pattern) != (cases[i].want != DF_GLOB_BAD))
            fail_msg("'%s' against '%s': %d, want %d", cases[i].pattern, cases[i].name, got, cases[i].want);
    }
}

static void test_has_meta(void **state)
{
    static const struct {
        const char *s;
        bool want;
    } metas[] = {{"", false},  {"a/b", false}, {"a*", true},    {"a?b", true},  {"[", true},
                 {"]", false}, {"\\*", false}, {"\\\\*", true}, {"a\\", false}, {"\\*?", true}};
    for (size_t i = 0; i < CB_LEN(metas); i++)
        if (df_glob_has_meta(metas[i].s) != metas[i].want)
            fail_msg("'%s'", metas[i].s);
}

/* Many stars must not take exponential time. */
static void test_hostile(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf pattern = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    for (int i = 0; i < 2000; i++) {
        cb_buf_adds(&pattern, "*a");
        cb_buf_adds(&name, "aa");
    }
    cb_buf_adds(&pattern, "*b");
    assert_int_equal(df_glob_match(pattern.data, name.data), DF_GLOB_NO);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_has_meta),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
