#include "registry/oci/platform.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
    const char *text, *normal; /* "": host's architecture is put in */
    const char *os_version;
} good[] = {
    {"linux/amd64", "linux/amd64", ""},
    {"linux/amd64/v1", "linux/amd64", ""},
    {"linux/amd64/v3", "linux/amd64/v3", ""},
    {"Linux/X86_64", "linux/amd64", ""},
    {"linux/x86-64/v2", "linux/amd64/v2", ""},
    {"macos/arm64", "darwin/arm64", ""},
    {"linux/i386", "linux/386", ""},
    {"linux/aarch64", "linux/arm64", ""},
    {"linux/arm64/v8", "linux/arm64", ""},
    {"linux/arm64/8", "linux/arm64", ""},
    {"linux/arm64/v8.0", "linux/arm64", ""},
    {"linux/arm64/v8.2", "linux/arm64/v8.2", ""},
    {"linux/arm64/9", "linux/arm64/v9", ""},
    {"linux/arm64/9.0", "linux/arm64/v9", ""},
    {"linux/arm", "linux/arm/v7", ""},
    {"linux/arm/6", "linux/arm/v6", ""},
    {"linux/armhf", "linux/arm/v7", ""},
    {"linux/armel", "linux/arm/v6", ""},
    {"linux/riscv64", "linux/riscv64", ""},
    {"anything/odd/really", "anything/odd/really", ""},
    {"arm64", "linux/arm64", ""},
    {"armhf", "linux/arm/v7", ""},
    {"S390X", "linux/s390x", ""},
    {"windows(10.0.17763)/amd64", "windows/amd64", "10.0.17763"},
    {"windows(10.0.17763+win32k+x.y)/amd64", "windows/amd64", "10.0.17763"},
    {"windows()/amd64", "windows/amd64", ""},
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(good); i++) {
        CB_AUTO(oci_platform) struct oci_platform p = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_platform_parse(good[i].text, &p, &err) < 0)
            fail_msg("%s: %s", good[i].text, err.msg);
        CB_AUTO(free) char *text = oci_platform_text(&p);
        assert_string_equal(text, good[i].normal);
        assert_string_equal(p.os_version, good[i].os_version);
    }
}

static void takes_the_hosts_part(void **state)
{
    (void)state;
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    oci_platform_host(&host);
    assert_string_equal(host.os, "linux");
    assert_int_equal(oci_platform_parse("linux", &p, &err), 0);
    assert_string_equal(p.arch, host.arch);
    assert_string_equal(p.variant, host.variant);
    assert_int_equal(oci_platform_rank(&host, &p), 0);
}

#define MUST "platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument"

static const struct {
    const char *text, *message;
} bad[] = {
    {"linux/", "\"\" is an invalid component of \"linux/\": " MUST},
    {"linux//v7", "\"\" is an invalid component of \"linux//v7\": " MUST},
    {"linux/a b", "\"a b\" is an invalid component of \"linux/a b\": " MUST},
    {"linux/amd64/v1/x", "\"linux/amd64/v1/x\": cannot parse platform specifier: invalid argument"},
    {"a/b/c/d/e", "\"d/e\" is an invalid component of \"a/b/c/d/e\": " MUST},
    {"linux/*", "\"linux/*\": wildcards not yet supported: invalid argument"},
    {"windows(1%2/amd64", "\"windows(1%2\" is an invalid OS component of \"windows(1%2/amd64\": OSAndVersion specifier component "
                          "must match \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$\": "
                          "invalid argument"},
    {"windows(1%2)/amd64", "\"windows(1%2)/amd64\" has an invalid OS version \"1%2\": invalid URL escape \"%2\""},
    {"windows(1%zz2)/amd64", "\"windows(1%zz2)/amd64\" has an invalid OS version \"1%zz2\": invalid URL escape \"%zz\""},
    {"nonsense", "\"nonsense\": unknown operating system or architecture: invalid argument"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        struct oci_platform p = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_platform_parse(bad[i].text, &p, &err) == 0)
            fail_msg("'%s' was taken", bad[i].text);
        assert_string_equal(err.msg, bad[i].message);
        assert_null(p.os);
    }
}

static void resolves_escapes_of_versions(void **state)
{
    (void)state;
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(oci_platform_parse("windows(1%2b2%2E+a%20b)/amd64", &p, &err), 0);
    assert_string_equal(p.os_version, "1+2.");
}

