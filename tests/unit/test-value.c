#include "vectors.h"

#include "parser/csv.h"
#include "parser/owner.h"
#include "parser/value.h"

#define HOUR 3600000000000

static void test_bool(void **state)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    static const char *const bad[] = {"", "yes", "tRUE", " 1", "10"};
    bool v;
    for (size_t i = 0; i < CB_LEN(yes); i++) {
        assert_true(df_parse_bool(yes[i], &v) && v);
        assert_true(df_parse_bool(no[i], &v) && !v);
    }
    for (size_t i = 0; i < CB_LEN(bad); i++)
        if (df_parse_bool(bad[i], &v))
            fail_msg("'%s' is taken", bad[i]);
}

static void test_duration(void **state)
{
    static const struct {
        const char *s;
        int64_t ns;
        const char *error;
    } cases[] = {
        {"0", 0, NULL},
        {"-0", 0, NULL},
        {"5s", 5000000000, NULL},
        {"+5s", 5000000000, NULL},
        {"-1h2m3.5s", -(HOUR + 123500000000), NULL},
        {"1.5h", HOUR + HOUR / 2, NULL},
        {".5ms", 500000, NULL},
        {"1.s", 1000000000, NULL},
        {"1us", 1000, NULL},
        {"1\u00B5s", 1000, NULL},
        {"1\u03BCs", 1000, NULL},
        {"9223372036854775807ns", INT64_MAX, NULL},
        {"-9223372036854775808ns", INT64_MIN, NULL},
        {"0.100000000000000000000h", HOUR / 10, NULL},
        {"", 0, "time: invalid duration \"\""},
        {"-", 0, "time: invalid duration \"-\""},
        {".s", 0, "time: invalid duration \".s\""},
        {"1", 0, "time: missing unit in duration \"1\""},
        {"1s2", 0, "time: missing unit in duration \"1s2\""},
        {"1d", 0, "time: unknown unit \"d\" in duration \"1d\""},
        {"1 s", 0, "time: unknown unit \" s\" in duration \"1 s\""},
        {"s", 0, "time: invalid duration \"s\""},
        {"9223372036854775808ns", 0, "time: invalid duration"},
        {"99999999999999999999s", 0, "time: invalid duration"},
        {"2562048h", 0, "time: invalid duration"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int64_t ns = 0;
        int r = df_parse_duration(cases[i].s, &ns, &err);
        if (cases[i].error ? r == 0 || !error_has(&err, cases[i].error) : r < 0 || ns != cases[i].ns)
            fail_msg("'%s': %lld, %s", cases[i].s, (long long)ns, err.msg ? err.msg : "no error");
    }
}

static void test_size(void **state)
{
    static const struct {
        const char *s;
        int64_t want; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"32", 32},
        {"32b", 32},
        {"32B", 32},
        {"1k", 1024},
        {"1K", 1024},
        {"1kb", 1024},
        {"1KiB", 1024},
        {"1.5m", 1572864},
        {"2 g", 2147483648},
        {"1t", 1ll << 40},
        {"1p", 1ll << 50},
        {"0.1k", 102},
        {"1e3", 1000},
        {"", -1},
        {"k", -1},
        {"-1", -1},
        {"1x", -1},
        {"1kib1", -1},
        {"1bb", -1},
        {"1kbi", -1},
        {"1 2", -1},
        {"1..5", -1},
        {"9999p", -1},
        {"0x10", -1},
        {"1kibb", -1},
        {" ", -1},
        {".", -1},
        {"nan0", -1},
        {"inf 1", -1},
        {"1_0k", 10240},
        {"0_1", 1},
        {"1_0.5e1_0", 105000000000},
        {"1__0", -1},
        {"_1", -1},
        {"1_ ", -1},
        {"1_.5", -1},
        {"1._5", -1},
        {"0x1p4", 16},
        {"0x_1.8p+1k", 3072},
        {"0x1p", -1},
        {"1e", -1},
        {"1e+", -1},
        {"0b1", -1},
        {"+1", 1},
        {"1.", 1},
        {"1e1.5", -1},
        {"8e", -1},
        {"0x", -1},
        {"0xp1", -1},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        int64_t v = -1;
        bool ok = df_parse_size(cases[i].s, &v);
        if (ok != (cases[i].want >= 0) || v != cases[i].want)
            fail_msg("'%s': %lld", cases[i].s, (long long)v);
    }
}

