#include "vectors.h"

#include "parser/expand.h"
#include "parser/match/pattern.h"
#include <time.h>

/* An environment of NAME, value pairs that ends with NULL. */
static const char *from_pairs(void *arg, const char *name)
{
    for (const char *const *pair = arg; *pair; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    return NULL;
}

static const char *from_json(void *arg, const char *name)
{
    return json_string_value(json_object_get(arg, name));
}

static const char *const env[] = {
    "A", "a",   "E",    "",  "P",  "foo/bar.tar.gz", "S", "x y", "L",  "one\ntwo", "D", "$0-$$-${0}-$nope!", "AB", "ab",
    "U", "äöü", "STAR", "*", "Ä1", "umlaut",         "@", "at",  "12", "twelve",   NULL};

static const struct word_case {
    const char *in, *out; /* out NULL: an error that holds `error` */
    const char *error;
    char escape;
} word_cases[] = {
    {"", "", NULL, 0},
    {"plain", "plain", NULL, 0},
    {"\\", "", NULL, 0},
    {"a\\ b", "a b", NULL, 0},
    {"'it''s'", "its", NULL, 0},
    {"'open", NULL, "failed to process \"'open\": unexpected end of statement while looking for matching single-quote", 0},
    {"'\u061C\u0601\U000E0100\U000E0001", NULL, "process \"'\\u061c\\u0601\U000E0100\\U000e0001\": unexpected", 0},
    {"\"open", NULL, "unexpected end of statement while looking for matching double-quote", 0},
    {"\"a\\b\\\"\\$A\"", "a\\b\"$A", NULL, 0},
    {"\"x\\", NULL, "double-quote", 0},
    {"$A$AB$A", "aaba", NULL, 0},
    {"$", "$", NULL, 0},
    {"$(A)", "$(A)", NULL, 0},
    {"$$S", "S", NULL, 0},
    {"$12x", "twelvex", NULL, 0},
    {"$@", "at", NULL, 0},
    {"$Ä1", "umlaut", NULL, 0},
    {"${}", NULL, "syntax error: bad substitution", 0},
    {"${", NULL, "syntax error: missing '}'", 0},
    {"${:", NULL, "syntax error: bad substitution", 0},
    {"${A", NULL, "unsupported modifier (\xEF\xBF\xBD) in substitution", 0},
    {"${A:", NULL, "syntax error: missing '}'", 0},
    {"${A=b}", NULL, "unsupported modifier (=) in substitution", 0},
    {"${A:=b}", NULL, "unsupported modifier (:=) in substitution", 0},
    {"${A:#b}", NULL, "unsupported modifier (:#) in substitution", 0},
    {"${A:#b", NULL, "unsupported modifier (:#) in substitution", 0},
    {"${+x}${%x}${/x/y}", "", NULL, 0},
    {"${-x}", NULL, "unsupported modifier (x) in substitution", 0}, /* `-` is a name itself */
    {"${A:-w}${E:-w}${N:-w}", "aww", NULL, 0},
    {"${A-w}${E-w}${N-w}", "aw", NULL, 0},
    {"${A:+w}|${E:+w}|${N:+w}", "w||", NULL, 0},
    {"${A+w}|${E+w}|${N+w}", "w|w|", NULL, 0},
    {"${N?}", NULL, "N: is not allowed to be unset", 0},
    {"${E:?}", NULL, "E: is not allowed to be empty", 0},
    {"${N:?gone $A}", NULL, "N: gone a", 0},
    {"${E?x}", "", NULL, 0},
    {"${A+${N?no}}", NULL, "N: no", 0},
    {"${A:-${N?no}", NULL, "syntax error: missing '}'", 0},
    {"\"${N:-'a\\b'}\"", "a\\b", NULL, 0},
    {"\"${N:-a\\b}\"", "ab", NULL, 0},
    {"${P#*/}", "bar.tar.gz", NULL, 0},
    {"${P##*.}", "gz", NULL, 0},
    {"${P#*.}", "tar.gz", NULL, 0},
    {"${P%.*}", "foo/bar.tar", NULL, 0},
    {"${P%%.*}", "foo/bar", NULL, 0},
    {"${P%/*}", "foo", NULL, 0},
    {"${P#bar}", "foo/bar.tar.gz", NULL, 0},
    {"${P#\"f*o\"}", "o/bar.tar.gz", NULL, 0},
    {"${P##\"f*o\"}", "/bar.tar.gz", NULL, 0},
    {"${P#$STAR}", "foo/bar.tar.gz", NULL, 0},
    {"${P##$STAR}", "", NULL, 0},
    {"${P#\\x}", NULL, "invalid pattern (\\x) in substitution: invalid escape '\\x'", 0},
    {"${P%a\\x}", NULL, "invalid pattern (\\xa) in substitution: invalid escape '\\x'", 0},
    {"${P#\\*}", "foo/bar.tar.gz", NULL, 0},
    {"${STAR#\\*}", "", NULL, 0},
    {"${U%?}", "äö", NULL, 0},
    {"${U#?}", "öü", NULL, 0},
    {"${L#*w}", "one\ntwo", NULL, 0}, /* no wildcard crosses a newline */
    {"${L/t?o/X}", "one\nX", NULL, 0},
    {"${L//?/.}", "...\n...", NULL, 0},
    {"${L//*/-}", "-\n-", NULL, 0},
    {"${P/o/0}", "f0o/bar.tar.gz", NULL, 0},
    {"${P//o/0}", "f00/bar.tar.gz", NULL, 0},
    {"${P//\\//-}", "foo-bar.tar.gz", NULL, 0},
    {"${P/a*r/X}", "foo/bX.gz", NULL, 0},
    {"${P/b*z*/X}", "foo/X", NULL, 0},
    {"${AB///-}", "-a-b-", NULL, 0},
    {"${AB///}", "ab", NULL, 0},
    {"${AB//*/-}", "-", NULL, 0},
    {"${AB/$E/ww}", "wwab", NULL, 0},
    {"${AB//a/$D}", "a-$-a-!b", NULL, 0},
    {"${AB/a/$D}", "$0-$$-${0}-$nope!b", NULL, 0},
    {"${AB//a/\\$0}", "\\ab", NULL, 0},
    {"${AB/a}", NULL, "syntax error: missing '/' in ${}", 0},
    {"${AB/a/b", NULL, "syntax error: missing '}'", 0},
    {"${N//a/b}", "", NULL, 0},
    {"`$A", "$A", NULL, '`'},
    {"a\\b`c", "a\\bc", NULL, '`'},
    {"${STAR#\\*}", "", NULL, '`'},
    {"\xEF\xBB\xBFx", "x", NULL, 0},
    {"${P/\uFEFFbar/x}", "foo/x.tar.gz", NULL, 0}, /* a pattern is read like a text of its own */
    {"${P%gz\uFEFF}", "foo/bar.tar.", NULL, 0},
    {"${P#\uFEFF\uFEFFfoo}", "foo/bar.tar.gz", NULL, 0},
    {"a\xFF", "a\xEF\xBF\xBD", NULL, 0},
    {"a<<  b < c", "a<<  b < c", NULL, 0},
};

static void test_word(void **state)
{
    for (size_t i = 0; i < CB_LEN(word_cases); i++) {
        const struct word_case *c = &word_cases[i];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *got = NULL;
        struct df_expand x = {.escape = c->escape, .lookup = from_pairs, .lookup_arg = (void *)(uintptr_t)env};
        int r = df_expand_word(&x, c->in, &got, &err);
        if (c->out ? r != 0 || strcmp(got, c->out) != 0 : r != -1 || !error_has(&err, c->error))
            fail_msg("%s: got '%s', error '%s', want '%s'", c->in, got ? got : "", err.msg ? err.msg : "",
                     c->out ? c->out : c->error);
    }
}

static const struct words_case {
    const struct df_expand *mode; /* NULL: plain, with the environment above */
    const char *in, *out;         /* words joined by '|'; NULL: an error */
} words_cases[] = {
    {NULL, "", ""},
    {NULL, " a  b ", "a|b"},
    {NULL, "$S \"$S\" '$S'", "x|y|x y|$S"},
    {NULL, "\"\" a ''", "a"},
    {NULL, "80${X:-81}", "81"},
    {NULL, "8080/${X:-udp}", "udp"},
    {NULL, "${X:-1}-${Y:-2}", "2"},
    {NULL, "\"80${X:-81}\"", "8081"},
    {NULL, "a 80\"${X:-81}\"", "a|81"},
    {NULL, "a b${X}c", "a|bc"},
    {NULL, "a\\ b", "a b"},
    {NULL,
     "a\xC2\xA0"
     "b",
     "a|b"},
    {&df_expand_heredoc_detect, "RUN cat <<EOF >a", "RUN|cat|<<EOF|>a"},
    {&df_expand_heredoc_detect, "RUN << EOF", "RUN|<< EOF"},
    {&df_expand_heredoc_detect, "RUN <<'E O' 3<<-\"B\"", "RUN|<<'E O'|3<<-\"B\""},
    {&df_expand_heredoc_detect, "RUN <<$x <<${y} \\<<z", "RUN|<<$x|<<${y}|\\<<z"},
    {&df_expand_heredoc_detect, "it's <<EOF", NULL},
    {&df_expand_heredoc_detect, "${} <<EOF", NULL},
    {&df_expand_heredoc_name, "'EOF'", "EOF"},
    {&df_expand_heredoc_name, "\\EOF", "EOF"},
    {&df_expand_heredoc_name, "$x", "$x"},
};

static void test_words(void **state)
{
    struct df_expand plain = {.lookup = from_pairs, .lookup_arg = (void *)(uintptr_t)env};
    for (size_t i = 0; i < CB_LEN(words_cases); i++) {
        const struct words_case *c = &words_cases[i];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_strv) struct cb_strv words = {0};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        int r = df_expand_words(c->mode ? c->mode : &plain, c->in, &words, &err);
        for (size_t k = 0; k < words.n; k++)
            cb_buf_printf(&got, "%s%s", k ? "|" : "", words.items[k]);
        if (c->out ? r != 0 || strcmp(got.data, c->out) != 0 : r != -1)
            fail_msg("%s: got '%s', error '%s', want '%s'", c->in, got.data, err.msg ? err.msg : "", c->out ? c->out : "error");
    }
}

