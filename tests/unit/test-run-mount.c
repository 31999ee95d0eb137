#include "vectors.h"

#include "parser/mount.h"

static const char *lookup(void *arg, const char *name)
{
    return strcmp(name, "D") == 0 ? "/data" : strcmp(name, "T") == 0 ? "cache" : NULL;
}

static const struct df_expand expander = {.lookup = lookup};

/* All that was decoded, in one line. */
static char *describe(const struct df_mount *m)
{
    struct cb_buf b = CB_BUF_INIT;
    cb_buf_printf(&b, "%s %s", df_mount_type_names[m->type], m->readonly ? "ro" : "rw");
    const struct {
        const char *name, *value;
    } texts[] = {{"target", m->target}, {"source", m->source}, {"from", m->from}, {"id", m->id}};
    for (size_t i = 0; i < CB_LEN(texts); i++)
        if (*texts[i].value)
            cb_buf_printf(&b, " %s=%s", texts[i].name, texts[i].value);
    if (m->has_env)
        cb_buf_printf(&b, " env=%s", m->env);
    if (m->has_sharing)
        cb_buf_printf(&b, " %s", df_sharing_names[m->sharing]);
    if (m->has_size)
        cb_buf_printf(&b, " size=%llu", (unsigned long long)m->size);
    if (m->has_mode)
        cb_buf_printf(&b, " mode=%o", m->mode);
    if (m->has_uid)
        cb_buf_printf(&b, " uid=%u", m->uid);
    if (m->has_gid)
        cb_buf_printf(&b, " gid=%u", m->gid);
    if (m->required)
        cb_buf_adds(&b, " required");
    return cb_buf_detach(&b);
}

static const struct {
    const char *value, *want; /* what describe() says, or the error */
} cases[] = {
    {"target=/x", "bind ro target=/x"},
    {"type=bind,dst=/x,src=a,rw", "bind rw target=/x source=a"},
    {"TYPE=Cache,Target=/x", "cache rw target=/x"},
    {"type=cache,target=/x,ro=false,readwrite=0", "cache ro target=/x"},
    {"type=$T,destination=$D/x,id=i,sharing=LOCKED,mode=0700,uid=1,gid=4294967295",
     "cache rw target=/data/x id=i locked mode=700 uid=1 gid=4294967295"},
    {"type=tmpfs,size=1.5m", "tmpfs rw size=1572864"},
    {"type=secret,id=s,env=TOKEN,required", "secret ro id=s env=TOKEN required"},
    {"type=secret,target=/run/s,required=false", "secret ro target=/run/s"},
    {"type=secret,source=s,mode=0400", "secret ro source=s mode=400"},
    {"type=ssh", "ssh ro"},
    {"type=ssh,required=1,uid=5", "ssh ro uid=5 required"},
    {"\"target=/a,b\",from=x", "bind ro target=/a,b from=x"},
    {"target=/x,target=/y", "bind ro target=/y"},
    {"from=x$,target='/a b'", "bind ro target=/a b from=x$"},
    {"type=bind,env=X", "bind ro env=X"},
    {"", "failed to parse csv mounts: EOF"},
    {"a\"b", "failed to parse csv mounts: parse error on line 1, column 2: bare \" in non-quoted-field"},
    {"type=bin", "unsupported mount type \"bin\" (did you mean bind?)"},
    {"type=foo", "unsupported mount type \"foo\""},
    {"type=", "unsupported mount type \"\""},
    {"target", "invalid field 'target' must be a key=value pair"},
    {"Nope", "invalid field 'Nope' must be a key=value pair"},
    {"tarGot=/x", "unexpected key 'targot' in 'tarGot=/x' (did you mean target?)"},
    {"zzzzzz=1", "unexpected key 'zzzzzz' in 'zzzzzz=1'"},
    {"type=cache,sharing=share", "unsupported sharing value \"share\" (did you mean shared?)"},
    {"target=/x,sharing=shared", "invalid cache sharing set for bind mount"},
    {"type=secret,id=x,sharing=shared", "secret mount should not define sharing"},
    {"type=secret,id=x,from=y", "secret mount should not have a from"},
    {"type=secret", "invalid secret mount. one of source, target required"},
    {"type=secret,env=X", "invalid secret mount. one of source, target required"},
    {"type=secret,id=a,source=b", "both source and id can't be set"},
    {"required,type=secret,id=x", "unexpected key 'required' for mount type 'bind'"},
    {"required=1,type=secret,id=x", "unexpected key 'required' for mount type 'bind'"},
    {"size=1m,type=tmpfs", "unexpected key 'size' for mount type 'bind'"},
    {"type=tmpfs,size=x", "invalid value for size: x"},
    {"ro=maybe", "invalid value for ro: maybe"},
    {"readwrite=2", "invalid value for readwrite: 2"},
    {"type=ssh,required=2", "invalid value for required: 2"},
    {"type=cache,mode=8", "invalid value 8 for mode"},
    {"type=cache,uid=-1", "invalid value -1 for uid"},
    {"type=cache,gid=4294967296", "invalid value 4294967296 for gid"},
    {"mode=0755", "mode not allowed for \"bind\" type mounts"},
    {"type=tmpfs,uid=1", "uid not allowed for \"tmpfs\" type mounts"},
    {"gid=1", "gid not allowed for \"bind\" type mounts"},
    {"target=${D", "failed to process \"${D\": unsupported modifier (\xEF\xBF\xBD) in substitution"},
};

static void test_parse(void **state)
{
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_mount) struct df_mount m = {0};
        int r = df_mount_parse(cases[i].value, &expander, &m, &err);
        CB_AUTO(free) char *got = r < 0 ? cb_strdup(err.msg) : describe(&m);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("'%s': %s, want %s", cases[i].value, got, cases[i].want);
    }
}

static void test_check(void **state)
{
    static const struct {
        const char *value, *from, *error;
    } checks[] = {
        {"target=/x", "", NULL},
        {"FROM=a,from=b,dst=$X", "b", NULL},
        {"from=a$", "a$", NULL},
        {"type=nope,required=5,foo", "", NULL}, /* found when the stage is built */
        {"from=$X", NULL, "'from' doesn't support variable expansion, define alias stage instead"},
        {"from=a${X}", NULL, "'from' doesn't support variable expansion"},
        {"", NULL, "failed to parse csv mounts: EOF"},
    };
    for (size_t i = 0; i < CB_LEN(checks); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *from = NULL;
        int r = df_mount_check(checks[i].value, &from, &err);
        if (checks[i].error ? r == 0 || !error_has(&err, checks[i].error) : r < 0 || strcmp(from, checks[i].from) != 0)
            fail_msg("'%s': from '%s', %s", checks[i].value, from ? from : "", err.msg ? err.msg : "no error");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
