/* registries.conf: the TOML reader, the choice of an entry, rewriting; and URLs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "registry/transfer/hosts.h"
#include "registry/transfer/toml.h"
#include "registry/transfer/url.h"

/* ---- TOML ------------------------------------------------------------------------------------- */
static int write_item(void *arg, const struct reg_toml_item *i, struct cb_error *err)
{
    struct cb_buf *b = arg;
    (void)err;
    cb_buf_printf(b, "%s|%s|", i->table, i->key ? i->key : "");
    if (i->kind == REG_TOML_TABLE || i->kind == REG_TOML_TABLES)
        cb_buf_adds(b, i->kind == REG_TOML_TABLE ? "table" : "tables");
    if (i->kind == REG_TOML_STRING)
        cb_buf_printf(b, "'%s'", i->string);
    if (i->kind == REG_TOML_BOOL)
        cb_buf_adds(b, i->boolean ? "yes" : "no");
    for (size_t k = 0; i->kind == REG_TOML_STRINGS && k < i->strings->n; k++)
        cb_buf_printf(b, "<%s>", i->strings->items[k]);
    cb_buf_addc(b, '\n');
    return 0;
}

static void toml_is_read(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"# only a comment", ""},
        {"a = \"b\"", "|a|'b'\n"},
        {"a='b\\n'\r\n\"c d\" = true # x\n", "|a|'b\\n'\n|c d|yes\n"},
        {"a = \"\\t\\\"\\u00e4\\U0001F600\"", "|a|'\t\"\xc3\xa4\xf0\x9f\x98\x80'\n"},
        {"a = [ ]", "|a|\n"},
        {"a = [ \"x\", # one\n 'y',\n]\nb=false", "|a|<x><y>\n|b|no\n"},
        {"[ t . u ]\nk=true\n[[t]]\nk=false", "t.u||table\nt.u|k|yes\nt||tables\nt|k|no\n"},
        {"\xef\xbb\xbf[\"q.r\"]", "q.r||table\n"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (reg_toml_read(cases[i].text, strlen(cases[i].text), "f", write_item, &b, &err) < 0 ||
            strcmp(b.data, cases[i].want) != 0)
            fail_msg("case %zu: got '%s' (%s), want '%s'", i, b.data, err.msg ? err.msg : "no error", cases[i].want);
    }
}

static void toml_mistakes_have_a_place(void **state)
{
    static const struct {
        const char *text, *want;
        size_t n; /* 0: strlen */
    } cases[] = {
        {"a = 1", "'f':1: the value of 'a'"},
        {"\n\na = \"b", "'f':3: a string is not closed"},
        {"a = \"\\x\"", "'f':1: unknown escape"},
        {"a = \"\\ud800\"", "'f':1: a \\u escape names no"},
        {"a = \"\\u00\"", "'f':1: a \\u escape needs"},
        {"a = \"\"\"b\"\"\"", "'f':1: multi-line"},
        {"a = true b = true", "'f':1: unexpected 'b'"},
        {"a = truely", "'f':1: the value of 'a'"},
        {"a.b = true", "'f':1: dotted keys"},
        {"a = true\na = false", "'f':2: the key 'a' is given twice"},
        {"a = [1]", "'f':1: expected a string in the array"},
        {"a = [\"x\" \"y\"]", "'f':1: expected ',' or ']'"},
        {"a = [\"x\"", "'f':1: expected ',' or ']'"},
        {"a = {b = 1}", "'f':1: the value of 'a'"},
        {"[a", "'f':1: the table header"},
        {"[[a]", "'f':1: the table header"},
        {"[]", "'f':1: expected a key"},
        {"= 1", "'f':1: expected a key"},
        {"a", "'f':1: expected '='"},
        {"a = \"x\0y\"", "'f':1: a string is not closed", 9},
        {"\0", "'f':1: expected a key", 1},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        size_t n = cases[i].n ? cases[i].n : strlen(cases[i].text);
        if (reg_toml_read(cases[i].text, n, "f", write_item, &b, &err) == 0 || !cb_starts(err.msg, cases[i].want))
            fail_msg("case %zu: got '%s', want '%s'", i, err.msg ? err.msg : "success", cases[i].want);
    }
}

