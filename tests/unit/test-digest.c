/* Digests. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/digest.h"

/* By Python's hashlib.pbkdf2_hmac, with 32 times 1 as salt. */
static const struct {
    const char *secret;
    uint32_t rounds;
    const char *hex;
} stretched[] = {
    {"", 1, "33b5fc0f7b6963df7747f3862d1f1af188faa22c7bc593bd94d8c3ada3d6a016"},
    {"passwd", 1000, "fe56b9eb402a00f8910834c473c6d1d875b465a2898619d9663ae229579a8d5b"},
    {"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 2,
     "07ba6e3ad2acda82bc5b4840601b60b059b045b6bad0ea49bd0f1319dac68353"},
};

static void guesses_are_dear(void **state)
{
    (void)state;
    struct cb_digest salt, d;
    memset(salt.b, 1, sizeof(salt.b));
    for (size_t i = 0; i < CB_LEN(stretched); i++) {
        char hex[CB_DIGEST_HEX + 1];
        cb_stretch(stretched[i].secret, strlen(stretched[i].secret), &salt, stretched[i].rounds, &d);
        cb_digest_hex(&d, hex);
        assert_string_equal(hex, stretched[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guesses_are_dear)};
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