static void test_body(void **state)
{
    static const char in[] = "it's \"$A\" \\$A \\\\ ${E:-d}\n\\\n\0tail";
    static const char want[] = "it's \"a\" $A \\ d\n\n\0tail";
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    struct df_expand x = df_expand_heredoc_body;
    x.lookup = from_pairs;
    x.lookup_arg = (void *)(uintptr_t)env;
    cb_buf_adds(&out, ">");
    assert_int_equal(df_expand_bytes(&x, (struct cb_str){in, sizeof(in) - 1}, &out, &err), 0);
    assert_int_equal(out.len, sizeof(want));
    assert_memory_equal(out.data + 1, want, sizeof(want) - 1);
    assert_int_equal(df_expand_bytes(&x, CB_STR("x${"), &out, &err), -1);
    assert_int_equal(out.len, sizeof(want)); /* unchanged on failure */
}

static void test_names(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_map) struct cb_map matched = {0};
    CB_AUTO(cb_map) struct cb_map unmatched = {0};
    CB_AUTO(free) char *got = NULL;
    struct df_expand x = {
        .lookup = from_pairs, .lookup_arg = (void *)(uintptr_t)env, .matched = &matched, .unmatched = &unmatched};
    assert_int_equal(df_expand_word(&x, "$A ${N:-$A} '$Q' ${E} $N", &got, &err), 0);
    assert_string_equal(got, "a a $Q  ");
    assert_true(cb_map_has(&matched, "A") && cb_map_has(&matched, "E") && cb_map_has(&unmatched, "N"));
    assert_int_equal(matched.n, 2);
    assert_int_equal(unmatched.n, 1);
}

