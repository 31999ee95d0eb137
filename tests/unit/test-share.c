/* Shared caches: documents there and back, hostile ones, a layout that many write to. */
#include "layer-fixture.h"

#include "base/base64.h"
#include "builder/share/artifact.h"
#include "builder/share/share-internal.h"
#include "registry/oci/document.h"

#include <sys/wait.h>

/* What a step gave that made the file "f" with this text. */
static void fill(struct fixture *f, const char *text, size_t inputs, struct build_artifact *a)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_packed packed = {.digest = {{1, 2, 3}}, .size = 77, .codec = cb_codec_find("zstd")};
    *a = BUILD_ARTIFACT_INIT;
    a->record = (struct cache_record){.layer = make_layer(f, text),
                                      .created = {1700000000, 5000},
                                      .instruction = cb_strdup("[2/3] RUN echo \xc3\xa4"),
                                      .usage = {1234567, 7, UINT64_C(1) << 40, 4096, 512}};
    for (size_t i = 0; i < inputs; i++) {
        CB_AUTO(free) char *name = cb_printf("file:src/%zu.c", i);
        cache_record_input(&a->record, name, "0123456789abcdef");
    }
    a->diff_id.b[0] = 9;
    a->parent.b[0] = 8;
    a->platform = cb_strdup("linux/amd64");
    a->maker = cb_strdup("test");
    OK_IS(f, 0, cache_layer_index(f->s, &a->record.layer, &x, &f->err));
    OK_IS(f, 0, build_artifact_set_index(a, &x, &f->err));
    build_artifact_set_layer(a, &packed);
}

static void document(struct fixture *f, const char *text, size_t inputs, struct cb_buf *ret)
{
    CB_AUTO(build_artifact) struct build_artifact a;
    fill(f, text, inputs, &a);
    OK_IS(f, 0, build_artifact_write(&a, ret, &f->err));
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    static const size_t inputs[] = {0, 3, 5000};
    for (size_t i = 0; i < CB_LEN(inputs); i++) {
        CB_AUTO(build_artifact) struct build_artifact in, out = BUILD_ARTIFACT_INIT;
        CB_AUTO(cb_buf) struct cb_buf doc = CB_BUF_INIT;
        CB_AUTO(cache_index) struct cache_index x = {0};
        fill(f, "hello", inputs[i], &in);
        OK_IS(f, 0, build_artifact_write(&in, &doc, &f->err));
        OK_IS(f, 0, build_artifact_read(doc.data, doc.len, &out, &f->err));
        assert_true(out.index.here && out.config.here && !out.layer.here);
        OK_IS(f, 0, build_artifact_index(&out, out.index.data.data, out.index.data.len, &x, &f->err));
        assert_int_equal(x.n, 1);
        if (out.inputs.media_type)
            OK_IS(f, 0, build_artifact_inputs(&out, in.inputs.data.data, in.inputs.data.len, &f->err));
        assert_int_equal(out.record.n_inputs, inputs[i]);
        assert_true(cb_digest_eq(&in.record.layer, &out.record.layer) && cb_digest_eq(&in.diff_id, &out.diff_id) &&
                    cb_digest_eq(&in.parent, &out.parent) && !out.has_content);
        assert_memory_equal(&in.record.usage, &out.record.usage, sizeof(in.record.usage));
        assert_int_equal(out.record.created.tv_nsec, 5000);
        assert_string_equal(out.record.instruction, in.record.instruction);
        assert_int_equal(out.layer.size, 77);
    }
}

/* Cut off anywhere, and with any byte changed, a document is refused or says the same: nothing of it is believed half. */
static void test_damaged_documents(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_buf) struct cb_buf doc = CB_BUF_INIT;
    document(f, "hello", 3, &doc);
    for (size_t i = 0; i < doc.len; i++) {
        CB_AUTO(build_artifact) struct build_artifact cut = BUILD_ARTIFACT_INIT, bent = BUILD_ARTIFACT_INIT;
        CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT, ignored = CB_ERROR_INIT;
        if (i + 2 < doc.len)
            assert_int_equal(build_artifact_read(doc.data, i, &cut, &why), -1);
        char was = doc.data[i];
        doc.data[i] ^= 1;
        if (build_artifact_read(doc.data, doc.len, &bent, &ignored) == 0)
            assert_string_equal(bent.record.instruction, "[2/3] RUN echo \xc3\xa4");
        doc.data[i] = was;
    }
}

