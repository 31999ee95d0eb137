/* Layers whose bytes are elsewhere: found by their index, brought when they are needed, lost when nobody has them. */
#include "layer-fixture.h"

#include "builder/pull/place.h"
#include "cache/usage.h"
#include "cache/record.h"
#include "cache/store/blob.h"
#include "cache/store/files.h"

/* A layer of one file, as somebody else has it: its index, and its blob in an OCI layout. */
struct other {
    struct cb_digest id, diff;
    struct cache_index x;
    struct cache_place place;
};

static void other_done(struct other *o)
{
    cache_index_done(&o->x);
    cache_place_done(&o->place);
}

/* Where the layout has this blob, below the scratch directory; caller frees. */
static char *blob_path(const struct cb_digest *d)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, hex);
    return cb_printf("layout/blobs/sha256/%s", hex);
}

static void copy_blob(struct fixture *f, const struct cb_digest *d)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(free) char *path = blob_path(d);
    OK_IS(f, 1, cache_blob_get(f->s, d, 65536, &bytes, &f->err));
    assert_int_equal(cb_mkdirs(f->scratch, "layout/blobs/sha256", 0700), 0);
    CB_AUTO(close) int fd = openat(f->scratch, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(cb_write_full(fd, bytes.data, bytes.len), 0);
}

/* Makes the layer in our store, and takes it out again. */
static struct other somebody_has(struct fixture *f, const char *text)
{
    struct other o = {.id = make_layer(f, text)};
    struct cache_packed packed;
    char hex[CB_DIGEST_HEX + 1];
    OK_IS(f, 0, cache_layer_pack(f->s, &o.id, cb_codecs[0], -1, NULL, &packed, &f->err));
    OK_IS(f, 1, cache_layer_diff_id(f->s, &o.id, &o.diff, &f->err));
    OK_IS(f, 0, cache_layer_index(f->s, &o.id, &o.x, &f->err));
    copy_blob(f, &packed.digest);
    cb_digest_hex(&packed.digest, hex);
    CB_AUTO(free) char *blob = cb_printf("blobs/sha256/%s", hex), *layout = cb_printf("%s/layout", f->dir);
    assert_int_equal(unlinkat(f->s->root, blob, 0), 0);
    cache_layer_drop(f->s, &o.id);
    const struct cache_place place = {(char *)BUILD_PLACE_LAYOUT, layout, packed.digest, packed.size,
                                      (char *)"application/vnd.oci.image.layer.v1.tar+gzip"};
    cache_place_copy(&o.place, &place);
    return o;
}

static void put(struct fixture *f, const struct other *o)
{
    struct cache_layer l;
    OK_IS(f, 0, cache_layer_put_elsewhere(f->s, &o->id, &o->x, &o->diff, &o->place, &l, &f->err));
    assert_false(l.has_files);
    assert_true(l.has_diff_id && cb_digest_eq(&l.diff_id, &o->diff));
}

static int fetch(struct fixture *f, const struct cb_digest *id, bool want_files)
{
    struct build_session session = {.store = f->s};
    CB_AUTO(build_fetch) struct build_fetch fetching;
    build_fetch_init(&fetching, &session, NULL);
    cb_error_done(&f->err);
    return build_fetch_layer(&fetching, id, want_files, &f->err);
}

static void known_before_it_comes(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "text");
    CB_AUTO(cache_places) struct cache_places places = {0};
    CB_AUTO(cache_index) struct cache_index x = {0};
    assert_false(has_layer(f, &o.id));
    put(f, &o);
    put(f, &o);
    assert_true(has_layer(f, &o.id));
    assert_true(cache_layer_is_elsewhere(f->s, &o.id));
    OK_IS(f, 0, cache_layer_index(f->s, &o.id, &x, &f->err));
    assert_int_equal(x.n, 1);
    assert_int_equal(cache_layer_places(f->s, &o.id, &places), 1);
    assert_int_equal(places.n, 1);
    assert_string_equal(places.items[0].where, o.place.where);
    f->s->only_here = true;
    assert_false(has_layer(f, &o.id));
    other_done(&o);
}

static void expect_lost(struct fixture *f, const struct other *o);

static void another_index_is_refused(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "one"), b = somebody_has(f, "two");
    struct cache_layer l;
    assert_int_equal(cache_layer_put_elsewhere(f->s, &o.id, &b.x, &o.diff, &o.place, &l, &f->err), -1);
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    assert_false(has_layer(f, &o.id));
    other_done(&o);
    other_done(&b);
}

/* Times are in no content ID: an index with others would give another tar. */
static void other_times_are_lost(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "text");
    o.x.entries[0].mtime++;
    put(f, &o);
    expect_lost(f, &o);
    other_done(&o);
}

static void comes_when_it_is_needed(void **state)
{
    struct fixture *f = *state;
    struct cache_packed packed;
    struct cache_layer l;
    for (int files = 0; files < 2; files++) {
        struct other o = somebody_has(f, files ? "files" : "packed");
        put(f, &o);
        OK_IS(f, 0, fetch(f, &o.id, files));
        assert_false(cache_layer_is_elsewhere(f->s, &o.id));
        OK_IS(f, 1,
              cache_layer_packed(f->s, &o.id, cb_codecs[0], 9, false, &packed, &f->err)); /* as it came, whatever its level */
        assert_true(cb_digest_eq(&packed.digest, &o.place.blob));
        OK_IS(f, 1, cache_layer_find(f->s, &o.id, &l, &f->err));
        assert_int_equal(l.has_files, files);
        other_done(&o);
    }
}