/* `head` n times, `middle`, `tail` n times. */
static char *repeated(const char *head, const char *middle, const char *tail, size_t n)
{
    struct cb_buf b = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        cb_buf_adds(&b, head);
    cb_buf_adds(&b, middle);
    for (size_t i = 0; i < n; i++)
        cb_buf_adds(&b, tail);
    return cb_buf_detach(&b);
}

static void test_hostile(void **state)
{
    CB_AUTO(free) char *as = repeated("a", "", "", 200000);
    CB_AUTO(free) char *stars = repeated("*a", "*b", "", 2000);
    CB_AUTO(free) char *big = repeated("aaaaaaaa", "", "", 1u << 18);
    const char *pairs[] = {"V", as, "P", stars, "B", big, "A", "a", NULL};
    struct {
        char *word; /* owned */
        int result;
        const char *error;
    } cases[] = {
        {repeated("${a:-", "x", "}", 100), 0, NULL},
        {repeated("${a:-", "x", "}", 100000), -1, "nested more than"},
        {repeated("\"${a:-", "x", "}\"", 100000), -1, "nested more than"},
        {cb_strdup("${V#$P}"), 0, NULL},
        {cb_strdup("${V%%$P}"), 0, NULL},
        {cb_strdup("${V//a/bb}"), 0, NULL},
        {cb_strdup("${V//$P/x}"), 0, NULL},
        {cb_strdup("${V//ab*/x}"), 0, NULL},
        {repeated("$B", "", "", 16), -1, "values add more than"},
        {cb_strdup("${V//a/$B}"), -1, "values add more than"},
        {repeated("$A", "", "", 100000), 0, NULL},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *got = NULL;
        struct df_expand x = {.lookup = from_pairs, .lookup_arg = pairs};
        clock_t before = clock();
        int r = df_expand_word(&x, cases[i].word, &got, &err);
        double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (r != cases[i].result || (r < 0 && !error_has(&err, cases[i].error)))
            fail_msg("case %zu: %d, %s", i, r, err.msg ? err.msg : "no error");
        if (seconds > 20)
            fail_msg("case %zu took %.1f s", i, seconds);
        free(cases[i].word);
    }
}

