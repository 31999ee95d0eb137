/* Packages: what the files of each package manager tell, package URLs, licences, documents; source policies. The files are the
 * seeds of the fuzzer: a byte that says which kind, then the file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/stream/inflate.h"
#include "builder/attest/licence.h"
#include "builder/attest/packages-internal.h"
#include "builder/attest/sbom.h"
#include "builder/policy/policy.h"

static void read_bytes(const struct build_attest_ecosystem *e, const char *path, struct cb_str bytes,
                       struct build_attest_packages *p)
{
    struct cb_error err = CB_ERROR_INIT;
    const struct build_attest_file f = {.path = path, .fd = -1, .bytes = bytes, .size = bytes.n};
    assert_int_equal(e->read(&f, p, &err), 0);
}

static void read_seed(const char *name, struct cb_buf *bytes)
{
    CB_AUTO(free) char *path = cb_printf("%s/fuzz/fuzz-packages/%s", getenv("CBUILD_TESTDATA"), name);
    assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, bytes), 0);
}

/* The package URLs, a line each. */
static char *purls(struct build_attest_packages *p)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    build_attest_packages_sort(p);
    for (size_t i = 0; i < p->n; i++) {
        build_attest_purl(p, &p->items[i], &out);
        cb_buf_addc(&out, '\n');
    }
    return cb_buf_detach(&out);
}

static const struct {
    const struct build_attest_ecosystem *kind;
    const char *seed, *purls;
} seeds[] = {
    {&build_attest_apk, "apk",
     "pkg:apk/alpine/busybox@1.36.1-r5?arch=x86_64&upstream=busybox\npkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&upstream=musl\n"},
    {&build_attest_dpkg, "dpkg",
     "pkg:deb/debian/bsdutils@1:2.38.1-5?arch=amd64\npkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&upstream=glibc%402.36-9\n"},
    {&build_attest_npm, "npm", "pkg:npm/old@2.0.0\n"},
    {&build_attest_python, "python", "pkg:pypi/foo-bar@1.0\n"},
    {&build_attest_go, "go",
     "pkg:golang/example.org/new@v1.2.0\npkg:golang/example.org/server\npkg:golang/golang.org/x/net@v0.17.0\n"
     "pkg:golang/stdlib@1.21.3\n"},
    {&build_attest_cargo, "cargo", "pkg:cargo/rand@0.8.5\n"},
    {&build_attest_rpm, "rpm",
     "pkg:rpm/bash@5.2-1?arch=x86_64&epoch=1&upstream=bash-5.2-1.src.rpm\npkg:rpm/l0@1-1?arch=noarch&upstream=l0-1-1.src.rpm\n"
     "pkg:rpm/l1@1-1?arch=noarch&upstream=l1-1-1.src.rpm\npkg:rpm/l2@1-1?arch=noarch&upstream=l2-1-1.src.rpm\n"
     "pkg:rpm/l3@1-1?arch=noarch&upstream=l3-1-1.src.rpm\npkg:rpm/l4@1-1?arch=noarch&upstream=l4-1-1.src.rpm\n"
     "pkg:rpm/l5@1-1?arch=noarch&upstream=l5-1-1.src.rpm\n"},
};

static void test_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(seeds); i++) {
        CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
        CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
        read_seed(seeds[i].seed, &bytes);
        assert_ptr_equal(build_attest_ecosystems[(size_t)bytes.data[0]], seeds[i].kind);
        const char *path = seeds[i].kind == &build_attest_rpm ? "var/lib/rpm/rpmdb.sqlite" : "a";
        read_bytes(seeds[i].kind, path, (struct cb_str){bytes.data + 1, bytes.len - 1}, &p);
        CB_AUTO(free) char *got = purls(&p);
        assert_string_equal(got, seeds[i].purls);
    }
}

