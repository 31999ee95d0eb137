/* Challenges, base64, who we are for a registry. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/base64.h"
#include "registry/transfer/challenge.h"
#include "registry/transfer/credentials.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void challenges_are_read(void **state)
{
    static const struct {
        const char *value, *want; /* "scheme(realm,service,scope,error)" */
    } cases[] = {
        {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
         "bearer(https://a/t,s,repository:a/b:pull,push,-)"},
        {"Basic realm=\"x\"", "basic(x,-,-,-)"},
        {"BASIC  Realm=x", "basic(x,-,-,-)"},
        {"Bearer realm=\"r\" , service = s, error=invalid_token", "bearer(r,s,-,invalid_token)"},
        {"Basic realm=\"a, Bearer realm=b\", Bearer realm=\"c\"", "basic(a, Bearer realm=b,-,-,-)bearer(c,-,-,-)"},
        {"Negotiate, Basic realm=\"x\"", "negotiate(-,-,-,-)basic(x,-,-,-)"},
        {"Bearer realm=\"a\\\"b\"", "bearer(a\"b,-,-,-)"},
        {"Bearer realm=\"a\",realm=\"b\"", "bearer(a,-,-,-)"},
        {"Bearer realm=\"never closed", "bearer(-,-,-,-)"},
        {"Bearer realm=\"ends\\", "bearer(-,-,-,-)"},
        {"Bearer", "bearer(-,-,-,-)"},
        {"Bearer =x", "bearer(-,-,-,-)"},
        {"NTLM abc==", "ntlm(-,-,-,-)"},
        {", ,Basic realm=x,,", "basic(x,-,-,-)"},
        {"", ""},
        {"\"\"", ""},
        {"=", ""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(reg_challenges) struct reg_challenges c = {0};
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        reg_challenges_parse(&c, cases[i].value);
        for (size_t k = 0; k < c.n; k++) {
            const struct reg_challenge *x = &c.items[k];
            cb_buf_printf(&b, "%s(%s,%s,%s,%s)", x->scheme, x->realm ? x->realm : "-", x->service ? x->service : "-",
                          x->scope ? x->scope : "-", x->error ? x->error : "-");
        }
        if (strcmp(b.data, cases[i].want) != 0)
            fail_msg("case %zu: got '%s', want '%s'", i, b.data, cases[i].want);
    }
}

static void base64_works(void **state)
{
    static const struct {
        const char *plain, *coded;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe?", "//4/"}};
    static const char *const bad[] = {"Z", "Zg=a", "Z g=", "Zm9vY", "Zm-v"};
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf coded = CB_BUF_INIT, plain = CB_BUF_INIT;
        cb_base64_encode(&coded, cases[i].plain, strlen(cases[i].plain));
        if (strcmp(coded.data, cases[i].coded) != 0 || !cb_base64_decode(&plain, coded.data) ||
            strcmp(plain.data, cases[i].plain) != 0)
            fail_msg("case %zu: '%s' '%s'", i, coded.data, plain.data);
    }
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
        if (cb_base64_decode(&plain, bad[i]))
            fail_msg("bad case %zu", i);
    }
}

/* "user:password/identity/registry", "none", or the error */
static void find(const struct reg_credentials *c, const char *domain, const char *path, struct cb_buf *out, struct cb_buf *note)
{
    CB_AUTO(reg_cred) struct reg_cred cred = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = reg_credentials_find(c, domain, path, &cred, note, &err);
    if (r == 0)
        cb_buf_adds(out, "none");
    else if (r < 0)
        cb_buf_adds(out, err.msg);
    else
        cb_buf_printf(out, "%s:%s/%s/%s", cred.user ? cred.user : "-", cred.password ? cred.password : "-",
                      cred.identity_token ? cred.identity_token : "-", cred.registry_token ? cred.registry_token : "-");
}

static const char docker[] =
    "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},\"https://old.example/v2/\":{\"auth\":\"b2xkOmE6Yg==\"},"
    "\"plain.example:5000\":{\"username\":\"u\",\"password\":\"p\"},\"id.example\":{\"auth\":\"PHRva2VuPjo=\",\"identitytoken\":"
    "\"it\"},"
    "\"ready.example\":{\"registrytoken\":\"rt\"},\"empty.example\":{},\"bad.example\":{\"auth\":\"!!\"},"
    "\"type.example\":{\"auth\":1},\"pad.example\":{\"auth\":\"dTpwAAA=\"},"
    "\"space.example/team\":{\"auth\":\"dGVhbTp4\"},\"space.example/team/app\":{\"auth\":\"YXBwOng=\"},"
    "\"space.example\":{\"auth\":\"YWxsOng=\"}}}";
static const char podman[] = "{\"auths\":{\"empty.example\":{\"auth\":\"bGF0ZXI6eA==\"},\"docker.io\":{\"auth\":\"bm86bm8=\"}}}";

