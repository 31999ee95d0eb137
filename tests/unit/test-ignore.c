#include "vectors.h"

#include "base/path.h"
#include "parser/match/ignore.h"
#include <time.h>

/* Patterns in one text, separated by blanks. */
static struct df_ignore *compile(const char *patterns, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv list = {0};
    while (*patterns) {
        size_t n = strcspn(patterns, " ");
        cb_strv_take(&list, cb_memdup0(patterns, n));
        patterns += n + (patterns[n] == ' ');
    }
    return df_ignore_new(&list, err);
}

static const struct {
    const char *patterns, *path;
    bool want;
} cases[] = {
    {"", "a", false},
    {"a", "a", true},
    {"a", "a/b/c", true},
    {"a", "b/a", false},
    {"a", "ab", false},
    {"a/b", "a", false},
    {"a/", "a/x", true},
    {"./a//b/../c", "a/c", true},
    {"/a", "a", false}, /* only ignore files lose their leading slash */
    {".", "a", false},
    {"*", "a/b", true},
    {"*.c", "x.c", true},
    {"*.c", "d/x.c", false},
    {"*/*.c", "d/x.c", true},
    {"?", "ä", true},
    {"a?c", "a/c", false},
    {"**", "a/b", true},
    {"**/x", "x", true},
    {"**/x", "a/b/x/y", true},
    {"**/x", "ax", false},
    {"**x", "ax", true},
    {"**x", "a/bx", true},
    {"a/**", "a", false},
    {"a/**", "a/b/c", true},
    {"a/**", "ab/c", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/xb", false},
    {"**/*.o", "x.o", true},
    {"**/*.o", "a/b/x.o", true},
    {"**/*.o", "a/b/xo", false},
    {"**/a/*b", "x/a/cb", true},
    {"a**b", "ab", true},
    {"a**b", "ax/b", true},
    {"a**b", "axb", false},
    {"[ab]x", "ax", true},
    {"[^a]x", "bx", true},
    {"[^a]x", "ax", false},
    {"[!a]x", "ax", true},
    {"[!a]x", "!x", true},
    {"[!a]x", "bx", false},
    {"[*]", "*", false}, /* is [[^/]*] */
    {"[*]", "/^[]", true},
    {"x[?]", "x[]", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\b*", "ab", false}, /* a word boundary as Go has it */
    {"a\\.c*", "a.c", true},
    {"\\d*", "5x", true},
    {"[\\d]*", "5x", true},
    {"[[:alpha:]]*", "5x", false},
    {"[[:alpha:]]*", "x5", true},
    {"[[:^alpha:]]*", "5x", true},
    {"\\x41*", "Ax", true},
    /* operators beside a wildcard, where only the first alternative is tied to the begin and the last to the end */
    {"a*|b", "ax/y", true},
    {"a*|b", "xb", true},
    {"a*|b", "xbx", false},
    {"a*|b|c", "xbx", true},
    {"a|b", "b", false},
    {"a|b", "a|b", true},
    {"a*|", "x", true},
    {"a[b|]", "a|", true},
    {"a\\|*", "a|b", true},
    {"a{2}*", "aab", true},
    {"a{2}*", "ab", false},
    {"a{2}", "a{2}", true},
    {"a{1,}c?", "aaacx", true},
    {"a{0,1}c?", "aacx", false},
    {"x?{0,2}y", "xaby", true},
    {"x?{0,2}y", "xabcy", false},
    {"x[ab]{3}", "xbab", true},
    {"{a,b}*", "{a,b}c", true},
    {"a{,2}*", "a{,2}", true},
    {"a{01}*", "a{01}", true},
    {"a{2*", "a{2x", true},
    {"{0}a*", "ba", true},
    {"{2}a*", "ba", false},
    {"\\x{41}*", "Ax", true},
    {"a^b", "a^b", true},
    {"^a*", "a", true}, /* an anchor once there is a wildcard */
    {"^a*", "^a", false},
    {"a.b*", "axb", false},
    {"a+b*", "a+b", true},
    {"(a|b)*", "(a|b)", true},
    {"{a}$*", "{a}$", true},
    {"a\xFF*", "a\xFFx", true},
    {"**/b !b/c", "b/c", false},
    {"a !a/b", "a/b", false},
    {"a !a/b", "a/c", true},
    {"a !a/b", "a", true},
    {"!a/b a", "a/b", true},
    {"a !a/b a/b/c", "a/b/c", true},
    {"a !a/b a/b/c", "a/b/d", false},
    {"* !x", "x/y", false},
    {"* !x", "y", true},
    {"* !a/b/c", "a/b/c/d", false},
    {"* !a/b/c", "a/b/d", true},
    {"a/b/f !a", "a/b/f", true}, /* `a` was not excluded, so its exception does nothing below */
    {"a/b/f a !a", "a/b/f", false},
    {"**/*.md !README.md", "README.md", false},
    {"**/*.md !README.md", "x/README.md", true},
    {"!a a/../b", "b", true},
};

static void test_match(void **state)
{
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_ignore) struct df_ignore *m = compile(cases[i].patterns, &err);
        if (!m)
            fail_msg("'%s': %s", cases[i].patterns, err.msg);
        if (df_ignore_match(m, cases[i].path) != cases[i].want)
            fail_msg("'%s' against '%s': %d", cases[i].patterns, cases[i].path, !cases[i].want);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *patterns, *error;
    } bad[] = {
        {"[", "syntax error in pattern"},          {"a []a]", "syntax error in pattern"},
        {"x\\", "syntax error in pattern"},        {"\\q*", "syntax error in pattern"},
        {"*{2}", "syntax error in pattern"},       {"**/{2}x*", "syntax error in pattern"},
        {"a|{2}*", "syntax error in pattern"},     {"a{1}{2}*", "syntax error in pattern"},
        {"a{1001}*", "syntax error in pattern"},   {"a{3,2}*", "syntax error in pattern"},
        {"[z-a]*", "syntax error in pattern"},     {"[[:nope:]]", "syntax error in pattern"},
        {"!", "illegal exclusion pattern: \"!\""}, {"a !/", "illegal exclusion pattern: \"!\""},
    };
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_ignore) struct df_ignore *m = compile(bad[i].patterns, &err);
        if (m || !error_has(&err, bad[i].error))
            fail_msg("'%s': %s", bad[i].patterns, m ? "is taken" : err.msg);
    }
}

