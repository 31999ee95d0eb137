/* What prune takes and what it leaves; what the store says it uses. */
#include "layer-fixture.h"

#include "cache/store/blob.h"
#include "cache/digests.h"
#include "cache/fetch.h"
#include "cache/gc.h"
#include "cache/image.h"
#include "cache/mount.h"
#include "cache/record.h"
#include "cache/store/files.h"
#include "cache/store/lease.h"
#include "cache/usage.h"

#include <time.h>

#define DAY 86400

static void add_record(struct fixture *f, uint8_t key, struct cb_digest layer, int64_t age)
{
    struct cb_digest d = {{key}};
    struct cache_record r = {.layer = layer, .created = {1, 0}, .instruction = (char *)"RUN x"};
    char hex[CB_DIGEST_HEX + 1], path[96];
    const struct timespec then[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
    OK_IS(f, 0, cache_record_store(f->s, &d, &r, &f->err));
    cb_digest_hex(&d, hex);
    snprintf(path, sizeof(path), "records/%.2s/%s", hex, hex);
    assert_int_equal(utimensat(f->s->root, path, then, 0), 0);
}

static bool has_record(struct fixture *f, uint8_t key)
{
    struct cb_digest d = {{key}}, layer;
    int64_t used;
    return cache_record_peek(f->s, &d, &layer, &used, NULL) == 1;
}

static bool has_blob(struct fixture *f, const char *text)
{
    struct cb_digest d;
    uint64_t size;
    cb_sha256(text, strlen(text), &d);
    return cache_blob_has(f->s, &d, &size) == 1;
}

static struct cb_digest put(struct fixture *f, const char *text)
{
    struct cb_digest d;
    OK_IS(f, 0, cache_blob_put(f->s, text, strlen(text), &d, &f->err));
    return d;
}

static bool has_image(struct fixture *f, const char *name)
{
    CB_AUTO(cache_image) struct cache_image i = {0};
    int r = cache_image_load(f->s, name, &i, &f->err);
    assert_true(r >= 0);
    return r == 1;
}

static void prune(struct fixture *f, struct cache_prune how, uint64_t want_count)
{
    struct cache_pruned would, done;
    struct cache_prune dry = how;
    dry.dry_run = true;
    OK_IS(f, 0, cache_prune(f->s, &dry, &would, &f->err));
    OK_IS(f, 0, cache_prune(f->s, &how, &done, &f->err));
    if (done.count != want_count)
        fail_msg("%llu objects removed instead of %llu", (unsigned long long)done.count, (unsigned long long)want_count);
    assert_int_equal(done.count > 0, done.bytes > 0);
    assert_true(would.count >= done.count && would.bytes >= done.bytes); /* a running build may hold some */
}

/* An image on layer A with its blobs; records of A and B; C, D with blob and a blob are garbage. */
struct scene {
    struct cb_digest a, b, c, d;
};

static struct scene make_scene(struct fixture *f)
{
    struct scene s = {make_layer(f, "A"), make_layer(f, "B"), make_layer(f, "C"), make_layer(f, "D")};
    struct cache_packed packed_a = {put(f, "packed A"), 8, cb_codecs[0]}, packed_d = {put(f, "packed D"), 8, cb_codecs[0]};
    OK_IS(f, 0, cache_layer_set_packed(f->s, &s.a, &packed_a, &f->err));
    OK_IS(f, 0, cache_layer_set_packed(f->s, &s.d, &packed_d, &f->err));
    put(f, "garbage");
    char *type = (char *)"application/vnd.oci.image.layer.v1.tar";
    struct cache_image_layer layers[] = {
        {.id = s.a, .diff_id = {{1}}, .blob = put(f, "pulled A"), .blob_size = 8, .media_type = type}};
    struct cache_image image = {.name = (char *)"docker.io/library/app:1",
                                .config = put(f, "config"),
                                .manifest = put(f, "manifest"),
                                .updated = {time(NULL) - 10 * DAY, 0},
                                .layers = layers,
                                .n_layers = 1};
    OK_IS(f, 0, cache_image_store(f->s, &image, &f->err));
    add_record(f, 1, s.a, 20 * DAY);
    add_record(f, 2, s.b, 5 * DAY);
    return s;
}

static void expect_image_whole(struct fixture *f, const struct scene *s, bool there)
{
    static const char *const blobs[] = {"packed A", "pulled A", "config", "manifest"};
    assert_int_equal(has_image(f, "docker.io/library/app:1"), there);
    assert_int_equal(has_layer(f, &s->a), there);
    for (size_t i = 0; i < CB_LEN(blobs); i++)
        if (has_blob(f, blobs[i]) != there)
            fail_msg("blob '%s'", blobs[i]);
}

static void test_garbage_only(void **state)
{
    struct fixture *f = *state;
    struct scene s = make_scene(f);
    prune(f, (struct cache_prune){0}, 4); /* C, D, packed D, garbage */
    expect_image_whole(f, &s, true);
    assert_true(has_layer(f, &s.b));
    assert_false(has_layer(f, &s.c));
    assert_false(has_layer(f, &s.d));
    assert_false(has_blob(f, "packed D"));
    assert_false(has_blob(f, "garbage"));
    assert_true(has_record(f, 1));
    assert_true(has_record(f, 2));
    prune(f, (struct cache_prune){0}, 0);
}

/* What the images of other platforms need stays too. */
static void test_platforms(void **state)
{
    struct fixture *f = *state;
    struct cb_digest a = make_layer(f, "A"), b = make_layer(f, "B");
    struct cache_image_layer layers[] = {{.id = a, .diff_id = {{1}}}, {.id = b, .diff_id = {{2}}}};
    struct cache_image other = {
        .config = put(f, "other"), .platform = (char *)"linux/arm64", .layers = layers + 1, .n_layers = 1};
    struct cache_image image = {.name = (char *)"docker.io/library/app:1",
                                .config = put(f, "config"),
                                .platform = (char *)"linux/amd64",
                                .layers = layers,
                                .n_layers = 1,
                                .others = &other,
                                .n_others = 1};
    OK_IS(f, 0, cache_image_store(f->s, &image, &f->err));
    prune(f, (struct cache_prune){0}, 0);
    OK_IS(f, 1, cache_image_remove(f->s, image.name, &f->err));
    prune(f, (struct cache_prune){0}, 4);
}

static void test_older_than(void **state)
{
    struct fixture *f = *state;
    struct scene s = make_scene(f);
    prune(f, (struct cache_prune){.older_than = 6 * DAY}, 4);
    assert_true(has_record(f, 1)); /* old, but an image stands on its layer */
    assert_true(has_record(f, 2)); /* not old enough */
    prune(f, (struct cache_prune){.older_than = 4 * DAY}, 2);
    assert_false(has_record(f, 2));
    assert_false(has_layer(f, &s.b));
    prune(f, (struct cache_prune){.all = true, .older_than = 9 * DAY}, 0);
    expect_image_whole(f, &s, true);
}

static void test_all(void **state)
{
    struct fixture *f = *state;
    struct scene s = make_scene(f);
    prune(f, (struct cache_prune){.all = true}, 6); /* C, D, packed D, garbage, B and its record */
    expect_image_whole(f, &s, true);
    assert_true(has_record(f, 1)); /* the image needs its layer anyway */
    char name[] = "docker.io/library/app:1", *ids[] = {name};
    struct cache_filter by_name = {.ids = {.items = ids, .n = 1}}, by_part = {.ids = {.items = ids, .n = 1}};
    name[strlen(name) - 1] = '\0';
    prune(f, (struct cache_prune){.filter = by_part}, 0);
    name[strlen(name)] = '1';
    prune(f, (struct cache_prune){.filter = by_name}, 4); /* the image and its blobs; the record holds layer A */
    assert_false(has_image(f, "docker.io/library/app:1"));
    prune(f, (struct cache_prune){.all = true}, 3);
    expect_image_whole(f, &s, false);
    static const char *const empty[] = {"layers", "diffs", "blobs/sha256", "images", "work", "context"};
    for (size_t i = 0; i < CB_LEN(empty); i++) {
        CB_AUTO(cb_strv) struct cb_strv names = {0};
        assert_int_equal(cache_store_names(f->s, empty[i], &names), 0);
        if (names.n)
            fail_msg("%s/%s is left", empty[i], names.items[0]);
    }
}

/* Least recently used first, no more than needed. */
static void test_keep_bytes(void **state)
{
    struct fixture *f = *state;
    struct cb_digest layers[6];
    CB_AUTO(free) char *text = cb_alloc(300001);
    for (uint8_t i = 0; i < CB_LEN(layers); i++) {
        memset(text, 'a' + i, 300000);
        layers[i] = make_layer(f, text);
        add_record(f, i, layers[i], (i * 5 % 6 + 1) * DAY); /* ages 1 6 5 4 3 2 */
    }
    prune(f, (struct cache_prune){.keep_bytes = 100000000}, 0);
    prune(f, (struct cache_prune){.keep_bytes = 1100000}, 6);
    static const bool stay[] = {true, false, false, false, true, true};
    for (uint8_t i = 0; i < CB_LEN(layers); i++)
        if (has_record(f, i) != stay[i] || has_layer(f, &layers[i]) != stay[i])
            fail_msg("record %d", i);
    prune(f, (struct cache_prune){.keep_bytes = 1, .older_than = 2 * DAY - 10}, 4);
    assert_true(has_record(f, 0));
    prune(f, (struct cache_prune){.keep_bytes = 1}, 2);
    assert_false(has_record(f, 0));
}

/* A layer that two records name goes with the second. */
static void test_shared_layer(void **state)
{
    struct fixture *f = *state;
    struct cb_digest layer = make_layer(f, "x");
    add_record(f, 1, layer, 9 * DAY);
    add_record(f, 2, layer, 1 * DAY);
    prune(f, (struct cache_prune){.older_than = 5 * DAY}, 1);
    assert_true(has_layer(f, &layer));
    prune(f, (struct cache_prune){.older_than = DAY / 2}, 2);
    assert_false(has_layer(f, &layer));
}

static void test_dead_records(void **state)
{
    struct fixture *f = *state;
    struct cb_digest nowhere = {{7}}, layer = make_layer(f, "x");
    add_record(f, 1, nowhere, 0);
    add_record(f, 2, layer, 0);
    write_file(f->s->root, "records/02/.tmp-0123456789abcdef", "x");
    const struct timespec old[2] = {{1, 0}, {1, 0}};
    assert_int_equal(utimensat(f->s->root, "records/02/.tmp-0123456789abcdef", old, 0), 0);
    prune(f, (struct cache_prune){0}, 1);
    assert_false(exists(f->s->root, "records/02/.tmp-0123456789abcdef"));
    assert_true(has_record(f, 2));
}

/* Locks the byte of a build that began at this second. */
static int begin_build(struct cache_store *s, time_t when)
{
    int fd = openat(s->root, "locks/builds", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock at = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = when, .l_len = 1};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &at), 0);
    s->lease = when;
    return fd;
}

