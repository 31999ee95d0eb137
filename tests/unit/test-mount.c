/* Cache mounts: who gets which directory, what a new one starts with. */
#include "store-fixture.h"

#include "cache/mount.h"
#include "cache/mount-name.h"

#include <sys/wait.h>
#include <time.h>

static struct cache_mount *acquire(struct fixture *f, const char *key, enum cache_sharing sharing, const char *fresh)
{
    struct cache_mount_request r = {
        .key = key, .sharing = sharing, .fresh = fresh, .mode = 0750, .uid = geteuid(), .gid = getegid(), .seed = -1};
    struct cache_mount *m = NULL;
    OK_IS(f, 0, cache_mount_acquire(f->s, &r, &m, &f->err));
    return m;
}

static ino_t inode_of(const struct cache_mount *m)
{
    struct stat st;
    assert_int_equal(fstatat(cache_mount_dir(m), "", &st, AT_EMPTY_PATH), 0);
    return st.st_ino;
}

static void test_shared(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct cache_mount *a = acquire(f, "ns\n/cache\n", CACHE_SHARED, NULL), *b = acquire(f, "ns\n/cache\n", CACHE_SHARED, NULL);
    struct cache_mount *other = acquire(f, "ns\n/other\n", CACHE_SHARED, NULL);
    assert_int_equal(inode_of(a), inode_of(b));
    assert_int_not_equal(inode_of(a), inode_of(other));
    assert_int_equal(fstatat(cache_mount_dir(a), "", &st, AT_EMPTY_PATH), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    write_file(cache_mount_dir(a), "kept", "x");
    cache_mount_release(a);
    cache_mount_release(b);
    cache_mount_release(other);
    cache_mount_release(NULL);
    a = acquire(f, "ns\n/cache\n", CACHE_LOCKED, NULL);
    assert_true(exists(cache_mount_dir(a), "kept"));
    cache_mount_release(a);
}

static void test_private(void **state)
{
    struct fixture *f = *state;
    struct cache_mount *a = acquire(f, "k", CACHE_PRIVATE, NULL), *b = acquire(f, "k", CACHE_PRIVATE, NULL);
    ino_t first = inode_of(a), second = inode_of(b);
    assert_int_not_equal(first, second);
    cache_mount_release(a);
    cache_mount_release(b);
    a = acquire(f, "k", CACHE_PRIVATE, NULL); /* used again */
    assert_int_equal(inode_of(a), first);
    b = acquire(f, "k", CACHE_PRIVATE, NULL);
    assert_int_equal(inode_of(b), second);
    cache_mount_release(a);
    cache_mount_release(b);
}

static void test_locked_waits(void **state)
{
    struct fixture *f = *state;
    struct cache_mount *a = acquire(f, "k", CACHE_LOCKED, NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cache_mount *b = acquire(f, "k", CACHE_LOCKED, NULL);
        _exit(exists(cache_mount_dir(b), "done") ? 0 : 1);
    }
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    write_file(cache_mount_dir(a), "done", "x");
    cache_mount_release(a);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_fresh(void **state)
{
    struct fixture *f = *state;
    struct cache_mount *a = acquire(f, "k", CACHE_SHARED, NULL);
    write_file(cache_mount_dir(a), "old", "x");
    struct cache_mount *b = acquire(f, "k", CACHE_SHARED, "build 1");
    assert_false(exists(cache_mount_dir(b), "old"));
    write_file(cache_mount_dir(b), "new", "x");
    struct cache_mount *c = acquire(f, "k", CACHE_SHARED, "build 1");
    assert_true(exists(cache_mount_dir(c), "new"));
    struct cache_mount *d = acquire(f, "k", CACHE_SHARED, "build 2");
    assert_false(exists(cache_mount_dir(d), "new"));
    cache_mount_release(c);
    cache_mount_release(d);
    cache_mount_release(a);
    cache_mount_release(b);
}

static void test_seed(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char target[16] = {0};
    assert_int_equal(cb_mkdirs(f->scratch, "seed/sub/deep", 0755), 0);
    write_file(f->scratch, "seed/sub/deep/file", "text");
    assert_int_equal(fchmodat(f->scratch, "seed/sub/deep/file", 04711, 0), 0);
    const struct timespec times[2] = {{1000, 0}, {2000, 0}};
    assert_int_equal(utimensat(f->scratch, "seed/sub/deep/file", times, 0), 0);
    assert_int_equal(utimensat(f->scratch, "seed/sub", times, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->scratch, "seed/link"), 0);
    assert_int_equal(mkfifoat(f->scratch, "seed/fifo", 0640), 0);
    CB_AUTO(close) int seed = openat(f->scratch, "seed", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct cache_mount_request r = {
        .key = "k", .sharing = CACHE_SHARED, .mode = 0700, .uid = geteuid(), .gid = getegid(), .seed = seed};
    struct cache_mount *m = NULL;
    OK_IS(f, 0, cache_mount_acquire(f->s, &r, &m, &f->err));
    int dir = cache_mount_dir(m);
    assert_int_equal(fstatat(dir, "sub/deep/file", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 04711);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(fstatat(dir, "sub", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_int_equal(readlinkat(dir, "link", target, sizeof(target) - 1), 11);
    assert_string_equal(target, "/etc/passwd");
    assert_int_equal(fstatat(dir, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISFIFO(st.st_mode));
    cache_mount_release(m);
}

/* Moved into a work directory and not back: the next user, the owner's end and the sweep bring it home, from wherever it is. */
static void test_lent(void **state)
{
    struct fixture *f = *state;
    enum { BY_USER, BY_OWNER, BY_SWEEP, WAYS };
    struct cache_mount *m = acquire(f, "k", CACHE_PRIVATE, NULL);
    assert_int_equal(mkdirat(cache_mount_dir(m), "part", 0700), 0);
    cache_mount_release(m);
    for (int how = 0; how < 2 * WAYS; how++) {
        struct cache_work w = CACHE_WORK_INIT;
        const char *source = how % 2 ? "part" : "";
        OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
        m = acquire(f, "k", CACHE_PRIVATE, NULL);
        CB_AUTO(free) char *home = cb_fd_path(cache_mount_dir(m)), *path = cb_printf("%s/%s", home, source);
        OK_IS(f, 0, cache_mount_lend(m, &w, source, &f->err));
        assert_int_equal(mkdirat(w.dir, "step", 0700), 0);
        assert_int_equal(renameat(AT_FDCWD, how % 2 ? path : home, w.dir, "step/moved"), 0);
        cache_mount_release(m);
        if (how / 2 == BY_OWNER)
            cache_work_done(f->s, &w);
        else if (how / 2 == BY_SWEEP)
            cache_work_leave(&w);
        if (how / 2 == BY_SWEEP)
            cache_work_sweep(f->s);
        m = how / 2 == BY_USER ? acquire(f, "k", CACHE_SHARED, NULL) : NULL;
        CB_AUTO(free) char *part = cb_printf("%s/part", home);
        assert_int_equal(access(part, F_OK), 0);
        cache_mount_release(m);
        cache_work_done(f->s, &w);
    }
    CB_AUTO(free) char *work = cb_printf("%s/work", f->path);
    assert_int_equal(rmdir(work), 0); /* nor does a note stay */
}

static void test_crowd(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 6 };
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid)
            continue;
        for (int n = 0; n < 30; n++) {
            struct cache_mount *m = acquire(f, "k", (enum cache_sharing)((n + i) % 3), (n + i) % 5 == 0 ? "build" : NULL);
            if (!exists(cache_mount_dir(m), "."))
                _exit(1);
            cache_mount_release(m);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

/* What tells one mount from another, as a text and back. */
static void test_names(void **state)
{
    (void)state;
    struct cb_digest layers[2] = {{{1}}, {{2}}};
    const struct cache_mount_name names[] = {
        {.ns = (char *)"", .id = (char *)"/root/.cache"},
        {.ns = (char *)"a\nb 3 c\n", .id = (char *)"5 x\n"},
        {.ns = (char *)"n", .id = (char *)"i", .owned = true, .mode = 0700, .uid = 5, .gid = UINT32_MAX},
        {.ns = (char *)"", .id = (char *)"", .owned = true, .mode = 0755, .layers = layers, .n_layers = 2},
    };
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT, again = CB_BUF_INIT;
        CB_AUTO(cache_mount_name) struct cache_mount_name n = {0};
        cache_mount_name_key(&names[i], &key);
        assert_true(cache_mount_name_parse(key.data, &n));
        assert_string_equal(n.id, names[i].id);
        cache_mount_name_key(&n, &again);
        assert_string_equal(again.data, key.data);
        for (size_t len = 0; len < key.len; len++) { /* but for those that are one themselves, beginnings are none */
            CB_AUTO(free) char *part = cb_memdup0(key.data, len);
            CB_AUTO(cache_mount_name) struct cache_mount_name other = {0};
            bool is = cache_mount_name_parse(part, &other);
            assert_true(!is || part[len - 1] == '\n');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_shared), TEST(test_private), TEST(test_locked_waits), TEST(test_fresh),
        TEST(test_seed),   TEST(test_lent),    TEST(test_crowd),        TEST(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