static void entries_are_found(void **state)
{
    static const struct {
        const char *domain, *path, *want;
    } cases[] = {
        {"docker.io", "library/x", "hub:pw/-/-"},
        {"old.example", "x", "old:a:b/-/-"},
        {"plain.example:5000", "x", "u:p/-/-"},
        {"plain.example", "x", "none"},
        {"plain.example:500", "x", "none"},
        {"PLAIN.example:5000", "x", "u:p/-/-"},
        {"id.example", "x", "<token>:/it/-"},
        {"ready.example", "x", "-:-/-/rt"},
        {"empty.example", "x", "later:x/-/-"},
        {"bad.example", "x", "'d': auths.bad.example.auth: expected \"user:password\" in base64"},
        {"type.example", "x", "'d': auths.type.example.auth: expected a string"},
        {"pad.example", "x", "u:p/-/-"},
        {"space.example", "team/app", "app:x/-/-"},
        {"space.example", "team/app/deep", "app:x/-/-"},
        {"space.example", "team/apple", "team:x/-/-"},
        {"space.example", "teams", "all:x/-/-"},
        {"nobody.example", "x", "none"},
    };
    CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    assert_int_equal(reg_credentials_add(c, docker, sizeof(docker) - 1, "d", false, &err), 0);
    assert_int_equal(reg_credentials_add(c, podman, sizeof(podman) - 1, "p", false, &err), 0);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, note = CB_BUF_INIT;
        find(c, cases[i].domain, cases[i].path, &got, &note);
        if (strcmp(got.data, cases[i].want) != 0 || note.len)
            fail_msg("case %zu: got '%s' ('%s'), want '%s'", i, got.data, note.data, cases[i].want);
    }
}

static void damaged_files_are_errors(void **state)
{
    static const char *const texts[] = {"[]", "{", "{\"auths\":[]}", "{\"auths\":{},\"auths\":{}}"};
    (void)state;
    for (size_t i = 0; i < CB_LEN(texts); i++) {
        CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_new();
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (reg_credentials_add(c, texts[i], strlen(texts[i]), "d", false, &err) == 0 || !strstr(err.msg, "'d'"))
            fail_msg("case %zu: %s", i, err.msg ? err.msg : "success");
    }
}

static void put_file(const char *dir, const char *name, const char *text, mode_t mode)
{
    CB_AUTO(free) char *path = cb_printf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void remove_file(const char *dir, const char *name)
{
    CB_AUTO(free) char *path = cb_printf("%s/%s", dir, name);
    unlink(path);
}

static void helpers_are_asked(void **state)
{
    static const char config[] =
        "{\"credHelpers\":{\"own.example\":\"good\",\"tok.example\":\"token\",\"bad.example\":\"broken\","
        "\"evil.example\":\"../x\"},\"credsStore\":\"absent\",\"auths\":{\"own.example\":{\"auth\":\"bm86bm8=\"},"
        "\"file.example\":{\"auth\":\"ZmlsZTp4\"}}}";
    static const struct {
        const char *domain, *want, *note;
    } cases[] = {
        {"own.example", "me:own.example/-/-", ""},
        {"tok.example", "-:-/idt/-", ""},
        {"bad.example", "none", "'d': credential helper 'docker-credential-broken' ended with status 3: locked"},
        {"evil.example", "none", "'d': '../x' is not the name of a credential helper"},
        {"file.example", "file:x/-/-", "'d': credential helper 'docker-credential-absent'"},
    };
    char dir[] = "/tmp/cbuild-test-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(dir));
    put_file(
        dir, "docker-credential-good",
        "#!/bin/sh\nread -r s\necho \"{\\\"ServerURL\\\":\\\"$s\\\",\\\"Username\\\":\\\"me\\\",\\\"Secret\\\":\\\"$s\\\"}\"\n",
        0755);
    put_file(dir, "docker-credential-token", "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"idt\"}'\n", 0755);
    put_file(dir, "docker-credential-broken", "#!/bin/sh\necho locked; echo more; exit 3\n", 0755);
    CB_AUTO(free) char *path = cb_printf("%s:%s", dir, getenv("PATH")), *before = cb_strdup(getenv("PATH"));
    setenv("PATH", path, 1);
    CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(reg_credentials_add(c, config, sizeof(config) - 1, "d", false, &err), 0);
    CB_AUTO(cb_buf) struct cb_buf wrong = CB_BUF_INIT;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, note = CB_BUF_INIT;
        find(c, cases[i].domain, "x", &got, &note);
        if (strcmp(got.data, cases[i].want) != 0 || !cb_starts(note.data, cases[i].note))
            cb_buf_printf(&wrong, "case %zu: got '%s' ('%s'), want '%s' ('%s')\n", i, got.data, note.data, cases[i].want,
                          cases[i].note);
    }
    static const struct {
        const char *helpers[3], *domain, *want, *note;
    } ordered[] = {
        /* of registries.conf */
        {{"containers-auth.json"}, "file.example", "file:x/-/-", "'d': credential helper 'docker-credential-absent'"},
        {{"good"}, "file.example", "me:file.example/-/-", ""},
        {{"good", "containers-auth.json"}, "docker.io", "me:https://index.docker.io/v1//-/-", ""},
        {{"broken", "token"}, "x.example", "-:-/idt/-", "'registries.conf': credential helper 'docker-credential-broken'"},
        {{"broken", "containers-auth.json"}, "own.example", "me:own.example/-/-", "'registries.conf': credential"},
        {{"broken"}, "file.example", "none", "'registries.conf': credential helper"},
    };
    for (size_t i = 0; i < CB_LEN(ordered); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, note = CB_BUF_INIT;
        CB_AUTO(cb_strv) struct cb_strv helpers = {0};
        for (size_t k = 0; k < CB_LEN(ordered[i].helpers) && ordered[i].helpers[k]; k++)
            cb_strv_push(&helpers, ordered[i].helpers[k]);
        reg_credentials_set_helpers(c, &helpers);
        find(c, ordered[i].domain, "x", &got, &note);
        if (strcmp(got.data, ordered[i].want) != 0 || !cb_starts(note.data, ordered[i].note))
            cb_buf_printf(&wrong, "ordered %zu: got '%s' ('%s'), want '%s' ('%s')\n", i, got.data, note.data, ordered[i].want,
                          ordered[i].note);
    }
    setenv("PATH", before, 1);
    remove_file(dir, "docker-credential-good");
    remove_file(dir, "docker-credential-token");
    remove_file(dir, "docker-credential-broken");
    rmdir(dir);
    if (wrong.len)
        fail_msg("%s", wrong.data);
}