/* A document around this record. */
static int read_record(const char *record, const char *more, struct cb_error *err)
{
    CB_AUTO(build_artifact) struct build_artifact a = BUILD_ARTIFACT_INIT;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, doc = CB_BUF_INIT;
    struct cb_digest is;
    char digest[CB_DIGEST_TEXT + 1];
    cb_sha256(record, strlen(record), &is);
    cb_digest_text(&is, digest);
    cb_base64_encode(&text, record, strlen(record));
    cb_buf_printf(&doc,
                  "{\"schemaVersion\":2,\"artifactType\":\"" BUILD_ARTIFACT_TYPE
                  "\",\"config\":{\"mediaType\":\"" BUILD_ARTIFACT_RECORD
                  "\",\"digest\":\"%s\",\"size\":%zu,\"data\":\"%s\"},\"layers\":[%s]}",
                  digest, strlen(record), text.data, more);
    return build_artifact_read(doc.data, doc.len, &a, err);
}

#define D     "\"sha256:0000000000000000000000000000000000000000000000000000000000000001\""
#define LAYER "{\"mediaType\":\"" OCI_TYPE_LAYER "+zstd\",\"digest\":" D ",\"size\":1}"
#define INDEX "{\"mediaType\":\"" BUILD_ARTIFACT_INDEX "\",\"digest\":" D ",\"size\":1}"
#define PARTS LAYER "," INDEX
#define RECORD(more)                                                                                                             \
    "{\"version\":1,\"layer\":" D ",\"diffId\":" D ",\"entries\":1,\"size\":1,\"created\":\"2026-01-01T00:00:00Z\"" more "}"