/* What it has found or made stays, with what that needs; what nobody has touched since it began goes. */
static void test_running_build(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_store) struct cache_store *build = NULL;
    struct scene s = make_scene(f);
    struct cache_layer l;
    struct cb_digest packed;
    uint64_t size;
    time_t made = time(NULL);
    while (time(NULL) < made + 2)
        usleep(20000);
    OK_IS(f, 0, cache_store_open(f->path, &build, &f->err));
    int fd = begin_build(build, time(NULL) - 1);
    OK_IS(f, 1, cache_layer_find(build, &s.d, &l, &f->err)); /* garbage, but found */
    put(f, "not named yet");
    prune(f, (struct cache_prune){.all = true}, 4); /* B and its record, C, garbage */
    assert_true(has_layer(f, &s.d));
    assert_false(has_layer(f, &s.b));
    assert_true(has_blob(f, "packed D"));
    assert_true(has_blob(f, "not named yet"));
    cb_sha256("packed D", 8, &packed);
    assert_int_equal(cache_blob_has(build, &packed, &size), 1);
    cb_close(fd);
    prune(f, (struct cache_prune){0}, 3); /* D, packed D, not named yet */
}

/* Whoever takes a layer that is being removed does not have it. */
static void test_taken_while_it_goes(void **state)
{
    struct fixture *f = *state;
    struct cb_digest id = make_layer(f, "x");
    char path[CB_DIGEST_HEX + 8] = "layers/";
    cb_digest_hex(&id, path + 7);
    CB_AUTO(close) int taken = openat(f->s->root, path, O_RDONLY | O_CLOEXEC);
    CB_AUTO(close) int fd = begin_build(f->s, time(NULL) + 100);
    CB_AUTO(close) int broken = cache_lease_break(f->s, path, CACHE_BY_CHANGE);
    assert_true(broken >= 0);
    assert_int_equal(cache_lease_break(f->s, path, CACHE_BY_CHANGE), -EBUSY);
    assert_int_equal(renameat(f->s->root, path, f->s->root, "work/gone"), 0);
    broken = cb_close(broken);
    assert_false(cache_lease_take(f->s, taken, path, CACHE_BY_CHANGE));
    make_layer(f, "x"); /* another one of the same name */
    assert_false(cache_lease_take(f->s, taken, path, CACHE_BY_CHANGE));
}

