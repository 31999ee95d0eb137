/* The build-context index: what is read again, and what must never be missed. */
#include "store-fixture.h"

#include "base/pack.h"
#include "cache/digests.h"
#include "cache/store/files.h"
#include "cache/store/seal.h"

#include <sys/xattr.h>
#include <time.h>

#define IDENTITY "/home/user/app"

/* Asks for `name` in the directory `dir`. */
static int ask(struct fixture *f, struct cache_digests *c, int dir, const char *name, struct cb_digest *ret)
{
    struct stat st;
    assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return cache_digests_digest(c, dir, name, &st, ret, &f->err);
}

static void expect(struct fixture *f, struct cache_digests *c, const char *name, const char *text)
{
    struct cb_digest want, got;
    cb_sha256(text, strlen(text), &want);
    OK_IS(f, 0, ask(f, c, f->scratch, name, &got));
    if (!cb_digest_eq(&want, &got))
        fail_msg("'%s': not the digest of '%s'", name, text);
}

static void expect_once(struct fixture *f, const char *name, const char *text)
{
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    expect(f, c, name, text);
}

/* Old enough that its digest may be kept: ctime cannot be set, so time must pass. */
static void settle(void)
{
    nanosleep(&(struct timespec){0, 60000000}, NULL);
}

static size_t table_size(struct fixture *f, struct timespec *ret_time)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    struct stat st;
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    if (names.n == 0)
        return 0;
    assert_int_equal(names.n, 1);
    CB_AUTO(free) char *path = cb_printf("context/%s", names.items[0]);
    assert_int_equal(fstatat(f->s->root, path, &st, 0), 0);
    *ret_time = st.st_mtim;
    return (size_t)st.st_size;
}

/* A table whose digests are wrong tells whether a digest came from it. */
static void falsify_table(struct fixture *f, const char *text, const char *wrong)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct cb_digest from, to;
    cb_sha256(text, strlen(text), &from);
    cb_sha256(wrong, strlen(wrong), &to);
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    assert_int_equal(names.n, 1);
    CB_AUTO(free) char *path = cb_printf("context/%s", names.items[0]);
    assert_int_equal(cb_read_file(f->s->root, path, 1 << 20, &b), 0);
    char *at = memmem(b.data, b.len, from.b, sizeof(from.b));
    assert_non_null(at);
    memcpy(at, to.b, sizeof(to.b));
    b.len -= 8;
    cb_put_u64(&b, cache_checksum(b.data, b.len));
    assert_int_equal(cb_publish_file(f->s->root, path, b.data, b.len, 0600), 0);
}

static void test_hit(void **state)
{
    struct fixture *f = *state;
    struct timespec first, second;
    write_file(f->scratch, "a", "one");
    settle();
    expect_once(f, "a", "one");
    size_t size = table_size(f, &first);
    assert_true(size > 0);
    expect_once(f, "a", "one");
    assert_int_equal(table_size(f, &second), size);
    assert_memory_equal(&first, &second, sizeof(first)); /* nothing new: not written */
    falsify_table(f, "one", "from the table");
    expect_once(f, "a", "from the table");
}

/* Twice within one clock tick, same size: no time and no inode tells. */
static void test_edit_within_a_tick(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        write_file(f->scratch, "a", "one");
        expect_once(f, "a", "one");
        write_file(f->scratch, "a", "two");
        expect_once(f, "a", "two");
    }
    settle();
    expect_once(f, "a", "two");
}

/* The same within one build: COPY twice. */
static void test_edit_between_two_asks(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    for (int i = 0; i < 30; i++) {
        write_file(f->scratch, "a", i % 2 ? "one" : "two");
        expect(f, c, "a", i % 2 ? "one" : "two");
    }
}

/* Size, mtime and name as before: ctime tells, or the inode. */
static void test_mtime_kept(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    for (int replace = 0; replace < 2; replace++) {
        write_file(f->scratch, "a", "one");
        assert_int_equal(fstatat(f->scratch, "a", &st, 0), 0);
        settle();
        expect_once(f, "a", "one");
        if (replace) {
            write_file(f->scratch, "b", "two");
            assert_int_equal(renameat(f->scratch, "b", f->scratch, "a"), 0);
        } else {
            write_file(f->scratch, "a", "two");
        }
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        assert_int_equal(utimensat(f->scratch, "a", times, 0), 0);
        settle();
        expect_once(f, "a", "two");
        expect_once(f, "a", "two");
    }
}