/* ---- vectors ---------------------------------------------------------------------------------- */

static struct cb_str trimmed(struct cb_str s)
{
    while (s.n && s.p[0] == ' ')
        s = (struct cb_str){s.p + 1, s.n - 1};
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* Takes the text up to `stop`. */
static struct cb_str take(struct cb_str *s, char stop)
{
    const char *end = memchr(s->p, stop, s->n);
    struct cb_str part = {s->p, end ? (size_t)(end - s->p) : s->n};
    size_t used = part.n + (end != NULL);
    *s = (struct cb_str){s->p + used, s->n - used};
    return part;
}

static void test_vectors_words(void **state)
{
    static const char *const pairs[] = {"PWD", "/home", "SHELL", "bash", "KOREAN", "한국어", "NULL", "", NULL};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    vectors_read("shell/envVarTest", &text);
    struct cb_str rest = {text.data, text.len};
    struct df_expand x = {.lookup = from_pairs, .lookup_arg = (void *)(uintptr_t)pairs};
    size_t n = 0;
    while (rest.n) {
        struct cb_str line = take(&rest, '\n');
        const char *hash = memchr(line.p, '#', line.n);
        if (line.n == 0 || hash == line.p)
            continue;
        struct cb_str platform = trimmed(take(&line, '|')), in = trimmed(take(&line, '|')), want = trimmed(line);
        if (cb_str_eq(platform, CB_STR("W")))
            continue;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        bool failed = df_expand_bytes(&x, in, &got, &err) < 0;
        bool ok = failed ? cb_str_eq(want, CB_STR("error")) : cb_str_eq(want, (struct cb_str){got.data, got.len});
        if (!ok)
            fail_msg("%.*s: got '%s', error '%s', want '%.*s'", (int)in.n, in.p, got.data, err.msg ? err.msg : "", (int)want.n,
                     want.p);
        n++;
    }
    assert_true(n > 200);
}

static void test_vectors_splitting(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    vectors_read("shell/wordsTest", &text);
    CB_AUTO(json) json_t *vars = json_object();
    struct cb_str rest = {text.data, text.len};
    struct df_expand x = {.lookup = from_json, .lookup_arg = vars};
    while (rest.n) {
        struct cb_str line = take(&rest, '\n');
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (line.n > 4 && memcmp(line.p, "ENV ", 4) == 0) {
            line = (struct cb_str){line.p + 4, line.n - 4};
            struct cb_str name = take(&line, '=');
            CB_AUTO(free) char *key = cb_memdup0(name.p, name.n);
            json_object_set_new(vars, key, json_stringn(line.p, line.n));
            continue;
        }
        struct cb_str written = trimmed(take(&line, '|'));
        CB_AUTO(free) char *in = cb_memdup0(written.p, written.n);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_strv) struct cb_strv words = {0};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        int r = df_expand_words(&x, in, &words, &err);
        for (size_t i = 0; i < words.n; i++)
            cb_buf_printf(&got, "%s%s", i ? "," : "", words.items[i]);
        while (line.n && line.p[0] == ' ')
            line = (struct cb_str){line.p + 1, line.n - 1};
        if (r < 0 ? !cb_str_eq(line, CB_STR("error")) : !cb_str_eq(line, (struct cb_str){got.data, got.len}))
            fail_msg("%s: got '%s', want '%.*s'", in, got.data, (int)line.n, line.p);
    }
}