/* Killed after the roots went and before the rest did: the next one takes the rest. */
static void test_work_of_the_dead(void **state)
{
    struct fixture *f = *state;
    struct cache_work w = CACHE_WORK_INIT;
    OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
    assert_int_equal(cb_mkdirs(w.dir, "layer/fs", 0700), 0);
    cb_close(w.dir);
    cb_close(w.lock_fd);
    assert_int_equal(cb_mkdirs(f->s->root, "work/0123456789abcdef/fs", 0700), 0);
    prune(f, (struct cache_prune){0}, 0);
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    assert_int_equal(cache_store_names(f->s, "work", &names), 0);
    assert_int_equal(names.n, 0);
}

static void add_download(struct fixture *f, const char *url, const char *text, int64_t age)
{
    const struct timespec then[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
    struct cache_fetch m = {.etag = (char *)"\"e\"", .digest = put(f, text), .mtime = 7};
    char path[16 + CB_DIGEST_HEX] = "fetch/";
    struct cb_digest d;
    cb_sha256(url, strlen(url), &d);
    cb_digest_hex(&d, path + 6);
    cache_fetch_store(f->s, url, &m);
    assert_int_equal(utimensat(f->s->root, path, then, 0), 0);
}

static bool has_download(struct fixture *f, const char *url)
{
    CB_AUTO(cache_fetch) struct cache_fetch m = {0};
    return cache_fetch_load(f->s, url, &m) == 1;
}

static void test_downloads(void **state)
{
    struct fixture *f = *state;
    add_download(f, "http://h/old", "old", 20 * DAY);
    add_download(f, "http://h/new", "new", 2 * DAY);
    prune(f, (struct cache_prune){.mounts = true}, 0);
    assert_true(has_blob(f, "old"));
    prune(f, (struct cache_prune){.older_than = 6 * DAY}, 2);
    assert_false(has_download(f, "http://h/old"));
    assert_false(has_blob(f, "old"));
    assert_true(has_download(f, "http://h/new")); /* and that is a use */
    prune(f, (struct cache_prune){.older_than = DAY}, 0);
    prune(f, (struct cache_prune){.all = true, .mounts = true}, 2);
    assert_false(has_download(f, "http://h/new"));
    add_download(f, "http://h/f", "file", 0);
    assert_int_equal(unlinkat(f->s->root,
                              "blobs/sha256/" /* without it there is nothing to remember */
                              "3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80",
                              0),
                     0);
    prune(f, (struct cache_prune){0}, 1);
}

static const struct cache_item *item(const struct cache_usage *u, enum cache_kind kind, const char *id)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->items[i].kind == kind && (!id || strcmp(u->items[i].id, id) == 0))
            return &u->items[i];
    return NULL;
}