/* Cut off anywhere, a file gives fewer packages or an error, never more. */
static void test_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(seeds); i++) {
        CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
        read_seed(seeds[i].seed, &bytes);
        for (size_t n = 0; n + 1 < bytes.len; n++) {
            CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
            CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
            CB_AUTO(free) char *part = cb_memdup0(bytes.data + 1, n);
            const struct build_attest_file f = {.path = "rpmdb.sqlite", .fd = -1, .bytes = {part, n}, .size = n};
            int r = seeds[i].kind->read(&f, &p, &err);
            assert_int_equal(r < 0, err.msg != NULL);
            assert_true(p.n <= 8);
        }
    }
}

static void test_where_they_are(void **state)
{
    static const struct {
        const struct build_attest_ecosystem *kind;
        const char *path;
        bool wanted;
    } cases[] = {
        {&build_attest_dpkg, "var/lib/dpkg/status", true},
        {&build_attest_dpkg, "var/lib/dpkg/status-old", false},
        {&build_attest_dpkg, "var/lib/dpkg/status.d/base", true},
        {&build_attest_dpkg, "var/lib/dpkg/status.d/base.md5sums", false},
        {&build_attest_dpkg, "x/var/lib/dpkg/status", false},
        {&build_attest_apk, "usr/lib/apk/db/installed", true},
        {&build_attest_rpm, "usr/lib/sysimage/rpm/Packages.db", true},
        {&build_attest_rpm, "usr/lib/sysimage/rpm/x/Packages.db", false},
        {&build_attest_npm, "a/node_modules/b/package.json", true},
        {&build_attest_npm, "node_modules/@s/b/package.json", true},
        {&build_attest_npm, "node_modules/a/node_modules/b/package.json", true},
        {&build_attest_npm, "node_modules/a/b/package.json", false},
        {&build_attest_npm, "node_modules/package.json", false},
        {&build_attest_npm, "package.json", false},
        {&build_attest_npm, "a/xnode_modules/b/package.json", false},
        {&build_attest_python, "usr/lib/python3/dist-packages/a.egg-info", true},
        {&build_attest_python, "srv/a-1.dist-info/METADATA", true},
        {&build_attest_python, "srv/METADATA", false},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++)
        assert_int_equal(cases[i].kind->wants(cases[i].path, false), cases[i].wanted);
}

/* What is not read is an error, which the caller tells: never an empty list. */
static void test_what_is_not_read(void **state)
{
    static const char old_go[] = "\177ELF";
    static const struct {
        const struct build_attest_ecosystem *kind;
        const char *path;
        struct cb_str bytes;
        int result;
    } cases[] = {
        {&build_attest_rpm, "var/lib/rpm/Packages", CB_STR("x"), -1},
        {&build_attest_rpm, "var/lib/rpm/Packages.db", CB_STR("RpmP"), -1},
        {&build_attest_rpm, "var/lib/rpm/rpmdb.sqlite-wal", CB_STR("x"), -1},
        {&build_attest_rpm, "var/lib/rpm/rpmdb.sqlite-wal", CB_STR(""), 0},
        {&build_attest_rpm, "var/lib/rpm/rpmdb.sqlite", CB_STR(""), -1},
        {&build_attest_npm, "node_modules/a/package.json", CB_STR("{"), -1},
        {&build_attest_npm, "node_modules/a/package.json", CB_STR("{}"), 0},
        {&build_attest_go, "bin/a", CB_STR("#!/bin/sh"), 0},
        {&build_attest_go, "bin/a", CB_STR(old_go), 0},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        const struct build_attest_file f = {.path = cases[i].path, .fd = -1, .bytes = cases[i].bytes, .size = cases[i].bytes.n};
        assert_int_equal(cases[i].kind->read(&f, &p, &err), cases[i].result);
        assert_int_equal(p.n, 0);
    }
}

static void test_purls_have_the_system(void **state)
{
    CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
    (void)state;
    p.system = "ubuntu";
    p.system_version = "22.04";
    read_bytes(&build_attest_dpkg, "status", CB_STR("Package: a b\nVersion: 1~2/3\xff\n\nPackage: a b\nVersion: 1~2/3\xff\n"),
               &p);
    read_bytes(&build_attest_npm, "p", CB_STR("{\"name\": \"A\", \"version\": \"1\"}"), &p);
    CB_AUTO(free) char *got = purls(&p);
    assert_string_equal(got, "pkg:deb/ubuntu/a%20b@1~2%2F3%EF%BF%BD?distro=ubuntu-22.04\npkg:npm/a@1\n");
}

