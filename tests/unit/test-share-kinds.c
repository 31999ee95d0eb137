/* The kinds of shared caches that are services: their options, and documents and blobs there and back. */
#include "object-servers.h"

#include "base/text.h"
#include "builder/share/inline.h"
#include "builder/share/share-internal.h"
#include "registry/oci/config.h"
#include "registry/oci/document.h"

struct place {
    struct build_request request;
    struct build_session session;
    struct build_share share;
    struct build_share_link *link;
};

/* "s3,bucket=cache": 0, or -1 with err. */
static int parse(const char *text, bool writes, struct build_share *ret, struct cb_error *err)
{
    CB_AUTO(free) char *copy = cb_strdup(text);
    char *rest = copy;
    const char *type = strsep(&rest, ",");
    build_share_begin(ret, build_share_find(type), writes);
    for (char *pair; (pair = strsep(&rest, ","));) {
        const char *value;
        CB_AUTO(free) char *key = cb_split_pair(pair, &value);
        if (build_share_set(ret, key, value ? value : "", err) < 0)
            return -1;
    }
    return build_share_end(ret, err);
}

static void share_done(struct build_share *o)
{
    free(o->place);
    cb_strv_done(&o->settings);
}

static void options(void **state)
{
    static const struct {
        const char *text, *want; /* the place, or what is said */
        bool refused;
    } cases[] = {
        {"s3,bucket=cache", "cache/blobs/"},
        {"s3,bucket=cache,prefix=ci/,blobs_prefix=,region=eu-1,ignore-error=true", "cache/ci/ region=eu-1"},
        {"s3,bucket=cache,endpoint_url=http://minio:9000,use_path_style=true",
         "cache/blobs/ endpoint=http://minio:9000 style=path"},
        {"s3,bucket=cache,use_path_style=0", "cache/blobs/ style=host"},
        {"s3,bucket=cache,access_key_id=ID,secret_access_key=SECRET,session_token=T", "cache/blobs/"},
        {"s3", "bucket= is missing", true},
        {"s3,bucket=no/name", "'no/name' is not the name of a bucket", true},
        {"s3,bucket=cache,prefix=a b", "must not hold blanks", true},
        {"s3,bucket=cache,endpoint_url=minio:9000", "'minio:9000' is not an http or https URL", true},
        {"s3,bucket=cache,use_path_style=maybe", "use_path_style: expected true or false", true},
        {"s3,bucket=cache,name=a;b", "name=a;b cannot be honoured: documents are found by their keys", true},
        {"s3,bucket=cache,touch_refresh=1h", "touch_refresh=1h cannot be honoured: objects are never changed", true},
        {"s3,bucket=cache,scope=x", "scope=x goes with type=gha", true},
        {"gha,url_v2=http://x/,scope=a/b-1.c,token=t,mode=max", "http://x/"},
        {"gha,url_v2=http://x/,url=http://old/,ghtoken=t,repository=a/b,version=2", "http://x/"},
        {"gha", ""},
        {"inline", ""},
        {"inline,mode=max", "mode=max cannot be honoured", true},
        {"inline,ref=app", "ref=app goes with --cache-from", true},
        {"gha,version=1", "version=1 cannot be honoured: GitHub has turned off", true},
        {"gha,scope=a,b", "unknown key 'b'", true},
        {"gha,scope=a b", "scope: 'a b' has characters other than", true},
        {"registry,ref=example.com/team/cache:buildcache", "example.com/team/cache"},
        {"registry", "ref= is missing", true},
        {"registry,ref=example.com/UPPER", "repository name (UPPER) must be lowercase", true},
        {"registry,ref=a@sha256:0000000000000000000000000000000000000000000000000000000000000000", "a digest names one document",
         true},
        {"gha,scope=", "scope: from 1 to 200 characters", true},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct build_share o;
        int r = parse(cases[i].text, true, &o, &err);
        const char *got = r < 0 ? err.msg : o.place ? o.place : "";
        if ((r < 0) != cases[i].refused || (r < 0 ? !strstr(got, cases[i].want) : strcmp(got, cases[i].want) != 0))
            fail_msg("'%s': got '%s', want '%s'", cases[i].text, got, cases[i].want);
        share_done(&o);
    }
}