static void test_csv(void **state)
{
    static const struct {
        const char *s, *want; /* joined by '|' */
        const char *error;
    } cases[] = {
        {"a", "a", NULL},
        {"a,b=c,,", "a|b=c||", NULL},
        {"\"a,b\",c", "a,b|c", NULL},
        {"\"a\"\"b\"", "a\"b", NULL},
        {"\"\"", "", NULL},
        {"a b,c\r\n", "a b|c", NULL},
        {"", NULL, "EOF"},
        {"\n", NULL, "EOF"},
        {"a\"b", NULL, "parse error on line 1, column 2: bare \" in non-quoted-field"},
        {"\"ab", NULL, "extraneous or missing \" in quoted-field"},
        {"\"", NULL, "extraneous or missing \" in quoted-field"},
        {"\"a\"b", NULL, "parse error on line 1, column 3: extraneous or missing \" in quoted-field"},
        {"a,\"b\"\"", NULL, "extraneous or missing \" in quoted-field"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_strv) struct cb_strv fields = {0};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        int r = df_csv_fields(cases[i].s, CB_E_USAGE, &fields, &err);
        for (size_t k = 0; k < fields.n; k++)
            cb_buf_printf(&got, "%s%s", k ? "|" : "", fields.items[k]);
        if (cases[i].error ? r == 0 || !error_has(&err, cases[i].error) : r < 0 || strcmp(got.data, cases[i].want) != 0)
            fail_msg("'%s': '%s', %s", cases[i].s, got.data, err.msg ? err.msg : "no error");
    }
}

/* ---- EXPOSE, STOPSIGNAL, --device ------------------------------------------------------------- */

/* The ports of a word joined by '|', or the error. */
static char *expose(const char *word, struct df_expose_lint *lint)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_strv) struct cb_strv ports = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    if (df_expose_parse(word, &ports, lint, &err) < 0)
        return cb_strdup(err.msg);
    for (size_t i = 0; i < ports.n; i++)
        cb_buf_printf(&got, "%s%s", i ? "|" : "", ports.items[i]);
    return cb_buf_detach(&got);
}

static void test_expose(void **state)
{
    static const struct {
        const char *word, *want;
        bool casing, host;
    } cases[] = {
        {"80", "80/tcp", false, false},
        {"80/", "80/tcp", false, false},
        {"+080/UDP", "80/udp", true, false},
        {"80-82/Sctp", "80/sctp|81/sctp|82/sctp", true, false},
        {"80-80", "80/tcp", false, false},
        {"90:80", "80/tcp", false, true},
        {"127.0.0.1::80", "80/tcp", false, true},
        {"[::1]:90:80", "80/tcp", false, true},
        {"90-92:80", "80/tcp", false, true},
        {"", "invalid port: \"\": no port specified", false, false},
        {":", "invalid port: \":\": no port specified", false, false},
        {"/tcp", "invalid port: \"/tcp\": no port specified", false, false},
        {"80/icmp", "invalid port: \"80/icmp\": invalid proto: icmp", false, false},
        {"http", "invalid containerPort: http", false, false},
        {"65536", "invalid containerPort: 65536", false, false},
        {"-5", "invalid containerPort: -5", false, false},
        {"82-80", "invalid containerPort: 82-80", false, false},
        {"x:80", "invalid hostPort: x", false, false},
        {"x:90:80", "invalid IP address: x", false, false},
        {"[::1:90:80", "invalid IP address: [::1", false, false},
        {"1-2:80-82", "invalid ranges specified for container and host Ports: 80-82 and 1-2", false, false},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct df_expose_lint lint = {0};
        CB_AUTO(free) char *got = expose(cases[i].word, &lint);
        if (strcmp(got, cases[i].want) != 0 || lint.proto_casing != cases[i].casing || lint.host_part != cases[i].host)
            fail_msg("'%s': %s (casing %d, host %d)", cases[i].word, got, lint.proto_casing, lint.host_part);
    }
    CB_AUTO(cb_strv) struct cb_strv ports = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct df_expose_lint lint;
    int rounds = 0;
    while (df_expose_parse("0-65535", &ports, &lint, &err) == 0)
        rounds++;
    assert_true(rounds > 0 && rounds <= 16 && error_has(&err, "more than"));
}

