/* Layers through a reader: directories to stack, and bytes. */
#include "layer-fixture.h"

#include "cache/layer/reader.h"
#include <unistd.h>

static char *read_all(struct fixture *f, struct cache_reader *r, int layer, const char *path)
{
    struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(close) int fd = cache_reader_open(r, layer, path, &f->err);
    assert_true(fd >= 0);
    assert_int_equal(cb_read_fd(fd, 100, &text), 0);
    return cb_buf_detach(&text);
}

static void bytes_of_any_layer(void **state)
{
    struct fixture *f = *state;
    const struct cb_digest layers[] = {make_layer(f, "one"), make_layer(f, "two")};
    CB_AUTO(cache_reader) struct cache_reader *r = cache_reader_new(f->s, layers, 2);
    for (int i = 0; i < 4; i++) {
        CB_AUTO(free) char *text = read_all(f, r, i % 2, "f");
        assert_string_equal(text, i % 2 ? "two" : "one");
    }
    assert_int_equal(cache_reader_open(r, 0, "g", &f->err), -1);
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    cb_error_done(&f->err);
    assert_int_equal(cache_reader_open(r, 0, "../f", &f->err), -1);
    cb_error_done(&f->err);
    cache_reader_drop(r, 1);
    assert_true(has_layer(f, &layers[0]));
    assert_false(has_layer(f, &layers[1]));
}

/* Of a layer without files, out of its blob. */
static void bytes_of_a_packed_layer(void **state)
{
    struct fixture *f = *state;
    const struct cb_digest layer = make_layer(f, "packed");
    struct cache_packed packed;
    OK_IS(f, 0, cache_layer_pack(f->s, &layer, cb_codecs[0], -1, NULL, &packed, &f->err));
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(&layer, hex);
    CB_AUTO(free) char *fs = cb_printf("layers/%s/fs", hex);
    assert_int_equal(cb_remove_tree(f->s->root, fs), 0);
    CB_AUTO(cache_reader) struct cache_reader *r = cache_reader_new(f->s, &layer, 1);
    CB_AUTO(free) char *text = read_all(f, r, 0, "f");
    assert_string_equal(text, "packed");
    assert_int_equal(cache_reader_open(r, 0, "g", &f->err), -1);
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    cb_error_done(&f->err);
}

/* A file of another layer is copied through the reader, and what is not as the index says is no file. */
static void a_layer_of_a_layer(void **state)
{
    struct fixture *f = *state;
    const struct cb_digest below = make_layer(f, "text");
    CB_AUTO(cache_reader) struct cache_reader *r = cache_reader_new(f->s, &below, 1);
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    struct cache_entry e = {.path = "copy", .type = CB_FILE, .mode = 0644, .uid = geteuid(), .gid = getegid(), .size = 4};
    struct cache_data data = {.kind = CACHE_DATA_LAYER, .root = -1, .path = "f", .reader = r};
    struct cache_layer made;
    OK_IS(f, 0, cache_layer_writer_new(f->s, &w, &f->err));
    OK_IS(f, 0, cache_layer_add(w, &e, &data, &f->err));
    data.path = "none";
    e.path = "more";
    assert_int_equal(cache_layer_add(w, &e, &data, &f->err), -1);
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    cb_error_done(&f->err);
    OK_IS(f, 0, cache_layer_commit(w, &made, &f->err));
    CB_AUTO(cache_reader) struct cache_reader *own = cache_reader_new(f->s, &made.id, 1);
    CB_AUTO(free) char *text = read_all(f, own, 0, "copy");
    assert_string_equal(text, "text");
}

static void a_stack_has_each_directory_once(void **state)
{
    struct fixture *f = *state;
    const struct cb_digest a = make_layer(f, "a"), b = make_layer(f, "b");
    const struct cb_digest layers[] = {a, b, a};
    struct cache_stack stack = CACHE_STACK_INIT;
    OK_IS(f, 0, cache_stack_open(f->s, layers, 3, &stack, &f->err));
    assert_int_equal(stack.n, 2);
    for (size_t i = 0; i < stack.n; i++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        assert_int_equal(cb_read_file(stack.dirs[i], "f", 100, &text), 0);
        assert_string_equal(text.data, i ? "b" : "a"); /* top first */
    }
    cache_stack_close(&stack);
    cache_stack_close(&stack);
    cache_layer_drop(f->s, &b);
    assert_int_equal(cache_stack_open(f->s, layers, 3, &stack, &f->err), -1);
    assert_int_equal(f->err.code, CB_E_NOT_FOUND);
    assert_int_equal(stack.n, 0);
    cb_error_done(&f->err);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_of_any_layer),
        TEST(bytes_of_a_packed_layer),
        TEST(a_layer_of_a_layer),
        TEST(a_stack_has_each_directory_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