static void open_place(struct place *p, const char *text)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    *p = (struct place){0};
    p->session.request = &p->request;
    assert_int_equal(parse(text, true, &p->share, &err), 0);
    p->request.shares = &p->share;
    p->request.n_shares = 1;
    if (p->share.ops->open(&p->session, &p->share, NULL, &p->link, &err) < 0)
        fail_msg("'%s': %s", text, err.msg);
}

static void close_place(struct place *p)
{
    p->share.ops->close(p->link);
    share_done(&p->share);
}

/* What a registry takes for a document too: a manifest, which names a blob that is there. `name` tells it from others. */
static struct cb_buf document(const char *name, const struct build_share_blob *blob)
{
    struct cb_buf b = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&blob->digest, digest);
    cb_buf_printf(&b,
                  "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":{\"mediaType\":\"text/plain\","
                  "\"digest\":\"%s\",\"size\":%llu},\"layers\":[],\"annotations\":{\"name\":\"%s\"}}",
                  digest, (unsigned long long)blob->size, name);
    return b;
}

static int put(struct place *p, const struct cb_digest *key, const char *name, const struct build_share_blob *blob, bool replace)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf b = document(name, blob);
    int r = p->share.ops->put_document(p->link, key, b.data, b.len, replace, &err);
    if (r < 0)
        fail_msg("put a document: %s", err.msg);
    return r;
}

static int note(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    static const char before[] = "\"name\":\"";
    CB_AUTO(free) char *text = cb_memdup0(bytes, n);
    const char *name = strstr(text, before);
    (void)err;
    assert_non_null(name);
    name += strlen(before);
    cb_buf_printf(arg, "%zu:%.*s ", number, (int)strcspn(name, "\""), name);
    return 0;
}