static void refuses_bad_os(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "/amd64",
                                        "windows(/amd64",
                                        "windows)x/amd64",
                                        "windows(1/amd64",
                                        "windows(1)x/amd64",
                                        "windows(1+)/amd64",
                                        "windows(1++a)/amd64",
                                        "li.nux/amd64",
                                        "(1)/amd64"};
    for (size_t i = 0; i < CB_LEN(texts); i++) {
        struct oci_platform p = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_platform_parse(texts[i], &p, &err) == 0)
            fail_msg("'%s' was taken", texts[i]);
        assert_non_null(strstr(err.msg, "is an invalid OS component of"));
    }
}

static void bounds_the_text(void **state)
{
    (void)state;
    struct oci_platform p = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    for (size_t i = 0; i < 100000; i++)
        cb_buf_adds(&text, "a/");
    assert_int_equal(oci_platform_parse(text.data, &p, &err), -1);
    assert_true(strlen(err.msg) < 1000);
}

static const struct {
    const char *want, *best_first; /* what fits, in order */
    const char *never;
} ranks[] = {
    {"linux/amd64", "linux/amd64 linux/386", "linux/amd64/v2 linux/arm64 windows/amd64"},
    {"linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64/v1 linux/386", "linux/amd64/v4"},
    {"linux/amd64/odd", "linux/amd64/odd", "linux/386"},
    {"linux/386", "linux/386", "linux/amd64"},
    {"linux/arm64/v8.02", "linux/arm64/v8.02", ""},
    {"linux/arm/v7", "linux/arm/v7 linux/arm/v6 linux/arm/v5", "linux/arm/v8 linux/arm64"},
    {"linux/arm/v8", "linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5", "linux/arm64"},
    {"linux/arm/v5", "linux/arm/v5", "linux/arm/v6"},
    {"linux/arm64", "linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5", "linux/arm64/v8.1 linux/amd64"},
    {"linux/arm64/v8.2", "linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64/v8 linux/arm/v8", "linux/arm64/v8.3 linux/arm64/v9"},
    {"linux/arm64/v9.1", "linux/arm64/v9.1 linux/arm64/v9 linux/arm64/v8.6 linux/arm64/v8.5 linux/arm64/v8 linux/arm/v8",
     "linux/arm64/v9.2 linux/arm64/v8.7"},
    {"linux/s390x", "linux/s390x", "linux/ppc64le"},
    {"windows(10.0.17763)/amd64", "windows(10.0.17763.55)/amd64", "windows(10.0.20348.1)/amd64 windows(10.0.177631)/amd64"},
    {"windows(10.0.17763.1)/amd64", "windows(10.0.17763.55)/amd64", "windows(10.0.1776.1)/amd64"},
    {"linux(5)/amd64", "linux(6)/amd64", ""},
};

static int rank_of(const char *want, const char *have, size_t n)
{
    CB_AUTO(oci_platform) struct oci_platform a = {0};
    CB_AUTO(oci_platform) struct oci_platform b = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *text = cb_memdup0(have, n);
    assert_int_equal(oci_platform_parse(want, &a, &err), 0);
    assert_int_equal(oci_platform_parse(text, &b, &err), 0);
    return oci_platform_rank(&a, &b);
}

static void ranks_candidates(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(ranks); i++) {
        int last = -1;
        for (const char *s = ranks[i].best_first; *s; s += strspn(s, " ")) {
            size_t n = strcspn(s, " ");
            int rank = rank_of(ranks[i].want, s, n);
            if (rank <= last)
                fail_msg("%s: %.*s has rank %d after %d", ranks[i].want, (int)n, s, rank, last);
            last = rank;
            s += n;
        }
        for (const char *s = ranks[i].never; *s; s += strspn(s, " ")) {
            size_t n = strcspn(s, " ");
            if (rank_of(ranks[i].want, s, n) != -1)
                fail_msg("%s: %.*s fits", ranks[i].want, (int)n, s);
            s += n;
        }
    }
}

static void copies(void **state)
{
    (void)state;
    CB_AUTO(oci_platform) struct oci_platform to = {0};
    const struct oci_platform from = {(char *)"linux", (char *)"arm", NULL, NULL};
    oci_platform_copy(&to, &from);
    oci_platform_copy(&to, &from); /* what it held is released */
    assert_string_equal(to.variant, "");
    oci_platform_normalize(&to);
    assert_string_equal(to.variant, "v7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),           cmocka_unit_test(takes_the_hosts_part),
        cmocka_unit_test(refuses),          cmocka_unit_test(resolves_escapes_of_versions),
        cmocka_unit_test(refuses_bad_os),   cmocka_unit_test(bounds_the_text),
        cmocka_unit_test(ranks_candidates), cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