static const struct reg_options none;

/* Every place holds its own user for one.example; the places are taken away one after the other. */
static void places_have_an_order(void **state)
{
    char dir[] = "/tmp/cbuild-test-XXXXXX";
    static const struct {
        const char *var, *file, *auth; /* user:x */
        const char *want;
        bool is_file;
    } places[] = {
        {"REGISTRY_AUTH_FILE", "given.json", "Z2l2ZW46eA==", "given:x/-/-", true},
        {"DOCKER_CONFIG", "config.json", "ZG9ja2VyOng=", "docker:x/-/-", false},
        {"XDG_RUNTIME_DIR", "run/containers/auth.json", "cnVudGltZTp4", "runtime:x/-/-", false},
        {"XDG_CONFIG_HOME", "conf/containers/auth.json", "Y29uZmlnOng=", "config:x/-/-", false},
    };
    static const char *const dirs[] = {"run", "run/containers", "conf", "conf/containers"};
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        CB_AUTO(free) char *d = cb_printf("%s/%s", dir, dirs[i]);
        mkdir(d, 0700);
    }
    setenv("HOME", dir, 1);
    unsetenv("DOCKER_AUTH_CONFIG");
    for (size_t i = 0; i < CB_LEN(places); i++) {
        CB_AUTO(free) char *text = cb_printf("{\"auths\":{\"one.example\":{\"auth\":\"%s\"}}}", places[i].auth);
        put_file(dir, places[i].file, text, 0600);
        const char *slash = strstr(places[i].file, "/containers");
        CB_AUTO(free)
        char *value = places[i].is_file ? cb_printf("%s/%s", dir, places[i].file)
                                        : cb_printf("%s/%.*s", dir, slash ? (int)(slash - places[i].file) : 0, places[i].file);
        setenv(places[i].var, value, 1);
    }
    CB_AUTO(cb_buf) struct cb_buf wrong = CB_BUF_INIT;
    for (size_t i = 0; i < CB_LEN(places); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_load(&none, &err);
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, note = CB_BUF_INIT;
        if (c)
            find(c, "one.example", "x", &got, &note);
        if (strcmp(got.data, places[i].want) != 0)
            cb_buf_printf(&wrong, "case %zu: got '%s' (%s)\n", i, got.data, err.msg ? err.msg : "");
        remove_file(dir, places[i].file);
    }
    for (size_t i = CB_LEN(dirs); i-- > 0;) {
        CB_AUTO(free) char *d = cb_printf("%s/%s", dir, dirs[i]);
        rmdir(d);
    }
    rmdir(dir);
    if (wrong.len)
        fail_msg("%s", wrong.data);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_read),      cmocka_unit_test(base64_works),      cmocka_unit_test(entries_are_found),
        cmocka_unit_test(damaged_files_are_errors), cmocka_unit_test(helpers_are_asked), cmocka_unit_test(places_have_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