static void test_licences(void **state)
{
    static const struct {
        const char *text;
        bool spdx, single;
    } cases[] = {
        {"MIT", true, true},
        {"(MIT OR Apache-2.0) AND BSD-3-Clause", true, false},
        {"GPL-2.0-or-later WITH Classpath-exception-2.0", true, false},
        {"MIT OR", false, false},
        {"MIT Apache-2.0", false, false},
        {"(MIT", false, false},
        {"MIT)", false, false},
        {"custom", false, true},
        {"", false, false},
        {"GPL-2.0-only AND custom", false, false},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        bool single = cases[i].single;
        assert_int_equal(build_attest_licence_is_spdx(cases[i].text, &single), cases[i].spdx);
        assert_int_equal(single, cases[i].single);
    }
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT, a = CB_BUF_INIT, b = CB_BUF_INIT;
    build_attest_licence_ref("BSD-like", &plain);
    build_attest_licence_ref("a b", &a);
    build_attest_licence_ref("a/b", &b);
    assert_string_equal(plain.data, "LicenseRef-BSD-like");
    assert_string_not_equal(a.data, b.data);
}

static void test_documents_are_the_same_again(void **state)
{
    CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
    const struct build_attest_subject about = {.name = "app:1", .config = {{1}}, .created = {1700000000, 5}};
    (void)state;
    read_bytes(&build_attest_apk, "db", CB_STR("P:a\nV:1\nL:MIT\n\nP:b\nV:2\nL:x y\n"), &p);
    for (size_t i = 0; build_attest_formats[i]; i++) {
        CB_AUTO(json) json_t *one = build_attest_sbom(build_attest_formats[i], &p, &about);
        CB_AUTO(json) json_t *two = build_attest_sbom(build_attest_formats[i], &p, &about);
        assert_true(json_equal(one, two));
        assert_ptr_equal(build_attest_format_find(build_attest_formats[i]->other), build_attest_formats[i]);
    }
    CB_AUTO(json) json_t *spdx = build_attest_sbom(build_attest_format_find("spdx"), &p, &about);
    const char *created, *name;
    assert_int_equal(json_unpack(spdx, "{s:{s:s}, s:s}", "creationInfo", "created", &created, "documentNamespace", &name), 0);
    assert_string_equal(created, "2023-11-14T22:13:20Z");
    assert_true(cb_starts(name, "urn:uuid:"));
    assert_int_equal(json_array_size(json_object_get(spdx, "packages")), 3);
    assert_int_equal(json_array_size(json_object_get(spdx, "hasExtractedLicensingInfos")), 1);
    assert_null(build_attest_format_find("xml"));
}

static void test_inflate(void **state)
{
    static const char stored[] = "\x78\x01\x01\x03\x00\xfc\xff"
                                 "abc"
                                 "\x02\x4d\x01\x27";
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    assert_int_equal(cb_inflate(stored, sizeof(stored) - 1, 3, &out, &err), 0);
    assert_string_equal(out.data, "abc");
    assert_int_equal(cb_inflate(stored, sizeof(stored) - 2, 3, &out, &err), -1);
    cb_error_done(&err);
    assert_int_equal(cb_inflate(stored, sizeof(stored) - 1, 2, &out, &err), -1);
}

/* ---- source policies --------------------------------------------------------------------------------------------------- */

#define RULE(action, selector, more) "{\"action\":\"" action "\",\"selector\":{\"identifier\":\"" selector "\"" more "}"
#define POLICY(rules)                "{\"version\":1,\"rules\":[" rules "]}"

