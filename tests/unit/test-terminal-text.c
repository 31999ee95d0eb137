/* What a program prints as lines of text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <time.h>

#include "base/text.h"
#include "builder/show/terminal-text.h"

static char *shown(struct build_terminal *t, const char *line, size_t width)
{
    struct cb_buf out = CB_BUF_INIT;
    build_terminal_line(t, cb_str(line), width, &out);
    return cb_buf_detach(&out);
}

static void expect(bool colours, const char *line, const char *want)
{
    struct build_terminal t = {.colours = colours};
    CB_AUTO(free) char *got = shown(&t, line, BUILD_ANY_WIDTH);
    if (strcmp(got, want) != 0)
        fail_msg("'%s' gives '%s', not '%s'", line, got, want);
}

static void a_return_overwrites(void **state)
{
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"", ""},
        {"plain text, ünïcode and\ttabs", "plain text, ünïcode and\ttabs"},
        {"ends as DOS ends lines\r", "ends as DOS ends lines"},
        {"twice\r\r", "twice"},
        {"\rbegins so", "begins so"},
        {"(Reading ... 5%\r(Reading ... 50%\r(Reading ... 78 files)\r", "(Reading ... 78 files)"},
        {"a long state\rshort", "shortg state"},
        {"a long state\r\033[Kshort", "short"},
        {"a long state\033[2K\rshort", "short       "},
        {"a long state\rshort\033[K", "short"},
        {"a long state\rshort\033[0K", "short"},
        {"abcdef\rab\033[1Kx", "  xdef"},
        {"abcdef\033[1K\rx\033[1K\033[Ky\033[2Kz", "  z"},
        {"äöü\rx", "xöü"},
        {"日本\rx", "x本"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++)
        expect(false, cases[i].line, cases[i].want);
}

static void colours_pass_where_they_are_wanted(void **state)
{
    static const struct {
        const char *line, *plain, *coloured;
    } cases[] = {
        {"\033[31mred\033[0m text", "red text", "\033[31mred\033[0m text"},
        {"\033[31mred\033[m text", "red text", "\033[31mred\033[0m text"},
        {"\033[1;4;7;92;41mall\033[22;24;27;39;49m none", "all none", "\033[1;4;7;92;41mall\033[0m none"},
        {"\033[38;5;200mx", "x", "\033[38;5;200mx\033[0m"},
        {"\033[48;2;1;20;255mx", "x", "\033[48;2;1;20;255mx\033[0m"},
        {"\033[31mre\033[32mgreen", "regreen", "\033[31mre\033[0;32mgreen\033[0m"},
        {"\033[31mred\r\033[32mg", "ged", "\033[32mg\033[0;31med\033[0m"},
        {"\033[31m\033[0m", "", ""},
        {"\033[31m\033[31mx", "x", "\033[31mx\033[0m"},
        /* Neither what hides text nor what is out of range. */
        {"\033[8mx", "x", "x"},
        {"\033[38;5;256mx", "x", "x"},
        {"\033[38;2;1;2mx", "x", "x"},
        {"\033[4294967327mx", "x", "x"},
        {"\033[38:5:1mx", "x", "x"},
        {"\033[>4mx", "x", "x"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        expect(false, cases[i].line, cases[i].plain);
        expect(true, cases[i].line, cases[i].coloured);
    }
}

static void the_rest_is_harmless(void **state)
{
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"\033]0;title\007x", "\\x1b]0;title\\x07x"},
        {"\033]8;;http://x\033\\text\033]8;;\033\\", "\\x1b]8;;http://x\\x1b\\text\\x1b]8;;\\x1b\\"},
        {"\033P+q544e\033\\x", "\\x1bP+q544e\\x1b\\x"},
        {"\033_x\033\\\033^x\033\\", "\\x1b_x\\x1b\\\\x1b^x\\x1b\\"},
        {"\033[2J\033[H\033[6n\033[?25lx\033[1A\033[!p", "x"},
        {"\033(Bx\033)0", "x"},
        {"\033cx\0337\0338", "\\x1bcx\\x1b7\\x1b8"},
        {"\033", "\\x1b"},
        {"\033[", "\\x1b["},
        {"\033[31", "\\x1b[31"},
        {"\033[3\0331m", "\\x1b[3\\x1b1m"},
        {"\033[3\nm", "\\x1b[3\\x0am"},
        {"\033[3ü", "\\x1b[3ü"},
        {"a\bb\a\177\v\f", "a\\x08b\\x07\\x7f\\x0b\\x0c"},
        {"line\nline", "line\\x0aline"},
        {"\302\23331m", "\\xc2\\x9b31m"},
        {"\233x\377", "\\x9bx\\xff"},
        {"\342\200\256evil", "\\xe2\\x80\\xaeevil"},
        {"\033\rx", "xx1b"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        expect(false, cases[i].line, cases[i].want);
        expect(true, cases[i].line, cases[i].want);
    }
}

