/* Layer indexes: order, identity, and that a damaged one is never taken for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/fd.h"
#include "base/pack.h"
#include "cache/store/index.h"
#include "cache/store/seal.h"

#include <sys/mman.h>

static void add(struct cache_index *x, const char *path, int type, const char *link)
{
    cache_index_add(x, &(struct cache_entry){.path = path,
                                             .type = type,
                                             .mode = 0644,
                                             .uid = 1,
                                             .gid = 2,
                                             .size = strlen(path),
                                             .mtime = 5,
                                             .link = link,
                                             .dev_major = 8,
                                             .dev_minor = 9,
                                             .digest = {{7}}});
}

static void test_order(void **state)
{
    static const char *const sorted[] = {"a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "b", "\xff"};
    CB_AUTO(cache_index) struct cache_index x = {0};

    (void)state;
    for (size_t i = CB_LEN(sorted); i-- > 0;)
        add(&x, sorted[i], i < 2 ? CB_DIR : CB_FILE, NULL);
    cache_index_sort(&x);
    assert_int_equal(x.n, CB_LEN(sorted));
    for (size_t i = 0; i < x.n; i++) {
        assert_string_equal(x.entries[i].path, sorted[i]);
        assert_ptr_equal(cache_index_find(&x, sorted[i]), &x.entries[i]);
    }
    assert_null(cache_index_find(&x, "a/"));
    assert_null(cache_index_find(&x, "zz"));
    assert_null(cache_index_find(&x, ""));
}

static void test_last_stays(void **state)
{
    CB_AUTO(cache_index) struct cache_index x = {0};

    (void)state;
    add(&x, "d", CB_FILE, NULL);
    add(&x, "d", CACHE_OPAQUE, NULL);
    add(&x, "c", CACHE_WHITEOUT, NULL);
    add(&x, "d", CB_DIR, NULL);
    add(&x, "c", CB_SYMLINK, "there");
    cache_index_sort(&x);
    assert_int_equal(x.n, 3);
    assert_int_equal(cache_index_find(&x, "c")->type, CB_SYMLINK);
    assert_int_equal(cache_index_find(&x, "d")->type, CB_DIR);
    assert_int_equal(x.entries[2].type, CACHE_OPAQUE);
}

static void fill(struct cache_index *x)
{
    static const struct cb_xattr xattrs[] = {{(char *)"user.b", (char *)"\0\1", 2},
                                             {(char *)"security.capability", (char *)"", 0}};

    add(x, "bin", CB_SYMLINK, "usr/bin");
    add(x, "dev", CB_DIR, NULL);
    add(x, "dev/null", CB_CHAR, NULL);
    add(x, "dev/sda", CB_BLOCK, NULL);
    add(x, "f", CB_FILE, NULL);
    add(x, "g", CB_HARDLINK, "f");
    add(x, "gone", CACHE_WHITEOUT, NULL);
    add(x, "o", CB_DIR, NULL);
    add(x, "o", CACHE_OPAQUE, NULL);
    add(x, "pipe", CB_FIFO, NULL);
    cache_index_add(x, &(struct cache_entry){.path = "x\xff", .type = CB_FILE, .mode = 06755, .xattrs = xattrs, .n_xattrs = 2});
    cache_index_sort(x);
}

static void test_round_trip(void **state)
{
    CB_AUTO(cache_index) struct cache_index x = {0}, y = {0};
    CB_AUTO(cb_buf) struct cb_buf a = CB_BUF_INIT, b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

    (void)state;
    fill(&x);
    cache_index_write(&x, &a);
    if (cache_index_read(a.data, a.len, &y, &err) < 0)
        fail_msg("%s", err.msg);
    cache_index_write(&y, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_int_equal(cache_index_size(&x), 1);
}

/* An unnamed file that holds `b`. */
static int file_of(const struct cb_buf *b)
{
    int fd = memfd_create("index", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(cb_write_full(fd, b->data, b->len), 0);
    return fd;
}

/* What the cursor gives, written again; false: it finds damage. */
static bool read_by_cursor(const struct cb_buf *file, struct cache_index *ret)
{
    CB_AUTO(cache_index_cursor) struct cache_index_cursor c = CACHE_INDEX_CURSOR_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(close) int fd = file_of(file);
    struct cache_entry e;
    int r = cache_index_cursor_open(fd, &c, &err) < 0 ? -1 : 1;
    while (r > 0 && (r = cache_index_cursor_next(&c, &e, &err)) > 0)
        cache_index_add(ret, &e);
    if (r < 0)
        assert_int_equal(err.code, CB_E_CORRUPT);
    return r == 0;
}

static void test_cursor(void **state)
{
    static char value[40000];
    const struct cb_xattr large = {(char *)"user.large", value, sizeof(value)};
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        CB_AUTO(cache_index) struct cache_index x = {0}, y = {0};
        CB_AUTO(cb_buf) struct cb_buf a = CB_BUF_INIT, b = CB_BUF_INIT;
        fill(&x);
        for (int i = 0; i < 5000; i++) { /* more than is in memory at a time, and entries that are large themselves */
            CB_AUTO(free) char *path = cb_printf("y/%06d", i);
            cache_index_add(&x, &(struct cache_entry){
                                    .path = path, .type = CB_FILE, .xattrs = &large, .n_xattrs = i % 1000 == 7, .digest = {{3}}});
        }
        cache_index_write(&x, &a);
        cache_index_write(&x, &b);
        if (sealed)
            cache_seal(&a);
        assert_true(read_by_cursor(&a, &y));
        cb_buf_reset(&a);
        cache_index_write(&y, &a);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
    }
}