/* ---- choosing --------------------------------------------------------------------------------- */
static const char conf[] = "unqualified-search-registries = [\"docker.io\"]\n"
                           "short-name-mode = 'permissive'\n"
                           "credential-helpers = []\n"
                           "[aliases]\n\"a/b\" = \"c.d/e\"\n"
                           "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n"
                           "[[registry.mirror]]\nlocation = \"127.0.0.1:5000\"\ninsecure = true\n"
                           "[[registry.mirror]]\nlocation = \"m.example/hub\"\npull-from-mirror = \"digest-only\"\n"
                           "[[registry.mirror]]\nlocation = \"t.example/\"\npull-from-mirror = \"tag-only\"\n"
                           "[[registry]]\nprefix = \"docker.io/library/special\"\nlocation = \"s.example/x/special\"\n"
                           "[[registry]]\nlocation = \"plain.example:5000\"\ninsecure = true\n"
                           "[[registry]]\nprefix = \"*.wild.example\"\n[[registry.mirror]]\nlocation = \"w.example\"\n"
                           "[[registry]]\nprefix = \"*.wild.example/team\"\nlocation = \"team.example\"\n"
                           "[[registry]]\nprefix = \"bad.example\"\nblocked = true\n"
                           "[[registry]]\nprefix = \"good.example/x:1\"\nlocation = \"one.example/y\"\n"
                           "[[registry]]\nprefix = \"hubbed.example\"\nlocation = \"docker.io\"\n"
                           "[[registry]]\nlocation = \"dig.example\"\nmirror-by-digest-only = true\n"
                           "[[registry.mirror]]\nlocation = \"digm.example\"\n";