/* An endless sequence is none. */
static void long_sequences_are_text(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    struct build_terminal t = {.colours = true};
    (void)state;
    cb_buf_adds(&line, "\033[");
    for (int i = 0; i < 100000; i++)
        cb_buf_adds(&line, "1;");
    cb_buf_adds(&line, "m");
    CB_AUTO(free) char *got = shown(&t, line.data, BUILD_ANY_WIDTH);
    assert_int_equal(strlen(got), line.len + 3);
}

static void a_style_goes_on_in_the_next_line(void **state)
{
    struct build_terminal t = {.colours = true}, plain = {0};
    (void)state;
    CB_AUTO(free) char *one = shown(&t, "\033[33mone", BUILD_ANY_WIDTH);
    CB_AUTO(free) char *two = shown(&t, "two\033[0m end", BUILD_ANY_WIDTH);
    CB_AUTO(free) char *three = shown(&t, "three", BUILD_ANY_WIDTH);
    CB_AUTO(free) char *none = shown(&plain, "\033[33mone", BUILD_ANY_WIDTH);
    CB_AUTO(free) char *still_none = shown(&plain, "two", BUILD_ANY_WIDTH);
    assert_string_equal(one, "\033[33mone\033[0m");
    assert_string_equal(two, "\033[33mtwo\033[0m end");
    assert_string_equal(three, "three");
    assert_string_equal(none, "one");
    assert_string_equal(still_none, "two");
}

static void lines_are_cut_at_a_width(void **state)
{
    static const struct {
        const char *line;
        size_t width;
        const char *want;
        size_t columns;
    } cases[] = {
        {"12345", 5, "12345", 5},
        {"123456", 5, "1234…", 5},
        {"123456", 1, "…", 1},
        {"äöüäöü", 5, "äöüä…", 5},
        {"日本語", 6, "日本語", 6},
        {"日本語", 5, "日本…", 5},
        {"日本語", 4, "日…", 3},
        {"a\tb", 20, "a       b", 9},
        {"a\tb", 5, "a…", 2},
        {"\033[31m123456\033[0m", 5, "\033[31m1234…\033[0m", 5},
        {"123456\r\033[Kab", 5, "ab", 2},
        {"a\007", 4, "a\\x…", 4},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_terminal t = {.colours = true};
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        size_t columns = build_terminal_line(&t, cb_str(cases[i].line), cases[i].width, &out);
        if (strcmp(out.data, cases[i].want) != 0 || columns != cases[i].columns)
            fail_msg("'%s' in %zu columns gives '%s' of %zu", cases[i].line, cases[i].width, out.data, columns);
    }
}

/* A line that erases itself n times over. Gives the CPU time. */
static double erasing(int n)
{
    struct build_terminal t = {.colours = true};
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    struct timespec from, to;
    for (int i = 0; i < 8 * n; i++)
        cb_buf_addc(&line, 'x');
    for (int i = 0; i < n; i++)
        cb_buf_adds(&line, i % 2 ? "\033[41m\033[1K" : "\033[42m\033[2K");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    CB_AUTO(free) char *text = shown(&t, line.data, BUILD_ANY_WIDTH);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    assert_int_equal(strspn(text + strlen("\033[41m"), " "), 8 * n);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void erasing_costs_no_more_than_writing(void **state)
{
    (void)state;
    double few = erasing(400), many = erasing(6400);
    if (many > few * 16 * 6)
        fail_msg("16 times as long: %.4f s instead of %.4f", many, few);
}

static bool is_own_style(const char *esc)
{
    return esc[1] == '[' && esc[2 + strspn(esc + 2, "0123456789;")] == 'm';
}

/* Whatever goes in: no control byte comes out but tabs and SGR, and reading it again gives the same. */
static void any_bytes_are_harmless(void **state)
{
    static const char alphabet[] = "\033\033\033[[[]0123489;;;m m K\r\r\b\t\n\007\302\233\342\200\256?(P\\x\344\377";
    uint32_t random = 1;
    (void)state;
    for (int round = 0; round < 50000; round++) {
        char line[48];
        size_t n = (size_t)round % sizeof(line);
        for (size_t i = 0; i < n; i++)
            line[i] = alphabet[(random = random * 1664525 + 1013904223) % (sizeof(alphabet) - 1)];
        struct build_terminal t = {.colours = round & 1}, again = {.colours = true};
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        build_terminal_line(&t, (struct cb_str){line, n}, BUILD_ANY_WIDTH, &out);
        for (const char *p = out.data; *p; p++)
            if ((unsigned char)*p < 0x20 && *p != '\t' && !(t.colours && *p == '\033' && is_own_style(p)))
                fail_msg("round %d: byte %d comes through", round, *p);
        CB_AUTO(free) char *second = shown(&again, out.data, BUILD_ANY_WIDTH);
        assert_string_equal(second, out.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_overwrites),
        cmocka_unit_test(colours_pass_where_they_are_wanted),
        cmocka_unit_test(the_rest_is_harmless),
        cmocka_unit_test(long_sequences_are_text),
        cmocka_unit_test(a_style_goes_on_in_the_next_line),
        cmocka_unit_test(lines_are_cut_at_a_width),
        cmocka_unit_test(erasing_costs_no_more_than_writing),
        cmocka_unit_test(any_bytes_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
