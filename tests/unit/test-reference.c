#include "registry/oci/reference.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX
#define A32    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128   A32 A32 A32 A32

static const struct {
    const char *text, *full, *familiar;
    bool tag_given;
} good[] = {
    {"busybox", "docker.io/library/busybox:latest", "busybox:latest", false},
    {"busybox:1", "docker.io/library/busybox:1", "busybox:1", true},
    {"library/busybox:1", "docker.io/library/busybox:1", "busybox:1", true},
    {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest", false},
    {"index.docker.io/u/x:T_1.x-y", "docker.io/u/x:T_1.x-y", "u/x:T_1.x-y", true},
    {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest", false},
    {"localhost/x", "localhost/x:latest", "localhost/x:latest", false},
    {"localhost:5000", "docker.io/library/localhost:5000", "localhost:5000", true},
    {"localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1", true},
    {"UPPER/x", "UPPER/x:latest", "UPPER/x:latest", false},
    {"ghcr.io/a__b/c---d.e_f:1@" DIGEST, "ghcr.io/a__b/c---d.e_f:1@" DIGEST, "ghcr.io/a__b/c---d.e_f:1@" DIGEST, true},
    {"x@" DIGEST, "docker.io/library/x@" DIGEST, "x@" DIGEST, false},
    {"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest", false},
    {"[fe80::1]/x:2", "[fe80::1]/x:2", "[fe80::1]/x:2", true},
    {"127.0.0.1:80/x", "127.0.0.1:80/x:latest", "127.0.0.1:80/x:latest", false},
    {"a.b/c", "a.b/c:latest", "a.b/c:latest", false},
    {"docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest", false},
    {"0/0:0", "docker.io/0/0:0", "0/0:0", true},
    {"x:" A128, "docker.io/library/x:" A128, "x:" A128, true},
    {HEX ":1", "docker.io/library/" HEX ":1", HEX ":1", true},
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(good); i++) {
        CB_AUTO(oci_ref) struct oci_ref r = {0};
        CB_AUTO(oci_ref) struct oci_ref again = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_ref_parse(good[i].text, &r, &err) < 0)
            fail_msg("%s: %s", good[i].text, err.msg);
        CB_AUTO(free) char *full = oci_ref_full(&r);
        CB_AUTO(free) char *familiar = oci_ref_familiar(&r);
        assert_string_equal(full, good[i].full);
        assert_string_equal(familiar, good[i].familiar);
        assert_int_equal(r.tag_given, good[i].tag_given);
        assert_int_equal(oci_ref_parse(familiar, &again, &err), 0);
        CB_AUTO(free) char *twice = oci_ref_full(&again);
        assert_string_equal(twice, full);
    }
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "invalid reference format"},
    {" ", "invalid reference format"},
    {"x y", "invalid reference format"},
    {"x:", "invalid reference format"},
    {"x:-1", "invalid reference format"},
    {"x:" A128 "a", "invalid reference format"},
    {"x@", "invalid reference format"},
    {"x@sha256:12", "invalid reference format"},
    {"x@sha256:" A32, "invalid checksum digest length"},
    {"x@sha256:" A32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "invalid checksum digest format"},
    {"x@sha512:" A128, "unsupported digest algorithm 'sha512'"},
    {"x@sha256:" HEX "@sha256:" HEX, "invalid reference format"},
    {"x@:" HEX, "invalid reference format"},
    {"x@a..b:" HEX, "invalid reference format"},
    {"-x", "invalid reference format"},
    {"x-", "invalid reference format"},
    {"a//b", "invalid reference format"},
    {"/a", "invalid reference format"},
    {"a/", "invalid reference format"},
    {"a..b", "invalid reference format"},
    {"a___b", "invalid reference format"},
    {"a.b:x/c", "invalid reference format"},
    {"a.b:/c", "invalid reference format"},
    {"-a.b/c", "invalid reference format"},
    {"a..b/c", "invalid reference format"},
    {"[::1/c", "invalid reference format"},
    {"[]/c.d", "invalid reference format"},
    {"[::g]/c", "invalid reference format"},
    {"x\xc3\xa9", "invalid reference format"},
    {"http://a.b/c", "invalid reference format"},
    {"Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"},
    {"TEST1:x", "invalid reference format: repository name (library/TEST1) must be lowercase"},
    {"Test@sha256:x", "invalid reference format: repository name (library/Test@sha256) must be lowercase"},
    {"x/y:T:u", "invalid reference format"},
    {"a:B:", "invalid reference format"},
    {"a.b/C", "invalid reference format: repository name (C) must be lowercase"},
    {HEX, "invalid repository name (" HEX "), cannot specify 64-byte hexadecimal strings"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        struct oci_ref r = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_ref_parse(bad[i].text, &r, &err) == 0)
            fail_msg("'%s' was taken", bad[i].text);
        assert_string_equal(err.msg, bad[i].message);
        assert_null(r.domain);
    }
}

/* 255 bytes of domain, slash and path are the most: "docker.io/u/" and 243 more. */
static void bounds_the_name(void **state)
{
    (void)state;
    for (size_t n = 242; n <= 245; n++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        CB_AUTO(oci_ref) struct oci_ref r = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        cb_buf_adds(&text, "u/");
        for (size_t i = 0; i < n; i++)
            cb_buf_addc(&text, 'a');
        assert_int_equal(oci_ref_parse(text.data, &r, &err), n <= 243 ? 0 : -1);
        if (n > 243)
            assert_non_null(strstr(err.msg, "must not be more than 255 characters"));
    }
    CB_AUTO(cb_buf) struct cb_buf huge = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct oci_ref r = {0};
    for (size_t i = 0; i < 1000000; i++)
        cb_buf_addc(&huge, 'a');
    assert_int_equal(oci_ref_parse(huge.data, &r, &err), -1);
    assert_true(strlen(err.msg) < 200);
}

static void names(void **state)
{
    (void)state;
    CB_AUTO(oci_ref) struct oci_ref r = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(oci_ref_parse("busybox:1@" DIGEST, &r, &err), 0);
    CB_AUTO(free) char *name = oci_ref_name(&r);
    assert_string_equal(name, "docker.io/library/busybox");
    assert_string_equal(r.tag, "1");
    assert_string_equal(r.digest, DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(bounds_the_name),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