static int open_bytes(void *arg, struct cb_error *err)
{
    int fd = cb_memory_file("bytes");
    (void)err;
    assert_int_equal(cb_write_full(fd, arg, strlen(arg)), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

/* What every kind has to do, whatever it is. */
static void behaves(const char *text)
{
    enum { MANY = 50 };
    static const char bytes[] = "the bytes of a layer";
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    struct cb_digest keys[MANY] = {{{0}}};
    struct place p;
    open_place(&p, text);
    const struct build_share_ops *ops = p.share.ops;
    for (size_t i = 0; i < MANY; i++)
        cb_sha256(&i, sizeof(i), &keys[i]);
    assert_int_equal(ops->get_documents(p.link, keys, MANY, note, &got, &err), 0);
    assert_string_equal(got.data, "");
    struct build_share_blob b = {.size = strlen(bytes), .media_type = "application/vnd.oci.image.layer.v1.tar"};
    cb_sha256(bytes, b.size, &b.digest);
    assert_int_equal(ops->has_blob(p.link, &b, &err), 0);
    assert_int_equal(ops->get_blob(p.link, &b, 0, to_buf, &got, &err), -1);
    assert_int_equal(err.code, CB_E_NOT_FOUND);
    cb_error_done(&err);
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(ops->put_blob(p.link, &b, open_bytes, (void *)bytes, &err), 0);
    assert_int_equal(ops->has_blob(p.link, &b, &err), 1);
    assert_int_equal(ops->get_blob(p.link, &b, 4, to_buf, &got, &err), 0);
    assert_string_equal(got.data, bytes + 4);

    assert_int_equal(put(&p, &keys[33], "first", &b, false), 1);
    assert_int_equal(put(&p, &keys[33], "second", &b, false), 0);
    cb_buf_reset(&got);
    assert_int_equal(ops->get_documents(p.link, keys, MANY, note, &got, &err), 0);
    assert_string_equal(got.data, "33:first ");
    if (ops->replaces) {
        assert_int_equal(put(&p, &keys[33], "third", &b, true), 1);
        cb_buf_reset(&got);
        assert_int_equal(ops->get_documents(p.link, keys, MANY, note, &got, &err), 0);
        assert_string_equal(got.data, "33:third ");
    }
    close_place(&p);
}

static void s3(void **state)
{
    (void)state;
    NEED(bucket);
    CB_AUTO(free)
    char *text =
        cb_printf("s3,bucket=cache,prefix=ci/,endpoint_url=%s,access_key_id=S3RVER,secret_access_key=S3RVER", bucket.url);
    behaves(text);
}

/* Against the registry that $CBUILD_TEST_REGISTRY names, when it does. */
static void registry(void **state)
{
    const char *name = getenv("CBUILD_TEST_REGISTRY");
    (void)state;
    if (!name)
        skip();
    CB_AUTO(free) char *text = cb_printf("registry,ref=%s/test/share-%d", name, (int)getpid());
    behaves(text);
}

static void no_registry(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const struct cb_digest keys[20] = {{{0}}};
    struct place p;
    (void)state;
    open_place(&p, "registry,ref=127.0.0.1:1/cache");
    assert_int_equal(p.share.ops->get_documents(p.link, keys, CB_LEN(keys), note, NULL, &err), -1);
    assert_int_equal(err.code, CB_E_NETWORK);
    close_place(&p);
}

static void gha(void **state)
{
    (void)state;
    NEED(service);
    CB_AUTO(free) char *text = cb_printf("gha,scope=main,url_v2=%s,token=runner-token", service.url);
    behaves(text);
}

/* ---- inline ------------------------------------------------------------------------------------------------------------- */
static void inline_steps(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(build_inline_steps) struct build_inline_steps in = {0}, out = {0};
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, bytes = CB_BUF_INIT;
    (void)state;
    CB_PUSH(in.items, in.n, in.cap) = (struct build_inline_step){.definition = {{1}}, .layer = {{2}}, .number = 3};
    CB_PUSH(in.items, in.n, in.cap) =
        (struct build_inline_step){.definition = {{4}}, .parent = {{5}}, .layer = {{6}}, .number = 498};
    build_inline_write(&in, &text);
    config.step_cache = cb_strdup(text.data);
    oci_image_config_write(&config, &bytes);
    assert_int_equal(build_inline_read(bytes.data, bytes.len, &out, &err), 0);
    assert_int_equal(out.n, 2);
    assert_memory_equal(in.items, out.items, 2 * sizeof(*in.items));
}

static void hostile_inline_steps(void **state)
{
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const struct {
        const char *text, *want; /* NULL: fine, and none */
    } cases[] = {
        {"{}", NULL},
        {"{\"cbuild.cache.v1\":[]}", NULL},
        {"{\"cbuild.cache.v1\":null}", NULL},
        {"[", "bad JSON"},
        {"{\"cbuild.cache.v1\":{}}", "expected an array"},
        {"{\"cbuild.cache.v1\":[1]}", "lacks its key"},
        {"{\"cbuild.cache.v1\":[{\"definition\":\"x\"}]}", "'definition' is no digest"},
        {"{\"cbuild.cache.v1\":[{\"definition\":\"" DIGEST "\",\"layer\":\"" DIGEST "\"}]}", "lacks its key or its layer"},
        {"{\"cbuild.cache.v1\":[{\"definition\":\"" DIGEST "\",\"layer\":\"" DIGEST "\",\"number\":-1}]}", "lacks its key"},
        {"{\"cbuild.cache.v1\":[{\"definition\":\"" DIGEST "\",\"layer\":\"" DIGEST "\",\"number\":499}]}", "lacks its key"},
        {"{\"cbuild.cache.v1\":[{\"definition\":\"" DIGEST "\",\"layer\":\"" DIGEST "\",\"number\":0,\"parent\":1}]}",
         "parent: expected a string"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(build_inline_steps) struct build_inline_steps got = {0};
        int r = build_inline_read(cases[i].text, strlen(cases[i].text), &got, &err);
        if (cases[i].want ? r == 0 || !strstr(err.msg, cases[i].want) : r < 0 || got.n)
            fail_msg("%zu: got '%s', want '%s'", i, r < 0 ? err.msg : "success", cases[i].want ? cases[i].want : "success");
    }
}

static int start(void **state)
{
    (void)state;
    return start_servers();
}

static int stop(void **state)
{
    (void)state;
    return stop_servers();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(options),
                                       cmocka_unit_test(s3),
                                       cmocka_unit_test(gha),
                                       cmocka_unit_test(registry),
                                       cmocka_unit_test(no_registry),
                                       cmocka_unit_test(inline_steps),
                                       cmocka_unit_test(hostile_inline_steps)};
    return cmocka_run_group_tests(tests, start, stop);
}
