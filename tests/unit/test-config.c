#include "registry/oci/config.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
#define ON     "\"os\":\"linux\",\"architecture\":\"amd64\","

/* Everything the config can hold, in the order it is written. */
static const char full[] =
    "{\"architecture\":\"arm64\",\"author\":\"me\",\"config\":{\"User\":\"1:2\",\"ExposedPorts\":{\"443/tcp\":{},\"80/tcp\":{}},"
    "\"Env\":[\"PATH=/bin\",\"A=<&>\\\"\\\\\\n\\u0001\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"\"],\"Volumes\":{\"/a\":{},\"/"
    "b\":{}},"
    "\"WorkingDir\":\"/"
    "w\",\"Labels\":{\"a=b\":\"c\",\"k\":\"\"},\"StopSignal\":\"SIGTERM\",\"ArgsEscaped\":true,\"Healthcheck\":{\"Test\":"
    "[\"CMD\",\"x\"],\"Interval\":1,\"Timeout\":2,\"StartPeriod\":3,\"StartInterval\":4,\"Retries\":5},\"OnBuild\":[\"RUN "
    "x\"],\"Shell\":"
    "[\"/bin/"
    "sh\",\"-c\"]},\"created\":\"2026-01-02T15:04:05.123456789Z\",\"history\":[{\"created\":\"0001-01-01T00:00:00Z\",\"created_"
    "by\":"
    "\"RUN x # "
    "buildkit\",\"author\":\"a\",\"comment\":\"buildkit.dockerfile.v0\"},{\"empty_layer\":true}],\"os\":\"linux\",\"os."
    "features\":"
    "[\"f\"],\"os.version\":\"1\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\",\"sha256:" HEX_B "\"]},"
    "\"variant\":\"v8\"}";

static void parse_ok(const char *doc, struct oci_image_config *c)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_image_config_parse(doc, strlen(doc), c, &err) < 0)
        fail_msg("%s: %s", doc, err.msg);
}

static void assert_written(const struct oci_image_config *c, const char *want)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    oci_image_config_write(c, &out);
    assert_string_equal(out.data, want);
}

static void reads_every_field(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    parse_ok(full, &c);
    assert_true(c.has_created);
    assert_int_equal(c.created.tv_sec, 1767366245);
    assert_int_equal(c.created.tv_nsec, 123456789);
    assert_string_equal(c.author, "me");
    assert_string_equal(c.platform.arch, "arm64");
    assert_string_equal(c.platform.variant, "v8");
    assert_string_equal(c.platform.os_version, "1");
    assert_string_equal(c.user, "1:2");
    assert_int_equal(c.exposed_ports.n, 2);
    assert_string_equal(oci_env_get(&c, "A"), "<&>\"\\\n\001");
    assert_string_equal(oci_label_get(&c, "a=b"), "c");
    assert_null(oci_label_get(&c, "a"));
    assert_true(c.has_entrypoint && c.has_cmd && c.has_shell && c.args_escaped && c.healthcheck.set);
    assert_int_equal(c.healthcheck.start_interval, 4);
    assert_int_equal(c.healthcheck.retries, 5);
    assert_string_equal(c.on_build.items[0], "RUN x");
    assert_int_equal(c.n_diff_ids, 2);
    assert_int_equal(c.n_history, 2);
    assert_int_equal(c.history[0].created.tv_sec, -62135596800);
    assert_string_equal(c.history[0].created_by, "RUN x # buildkit");
    assert_false(c.history[1].has_created);
    assert_true(c.history[1].empty_layer);
    assert_written(&c, full);
}

static void copies_every_field(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config copy = {0};
    {
        CB_AUTO(oci_image_config) struct oci_image_config c = {0};
        parse_ok(full, &c);
        oci_image_config_copy(&copy, &c);
        oci_image_config_copy(&copy, &c);
    }
    assert_written(&copy, full);
}