static void test_content_id(void **state)
{
    CB_AUTO(cache_index) struct cache_index x = {0}, y = {0}, z = {0};
    struct cb_digest a, b, c;

    (void)state;
    fill(&x);
    fill(&y);
    fill(&z);
    y.entries[4].mtime = 99;
    z.entries[4].mode = 0600;
    cache_index_content_id(&x, &a);
    cache_index_content_id(&y, &b);
    cache_index_content_id(&z, &c);
    assert_true(cb_digest_eq(&a, &b));
    assert_false(cb_digest_eq(&a, &c));
}

static void test_refused(void **state)
{
    static const struct {
        const char *first, *second;
        int type, second_type;
        const char *link;
    } bad[] = {
        {"a", "a", CB_FILE, CB_FILE, NULL},      {"b", "a", CB_FILE, CB_FILE, NULL},
        {"a", "a/b", CB_FILE, CB_FILE, NULL},    {"a", "a/b", CACHE_WHITEOUT, CB_FILE, NULL},
        {"a", "b//c", CB_FILE, CB_FILE, NULL},   {"a", "/b", CB_FILE, CB_FILE, NULL},
        {"a", "b/", CB_FILE, CB_FILE, NULL},     {"a", "b/../c", CB_FILE, CB_FILE, NULL},
        {"a", "b/.", CB_FILE, CB_FILE, NULL},    {"", "b", CB_FILE, CB_FILE, NULL},
        {"..", "b", CB_FILE, CB_FILE, NULL},     {"a", "b", CB_DIR, CB_HARDLINK, "a"},
        {"a", "b", CB_FILE, CB_HARDLINK, "c"},   {"a", "b", CB_FILE, CB_HARDLINK, "b"},
        {"a", "b", CB_FILE, CB_SYMLINK, ""},     {"a", "b", CB_FILE, CB_HARDLINK, "/a"},
        {"a", "a", CB_FILE, CACHE_OPAQUE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cache_index) struct cache_index x = {0}, y = {0}, z = {0};
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

        add(&x, bad[i].first, bad[i].type, NULL);
        add(&x, bad[i].second, bad[i].second_type, bad[i].link);
        cache_index_write(&x, &b);
        if (cache_index_read(b.data, b.len, &y, &err) != -1)
            fail_msg("case %zu: '%s' then '%s' is accepted", i, bad[i].first, bad[i].second);
        if (bad[i].second_type != CB_HARDLINK && read_by_cursor(&b, &z))
            fail_msg("case %zu: '%s' then '%s' is accepted by a cursor", i, bad[i].first, bad[i].second);
        assert_int_equal(err.code, CB_E_CORRUPT);
    }
}

static void test_damage(void **state)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;
    uint32_t r = 7;

    (void)state;
    fill(&x);
    cache_index_write(&x, &good);
    for (size_t cut = 0; cut < good.len; cut++) {
        CB_AUTO(cache_index) struct cache_index y = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *copy = cb_memdup0(good.data, cut);

        if (cache_index_read(copy, cut, &y, &err) != -1)
            fail_msg("cut at %zu of %zu is accepted", cut, good.len);
        if (read_by_cursor(&(struct cb_buf){copy, cut, cut}, &y))
            fail_msg("cut at %zu of %zu is accepted by a cursor", cut, good.len);
    }
    for (int i = 0; i < 20000; i++) {
        CB_AUTO(cache_index) struct cache_index y = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *copy = cb_memdup0(good.data, good.len);

        for (int k = 0; k <= i % 3; k++) {
            r = r * 1664525 + 1013904223;
            copy[(r >> 8) % good.len] = (char)(i % 2 ? r >> 24 : 0xff);
        }
        if (cache_index_read(copy, good.len, &y, &err) == 0) { /* then it is an index like any other */
            CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;

            cache_index_write(&y, &again);
            assert_int_equal(again.len, good.len);
            assert_memory_equal(again.data, copy, good.len);
        }
    }
    CB_AUTO(cb_buf) struct cb_buf huge = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index y = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    cb_buf_adds(&huge, "cbidx\1");
    cb_put_u64(&huge, 10000000);
    assert_int_equal(cache_index_read(huge.data, huge.len, &y, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),  cmocka_unit_test(test_last_stays), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cursor), cmocka_unit_test(test_content_id), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