static void test_hostile_records(void **state)
{
    (void)state;
    static const struct {
        const char *record, *parts, *message;
    } cases[] = {
        {RECORD(""), PARTS, NULL},
        {RECORD(",\"unknown\":{}"), PARTS ",{\"mediaType\":\"x/y\",\"digest\":" D ",\"size\":1}", NULL},
        {"[]", PARTS, "expected an object"},
        {"{}", PARTS, "record.version"},
        {"{\"version\":2}", PARTS, "expected 1, found 2"},
        {"{\"version\":1}", PARTS, "record.layer"},
        {"{\"version\":1,\"layer\":\"sha256:xyz\"}", PARTS, "record.layer"},
        {RECORD(",\"entries\":-1"), PARTS, "record"}, /* a member twice */
        {RECORD(",\"parent\":\"../../etc\""), PARTS, "record.parent: not a digest"},
        {RECORD(",\"wallUs\":-5"), PARTS, "numbers"},
        {RECORD(",\"inputs\":[[1,2]]"), PARTS, "inputs"},
        {RECORD(",\"inputs\":{}"), PARTS, "inputs"},
        {RECORD(",\"instruction\":7"), PARTS, "instruction"},
        {RECORD(""), "", "a layer is missing"},
        {RECORD(""), LAYER, NULL}, /* its index is made of the blob */
        {RECORD(""), PARTS "," INDEX, "two parts"},
        {RECORD(""), INDEX ",{\"mediaType\":\"" OCI_TYPE_LAYER "+rot13\",\"digest\":" D ",\"size\":1}", "rot13"},
        {RECORD(""), LAYER ",{\"mediaType\":\"" BUILD_ARTIFACT_INDEX "\",\"digest\":" D ",\"size\":1,\"data\":\"QQ==\"}",
         "does not have its digest"},
        {"{\"version\":1,\"layer\":" D ",\"diffId\":" D ",\"entries\":99999999,\"size\":1,\"created\":\"2026-01-01T00:00:00Z\"}",
         PARTS, "record.entries"},
        {"{\"version\":1,\"layer\":" D ",\"diffId\":" D ",\"entries\":1,\"size\":1,\"created\":\"now\"}", PARTS,
         "record.created"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int r = read_record(cases[i].record, cases[i].parts, &err);
        if ((r == 0) != !cases[i].message || (r < 0 && !strstr(err.msg, cases[i].message)))
            fail_msg("case %zu: %d: %s", i, r, err.msg ? err.msg : "");
    }
}

static void test_the_index_must_be_the_layers(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(build_artifact) struct build_artifact a, b;
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error other = CB_ERROR_INIT, more = CB_ERROR_INIT;
    fill(f, "one", 0, &a);
    fill(f, "two", 0, &b);
    assert_int_equal(build_artifact_index(&a, b.index.data.data, b.index.data.len, &x, &other), -1);
    assert_non_null(strstr(other.msg, "not that of the layer"));
    a.entries = 2;
    assert_int_equal(build_artifact_index(&a, a.index.data.data, a.index.data.len, &x, &more), -1);
    for (size_t i = 0; i < a.index.data.len; i++) {
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        CB_AUTO(cache_index) struct cache_index damaged = {0};
        b.index.data.data[i] ^= 4;
        (void)build_artifact_index(&b, b.index.data.data, b.index.data.len, &damaged, &ignored); /* must not crash */
        b.index.data.data[i] ^= 4;
    }
}

/* A few bytes that become more than any index has. */
static void test_an_index_does_not_explode(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(build_artifact) struct build_artifact a;
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    static const char bomb[] = "\x28\xb5\x2f\xfd\x80\x58\x00\x00\x00\x40"; /* a frame that announces 1 GiB */
    fill(f, "one", 0, &a);
    assert_int_equal(build_artifact_index(&a, bomb, sizeof(bomb) - 1, &x, &err), -1);
}

/* ---- type=local ----------------------------------------------------------------------------------------------------- */

static struct build_share_link *open_local(struct fixture *f, bool writes)
{
    CB_AUTO(free) char *dir = cb_printf("%s/cache", f->dir);
    struct build_share o;
    struct build_share_link *l = NULL;
    build_share_begin(&o, &build_share_local, writes);
    OK_IS(f, 0, build_share_set(&o, writes ? "dest" : "src", dir, &f->err));
    OK_IS(f, 0, build_share_end(&o, &f->err));
    OK_IS(f, 0, build_share_local.open(NULL, &o, NULL, &l, &f->err));
    free(o.place);
    cb_strv_done(&o.settings);
    return l;
}

static int take(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    (void)err;
    struct cb_buf *got = arg;
    cb_buf_printf(got, "%zu:%.*s ", number, (int)n, (const char *)bytes);
    return 0;
}

static void test_documents_of_a_layout(void **state)
{
    struct fixture *f = *state;
    const struct cb_digest keys[3] = {{{1}}, {{2}}, {{3}}};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    struct build_share_link *nothing = open_local(f, false);
    OK_IS(f, 0, build_share_local.get_documents(nothing, keys, 3, take, &got, &f->err));
    build_share_local.close(nothing);
    struct build_share_link *l = open_local(f, true);
    OK_IS(f, 1, build_share_local.put_document(l, &keys[0], "a", 1, false, &f->err));
    OK_IS(f, 1, build_share_local.put_document(l, &keys[2], "c", 1, false, &f->err));
    OK_IS(f, 0, build_share_local.put_document(l, &keys[0], "b", 1, false, &f->err));
    OK_IS(f, 1, build_share_local.put_document(l, &keys[2], "d", 1, true, &f->err));
    build_share_local.close(l);
    struct build_share_link *r = open_local(f, false);
    OK_IS(f, 0, build_share_local.get_documents(r, keys, 3, take, &got, &f->err));
    build_share_local.close(r);
    assert_string_equal(got.data, "0:a 2:d ");
}

static void write_some(struct fixture *f, int who)
{
    struct build_share_link *l = open_local(f, true);
    for (int i = 0; i < 10; i++) {
        struct cb_digest key = {{(uint8_t)(who * 10 + i + 1)}};
        if (build_share_local.put_document(l, &key, "x", 1, false, &f->err) != 1)
            _exit(1);
    }
    _exit(0);
}

static void test_writers_lose_nothing(void **state)
{
    struct fixture *f = *state;
    struct cb_digest keys[40];
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    pid_t pids[4];
    for (int i = 0; i < 4; i++)
        if ((pids[i] = fork()) == 0)
            write_some(f, i);
    for (int i = 0; i < 4; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    for (size_t i = 0; i < CB_LEN(keys); i++)
        keys[i] = (struct cb_digest){{(uint8_t)(i + 1)}};
    struct build_share_link *l = open_local(f, false);
    OK_IS(f, 0, build_share_local.get_documents(l, keys, CB_LEN(keys), take, &got, &f->err));
    build_share_local.close(l);
    size_t n = 0;
    for (const char *p = got.data; (p = strchr(p, ' ')); p++)
        n++;
    assert_int_equal(n, CB_LEN(keys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_documents, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_hostile_records),
        cmocka_unit_test_setup_teardown(test_the_index_must_be_the_layers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_an_index_does_not_explode, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_documents_of_a_layout, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_writers_lose_nothing, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
