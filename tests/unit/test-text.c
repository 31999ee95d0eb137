/* Numbers as people read them, and KEY=VALUE. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"

static void durations(void **state)
{
    static const struct {
        double seconds;
        const char *want;
    } cases[] = {
        {0, "0.0ms"},      {0.0004, "0.4ms"}, {0.0099, "9.9ms"},  {0.0123, "12ms"}, {0.0994, "99ms"},
        {0.0999, "0.1s"},  {0.26, "0.3s"},    {59.94, "59.9s"},   {59.96, "1m00s"}, {62, "1m02s"},
        {3599.7, "1h00m"}, {3660, "1h01m"},   {1e300, "999h00m"}, {-1, "0.0ms"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        char text[16];
        assert_string_equal(cb_human_duration(cases[i].seconds, text), cases[i].want);
    }
}

static void pairs(void **state)
{
    static const struct {
        const char *pair, *key, *value;
    } cases[] = {{"K=V", "K", "V"}, {"K=", "K", ""}, {"K", "K", NULL}, {"=V", "", "V"}, {"K=a=b", "K", "a=b"}, {"", "", NULL}};
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        const char *value;
        CB_AUTO(free) char *key = cb_split_pair(cases[i].pair, &value);
        assert_string_equal(key, cases[i].key);
        if (cases[i].value)
            assert_string_equal(value, cases[i].value);
        else
            assert_null(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