static void test_signal(void **state)
{
    static const char *const good[] = {"9",        "-1",      "+09",      "9223372036854775807", "KILL", "sigterm",
                                       "SIGRTMIN", "rtmin+1", "RTMIN+15", "SIGRTMAX-14",         "Cld"};
    static const char *const bad[] = {"",         "0",        "-00",      "9x",      "SIG",  "SIGSIGKILL",
                                      "RTMIN+16", "RTMIN+01", "RTMAX-15", "RTMIN-1", "NOPE", "9223372036854775808"};
    for (size_t i = 0; i < CB_LEN(good); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (df_signal_check(good[i], &err) < 0)
            fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (df_signal_check(bad[i], &err) == 0)
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void test_device(void **state)
{
    static const struct {
        const char *s, *name;
        bool required;
        const char *error;
    } cases[] = {
        {"v/d=x", "v/d=x", false, NULL},
        {"required,v/d", "v/d", true, NULL},
        {"Name=a,REQUIRED=0", "a", false, NULL},
        {"a,b", NULL, false, "invalid field 'b' must be a key=value pair"},
        {"a,requred=1", NULL, false, "unexpected key 'requred' in 'requred=1' (did you mean required?)"},
        {"a,required=x", NULL, false, "invalid value for required: x"},
        {"", NULL, false, "failed to parse csv devices: EOF"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_device) struct df_device d = {0};
        int r = df_device_parse(cases[i].s, &d, &err);
        if (cases[i].error ? r == 0 || !error_has(&err, cases[i].error)
                           : r < 0 || strcmp(d.name, cases[i].name) != 0 || d.required != cases[i].required)
            fail_msg("'%s': %s", cases[i].s, err.msg ? err.msg : "no error");
    }
}

/* ---- owners and modes ------------------------------------------------------------------------- */

static void test_chown(void **state)
{
    static const struct cb_str passwd =
        CB_STR("# bob:x:9:9\nroot:x:7:7\n  bob:x:1000:1001:Bob:/home\nbob:x:5:5\nshort\nodd:x:1x:\n");
    static const struct cb_str group = CB_STR("root:x:8:\nstaff:x:50:bob\n7:x:70:\n");
    static const struct {
        const char *text;
        uint32_t uid, gid, bare_uid, bare_gid; /* bare: without the files */
    } cases[] = {
        {"5", 5, 5, 5, 5},        {"5:6", 5, 6, 5, 6},       {"bob", 1000, 1001, 0, 0}, {"bob:staff", 1000, 50, 0, 0},
        {"bob:7", 1000, 7, 0, 7}, {"bob:", 1000, 0, 0, 0},   {":staff", 0, 50, 0, 0},   {":7", 0, 7, 0, 7},
        {"root", 0, 0, 0, 0},     {"root:root", 0, 0, 0, 0}, {"nobody", 0, 0, 0, 0},    {"bob:nope", 1000, 1001, 0, 0},
        {"5:nope", 5, 5, 5, 5},   {"1:2:3", 1, 1, 1, 1},     {"-1", 0, 0, 0, 0},        {"4294967296", 0, 0, 0, 0},
        {"odd", 0, 0, 0, 0},      {"007:+8", 7, 8, 7, 8},    {"5:", 5, 0, 5, 0},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        uint32_t uid, gid, bare_uid, bare_gid;
        df_chown_resolve(cases[i].text, &passwd, &group, &uid, &gid);
        df_chown_resolve(cases[i].text, NULL, NULL, &bare_uid, &bare_gid);
        if (uid != cases[i].uid || gid != cases[i].gid || bare_uid != cases[i].bare_uid || bare_gid != cases[i].bare_gid)
            fail_msg("'%s': %u:%u, without files %u:%u", cases[i].text, uid, gid, bare_uid, bare_gid);
    }
    CB_AUTO(df_chown) struct df_chown c = {0};
    df_chown_parse("bob:5", &c);
    assert_true(df_chown_needs_passwd(&c) && !df_chown_needs_group(&c) && c.has_group && c.group_is_id);
}

static void test_chmod(void **state)
{
    static const struct {
        const char *text;
        bool dir;
        uint32_t old, want;
    } cases[] = {
        {"644", false, 0755, 0644},         {"07777", false, 0, 07777},         {"0", true, 0755, 0},
        {"u+x", false, 0644, 0744},         {"+x", false, 0644, 0755},          {"a-w", false, 0666, 0444},
        {"go=", false, 0777, 0700},         {"u=rwX,go=rX", false, 0600, 0644}, {"u=rwX,go=rX", true, 0700, 0755},
        {"u=rwX,go=rX", false, 0700, 0755}, {"g=u", false, 0640, 0660},         {"o+u", false, 0640, 0646},
        {"go-u", false, 0766, 0700},        {"go=u-w", false, 0700, 0755},      {"u+s", false, 0755, 04755},
        {"g+s", true, 0755, 02755},         {"+t", true, 0777, 01777},          {"o+t", true, 0777, 0777},
        {"o+s", false, 0755, 0755},         {"u=rw,u+x-w", false, 0, 0500},     {"=", false, 06777, 0},
        {"=rw", false, 04755, 0666},        {"-X", false, 0755, 0644},          {"+X", false, 0644, 0644},
        {"ug+rw,o-r", false, 0004, 0660},   {"g=ur", false, 0700, 0740},        {"a=", true, 01777, 01000},
        {"-x+X", false, 0755, 0755},
    };
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"64a", "invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777"},
        {"10000", "invalid chmod parameter: '10000'"},
        {"8", "invalid chmod parameter: '8'"},
        {"", "invalid syntax"},
        {"u", "invalid syntax"},
        {"u+q", "invalid syntax"},
        {"u+r,", "invalid syntax"},
        {",u+r", "invalid syntax"},
        {"rw", "invalid syntax"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_chmod) struct df_chmod c = {0};
        if (df_chmod_parse(cases[i].text, &c, &err) < 0)
            fail_msg("'%s': %s", cases[i].text, err.msg);
        uint32_t got = df_chmod_apply(&c, cases[i].dir, cases[i].old);
        if (got != cases[i].want)
            fail_msg("'%s' on %04o: %04o, want %04o", cases[i].text, cases[i].old, got, cases[i].want);
    }
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_chmod) struct df_chmod c = {0};
        if (df_chmod_parse(bad[i].text, &c, &err) == 0 || !error_has(&err, bad[i].error))
            fail_msg("'%s': %s", bad[i].text, err.msg ? err.msg : "is taken");
    }
}