static void test_usage(void **state)
{
    struct fixture *f = *state;
    static const struct cache_filter all;
    static const struct {
        uint64_t count;
        bool bytes, prune, all;
    } want[CACHE_KINDS] = {
        [CACHE_KIND_IMAGE] = {1, true, false, false},  [CACHE_KIND_LAYER] = {4, true, true, true},
        [CACHE_KIND_BLOB] = {7, true, true, true},     [CACHE_KIND_RECORD] = {2, true, false, true},
        [CACHE_KIND_MOUNT] = {1, true, false, true},   [CACHE_KIND_DOWNLOAD] = {1, true, false, true},
        [CACHE_KIND_CONTEXT] = {1, true, false, true}, [CACHE_KIND_WORK] = {1, true, false, false},
    };
    CB_AUTO(cache_usage) struct cache_usage u = {0}, later = {0};
    struct cache_work w = CACHE_WORK_INIT;
    struct cache_mount *m = NULL;
    make_scene(f);
    struct cache_mount_request request = {
        .key = "k", .sharing = CACHE_LOCKED, .mode = 0755, .uid = geteuid(), .gid = getegid(), .seed = -1};
    OK_IS(f, 0, cache_mount_acquire(f->s, &request, &m, &f->err));
    OK_IS(f, 0, cache_usage(f->s, &all, &u, &f->err));
    assert_int_equal(u.sums[CACHE_KIND_MOUNT].all, 0); /* in use */
    assert_true(item(&u, CACHE_KIND_MOUNT, NULL)->in_use);
    assert_string_equal(item(&u, CACHE_KIND_MOUNT, NULL)->text, "k");
    cache_mount_release(m);
    OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
    write_file(f->s->root, "context/0123", "x");
    add_download(f, "http://h/f", "file", 0);
    OK_IS(f, 0, cache_usage(f->s, &all, &later, &f->err));
    for (size_t i = 0; i < CACHE_KINDS; i++) {
        if (later.sums[i].count != want[i].count || (later.sums[i].bytes > 0) != want[i].bytes ||
            (later.sums[i].prune > 0) != want[i].prune || (later.sums[i].all > 0) != want[i].all)
            fail_msg("%s: %llu, %llu bytes, %llu by prune, %llu by all", cache_kind_names[i],
                     (unsigned long long)later.sums[i].count, (unsigned long long)later.sums[i].bytes,
                     (unsigned long long)later.sums[i].prune, (unsigned long long)later.sums[i].all);
        assert_true(later.sums[i].all <= later.sums[i].bytes && later.sums[i].prune <= later.sums[i].all);
    }
    cache_work_done(f->s, &w);
}