static void test_read(void **state)
{
    static const struct {
        const char *text, *want; /* joined by '|' */
    } files[] = {
        {"", ""},
        {"\xEF\xBB\xBF# no\n#\n \t\n a \r\n/b/\n./c/../d\n/\n", "a|b|d|/"},
        {" # kept\n\\#x\n!  /y \n!", "# kept|\\#x|!y|!"},
        {"!\n! \na\n\xEF\xBB\xBFz", "!|!|a|\xEF\xBB\xBFz"},
    };
    for (size_t i = 0; i < CB_LEN(files); i++) {
        CB_AUTO(cb_strv) struct cb_strv list = {0};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        df_ignore_read(files[i].text, strlen(files[i].text), &list);
        for (size_t k = 0; k < list.n; k++)
            cb_buf_printf(&got, "%s%s", k ? "|" : "", list.items[k]);
        if (strcmp(got.data, files[i].want) != 0)
            fail_msg("file %zu: '%s'", i, got.data);
    }
}

/* Tests path with the states of its directories, and that of the last directory is in `ret`. */
static bool walk(const struct df_ignore *m, const char *path, struct df_ignore_state *ret)
{
    CB_AUTO(df_ignore_state) struct df_ignore_state above = {0};
    const struct df_ignore_state *parent = NULL;
    for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
        CB_AUTO(free) char *dir = cb_memdup0(path, (size_t)(slash - path));
        struct df_ignore_state own = {0};
        df_ignore_test(m, dir, parent, &own);
        df_ignore_state_done(&above);
        above = own;
        parent = &above;
    }
    return df_ignore_test(m, path, parent, ret);
}