/* A time in the future must not make a file be read for ever. */
static void test_future_mtime(void **state)
{
    struct fixture *f = *state;
    const struct timespec times[2] = {{4000000000, 0}, {4000000000, 0}};
    write_file(f->scratch, "a", "one");
    assert_int_equal(utimensat(f->scratch, "a", times, 0), 0);
    settle();
    expect_once(f, "a", "one");
    falsify_table(f, "one", "from the table");
    expect_once(f, "a", "from the table");
}

static void file_name(int i, char out[32])
{
    /* names on both sides of '/' in the order of bytes */
    static const char *const forms[] = {"d%02d", "e%02d/x", "e%02d.b", "e%02d-c", "f/%02d"};
    snprintf(out, 32, forms[i % 5], i / 5);
}

static void test_order_of_asking(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 100, STRIDE = 37 };
    char name[32];
    for (int i = 0; i < FILES; i++) {
        file_name(i, name);
        CB_AUTO(free) char *dir = cb_strdup(name);
        if (strchr(dir, '/')) {
            *strchr(dir, '/') = 0;
            assert_int_equal(cb_mkdirs(f->scratch, dir, 0700), 0);
        }
        write_file(f->scratch, name, name);
    }
    settle();
    for (int round = 0; round < 4; round++) {
        struct timespec before = {0}, after = {0};
        (void)table_size(f, &before);
        struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
        for (int i = 0; i < FILES; i++) {
            file_name(round % 2 ? i : i * STRIDE % FILES, name);
            expect(f, c, name, name);
        }
        cache_digests_close(c);
        (void)table_size(f, &after);
        if (round)
            assert_memory_equal(&before, &after, sizeof(before));
    }
}

/* One build that reads a few files for the first time, so many that the whole table is written anew. */
static void build_others(struct fixture *f, int round)
{
    char name[16];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "n%d-%d", round, i);
        write_file(f->scratch, name, name);
    }
    settle();
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "n%d-%d", round, i);
        expect(f, c, name, name);
    }
}

/* Files that nobody asks for go after a while; in between they stay. */
static void test_forgetting(void **state)
{
    struct fixture *f = *state;
    write_file(f->scratch, "kept", "kept");
    settle();
    expect_once(f, "kept", "kept");
    falsify_table(f, "kept", "from the table");
    for (int i = 0; i < CACHE_DIGESTS_KEEP; i++)
        build_others(f, i);
    expect_once(f, "kept", "from the table");
    build_others(f, CACHE_DIGESTS_KEEP); /* the first may go into the small table */
    build_others(f, CACHE_DIGESTS_KEEP + 1);
    expect_once(f, "kept", "kept");
}

static void test_damaged_table(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;
    write_file(f->scratch, "a", "one");
    write_file(f->scratch, "b", "two");
    settle();
    expect_once(f, "a", "one");
    expect_once(f, "b", "two");
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    CB_AUTO(free) char *path = cb_printf("context/%s", names.items[0]);
    assert_int_equal(cb_read_file(f->s->root, path, 1 << 20, &good), 0);
    for (size_t n = 0; n < good.len; n++) { /* cut short, and bytes gone wrong in the frame and in the rows */
        assert_int_equal(cb_publish_file(f->s->root, path, good.data, n, 0600), 0);
        struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
        expect(f, c, "a", "one");
        expect(f, c, "b", "two");
        cache_digests_close(c);
    }
}

/* One wrong byte anywhere makes it an empty one. */
static void test_flipped_bytes(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;
    write_file(f->scratch, "a", "one");
    settle();
    expect_once(f, "a", "one");
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    CB_AUTO(free) char *path = cb_printf("context/%s", names.items[0]);
    assert_int_equal(cb_read_file(f->s->root, path, 1 << 20, &good), 0);
    for (size_t i = 0; i < good.len; i++) {
        good.data[i] = (char)(good.data[i] ^ 0x5a);
        assert_int_equal(cb_publish_file(f->s->root, path, good.data, good.len, 0600), 0);
        good.data[i] = (char)(good.data[i] ^ 0x5a);
        expect_once(f, "a", "one");
    }
}