/* What is read, and how it is written. */
static const struct {
    const char *in, *out;
} rewritten[] = {
    {"{" ON ROOTFS "}", "{\"architecture\":\"amd64\",\"config\":{},\"history\":[],\"os\":\"linux\",\"rootfs\":{\"type\":"
                        "\"layers\",\"diff_ids\":[]}}"},
    {"{" ON
     "\"created\":null,\"author\":null,\"config\":null,\"history\":null,\"variant\":null,\"os.features\":null,\"x\":{\"y\":1},"
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}",
     "{\"architecture\":\"amd64\",\"config\":{},\"history\":[],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
     "}"},
    {"{" ON ROOTFS
     ",\"config\":{\"User\":null,\"Env\":null,\"Cmd\":[],\"Entrypoint\":[],\"Shell\":[],\"Labels\":{},\"Volumes\":null,"
     "\"Healthcheck\":{},\"Tty\":false,\"Image\":\"x\",\"Memory\":3}}",
     "{\"architecture\":\"amd64\",\"config\":{\"Healthcheck\":{}},\"history\":[],\"os\":\"linux\",\"rootfs\":{\"type\":"
     "\"layers\","
     "\"diff_ids\":[]}}"},
    {"{" ON ROOTFS ",\"config\":{\"Labels\":{\"z\":\"1\",\"a\":\"2\"},\"Volumes\":{\"/z\":null,\"/"
     "a\":7}},\"created\":\"2020-02-29T01:02:03+02:00\"}",
     "{\"architecture\":\"amd64\",\"config\":{\"Volumes\":{\"/a\":{},\"/"
     "z\":{}},\"Labels\":{\"a\":\"2\",\"z\":\"1\"}},\"created\":"
     "\"2020-02-28T23:02:03Z\",\"history\":[],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"},
};

static void rewrites(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(rewritten); i++) {
        CB_AUTO(oci_image_config) struct oci_image_config c = {0};
        CB_AUTO(oci_image_config) struct oci_image_config again = {0};
        parse_ok(rewritten[i].in, &c);
        assert_written(&c, rewritten[i].out);
        parse_ok(rewritten[i].out, &again);
        assert_written(&again, rewritten[i].out);
    }
}

static void keeps_empty_lists_apart(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    parse_ok("{" ON ROOTFS ",\"config\":{\"Cmd\":[],\"Entrypoint\":null}}", &c);
    assert_true(c.has_cmd);
    assert_int_equal(c.cmd.n, 0);
    assert_false(c.has_entrypoint);
    assert_false(c.has_shell);
}

static void assumes_a_platform(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    oci_platform_host(&host);
    parse_ok("{\"os\":\"\"," ROOTFS "}", &c);
    assert_string_equal(c.platform.os, "linux");
    assert_string_equal(c.platform.arch, host.arch);
    assert_string_equal(c.platform.variant, "");
}

static const struct {
    const char *doc, *message;
} bad[] = {
    {"", "image config: bad JSON"},
    {"[]", "image config: expected a JSON object"},
    {"{}", "rootfs: missing"},
    {"{\"rootfs\":[]}", "rootfs: expected an object"},
    {"{\"rootfs\":{}}", "rootfs.type: expected 'layers', found ''"},
    {"{\"rootfs\":{\"type\":\"x\"}}", "rootfs.type: expected 'layers', found 'x'"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":{}}}", "rootfs.diff_ids: expected an array"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", "rootfs.diff_ids[0]: expected a string"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:1\"]}}", "rootfs.diff_ids[0]: 'sha256:1' is not a digest"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha512:" HEX_A HEX_A "\"]}}", "algorithm 'sha512' is not supported"},
    {"{" ROOTFS ",\"os\":1}", "image config: os: expected a string"},
    {"{" ROOTFS ",\"created\":1}", "created: expected a string"},
    {"{" ROOTFS ",\"created\":\"\"}", "created: '' is not an RFC 3339 time"},
    {"{" ROOTFS ",\"created\":\"9999-12-31T23:59:59-01:00\"}", "is out of range"},
    {"{" ROOTFS ",\"config\":[]}", "config: expected an object"},
    {"{" ROOTFS ",\"config\":{\"Env\":\"a\"}}", "config.Env: expected an array"},
    {"{" ROOTFS ",\"config\":{\"Env\":[null]}}", "config.Env: expected an array of strings"},
    {"{" ROOTFS ",\"config\":{\"Cmd\":\"a\"}}", "config.Cmd: expected an array"},
    {"{" ROOTFS ",\"config\":{\"User\":0}}", "config.User: expected a string"},
    {"{" ROOTFS ",\"config\":{\"Labels\":{\"a\":1}}}", "config.Labels.a: expected a string"},
    {"{" ROOTFS ",\"config\":{\"Labels\":[]}}", "config.Labels: expected an object"},
    {"{" ROOTFS ",\"config\":{\"Volumes\":[\"/a\"]}}", "config.Volumes: expected an object"},
    {"{" ROOTFS ",\"config\":{\"ArgsEscaped\":1}}", "config.ArgsEscaped: expected true or false"},
    {"{" ROOTFS ",\"config\":{\"Healthcheck\":{\"Interval\":\"1s\"}}}", "config.Healthcheck.Interval: expected an integer"},
    {"{" ROOTFS ",\"history\":{}}", "history: expected an array"},
    {"{" ROOTFS ",\"history\":[{},1]}", "history[1]: expected an object"},
    {"{" ROOTFS ",\"history\":[{\"empty_layer\":\"yes\"}]}", "history[0].empty_layer: expected true or false"},
    {"{" ROOTFS ",\"history\":[{\"created\":\"yesterday\"}]}", "history[0].created: 'yesterday' is not an RFC 3339 time"},
    {"{" ROOTFS ",\"config\":{\"User\":\"a\\u0000b\"}}", "bad JSON"},
    {"{" ROOTFS ",\"config\":{\"User\":\"\xff\"}}", "bad JSON"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        struct oci_image_config c = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_image_config_parse(bad[i].doc, strlen(bad[i].doc), &c, &err) == 0)
            fail_msg("case %zu was taken: %s", i, bad[i].doc);
        if (!strstr(err.msg, bad[i].message))
            fail_msg("case %zu: %s", i, err.msg);
        assert_null(c.platform.os);
    }
}

