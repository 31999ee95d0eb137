/* Names of images: any name, round trips, damage. */
#include "store-fixture.h"

#include "cache/image.h"
#include "cache/store/files.h"

static void fill(struct cache_image *i, const char *name)
{
    *i = (struct cache_image){
        .name = cb_strdup(name),
        .config = {{1}},
        .created = {1700000000, 123456789},
        .updated = {1700000001, 0},
        .manifest = {{2}},
        .manifest_type = cb_strdup("application/vnd.oci.image.manifest.v1+json"),
        .index = {{3}},
        .pulled = true,
    };
    CB_PUSH(i->layers, i->n_layers, i->cap_layers) = (struct cache_image_layer){.id = {{4}},
                                                                                .diff_id = {{5}},
                                                                                .blob = {{6}},
                                                                                .blob_size = 12345678901,
                                                                                .media_type = cb_strdup("application/x"),
                                                                                .source = cb_strdup("registry.example/app")};
    CB_PUSH(i->layers, i->n_layers, i->cap_layers) = (struct cache_image_layer){.id = {{7}}, .diff_id = {{8}}};
    cb_strv_push(&i->annotations, "org.opencontainers.image.title=a \"b\"");
}

static void expect_same(const struct cache_image *a, const struct cache_image *b)
{
    assert_string_equal(a->name, b->name);
    assert_memory_equal(&a->config, &b->config, 32);
    assert_memory_equal(&a->created, &b->created, sizeof(a->created));
    assert_memory_equal(&a->updated, &b->updated, sizeof(a->updated));
    assert_memory_equal(&a->manifest, &b->manifest, 32);
    assert_memory_equal(&a->index, &b->index, 32);
    assert_string_equal(a->manifest_type, b->manifest_type);
    assert_int_equal(a->pulled, b->pulled);
    assert_int_equal(a->n_layers, b->n_layers);
    for (size_t i = 0; i < a->n_layers; i++) {
        const struct cache_image_layer *x = &a->layers[i], *y = &b->layers[i];
        assert_memory_equal(&x->id, &y->id, 32);
        assert_memory_equal(&x->diff_id, &y->diff_id, 32);
        assert_memory_equal(&x->blob, &y->blob, 32);
        assert_int_equal(x->blob_size, y->blob_size);
        assert_int_equal(!x->media_type, !y->media_type);
        assert_int_equal(!x->source, !y->source);
        if (x->source)
            assert_string_equal(x->source, y->source);
    }
    assert_int_equal(a->annotations.n, b->annotations.n);
    assert_string_equal(a->annotations.items[0], b->annotations.items[0]);
}

static void test_names(void **state)
{
    struct fixture *f = *state;
    char longest[600], longer[600];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[599] = 0;
    memcpy(longer, longest, sizeof(longer));
    longer[598] = 'b'; /* the same up to where it is cut */
    const char *const names[] = {
        "docker.io/library/app:1",
        "localhost:5000/a/b/c@sha256:00",
        "..",
        ".",
        "../../etc/passwd",
        "/",
        "a%2Fb",
        "a/b",
        "-",
        " \n\t",
        ".tmp-x",
        longest,
        longer,
    };
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(cache_image) struct cache_image in = {0}, out = {0};
        fill(&in, names[i]);
        OK_IS(f, 0, cache_image_load(f->s, names[i], &out, &f->err));
        OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
        OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
        OK_IS(f, 1, cache_image_load(f->s, names[i], &out, &f->err));
        expect_same(&in, &out);
    }
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    assert_int_equal(cache_store_names(f->s, "images", &files), 0);
    assert_int_equal(files.n, CB_LEN(names));
    struct cache_image *list;
    size_t n;
    OK_IS(f, 0, cache_image_list(f->s, &list, &n, &f->err));
    assert_int_equal(n, CB_LEN(names));
    for (size_t i = 1; i < n; i++)
        assert_true(strcmp(list[i - 1].name, list[i].name) < 0);
    cache_image_list_free(list, n);
    for (size_t i = 0; i < CB_LEN(names); i++) {
        OK_IS(f, 1, cache_image_remove(f->s, names[i], &f->err));
        OK_IS(f, 0, cache_image_remove(f->s, names[i], &f->err));
    }
}

