/* Object stores: who we are for AWS, a bucket of a real S3 server, and the cache service of GitHub Actions. */
#include "object-servers.h"

#include "base/digest.h"
#include "registry/object/actions.h"
#include "registry/object/aws.h"
#include "registry/object/s3.h"
#include <unistd.h>

#define SIZE (300u << 10) /* of the blob */

static char blob[SIZE];
static const struct reg_options no_options;

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        blob[i] = (char)(i * 2654435761u >> 13);
    return start_servers();
}

static int stop(void **state)
{
    (void)state;
    return stop_servers();
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

static int open_blob(void *arg, struct cb_error *err)
{
    int fd = cb_memory_file("blob");
    (void)arg, (void)err;
    assert_int_equal(cb_write_full(fd, blob, SIZE), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}
static const struct reg_http_body blob_body = {.size = SIZE, .open = open_blob};

static void is_blob(const struct cb_buf *b, size_t from)
{
    assert_int_equal(b->len, SIZE - from);
    assert_memory_equal(b->data, blob + from, SIZE - from);
}

static void said(const struct cb_error *err, enum cb_code code, const char *part, const char *hint)
{
    if (!err->msg || err->code != code || !strstr(err->msg, part) || (hint && (!err->hint || !strstr(err->hint, hint))))
        fail_msg("got '%s' code %d hint '%s', want '%s' code %d hint '%s'", err->msg ? err->msg : "", err->code,
                 err->hint ? err->hint : "", part, code, hint ? hint : "");
}

/* ---- who we are ------------------------------------------------------------------------------------------------------- */
static void credential_files(void **state)
{
    static const struct {
        const char *text, *name, *want; /* NULL: an error */
    } cases[] = {
        {"", "default", "- - - -"},
        {"[default]\naws_access_key_id = ID\naws_secret_access_key=S/+=\n", "default", "ID S/+= - -"},
        {"[other]\naws_access_key_id = X\n[default]\nregion=eu-1\n", "default", "- - - eu-1"},
        {"# c\n; c\n\n[ default ] \r\naws_session_token = T \r\n", "default", "- - T -"},
        {"[profile ci]\nregion = eu-1\n", "ci", "- - - eu-1"},
        {"[ci]\nregion = eu-1\ns3 =\n  region = eu-2\n", "ci", "- - - eu-1"},
        {"[ci]\nregion = \n[ci]\nregion = eu-3\nregion = eu-4", "ci", "- - - eu-3"},
        {"[default\nregion\n", "default", NULL},
        {"what is this", "default", NULL},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(reg_aws) struct reg_aws a = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int r = reg_aws_read(&a, cases[i].text, strlen(cases[i].text), cases[i].name, "FILE", &err);
        CB_AUTO(free)
        char *got = cb_printf("%s %s %s %s", a.key_id ? a.key_id : "-", a.secret ? a.secret : "-", a.session ? a.session : "-",
                              a.region ? a.region : "-");
        if (cases[i].want ? r < 0 || strcmp(got, cases[i].want) != 0 : r == 0 || !strstr(err.msg, "'FILE': line"))
            fail_msg("%zu: got %s", i, r < 0 ? err.msg : got);
    }
}

static void write_credentials(const char *text)
{
    CB_AUTO(free) char *dir = cb_printf("%s/.aws", scratch), *file = cb_printf("%s/credentials", dir);
    assert_int_equal(cb_mkdirs(AT_FDCWD, dir, 0700), 0);
    assert_int_equal(cb_publish_file(AT_FDCWD, file, text, strlen(text), 0600), 0);
}

static void sources_of_credentials(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    write_credentials("[default]\naws_access_key_id = FILE\naws_secret_access_key = F\naws_session_token = FT\nregion = eu-1\n"
                      "[ci]\naws_access_key_id = CI\naws_secret_access_key = C\n");
    {
        CB_AUTO(reg_aws) struct reg_aws a = {0};
        assert_int_equal(reg_aws_find(&a, &err), 0);
        assert_string_equal(a.key_id, "FILE");
        assert_string_equal(a.session, "FT");
        assert_string_equal(a.region, "eu-1");
    }
    setenv("AWS_PROFILE", "ci", 1);
    {
        CB_AUTO(reg_aws) struct reg_aws a = {.region = cb_strdup("mine")};
        assert_int_equal(reg_aws_find(&a, &err), 0);
        assert_string_equal(a.key_id, "CI");
        assert_null(a.session);
        assert_string_equal(a.region, "mine");
    }
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    {
        CB_AUTO(reg_aws) struct reg_aws a = {0};
        assert_int_equal(reg_aws_find(&a, &err), -1);
        said(&err, CB_E_USAGE, "the environment: an access key's id and its secret are both needed, and only the id", NULL);
        cb_error_done(&err);
    }
    setenv("AWS_SECRET_ACCESS_KEY", "E", 1);
    {
        CB_AUTO(reg_aws) struct reg_aws a = {0};
        assert_int_equal(reg_aws_find(&a, &err), 0);
        assert_string_equal(a.key_id, "ENV");
        assert_null(a.session); /* that of the file belongs to the file's key */
    }
    static const char *const names[] = {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < CB_LEN(names); i++)
        unsetenv(names[i]);
    write_credentials("");
}

/* ---- S3 --------------------------------------------------------------------------------------------------------------- */
static struct reg_s3 *open_bucket(struct reg_s3_place p)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    p.bucket = p.bucket ? p.bucket : "cache";
    p.endpoint_url = p.endpoint_url ? p.endpoint_url : bucket.url;
    p.key_id = "S3RVER";
    p.secret = p.secret ? p.secret : "S3RVER";
    struct reg_s3 *s = reg_s3_open(&p, &no_options, &err);
    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

static int put_bytes(struct reg_s3 *s, const char *name, const char *text, bool replace, struct cb_error *err)
{
    struct reg_http_body body = {.bytes = text, .size = strlen(text)};
    struct cb_digest d;
    cb_sha256(text, strlen(text), &d);
    return reg_s3_put(s, &(struct reg_s3_put){name, "text/plain", &body, &d, replace}, err);
}

static void objects(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, part = CB_BUF_INIT, all = CB_BUF_INIT;
    static const char name[] = "ci/a b+c:~ä%/x"; /* what has to be escaped, and signed as it is */
    struct cb_digest d;
    (void)state;
    NEED(bucket);
    CB_AUTO(reg_s3) struct reg_s3 *s = open_bucket((struct reg_s3_place){.session = "of a temporary key"});
    assert_int_equal(reg_s3_get(s, name, 100, &got, &err), 0);
    assert_int_equal(put_bytes(s, name, "one", false, &err), 1);
    assert_int_equal(put_bytes(s, name, "two", false, &err), 0);
    assert_int_equal(reg_s3_get(s, name, 100, &got, &err), 1);
    assert_string_equal(got.data, "one");
    assert_int_equal(put_bytes(s, name, "three", true, &err), 1);
    assert_int_equal(reg_s3_get(s, name, 4, &got, &err), -1);
    said(&err, CB_E_CORRUPT, "longer than 4 bytes", NULL);
    cb_error_done(&err);
    assert_int_equal(reg_s3_has(s, name, 5, &err), 1);
    assert_int_equal(reg_s3_has(s, name, 6, &err), 0);
    assert_int_equal(reg_s3_has(s, "nothing", 6, &err), 0);
    cb_sha256(blob, SIZE, &d);
    assert_int_equal(reg_s3_put(s, &(struct reg_s3_put){"b", "application/octet-stream", &blob_body, &d, false}, &err), 1);
    assert_int_equal(reg_s3_read(s, "b", SIZE, 0, to_buf, &all, &err), 0);
    is_blob(&all, 0);
    assert_int_equal(reg_s3_read(s, "b", SIZE, 1000, to_buf, &part, &err), 0);
    is_blob(&part, 1000);
    assert_int_equal(reg_s3_read(s, "nothing", SIZE, 0, to_buf, &part, &err), -1);
    said(&err, CB_E_NOT_FOUND, "object 'nothing' of bucket 'cache': 404 NoSuchKey", NULL);
}

static void refused_objects(void **state)
{
    static const struct {
        const char *secret, *bucket, *mode, *said, *hint;
        enum cb_code code;
        bool put;
    } cases[] = {
        {"WRONG", NULL, "", "403 SignatureDoesNotMatch", "does not belong to", CB_E_DENIED, false},
        {NULL, "nobody", "", "404 NoSuchBucket", "make the bucket first", CB_E_FAILED, false},
        {NULL, NULL, "full", "put object 'x' of bucket 'cache': 507 XMinioStorageFull: said by the test", NULL, CB_E_FAILED,
         true},
        {NULL, NULL, "down", "500 InternalError", NULL, CB_E_NETWORK, false},
    };
    (void)state;
    NEED(bucket);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        CB_AUTO(reg_s3)
        struct reg_s3 *s = open_bucket((struct reg_s3_place){.secret = cases[i].secret, .bucket = cases[i].bucket});
        set_mode(&bucket, cases[i].mode);
        assert_int_equal(cases[i].put ? put_bytes(s, "x", "x", false, &err) : reg_s3_get(s, "x", 100, &got, &err), -1);
        said(&err, cases[i].code, cases[i].said, cases[i].hint);
    }
    set_mode(&bucket, "");
}

static void places_of_buckets(void **state)
{
    static const struct {
        struct reg_s3_place place;
        const char *want; /* a part of what is said when nobody is there, or of the refusal */
    } cases[] = {
        {{.bucket = "a", .region = "r"}, "'a' is not the name of a bucket"},
        {{.bucket = "../x", .region = "r"}, "'../x' is not the name of a bucket"},
        {{.bucket = "cache"}, "region"},
        {{.bucket = "cache", .endpoint_url = "ftp://x"}, "the endpoint 'ftp://x' is not an http"},
        {{.bucket = "cache", .endpoint_url = "http://u:p@x"}, "without a query or a user"},
        {{.bucket = "cache", .region = "r", .key_id = "x"}, "only the id is there"},
        {{.bucket = "cache", .endpoint_url = "http://127.0.0.1:1/"}, "GET 'http://127.0.0.1:1/cache/x'"},
        {{.bucket = "cache", .endpoint_url = "http://127.0.0.1:1/s3", .style = REG_S3_STYLE_PATH},
         "'http://127.0.0.1:1/s3/cache/x'"},
        {{.bucket = "cache", .endpoint_url = "http://localhost:1", .style = REG_S3_STYLE_HOST}, "'http://cache.localhost:1/x'"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        CB_AUTO(reg_s3) struct reg_s3 *s = reg_s3_open(&cases[i].place, &no_options, &err);
        if (s)
            assert_int_equal(reg_s3_get(s, "x", 10, &got, &err), -1);
        if (!err.msg || !strstr(err.msg, cases[i].want))
            fail_msg("%zu: got '%s', want '%s'", i, err.msg ? err.msg : "success", cases[i].want);
    }
}

/* ---- GitHub Actions ----------------------------------------------------------------------------------------------------- */
static struct reg_actions *open_service(const char *token, uint64_t piece)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct reg_actions *a =
        reg_actions_open(&(struct reg_actions_place){.url = service.url, .token = token, .piece = piece}, &no_options, &err);
    if (!a)
        fail_msg("%s", err.msg);
    return a;
}

static int put_text(struct reg_actions *a, const char *name, const char *text, struct cb_error *err)
{
    return reg_actions_put(a, name, &(struct reg_http_body){.bytes = text, .size = strlen(text)}, err);
}

static void entries(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, all = CB_BUF_INIT, part = CB_BUF_INIT;
    (void)state;
    NEED(service);
    set_mode(&service, "busy"); /* each request is worth a second one */
    CB_AUTO(reg_actions) struct reg_actions *a = open_service("runner-token", 0);
    CB_AUTO(reg_actions) struct reg_actions *pieces = open_service("runner-token", SIZE / 3 - 1);
    assert_int_equal(reg_actions_get(a, "doc", 100, &got, &err), 0);
    assert_int_equal(put_text(a, "doc", "one", &err), 1);
    assert_int_equal(put_text(a, "doc", "two", &err), 0);
    assert_int_equal(reg_actions_get(a, "doc", 100, &got, &err), 1);
    assert_string_equal(got.data, "one");
    assert_int_equal(reg_actions_has(a, "do", &err), 0); /* the beginning of another name */
    assert_int_equal(reg_actions_put(a, "whole", &blob_body, &err), 1);
    assert_int_equal(reg_actions_put(pieces, "pieces", &blob_body, &err), 1);
    assert_int_equal(reg_actions_has(a, "pieces", &err), 1);
    assert_int_equal(reg_actions_read(a, "whole", SIZE, 0, to_buf, &all, &err), 0);
    is_blob(&all, 0);
    set_mode(&service, "expired broken");
    assert_int_equal(reg_actions_read(a, "pieces", SIZE, 7, to_buf, &part, &err), 0);
    is_blob(&part, 7);
    cb_buf_reset(&all);
    assert_int_equal(reg_actions_read(a, "pieces", SIZE, 0, to_buf, &all, &err), 0);
    is_blob(&all, 0);
    assert_int_equal(reg_actions_read(a, "nothing", SIZE, 0, to_buf, &all, &err), -1);
    assert_int_equal(err.code, CB_E_NOT_FOUND);
}

/* A name that is reserved and never filled: the entry gets another one, and is found. */
static void stuck_entries(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    (void)state;
    NEED(service);
    set_mode(&service, "stuck");
    CB_AUTO(reg_actions) struct reg_actions *a = open_service("runner-token", 0);
    assert_int_equal(put_text(a, "key", "value", &err), 1);
    assert_int_equal(put_text(a, "key", "other", &err), 0);
    assert_int_equal(reg_actions_get(a, "key", 100, &got, &err), 1);
    assert_string_equal(got.data, "value");
}

static void refused_entries(void **state)
{
    static const struct {
        const char *token, *mode, *said, *hint;
        enum cb_code code;
    } cases[] = {
        {"other-token", "", "cache entry 'x': CreateCacheEntry: 401 unauthenticated", "ends with its job", CB_E_DENIED},
        {"runner-token", "readonly", "403 permission_denied: cache write denied", "forks may only read", CB_E_DENIED},
        {"runner-token", "down", "CreateCacheEntry: 500", NULL, CB_E_NETWORK},
    };
    (void)state;
    NEED(service);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(reg_actions) struct reg_actions *a = open_service(cases[i].token, 0);
        set_mode(&service, cases[i].mode);
        assert_int_equal(put_text(a, "x", "x", &err), -1);
        said(&err, cases[i].code, cases[i].said, cases[i].hint);
        assert_null(strstr(err.msg, cases[i].token));
    }
    set_mode(&service, "");
}

static void no_service(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    assert_null(reg_actions_open(&(struct reg_actions_place){.token = "t"}, &no_options, &err));
    said(&err, CB_E_UNSUPPORTED, "its address is not known here", "to actions, not to run: steps");
    cb_error_done(&err);
    setenv("ACTIONS_CACHE_URL", "http://x/", 1);
    assert_null(reg_actions_open(&(struct reg_actions_place){.token = "t"}, &no_options, &err));
    said(&err, CB_E_UNSUPPORTED, "its address is not known here", "first version");
    unsetenv("ACTIONS_CACHE_URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credential_files), cmocka_unit_test(sources_of_credentials), cmocka_unit_test(objects),
        cmocka_unit_test(refused_objects),  cmocka_unit_test(places_of_buckets),      cmocka_unit_test(entries),
        cmocka_unit_test(stuck_entries),    cmocka_unit_test(refused_entries),        cmocka_unit_test(no_service),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
