/* Records: round trips, damage, many processes at once. */
#include "layer-fixture.h"

#include "cache/record.h"
#include "cache/store/files.h"

#include <sys/wait.h>
#include <time.h>

static void key_path(const struct cb_digest *key, char out[96])
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(key, hex);
    snprintf(out, 96, "records/%.2s/%s", hex, hex);
}

static void fill(struct cache_record *r, struct cb_digest layer, size_t inputs)
{
    *r = (struct cache_record){.layer = layer,
                               .created = {1700000000, 5000},
                               .instruction = cb_strdup("RUN echo \"\xc3\xa4\"\n\t\\"),
                               .usage = {1234567, 7, UINT64_C(1) << 40, 4096, 512}};
    for (size_t i = 0; i < inputs; i++) {
        char name[64];
        snprintf(name, sizeof(name), "context:src/%zu.c", i);
        cache_record_input(r, name, "sha256:0123");
    }
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    static const size_t inputs[] = {0, 1, 3, 5000};
    struct cb_digest layer = make_layer(f, "x");
    for (size_t i = 0; i < CB_LEN(inputs); i++) {
        struct cb_digest key = {{(uint8_t)(i + 1)}};
        CB_AUTO(cache_record) struct cache_record in = {0}, out = {0};
        fill(&in, layer, inputs[i]);
        OK_IS(f, 0, cache_record_load(f->s, &key, &out, &f->err));
        OK_IS(f, 0, cache_record_load_inputs(f->s, &key, &out, &f->err));
        OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
        OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
        OK_IS(f, 1, cache_record_load(f->s, &key, &out, &f->err));
        assert_int_equal(out.n_inputs, 0);
        OK_IS(f, 1, cache_record_load_inputs(f->s, &key, &out, &f->err));
        assert_true(cb_digest_eq(&out.layer, &layer));
        assert_string_equal(out.instruction, in.instruction);
        assert_int_equal(out.created.tv_sec, in.created.tv_sec);
        assert_int_equal(out.created.tv_nsec, in.created.tv_nsec);
        assert_memory_equal(&out.usage, &in.usage, sizeof(in.usage));
        assert_int_equal(out.n_inputs, inputs[i]);
        for (size_t n = 0; n < out.n_inputs; n++) {
            assert_string_equal(out.inputs[n].name, in.inputs[n].name);
            assert_string_equal(out.inputs[n].value, in.inputs[n].value);
        }
    }
}

static void test_second_key(void **state)
{
    struct fixture *f = *state;
    struct cb_digest layer = make_layer(f, "x"), key = {{1}}, other = {{2}}, none = {{3}};
    CB_AUTO(cache_record) struct cache_record in = {0}, out = {0};
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    fill(&in, layer, 1);
    OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
    for (int i = 0; i < 3; i++) { /* new, the same again, and in place of another one */
        if (i == 2)
            OK_IS(f, 0, cache_record_store(f->s, &other, &in, &f->err));
        OK_IS(f, 0, cache_record_link(f->s, &key, &other, &f->err));
        OK_IS(f, 1, cache_record_load(f->s, &other, &out, &f->err));
        cache_record_done(&out);
    }
    OK_IS(f, 0, cache_store_names(f->s, "records/02", &names));
    assert_int_equal(names.n, 1);
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(cache_record_link(f->s, &none, &other, &err), -1);
    OK_IS(f, 0, cache_record_store_both(f->s, &none, &other, &in, &f->err));
    OK_IS(f, 1, cache_record_load(f->s, &none, &out, &f->err));
    cache_record_done(&out);
    OK_IS(f, 1, cache_record_load(f->s, &other, &out, &f->err));
}