/* What becomes of `identifier`: "denied by rule 2", what it is converted to, or "" when it stays. */
static void expect_policy(const char *policy, const char *identifier, const char *want)
{
    CB_AUTO(build_policy) struct build_policy *p = NULL;
    CB_AUTO(build_policy_source) struct build_policy_source s = {cb_strdup(identifier), NULL};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(build_policy_read(&p, policy, strlen(policy), "p", &err), 0);
    int r = build_policy_apply(p, &s, &err);
    if (r < 0)
        assert_non_null(strstr(err.msg, want));
    else
        assert_string_equal(r ? s.identifier : "", want);
}

static void test_policies(void **state)
{
    (void)state;
    static const char last_counts[] =
        POLICY(RULE("DENY", "docker-image://*", "}") "," RULE("ALLOW", "docker-image://docker.io/*", "}"));
    expect_policy(last_counts, "docker-image://docker.io/library/a:1", "");
    expect_policy(last_counts, "docker-image://ghcr.io/a:1", "denied by rule 1 of 'p' (DENY docker-image://*)");
    expect_policy(last_counts, "https://example.com/f", "");
    expect_policy(POLICY(RULE("DENY", "^https?://[^/]*[.]example[.]com/", ",\"matchType\":\"REGEX\"}")), "http://a.example.com/x",
                  "denied by rule 1");
    expect_policy(POLICY(RULE("DENY", "https://a/*", ",\"matchType\":\"EXACT\"}")), "https://a/b", "");
    expect_policy(POLICY(RULE("CONVERT", "docker-image://docker.io/library/*:*",
                              "},\"updates\":{\"identifier\":\"docker-image://m.example/$1:${2}-slim\"}")),
                  "docker-image://docker.io/library/go:1.2", "docker-image://m.example/go:1.2-slim");
    expect_policy(POLICY(RULE("CONVERT", "^https://(a)/", ",\"matchType\":2},\"updates\":{\"identifier\":\"https://b/$1/\"}")),
                  "https://a/f", "https://b/a/f");
    expect_policy(POLICY(RULE("CONVERT", "https://a/*", "},\"updates\":{\"identifier\":\"https://a/x$1\"}")), "https://a/f",
                  "again and again");
    expect_policy(POLICY(RULE("DENY", "https://*", ",\"constraints\":[{\"key\":\"http.checksum\",\"value\":\"\"}]}")),
                  "https://a/f", "denied");
}

static void test_policies_that_cannot_be_followed(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "has no rules"},
        {"[", "bad JSON"},
        {POLICY("{\"action\":\"DENY\"}"), "'p', rule 1: it selects nothing"},
        {POLICY(RULE("BLOCK", "*", "}")), "action"},
        {POLICY(RULE("CONVERT", "*", "}")), "without updates"},
        {POLICY(RULE("DENY", "a**", "}")), "'**'"},
        {POLICY(RULE("DENY", "\\\\d+", ",\"matchType\":\"REGEX\"}")), "'\\d' is not understood"},
        {POLICY(RULE("DENY", "(?i)a", ",\"matchType\":\"REGEX\"}")), "'(?' is not understood"},
        {POLICY(RULE("DENY", "(", ",\"matchType\":\"REGEX\"}")), "the pattern '('"},
        {POLICY(RULE("DENY", "*", ",\"constraints\":[{\"key\":\"x\",\"value\":\"\"}]}")), "a constraint of 'x'"},
        {POLICY(RULE("CONVERT", "*", "},\"updates\":{\"attrs\":{\"x\":\"y\"}}")), "'x' cannot be set"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(build_policy) struct build_policy *p = NULL;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        assert_int_equal(build_policy_read(&p, cases[i].text, strlen(cases[i].text), "p", &err), -1);
        assert_non_null(strstr(err.msg, cases[i].message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_where_they_are),
        cmocka_unit_test(test_what_is_not_read),
        cmocka_unit_test(test_purls_have_the_system),
        cmocka_unit_test(test_licences),
        cmocka_unit_test(test_documents_are_the_same_again),
        cmocka_unit_test(test_inflate),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_policies_that_cannot_be_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