#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static void entries_are_chosen(void **state)
{
    static const struct {
        const char *domain, *path, *tag, *digest;
        bool push;
        const char *want; /* host/path, "!" insecure, "~" mirror, blank between; or the beginning of the error */
    } cases[] = {
        {"other.example", "a", "1", NULL, false, "other.example/a"},
        {"docker.io", "library/x", "1", NULL, false,
         "127.0.0.1:5000/library/x!~ t.example/library/x~ registry-1.docker.io/library/x"},
        {"docker.io", "library/x", "1", DIGEST, false,
         "127.0.0.1:5000/library/x!~ m.example/hub/library/x~ registry-1.docker.io/library/x"},
        {"docker.io", "library/x", "1", NULL, true, "registry-1.docker.io/library/x"},
        {"docker.io", "library/special", "1", NULL, false, "s.example/x/special"},
        {"docker.io", "library/special/deep", "1", NULL, false, "s.example/x/special/deep"},
        {"docker.io", "library/specialist", "1", NULL, true, "registry-1.docker.io/library/specialist"},
        {"plain.example:5000", "a/b", "1", NULL, false, "plain.example:5000/a/b!"},
        {"plain.example:500", "a/b", "1", NULL, false, "plain.example:500/a/b"},
        {"plain.example:5000", "a/b", "1", NULL, true, "plain.example:5000/a/b!"},
        {"a.wild.example", "x", "1", NULL, false, "w.example/x~ a.wild.example/x"},
        {"a.b.wild.example", "x", "1", NULL, false, "w.example/x~ a.b.wild.example/x"},
        {"wild.example", "x", "1", NULL, false, "wild.example/x"},
        {"awild.example", "x", "1", NULL, false, "awild.example/x"},
        {"a.wild.example:444", "x", "1", NULL, true, "a.wild.example:444/x"},
        {"a.wild.example", "team/x", "1", NULL, false, "team.example/x"},
        {"a.wild.example", "teams/x", "1", NULL, true, "a.wild.example/teams/x"},
        {"bad.example", "x", "1", NULL, false, "registry 'bad.example' is blocked in 'f'"},
        {"good.example", "x", "1", NULL, false, "one.example/y"},
        {"good.example", "x", "2", NULL, false, "good.example/x"},
        {"hubbed.example", "x", "1", NULL, false, "registry-1.docker.io/library/x"},
        {"dig.example", "x", "1", NULL, false, "dig.example/x"},
        {"dig.example", "x", NULL, DIGEST, false, "digm.example/x~ dig.example/x"},
    };
    CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    if (reg_hosts_read(h, conf, sizeof(conf) - 1, "f", &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct oci_ref ref = {(char *)cases[i].domain, (char *)cases[i].path, (char *)cases[i].tag, (char *)cases[i].digest,
                              true};
        CB_AUTO(reg_endpoints) struct reg_endpoints e = {0};
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        if (reg_hosts_resolve(h, &ref, cases[i].push, &e, &err) < 0)
            cb_buf_adds(&b, err.msg);
        cb_error_done(&err);
        for (size_t k = 0; k < e.n; k++)
            cb_buf_printf(&b, "%s%s/%s%s%s", k ? " " : "", e.items[k].host, e.items[k].path, e.items[k].insecure ? "!" : "",
                          e.items[k].mirror ? "~" : "");
        if (strcmp(b.data, cases[i].want) != 0)
            fail_msg("case %zu (%s/%s): got '%s', want '%s'", i, ref.domain, ref.path, b.data, cases[i].want);
    }
}

static void later_files_replace(void **state)
{
    static const char first[] = "credential-helpers = ['a']\n[[registry]]\nlocation = \"a.example\"\ninsecure = true\n";
    static const char third[] = "credential-helpers = []\n";
    static const char second[] = "credential-helpers = ['b', 'containers-auth.json']\n[[registry]]\nlocation = \"a.example\"\n";
    CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(reg_endpoints) struct reg_endpoints e = {0};
    struct oci_ref ref = {.domain = (char *)"a.example", .path = (char *)"x", .tag = (char *)"1"};
    (void)state;
    assert_int_equal(reg_hosts_read(h, first, sizeof(first) - 1, "1", &err), 0);
    assert_int_equal(reg_hosts_read(h, second, sizeof(second) - 1, "2", &err), 0);
    assert_int_equal(reg_hosts_read(h, third, sizeof(third) - 1, "3", &err), 0);
    assert_int_equal(reg_hosts_helpers(h)->n, 2);
    assert_string_equal(reg_hosts_helpers(h)->items[0], "b");
    assert_int_equal(reg_hosts_resolve(h, &ref, false, &e, &err), 0);
    assert_false(e.items[0].insecure);
}

static void conf_mistakes(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"colour = 'red'", "'f':1: unknown key 'colour'"},
        {"[[registry]]\ncolour = 'red'", "'f':2: unknown key 'colour' in registry"},
        {"[registries.search]\nregistries = ['a']", "'f':1: [registries.search] is the old version 1"},
        {"[registry]", "'f':1: unknown table 'registry'"},
        {"[[registry.mirror]]", "'f':1: [[registry.mirror]] comes before"},
        {"[[registry]]\n", "'f': a [[registry]] has neither"},
        {"[[registry]]\nlocation='a'\n[[registry.mirror]]\n", "'f': a mirror of 'a' has no location"},
        {"[[registry]]\nlocation = 'http://a'", "'f':2: 'http://a' must be a host"},
        {"[[registry]]\nlocation = '/'", "'f':2: '/' names no registry"},
        {"[[registry]]\nlocation = 'a b'", "'f':2: 'a b' cannot"},
        {"[[registry]]\nlocation = true", "'f':2: 'location' must be a string"},
        {"[[registry]]\ninsecure = 'yes'", "'f':2: 'insecure' must be a boolean"},
        {"[[registry]]\nlocation='a'\n[[registry]]\nprefix='a'\n", "'f': two [[registry]]"},
        {"[[registry]]\nlocation='a'\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='never'",
         "'f':5: pull-from-mirror must"},
        {"[aliases]\na = true", "'f':2: the alias 'a'"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_new();
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (reg_hosts_read(h, cases[i].text, strlen(cases[i].text), "f", &err) == 0 || !cb_starts(err.msg, cases[i].want))
            fail_msg("case %zu: got '%s', want '%s'", i, err.msg ? err.msg : "success", cases[i].want);
    }
}