static void test_changed_while_read(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    static const char *const ways[] = {"gone", "symlink", "directory"};
    for (size_t i = 0; i < CB_LEN(ways); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct stat st;
        struct cb_digest d;
        write_file(f->scratch, "a", "before");
        assert_int_equal(fstatat(f->scratch, "a", &st, 0), 0);
        assert_int_equal(unlinkat(f->scratch, "a", 0), 0);
        if (i == 1)
            assert_int_equal(symlinkat("/etc/passwd", f->scratch, "a"), 0);
        if (i == 2)
            assert_int_equal(mkdirat(f->scratch, "a", 0700), 0);
        if (cache_digests_digest(c, f->scratch, "a", &st, &d, &err) != -1)
            fail_msg("%s: not noticed", ways[i]);
        if (!strstr(err.msg, "'a' changed while it was read") || !err.hint)
            fail_msg("%s: '%s'", ways[i], err.msg);
        assert_int_equal(cb_remove_tree(f->scratch, "a"), 0);
    }
}

/* What is another file by now, and stays so, is read as it is. */
static void test_changed_before_it_is_read(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    static const char *const contents[] = {"a", "after it grew", "BEFORE", ""};
    for (size_t i = 0; i < CB_LEN(contents); i++) {
        struct stat st;
        struct cb_digest have, want;
        write_file(f->scratch, "a", "before");
        assert_int_equal(fstatat(f->scratch, "a", &st, 0), 0);
        write_file(f->scratch, "a", contents[i]);
        assert_int_equal(cache_digests_digest(c, f->scratch, "a", &st, &have, &f->err), 0);
        cb_sha256(contents[i], strlen(contents[i]), &want);
        assert_true(cb_digest_eq(&have, &want));
        assert_int_equal(st.st_size, strlen(contents[i]));
    }
}

/* A symlink on the way is not followed, wherever it leads. */
static void test_no_symlinks(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
    struct cb_digest d;
    assert_int_equal(cb_mkdirs(f->scratch, "real", 0700), 0);
    write_file(f->scratch, "real/a", "x");
    assert_int_equal(symlinkat("real", f->scratch, "link"), 0);
    assert_int_equal(ask(f, c, f->scratch, "link/a", &d), -1);
}

static size_t count_tables(struct fixture *f)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    return names.n;
}

/* Few changes go into a second, small file, which is taken up into the whole when it grows. */
static void test_recent(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 200 };
    char name[32], text[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "f%03d", i);
        write_file(f->scratch, name, name);
    }
    settle();
    bool split = false, joined = false;
    for (int round = 0; round < 20; round++) {
        struct cache_digests *c = cache_digests_open(f->s, IDENTITY);
        for (int i = 0; i < FILES; i++) {
            snprintf(name, sizeof(name), "f%03d", i);
            snprintf(text, sizeof(text), i < round ? "%s changed in round %d" : "%s", name, i + 1);
            expect(f, c, name, text);
        }
        cache_digests_close(c);
        joined |= split && count_tables(f) == 1;
        split |= count_tables(f) == 2;
        snprintf(name, sizeof(name), "f%03d", round);
        snprintf(text, sizeof(text), "%s changed in round %d", name, round + 1);
        write_file(f->scratch, name, text);
        settle();
    }
    assert_true(split);
    assert_true(joined);
}

static void test_identities_apart(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    write_file(f->scratch, "a", "one");
    settle();
    expect_once(f, "a", "one");
    struct cache_digests *c = cache_digests_open(f->s, "/elsewhere");
    expect(f, c, "a", "one");
    cache_digests_close(c);
    cache_digests_close(NULL);
    assert_int_equal(cache_store_names(f->s, "context", &names), 0);
    assert_int_equal(names.n, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hit),
        TEST(test_edit_within_a_tick),
        TEST(test_edit_between_two_asks),
        TEST(test_mtime_kept),
        TEST(test_future_mtime),
        TEST(test_order_of_asking),
        TEST(test_forgetting),
        TEST(test_damaged_table),
        TEST(test_flipped_bytes),
        TEST(test_changed_while_read),
        TEST(test_changed_before_it_is_read),
        TEST(test_no_symlinks),
        TEST(test_recent),
        TEST(test_identities_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