static void test_smallest(void **state)
{
    struct fixture *f = *state;
    struct cache_image in = {.name = (char *)"app", .config = {{1}}};
    CB_AUTO(cache_image) struct cache_image out = {0};
    OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
    OK_IS(f, 1, cache_image_load(f->s, "app", &out, &f->err));
    assert_null(out.manifest_type);
    assert_int_equal(out.n_layers, 0);
    assert_int_equal(out.manifest.b[0], 0);
    in.name = NULL;
    OK_IS(f, -1, cache_image_store(f->s, &in, &f->err));
}

static void add_other(struct cache_image *to, unsigned char config, const char *platform)
{
    struct cache_image other = {0};
    fill(&other, "its own");
    other.config.b[0] = config;
    other.platform = cb_strdup(platform);
    cache_image_add(to, &other);
    assert_null(other.layers);
}

static void test_platforms(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_image) struct cache_image in = {0}, out = {0}, copy = {0};
    fill(&in, "docker.io/library/app:1");
    in.platform = cb_strdup("linux/amd64");
    add_other(&in, 11, "linux/arm64");
    add_other(&in, 12, "linux/arm/v7");
    OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
    OK_IS(f, 1, cache_image_load(f->s, in.name, &out, &f->err));
    cache_image_copy(&copy, &out);
    cache_image_copy(&copy, &out); /* what was there goes */
    expect_same(&in, &copy);
    assert_int_equal(cache_image_count(&copy), 3);
    const struct cache_image *third = cache_image_nth(&copy, 2);
    assert_string_equal(third->platform, "linux/arm/v7");
    assert_int_equal(third->n_layers, 2);
    assert_null(third->name);
    assert_ptr_equal(cache_image_with_id(&copy, &third->config), third);
    assert_null(cache_image_with_id(&copy, &(struct cb_digest){{99}}));
    cache_image_keep(&copy, 1);
    assert_int_equal(cache_image_count(&copy), 1);
    assert_string_equal(copy.platform, "linux/arm64");
    assert_string_equal(copy.name, in.name);
    cache_image_keep(&out, 0);
    assert_string_equal(out.platform, "linux/amd64");
    assert_int_equal(cache_image_count(&out), 1);
}

/* Which of several is for whom cannot be told without. */
static void test_platform_is_missing(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_image) struct cache_image in = {0}, out = {0};
    fill(&in, "app");
    add_other(&in, 11, "linux/arm64");
    OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
    OK_IS(f, 0, cache_image_load(f->s, "app", &out, &f->err));
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"image\":1}",
        "{\"image\":2,\"name\":\"app\",\"config\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\"}",
        "{\"image\":1,\"name\":\"app\"}",
        "{\"image\":1,\"name\":\"app\",\"config\":\"sha256:12\"}",
        "{\"image\":1,\"name\":\"other\",\"config\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\"}",
        "{\"image\":1,\"name\":\"app\",\"config\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","
        "\"layers\":[{\"blobSize\":-1}]}",
        "{\"image\":1,\"name\":\"app\",\"config\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","
        "\"layers\":[7]}",
        "{\"image\":1,\"name\":\"app\",\"config\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","
        "\"created\":\"yesterday\"}",
    };
    for (size_t i = 0; i < CB_LEN(damaged); i++) {
        CB_AUTO(cache_image) struct cache_image out = {0};
        struct cache_image *list;
        size_t n;
        write_file(f->s->root, "images/app", damaged[i]);
        if (cache_image_load(f->s, "app", &out, &f->err) != 0)
            fail_msg("taken: %s", damaged[i]);
        OK_IS(f, 0, cache_image_list(f->s, &list, &n, &f->err));
        cache_image_list_free(list, n);
    }
}

static void test_flipped_bits(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_image) struct cache_image in = {0};
    CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;
    fill(&in, "app");
    OK_IS(f, 0, cache_image_store(f->s, &in, &f->err));
    assert_int_equal(cb_read_file(f->s->root, "images/app", 1 << 20, &good), 0);
    for (size_t n = 0; n < good.len - 1; n++) {
        CB_AUTO(cache_image) struct cache_image out = {0};
        good.data[n] ^= 1;
        assert_int_equal(cb_publish_file(f->s->root, "images/app", good.data, good.len, 0600), 0);
        good.data[n] ^= 1;
        if (cache_image_load(f->s, "app", &out, &f->err) != 0)
            fail_msg("bit flipped in byte %zu: taken", n);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_names),     TEST(test_smallest),
                                       TEST(test_platforms), TEST(test_platform_is_missing),
                                       TEST(test_damaged),   TEST(test_flipped_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