static void check_names(const char *in, json_t *want, const struct cb_map *got)
{
    if (json_array_size(want) != got->n)
        fail_msg("%s: %zu names, want %zu", in, got->n, json_array_size(want));
    for (size_t i = 0; i < json_array_size(want); i++)
        if (!cb_map_has(got, json_string_value(json_array_get(want, i))))
            fail_msg("%s: %s is not among the names", in, json_string_value(json_array_get(want, i)));
}

static void test_vectors_matches(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("shell/matches.json");
    size_t i;
    json_t *v;
    json_array_foreach (all, i, v) {
        const char *in = vector_text(v, "input", ""), *want = vector_text(v, "result", NULL);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_map) struct cb_map matched = {0};
        CB_AUTO(cb_map) struct cb_map unmatched = {0};
        CB_AUTO(free) char *got = NULL;
        struct df_expand x = {
            .lookup = from_json, .lookup_arg = json_object_get(v, "env"), .matched = &matched, .unmatched = &unmatched};
        int r = df_expand_word(&x, in, &got, &err);
        if (vector_flag(v, "error")) {
            if (r == 0 || !error_has(&err, vector_text(v, "error_contains", "")))
                fail_msg("%s: got '%s', error '%s'", in, got ? got : "", err.msg ? err.msg : "");
            continue;
        }
        if (r < 0 || strcmp(got, want) != 0)
            fail_msg("%s: got '%s', error '%s', want '%s'", in, got ? got : "", err.msg ? err.msg : "", want);
        json_t *want_matched = json_object_get(v, "matched"), *want_unmatched = json_object_get(v, "unmatched");
        if (want_matched || want_unmatched) {
            check_names(in, want_matched, &matched);
            check_names(in, want_unmatched, &unmatched);
        }
    }
}

static void test_vectors_patterns(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("shell/patterns.json");
    uint64_t steps = 1000;
    uint32_t bad;
    const char *text;
    json_t *v;
    size_t i;
    json_object_foreach (json_object_get(all, "valid"), text, v) {
        CB_AUTO(df_pattern) struct df_pattern p = {0};
        if (df_pattern_compile(cb_str(text), &steps, &p, &bad) < 0)
            fail_msg("%s is refused", text);
    }
    json_array_foreach (json_object_get(all, "invalid"), i, v) {
        CB_AUTO(df_pattern) struct df_pattern p = {0};
        if (df_pattern_compile(cb_str(json_string_value(v)), &steps, &p, &bad) == 0)
            fail_msg("%s is taken", json_string_value(v));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_vectors_words),
        cmocka_unit_test(test_vectors_splitting),
        cmocka_unit_test(test_vectors_matches),
        cmocka_unit_test(test_vectors_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