static void sets_labels_and_env(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    oci_env_set(&c, "A", "1");
    oci_env_set(&c, "AB", "2");
    oci_env_set(&c, "A", "3=4");
    oci_env_set(&c, "B", "\xff");
    assert_int_equal(c.env.n, 3);
    assert_string_equal(oci_env_get(&c, "A"), "3=4");
    assert_null(oci_env_get(&c, "a"));
    oci_label_set(&c, "k", "1");
    oci_label_set(&c, "1", "k");
    oci_label_set(&c, "k", "2");
    assert_int_equal(c.labels.n, 4);
    assert_string_equal(oci_label_get(&c, "k"), "2");
    assert_string_equal(oci_label_get(&c, "1"), "k");
    assert_null(oci_label_get(&c, "2"));
    assert_written(&c, "{\"architecture\":\"\",\"config\":{\"Env\":[\"A=3=4\",\"AB=2\",\"B=\xef\xbf\xbd\"],\"Labels\":{\"1\":"
                       "\"k\",\"k\":\"2\"}},"
                       "\"history\":[],\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

static void names_a_variable_without_value(void **state)
{
    (void)state;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    cb_strv_push(&c.env, "BARE"); /* as an image may have it */
    assert_string_equal(oci_env_get(&c, "BARE"), "");
    oci_env_set(&c, "BARE", "1");
    assert_int_equal(c.env.n, 1);
    assert_string_equal(c.env.items[0], "BARE=1");
}

static const struct {
    const char *before; /* one letter an entry: l a layer, e empty */
    size_t diff_ids;
    const char *after;
} repairs[] = {
    {"", 0, ""}, {"lel", 2, "lel"}, {"lel", 1, "lee"}, {"lll", 0, "eee"}, {"", 2, "ll"}, {"ele", 3, "elell"}, {"e", 0, "e"},
};

static void repairs_history(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(repairs); i++) {
        CB_AUTO(oci_image_config) struct oci_image_config c = {0};
        char after[16] = "";
        for (const char *s = repairs[i].before; *s; s++)
            CB_PUSH(c.history, c.n_history, c.cap_history).empty_layer = *s == 'e';
        for (size_t k = 0; k < repairs[i].diff_ids; k++)
            CB_PUSH(c.diff_ids, c.n_diff_ids, c.cap_diff_ids) = (struct cb_digest){{0}};
        oci_image_config_repair_history(&c);
        for (size_t k = 0; k < c.n_history; k++)
            after[k] = c.history[k].empty_layer ? 'e' : 'l';
        assert_string_equal(after, repairs[i].after);
        for (size_t k = strlen(repairs[i].before); k < c.n_history; k++)
            assert_string_equal(c.history[k].comment, "buildkit.exporter.image.v0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(copies_every_field),
        cmocka_unit_test(rewrites),
        cmocka_unit_test(keeps_empty_lists_apart),
        cmocka_unit_test(assumes_a_platform),
        cmocka_unit_test(refuses),
        cmocka_unit_test(sets_labels_and_env),
        cmocka_unit_test(names_a_variable_without_value),
        cmocka_unit_test(repairs_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