/* ---- URLs ------------------------------------------------------------------------------------- */
static void urls_lose_their_secrets(void **state)
{
    static const struct {
        const char *url, *want;
    } cases[] = {
        {"https://a/b", "https://a/b"},
        {"https://user:pass@a/b", "https://a/b"},
        {"https://user@a:1/b@c", "https://a:1/b@c"},
        {"https://p@ss:w@rd@a/b", "https://a/b"},
        {"https://a/b?X-Amz-Signature=abc&scope=repository:x:pull", "https://a/b?X-Amz-Signature=xxxxx&scope=repository:x:pull"},
        {"https://a/b?token=abc#frag", "https://a/b?token=xxxxx"},
        {"https://a?sig=1&flag&digest=sha256:1", "https://a?sig=xxxxx&flag&digest=sha256:1"},
        {"https://a/b?sig=a?b=c", "https://a/b?sig=xxxxx"},
        {"https://a/b?=x", "https://a/b?=xxxxx"},
        {"user:pass@a/b", "a/b"},
        {"https://u:p@a?x=y@z", "https://a?x=xxxxx"},
        {"/v2/?_state=abc", "/v2/?_state=xxxxx"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(free) char *got = reg_url_redact(cases[i].url);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: got '%s', want '%s'", i, got, cases[i].want);
    }
}

static void locations_are_resolved(void **state)
{
    static const struct {
        const char *base, *location, *want; /* NULL: refused */
    } cases[] = {
        {"https://a/b/c?d", "/x", "https://a/x"},
        {"https://a/b/c?d", "x", "https://a/b/x"},
        {"https://a/b/c?d/e", "?x", "https://a/b/c?x"},
        {"https://a:444/b/c", "//o:5/x", "https://o:5/x"},
        {"https://a:444/b/c", "http://o/x#f", "http://o/x"},
        {"http://a:80/b", "x y", "http://a/x%20y"},
        {"https://a/b", "HTTPS://B/x", "https://b/x"},
        {"https://a", "x", "https://a/x"},
        {"https://a/b", "file:///etc/passwd", NULL},
        {"https://a/b", "javascript:1", NULL},
        {"https://a/b", "http:x", NULL},
        {"https://a/b", "https://x\r\ny", NULL},
        {"https://a/b", "https:///x", NULL},
        {"https://a/b", "https://a:0/", NULL},
        {"https://a/b", "https://a:66000/", NULL},
        {"https://a/b", "https://a b/", NULL},
        {"https://a/b", "https://[::1]:5/", "https://[::1]:5/"},
        {"https://a/b", "https://[::1/", NULL},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(free) char *got = reg_url_resolve(cases[i].base, cases[i].location);
        if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("case %zu: got '%s', want '%s'", i, got ? got : "-", cases[i].want ? cases[i].want : "-");
    }
}

/* What a command line says comes first; files say nothing here. */
static void options_come_first(void **state)
{
    static const struct {
        const char *mirrors[2], *insecure;
        bool only, insecure_push, insecure_pull, push;
        const char *want; /* HOST/PATH of each endpoint; '!' insecure, '*' a mirror */
    } cases[] = {
        {{NULL}, NULL, false, false, false, false, "registry-1.docker.io/library/app"},
        {{"docker.io=m.example"}, NULL, false, false, false, false, "m.example/library/app* registry-1.docker.io/library/app"},
        {{"docker.io=m.example/hub", "docker.io=n.example:5"},
         NULL,
         false,
         false,
         false,
         false,
         "m.example/hub/library/app* n.example:5/library/app* registry-1.docker.io/library/app"},
        {{"quay.io=m.example"}, NULL, false, false, false, false, "registry-1.docker.io/library/app"},
        {{"quay.io=m.example"}, NULL, true, false, false, false, "registry-1.docker.io/library/app"},
        {{"docker.io=m.example", "docker.io=n.example"},
         NULL,
         true,
         false,
         false,
         false,
         "m.example/library/app* n.example/library/app"},
        {{"docker.io=m.example"}, NULL, true, false, false, true, "registry-1.docker.io/library/app"},
        {{"docker.io=m.example"},
         "m.example",
         false,
         false,
         false,
         false,
         "m.example/library/app!* registry-1.docker.io/library/app"},
        {{NULL}, "docker.io", false, false, false, true, "registry-1.docker.io/library/app!"},
        {{NULL}, NULL, false, true, false, false, "registry-1.docker.io/library/app"},
        {{NULL}, NULL, false, true, false, true, "registry-1.docker.io/library/app!"},
        {{NULL}, NULL, false, false, true, false, "registry-1.docker.io/library/app!"},
    };
    (void)state;
    setenv("CONTAINERS_REGISTRIES_CONF", "/dev/null", 1);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct reg_options o = {
            .mirrors_only = cases[i].only, .insecure_push = cases[i].insecure_push, .insecure_pull = cases[i].insecure_pull};
        for (size_t k = 0; k < CB_LEN(cases[i].mirrors) && cases[i].mirrors[k]; k++)
            cb_strv_push(&o.mirrors, cases[i].mirrors[k]);
        if (cases[i].insecure)
            cb_strv_push(&o.insecure, cases[i].insecure);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_load(&o, &err);
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        CB_AUTO(reg_endpoints) struct reg_endpoints e = {0};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        if (!h || oci_ref_parse("app", &ref, &err) < 0 || reg_hosts_resolve(h, &ref, cases[i].push, &e, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        for (size_t k = 0; k < e.n; k++)
            cb_buf_printf(&got, "%s%s/%s%s%s", k ? " " : "", e.items[k].host, e.items[k].path, e.items[k].insecure ? "!" : "",
                          e.items[k].mirror ? "*" : "");
        if (strcmp(got.data, cases[i].want) != 0)
            fail_msg("case %zu: got '%s', want '%s'", i, got.data, cases[i].want);
        reg_options_done(&o);
    }
    unsetenv("CONTAINERS_REGISTRIES_CONF");
}

static void local_hosts_are_known(void **state)
{
    static const struct {
        const char *host;
        bool want;
    } cases[] = {
        {"localhost", true},
        {"LOCALHOST:5000", true},
        {"127.0.0.1", true},
        {"127.255.0.9:80", true},
        {"[::1]", true},
        {"[::1]:5000", true},
        {"localhost.example", false},
        {"127.0.0.1.example", false},
        {"127.1", false},
        {"128.0.0.1", false},
        {"[::2]", false},
        {"example:127", false},
        {"127.0.0.1@evil", false},
        {"[::1].example:5000", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++)
        if (reg_host_is_local(cases[i].host) != cases[i].want)
            fail_msg("case %zu: '%s'", i, cases[i].host);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(toml_is_read),           cmocka_unit_test(toml_mistakes_have_a_place),
        cmocka_unit_test(entries_are_chosen),     cmocka_unit_test(later_files_replace),
        cmocka_unit_test(conf_mistakes),          cmocka_unit_test(urls_lose_their_secrets),
        cmocka_unit_test(locations_are_resolved), cmocka_unit_test(options_come_first),
        cmocka_unit_test(local_hosts_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