static void test_skip(void **state)
{
    static const struct {
        const char *patterns, *dir;
        bool skip;
    } dirs[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a !a/b", "a", false},
        {"a !b", "a", true},
        {"* !a/b/c", "a", false},
        {"* !a/b/c", "a/b", false},
        {"* !a/b/c", "a/x", true},
        {"* !a/b/c", "ab", true},
        {"!a/b a", "a", true},
        {"* !**/x", "a", false},
        {"* !a*/x", "ab", false},
        {"* !a*/x", "b", true},
        {"* !a*/x", "ab/y", true},
        {"* !a/**", "a", false},
        {"* !a/**", "b", true},
        {"* !?/**/y", "b/c/d", false},
        {"* !?/**/y", "bb", true},
        {"* !b/**/y*", "c", true},
        {"** !x !y/z **", "y", false},
        {"* !a/b/c *", "a", false},
        {"* !a/[bc]/d", "a/d", true},
        {"* !a/[bc]/d", "a/c", false},
        {"a b !c", "b", true},
    };
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_ignore) struct df_ignore *m = compile(dirs[i].patterns, &err);
        CB_AUTO(df_ignore_state) struct df_ignore_state s = {0};
        walk(m, dirs[i].dir, &s);
        if (df_ignore_can_skip_dir(m, dirs[i].dir, &s) != dirs[i].skip)
            fail_msg("'%s' in '%s': %d", dirs[i].dir, dirs[i].patterns, !dirs[i].skip);
    }
}

static void test_may_match_below(void **state)
{
    static const struct {
        const char *patterns, *dir;
        bool want;
    } dirs[] = {
        {"a/b", "a", true},    {"a/b", "b", false},    {"a/b", "a/b", true},     {"*/b", "x", true},       {"*/b", "x/y", false},
        {"**/b", "x/y", true}, {"a/**/b", "b", false}, {"a/b*/c", "a/x", false}, {"a/b*/c", "a/bx", true}, {"a/**", "a", true},
    };
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_ignore) struct df_ignore *m = compile(dirs[i].patterns, &err);
        CB_AUTO(df_ignore_state) struct df_ignore_state s = {0};
        walk(m, dirs[i].dir, &s);
        if (df_ignore_may_match_below(m, dirs[i].dir, &s) != dirs[i].want)
            fail_msg("'%s' in '%s': %d", dirs[i].dir, dirs[i].patterns, !dirs[i].want);
    }
}

/* Over random patterns and all paths of a small tree: a skipped directory holds nothing that would be kept, a
 * directory that nothing may match below holds nothing that matches, and both ways of asking agree. */
static void test_random(void **state)
{
    static const char *const parts[] = {"a", "b", "*", "**", "?", "a*", "[ab]", "*b", "[^a]", "**a"};
    static const char *const names[] = {"a", "b", "ab"};
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        for (int n = 1 + rand_r(&seed) % 4; n > 0; n--) {
            cb_buf_printf(&text, "%s%s", text.len ? " " : "", rand_r(&seed) % 3 ? "" : "!");
            for (int k = 1 + rand_r(&seed) % 3; k > 0; k--)
                cb_buf_printf(&text, "%s%s", parts[rand_r(&seed) % CB_LEN(parts)], k > 1 ? "/" : "");
        }
        CB_AUTO(df_ignore) struct df_ignore *m = compile(text.data, &err);
        for (size_t i = 0; i < 27; i++) {
            CB_AUTO(free) char *dir = cb_printf("%s%s%s", names[i % 3], i >= 9 ? "/" : "", i >= 9 ? names[i / 9] : "");
            CB_AUTO(df_ignore_state) struct df_ignore_state s = {0};
            bool verdict = walk(m, dir, &s), skip = df_ignore_can_skip_dir(m, dir, &s),
                 none = !df_ignore_may_match_below(m, dir, &s);
            if (verdict != df_ignore_match(m, dir))
                fail_msg("'%s' against '%s': walk and match differ", text.data, dir);
            for (size_t k = 0; k < 12; k++) {
                CB_AUTO(free)
                char *path = cb_printf("%s/%s%s%s", dir, names[k % 3], k >= 3 ? "/" : "", k >= 3 ? names[k / 3 - 1] : "");
                bool below = df_ignore_match(m, path);
                if ((skip && !below) || (none && below))
                    fail_msg("'%s': '%s' says %s, but '%s' is %d", text.data, dir, skip ? "skip" : "nothing below", path, below);
            }
        }
    }
}