/* A file that layers share by hard links is counted once, and freed with the last of them. */
static void test_shared_files(void **state)
{
    struct fixture *f = *state;
    static const struct cache_filter all;
    CB_AUTO(free) char *text = cb_alloc(400001);
    CB_AUTO(cache_usage) struct cache_usage before = {0}, u = {0};
    struct cb_digest a = make_layer(f, "a"), b = make_layer(f, "b");
    char from[CB_DIGEST_HEX + 32] = "layers/", to[CB_DIGEST_HEX + 32] = "layers/", hex_a[CB_DIGEST_HEX + 1];
    struct cache_pruned done;
    cb_digest_hex(&a, hex_a);
    cb_digest_hex(&a, from + 7);
    cb_digest_hex(&b, to + 7);
    add_record(f, 1, a, 9 * DAY);
    add_record(f, 2, b, 0);
    OK_IS(f, 0, cache_usage(f->s, &all, &before, &f->err));
    memset(text, 'x', 400000);
    strcat(from, "/fs/big");
    strcat(to, "/fs/big");
    write_file(f->s->root, from, text);
    assert_int_equal(linkat(f->s->root, from, f->s->root, to, 0), 0);
    OK_IS(f, 0, cache_usage(f->s, &all, &u, &f->err));
    uint64_t grown = u.sums[CACHE_KIND_LAYER].bytes - before.sums[CACHE_KIND_LAYER].bytes;
    assert_in_range(grown, 400000, 500000);
    assert_in_range(item(&u, CACHE_KIND_LAYER, hex_a)->shared, 400000, 500000);
    OK_IS(f, 0, cache_prune(f->s, &(struct cache_prune){.older_than = DAY}, &done, &f->err));
    assert_true(done.bytes > 0 && done.bytes < 400000);
    assert_false(has_layer(f, &a));
    OK_IS(f, 0, cache_prune(f->s, &(struct cache_prune){.all = true}, &done, &f->err));
    assert_in_range(done.bytes, 400000, 500000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_garbage_only),        TEST(test_platforms),    TEST(test_older_than),   TEST(test_all),
        TEST(test_keep_bytes),          TEST(test_shared_layer), TEST(test_dead_records), TEST(test_running_build),
        TEST(test_work_of_the_dead),    TEST(test_usage),        TEST(test_downloads),    TEST(test_shared_files),
        TEST(test_taken_while_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