/* The first place that has it will do, and the newest is asked first. */
static void one_place_is_enough(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "text");
    put(f, &o);
    for (int i = 0; i < 20; i++) {
        CB_AUTO(free) char *where = cb_printf("%s/gone-%d", f->dir, i % 5);
        struct cache_place gone = o.place;
        gone.where = where;
        OK_IS(f, 0, cache_layer_add_place(f->s, &o.id, &gone, &f->err));
    }
    CB_AUTO(cache_places) struct cache_places places = {0};
    assert_int_equal(cache_layer_places(f->s, &o.id, &places), 1);
    assert_int_equal(places.n, 6);
    assert_true(cb_ends(places.items[0].where, "gone-4"));
    OK_IS(f, 0, fetch(f, &o.id, true));
    other_done(&o);
}

static void expect_lost(struct fixture *f, const struct other *o)
{
    assert_int_equal(fetch(f, &o->id, true), -1);
    assert_int_equal(f->err.code, CB_E_LOST);
    assert_false(has_layer(f, &o->id));
    cb_error_done(&f->err);
}

static void lost_when_nobody_has_it(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "gone"), lie = somebody_has(f, "lie"), truth = somebody_has(f, "truth");
    CB_AUTO(free) char *path = blob_path(&o.place.blob);
    put(f, &o);
    assert_int_equal(unlinkat(f->scratch, path, 0), 0);
    expect_lost(f, &o);

    put(f, &truth); /* a blob with the right digest, but of another layer */
    assert_int_equal(cache_layer_add_place(f->s, &truth.id, &lie.place, &f->err), 0);
    OK_IS(f, 0, fetch(f, &truth.id, true));
    cache_layer_drop(f->s, &truth.id);
    cache_place_done(&truth.place);
    cache_place_copy(&truth.place, &lie.place);
    put(f, &truth);
    expect_lost(f, &truth);

    free(o.place.kind);
    o.place.kind = cb_strdup("moon");
    put(f, &o);
    expect_lost(f, &o);
    other_done(&o);
    other_done(&lie);
    other_done(&truth);
}

static void damaged_list_is_no_layer(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "text");
    char hex[CB_DIGEST_HEX + 1];
    put(f, &o);
    cb_digest_hex(&o.id, hex);
    CB_AUTO(free) char *list = cb_printf("layers/%s/from.json", hex);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    assert_int_equal(cb_read_file(f->s->root, list, 65536, &text), 0);
    text.data[text.len / 2] ^= 1;
    assert_int_equal(cb_publish_file(f->s->root, list, text.data, text.len, 0600), 0);
    assert_false(has_layer(f, &o.id));
    put(f, &o); /* made anew */
    assert_true(has_layer(f, &o.id));
    OK_IS(f, 0, fetch(f, &o.id, false));
    assert_int_equal(cb_publish_file(f->s->root, list, text.data, text.len, 0600), 0);
    assert_true(has_layer(f, &o.id)); /* the list is no longer needed */
    other_done(&o);
}

/* A step that is done after all gives the same layer its files. */
static void made_here_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct other o = somebody_has(f, "text");
    struct cache_layer l;
    put(f, &o);
    make_layer(f, "text");
    OK_IS(f, 1, cache_layer_find(f->s, &o.id, &l, &f->err));
    assert_true(l.has_files);
    assert_false(cache_layer_is_elsewhere(f->s, &o.id));
    other_done(&o);
}

static void prune_counts_what_is_here(void **state)
{
    struct fixture *f = *state;
    struct other kept = somebody_has(f, "kept"), garbage = somebody_has(f, "garbage");
    static const struct cache_filter all;
    CB_AUTO(cache_usage) struct cache_usage u = {0};
    struct cache_pruned done;
    struct cb_digest key = {{1}};
    put(f, &kept);
    put(f, &garbage);
    OK_IS(f, 0,
          cache_record_store(f->s, &key, &(struct cache_record){.layer = kept.id, .instruction = (char *)"RUN x"}, &f->err));
    OK_IS(f, 0, fetch(f, &kept.id, false));
    OK_IS(f, 0, cache_prune(f->s, &(struct cache_prune){0}, &done, &f->err));
    assert_int_equal(done.count, 1);
    assert_false(has_layer(f, &garbage.id));
    assert_true(has_layer(f, &kept.id));
    OK_IS(f, 0, cache_usage(f->s, &all, &u, &f->err));
    assert_int_equal(u.sums[CACHE_KIND_LAYER].count, 1);
    assert_int_equal(u.sums[CACHE_KIND_BLOB].count, 1);
    other_done(&kept);
    other_done(&garbage);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_before_it_comes),    TEST(another_index_is_refused), TEST(other_times_are_lost),
        TEST(comes_when_it_is_needed),  TEST(one_place_is_enough),      TEST(lost_when_nobody_has_it),
        TEST(damaged_list_is_no_layer), TEST(made_here_meanwhile),      TEST(prune_counts_what_is_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