static void test_hostile(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf pattern = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    for (int i = 0; i < 1000; i++) {
        cb_buf_adds(&pattern, "**/*a");
        cb_buf_adds(&path, "aa/");
    }
    cb_buf_adds(&pattern, "**b?");
    cb_buf_adds(&path, "a");
    clock_t before = clock();
    CB_AUTO(df_ignore) struct df_ignore *m = compile(pattern.data, &err);
    CB_AUTO(df_ignore_state) struct df_ignore_state s = {0};
    assert_false(df_ignore_test(m, path.data, NULL, &s));
    assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 20);
    CB_AUTO(cb_strv) struct cb_strv list = {0};
    for (int i = 0; i < 70000; i++)
        cb_strv_push(&list, "a");
    assert_null(df_ignore_new(&list, &err));
    assert_true(error_has(&err, "more than"));
}

/* ---- vectors ---------------------------------------------------------------------------------- */

static void check_vector(json_t *v, const struct cb_strv *patterns)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(df_ignore) struct df_ignore *m = df_ignore_new(patterns, &err);
    CB_AUTO(free) char *path = cb_path_clean(vector_text(v, "path", ""));
    const char *first = patterns->n ? patterns->items[0] : "";
    if (!m != vector_flag(v, "error"))
        fail_msg("'%s': %s", first, m ? "is taken" : err.msg);
    if (m && df_ignore_match(m, path) != vector_flag(v, "match"))
        fail_msg("'%s' … against '%s': %d", first, path, !vector_flag(v, "match"));
}

static void test_vectors_lists(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("patternmatcher/matches.json");
    size_t i, k;
    json_t *v, *p;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_strv) struct cb_strv patterns = {0};
        json_array_foreach (json_object_get(v, "patterns"), k, p) {
            cb_strv_push(&patterns, json_string_value(p));
        }
        check_vector(v, &patterns);
    }
}

static void test_vectors_globs(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("patternmatcher/glob.json");
    size_t i;
    json_t *v;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_strv) struct cb_strv patterns = {0};
        cb_strv_push(&patterns, vector_text(v, "pattern", ""));
        check_vector(v, &patterns);
    }
}

static void test_vectors_files(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("patternmatcher/ignorefile.json");
    size_t i, k;
    json_t *v, *p;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_strv) struct cb_strv got = {0};
        const char *text = vector_text(v, "content", "");
        json_t *want = json_object_get(v, "patterns");
        df_ignore_read(text, strlen(text), &got);
        assert_int_equal(got.n, json_array_size(want));
        json_array_foreach (want, k, p) {
            assert_string_equal(got.items[k], json_string_value(p));
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),         cmocka_unit_test(test_errors),          cmocka_unit_test(test_read),
        cmocka_unit_test(test_skip),          cmocka_unit_test(test_may_match_below), cmocka_unit_test(test_random),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_vectors_lists),   cmocka_unit_test(test_vectors_globs),
        cmocka_unit_test(test_vectors_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