/* Bytes of a Dockerfile that are no UTF-8, and an instruction longer than one read. */
static void test_odd_text(void **state)
{
    struct fixture *f = *state;
    struct cb_digest key = {{9}};
    CB_AUTO(cache_record) struct cache_record in = {.layer = make_layer(f, "x")}, out = {0};
    in.instruction = cb_alloc(20001);
    memset(in.instruction, 'x', 20000);
    memcpy(in.instruction, "\xff\xfe\x01", 3);
    cache_record_input(&in, "context:\xe4", "\x80");
    cache_record_input(&in, "arg:\"\\\x01\x7f", "");
    OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
    OK_IS(f, 1, cache_record_load(f->s, &key, &out, &f->err));
    assert_int_equal(strlen(out.instruction), 20004); /* two bytes became three each */
    OK_IS(f, 1, cache_record_load_inputs(f->s, &key, &out, &f->err));
    assert_int_equal(out.n_inputs, 2);
    assert_string_equal(out.inputs[0].name, "context:\xef\xbf\xbd");
    assert_string_equal(out.inputs[1].name, "arg:\"\\\x01\x7f");
    assert_string_equal(out.inputs[1].value, "");
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    struct cb_digest key = {{2}};
    char path[96];
    CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;
    CB_AUTO(cache_record) struct cache_record in = {0};
    fill(&in, make_layer(f, "x"), 2);
    OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
    key_path(&key, path);
    assert_int_equal(cb_read_file(f->s->root, path, 1 << 20, &good), 0);
    for (size_t n = 0; n < good.len; n++) { /* cut short; as long as before, but zeros from here on */
        CB_AUTO(cache_record) struct cache_record out = {0};
        assert_int_equal(cb_publish_file(f->s->root, path, good.data, n, 0600), 0);
        if (cache_record_load(f->s, &key, &out, &f->err) != 0 || cache_record_load_inputs(f->s, &key, &out, &f->err) != 0)
            fail_msg("cut to %zu bytes: taken", n);
        char *zeros = cb_memdup0(good.data, good.len);
        memset(zeros + n, 0, good.len - n);
        assert_int_equal(cb_publish_file(f->s->root, path, zeros, good.len, 0600), 0);
        int r = cache_record_load_inputs(f->s, &key, &out, &f->err);
        if (r != 0 && n < good.len - 1)
            fail_msg("zeros from %zu on: taken", n);
        free(zeros);
    }
    for (size_t n = 0; n < good.len - 1; n++) { /* one bit of it */
        CB_AUTO(cache_record) struct cache_record out = {0};
        good.data[n] ^= 1;
        assert_int_equal(cb_publish_file(f->s->root, path, good.data, good.len, 0600), 0);
        good.data[n] ^= 1;
        if (cache_record_load(f->s, &key, &out, &f->err) != 0 && cache_record_load_inputs(f->s, &key, &out, &f->err) != 0)
            fail_msg("bit flipped in byte %zu: taken", n);
    }
    static const char *const wrong[] = {
        "{}\n[]\n",
        "[]\n[]\n",
        "{\"record\":2}\n[]\n",
        "{\"record\":1,\"layer\":\"x\",\"created\":\"2026-01-01T00:00:00Z\"}\n[]\n",
        "\n\n",
    };
    for (size_t i = 0; i < CB_LEN(wrong); i++) {
        CB_AUTO(cache_record) struct cache_record out = {0};
        write_file(f->s->root, path, wrong[i]);
        if (cache_record_load(f->s, &key, &out, &f->err) != 0)
            fail_msg("taken: %s", wrong[i]);
    }
}

static void test_layer_missing(void **state)
{
    struct fixture *f = *state;
    struct cb_digest key = {{3}}, nowhere = {{4}};
    CB_AUTO(cache_record) struct cache_record in = {0}, out = {0};
    fill(&in, nowhere, 0);
    OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
    OK_IS(f, 0, cache_record_load(f->s, &key, &out, &f->err));
}

static void test_use_is_noted(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t age;
        bool noted;
    } cases[] = {{CACHE_NOTE_USE / 2, false}, {CACHE_NOTE_USE + 10, true}, {-CACHE_NOTE_USE, true}};
    struct cb_digest key = {{5}};
    char path[96];
    CB_AUTO(cache_record) struct cache_record in = {0};
    fill(&in, make_layer(f, "x"), 0);
    OK_IS(f, 0, cache_record_store(f->s, &key, &in, &f->err));
    key_path(&key, path);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cache_record) struct cache_record out = {0};
        struct stat st;
        time_t then = time(NULL) - cases[i].age;
        const struct timespec times[2] = {{then, 0}, {then, 0}};
        assert_int_equal(utimensat(f->s->root, path, times, 0), 0);
        OK_IS(f, 1, cache_record_load(f->s, &key, &out, &f->err));
        assert_int_equal(fstatat(f->s->root, path, &st, 0), 0);
        if ((st.st_mtim.tv_sec != then) != cases[i].noted)
            fail_msg("age %lld", (long long)cases[i].age);
    }
}

static int crowd(struct cache_store *s, struct cb_digest layer)
{
    struct cb_error err = CB_ERROR_INIT;
    for (unsigned i = 0; i < 200; i++) {
        CB_AUTO(cache_record) struct cache_record in = {0}, out = {0};
        struct cb_digest key = {{(uint8_t)(i % 5)}};
        fill(&in, layer, i % 50);
        if (cache_record_store(s, &key, &in, &err) < 0)
            return 1;
        if (cache_record_load(s, &key, &out, &err) != 1 || cache_record_load_inputs(s, &key, &out, &err) != 1)
            return 2;
    }
    return 0;
}

static void test_crowd(void **state)
{
    struct fixture *f = *state;
    struct cb_digest layer = make_layer(f, "x");
    enum { PROCESSES = 4 };
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(crowd(f->s, layer));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),    TEST(test_second_key),   TEST(test_odd_text), TEST(test_damaged),
        TEST(test_layer_missing), TEST(test_use_is_noted), TEST(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