/* ---- vectors ---------------------------------------------------------------------------------- */

static void test_vectors_expose(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("parser/expose.json");
    size_t i, k;
    json_t *v, *port;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_buf) struct cb_buf want = CB_BUF_INIT;
        json_array_foreach (json_object_get(v, "ports"), k, port) {
            cb_buf_printf(&want, "%s%s", k ? "|" : "", json_string_value(port));
        }
        const char *spec = vector_text(v, "spec", ""), *error = vector_text(v, "error", NULL);
        struct df_expose_lint lint;
        CB_AUTO(free) char *got = expose(spec, &lint);
        if (error ? !strstr(got, error) : strcmp(got, want.data) != 0)
            fail_msg("'%s': %s, want %s", spec, got, error ? error : want.data);
    }
}

static void test_vectors_device(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("parser/device.json");
    size_t i;
    json_t *v;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_device) struct df_device d = {0};
        const char *in = vector_text(v, "input", ""), *error = vector_text(v, "error", NULL);
        int r = df_device_parse(in, &d, &err);
        if (error ? r == 0 || !error_has(&err, error)
                  : r < 0 || strcmp(d.name, vector_text(v, "name", "")) != 0 || d.required != vector_flag(v, "required"))
            fail_msg("'%s': %s", in, err.msg ? err.msg : d.name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bool),           cmocka_unit_test(test_duration),
        cmocka_unit_test(test_size),           cmocka_unit_test(test_csv),
        cmocka_unit_test(test_expose),         cmocka_unit_test(test_signal),
        cmocka_unit_test(test_device),         cmocka_unit_test(test_chown),
        cmocka_unit_test(test_chmod),          cmocka_unit_test(test_vectors_expose),
        cmocka_unit_test(test_vectors_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
