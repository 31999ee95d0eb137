/* Store, locks, work directories, blobs; and many processes at once. */
#include "store-fixture.h"

#include "cache/store/blob.h"
#include "cache/store/files.h"

#include <sys/wait.h>
#include <sys/xattr.h>

/* ---- opening -------------------------------------------------------------------------------- */

static void test_open_again(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    CB_AUTO(cache_store) struct cache_store *again = NULL;
    OK_IS(f, 0, cache_store_open(f->path, &again, &f->err));
    assert_int_equal(fstat(again->root, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(cache_store_is_this_boot(again, cache_store_boot_id(again)));
    assert_false(cache_store_is_this_boot(again, ""));
    assert_false(cache_store_is_this_boot(again, "other"));
}

static void test_open_refuses(void **state)
{
    static const struct {
        const char *what, *file, *text;
        const char *message, *hint;
    } cases[] = {
        {"an earlier format", "format", "1\n", "has format 1, and this cbuild knows format 2", "'cbuild cache reset'"},
        {"a later format", "format", "3\n", "has format 3, and this cbuild knows format 2", "--root"},
        {"empty format", "format", "", "holds no number", "--root"},
        {"text as format", "format", "new\n", "holds no number", "--root"},
        {"something else inside", "notes.txt", "x", "holds 'notes.txt'", "--root"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *path = cb_printf("%s/refused-%zu", f->dir, i);
        struct cache_store *s = NULL;
        assert_int_equal(mkdir(path, 0700), 0);
        CB_AUTO(close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        write_file(dir, cases[i].file, cases[i].text);
        if (cache_store_open(path, &s, &err) == 0)
            fail_msg("%s: was opened", cases[i].what);
        if (!strstr(err.msg, cases[i].message) || !err.hint || !strstr(err.hint, cases[i].hint))
            fail_msg("%s: '%s', hint '%s'", cases[i].what, err.msg, err.hint ? err.hint : "");
        assert_null(s);
    }
}

static void test_open_file_in_the_way(void **state)
{
    struct fixture *f = *state;
    static const char *const below[] = {"file", "file/store"};
    write_file(f->scratch, "file", "x");
    for (size_t i = 0; i < CB_LEN(below); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *path = cb_printf("%s/%s", f->dir, below[i]);
        struct cache_store *s = NULL;
        assert_int_equal(cache_store_open(path, &s, &err), -1);
        assert_non_null(strstr(err.msg, "there is a file where a directory should be"));
        assert_non_null(err.hint);
    }
}

/* A first start that was killed left directories, but no format. */
static void test_open_half_made(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(free) char *path = cb_printf("%s/half", f->dir);
    CB_AUTO(cache_store) struct cache_store *s = NULL;
    assert_int_equal(cb_mkdirs(f->scratch, "half/blobs/sha256", 0700), 0);
    assert_int_equal(cb_mkdirs(f->scratch, "half/lost+found", 0700), 0);
    write_file(f->scratch, "half/.tmp-0123456789abcdef", "1");
    OK_IS(f, 0, cache_store_open(path, &s, &f->err));
    assert_true(exists(s->root, "format"));
    assert_true(exists(s->root, "work"));
}

/* The store of root is not for what others have put there, or may put there. */
static void test_open_writable_by_others(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *dir;
        mode_t mode;
    } cases[] = {{".", 0777}, {".", 01777}, {".", 0770}, {"layers", 0777}, {"work", 0720}, {"blobs/sha256", 0702}};
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cache_store) struct cache_store *s = NULL, *again = NULL;
        assert_int_equal(fchmodat(f->s->root, cases[i].dir, cases[i].mode, 0), 0);
        assert_int_equal(cache_store_open(f->path, &s, &err), -1);
        assert_non_null(strstr(err.msg, "others may write"));
        assert_non_null(strstr(err.hint, "chmod go-w"));
        assert_int_equal(fchmodat(f->s->root, cases[i].dir, cases[i].mode & 0755, 0), 0);
        OK_IS(f, 0, cache_store_open(f->path, &again, &f->err));
    }
}

static void test_open_planted(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"layers", "blobs", "blobs/sha256", "fetch"};
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT, early = CB_ERROR_INIT;
        struct cache_store *s = NULL;
        assert_int_equal(fchownat(f->s->root, names[i], 65534, 65534, 0), 0);
        assert_int_equal(cache_store_open(f->path, &s, &err), -1);
        assert_non_null(strstr(err.msg, names[i]));
        assert_non_null(strstr(err.msg, "belongs to user 65534"));
        CB_AUTO(free) char *fresh = cb_printf("%s/fresh-%zu", f->dir, i); /* before its first use */
        CB_AUTO(free) char *below = cb_printf("fresh-%zu/%s", i, names[i]);
        CB_AUTO(free) char *top = cb_printf("fresh-%zu", i);
        assert_int_equal(cb_mkdirs(f->scratch, below, 0755), 0);
        assert_int_equal(fchownat(f->scratch, below, 65534, 65534, 0), 0);
        assert_int_equal(fchmodat(f->scratch, top, 0777, 0), 0);
        assert_int_equal(cache_store_open(fresh, &s, &early), -1);
        assert_non_null(strstr(early.msg, "belongs to user 65534"));
        assert_int_equal(fchownat(f->s->root, names[i], 0, 0, 0), 0);
    }
}

static void test_open_links_inside(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_store *s = NULL;
    assert_int_equal(unlinkat(f->s->root, "layers", AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("/tmp", f->s->root, "layers"), 0);
    assert_int_equal(cache_store_open(f->path, &s, &err), -1);
    assert_non_null(strstr(err.msg, "layers"));
}

/* A directory that was made for the store becomes its owner's alone. */
static void test_open_given(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(free) char *path = cb_printf("%s/given", f->dir);
    CB_AUTO(cache_store) struct cache_store *s = NULL;
    struct stat st;
    assert_int_equal(mkdirat(f->scratch, "given", 0700), 0);
    assert_int_equal(fchmodat(f->scratch, "given", 0775, 0), 0);
    OK_IS(f, 0, cache_store_open(path, &s, &f->err));
    assert_int_equal(fstat(s->root, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
}

static void test_default_path(void **state)
{
    (void)state;
    static const struct {
        const char *root, *env, *xdg, *home, *want, *want_root; /* want_root: for uid 0 */
    } cases[] = {
        {"/given", "/env", "/xdg", "/home/u", "/given", "/given"},
        {NULL, "/env", "/xdg", "/home/u", "/env", "/env"},
        {NULL, "", "/xdg", "/home/u", "/xdg/cbuild", "/var/lib/cbuild"},
        {NULL, NULL, "relative", "/home/u", "/home/u/.local/share/cbuild", "/var/lib/cbuild"},
        {NULL, NULL, NULL, NULL, NULL, "/var/lib/cbuild"},
        {"", "/env", "/xdg", "/home/u", NULL, NULL},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        const char *const names[] = {"CBUILD_ROOT", "XDG_DATA_HOME", "HOME"};
        const char *const values[] = {cases[i].env, cases[i].xdg, cases[i].home};
        for (size_t n = 0; n < CB_LEN(names); n++)
            assert_int_equal(values[n] ? setenv(names[n], values[n], 1) : unsetenv(names[n]), 0);
        const char *want = geteuid() == 0 ? cases[i].want_root : cases[i].want;
        CB_AUTO(free) char *got = cache_store_default_path(cases[i].root, &err);
        if (!want != !got || (want && strcmp(want, got) != 0))
            fail_msg("case %zu: '%s'", i, got ? got : "(none)");
        assert_int_equal(!got, err.code != CB_E_NONE);
    }
}

/* ---- locks ---------------------------------------------------------------------------------- */

static void test_locks(void **state)
{
    struct fixture *f = *state;
    int a = -1, b = -1, c = -1;
    OK_IS(f, 1, cache_lock(f->s, "gc", false, false, &a, &f->err));
    OK_IS(f, 1, cache_lock(f->s, "gc", false, false, &b, &f->err));
    OK_IS(f, 0, cache_lock(f->s, "gc", true, false, &c, &f->err));
    cache_unlock(f->s, NULL, &a);
    b = cb_close(b);
    OK_IS(f, 1, cache_lock(f->s, "gc", true, false, &c, &f->err));
    OK_IS(f, 0, cache_lock(f->s, "gc", false, false, &a, &f->err));
    cache_unlock(f->s, "gc", &c);
    assert_int_equal(c, -1);
    assert_false(exists(f->s->root, "locks/gc"));
    cache_unlock(f->s, "gc", &c); /* nothing to do */
}

static void test_lock_names(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", "..", "a/b", ".hidden", "a b", "\n"};
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int fd = -1;
        if (cache_lock(f->s, bad[i], true, false, &fd, &err) != -1)
            fail_msg("'%s' was taken for a name", bad[i]);
    }
}

/* Keys exclude each other like names do, also within a process; a child that inherited a lock does not keep it. */
static void test_key_locks(void **state)
{
    struct fixture *f = *state;
    struct cb_digest one = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, two = {{0}};
    int a = -1, b = -1, c = -1, hold[2];
    OK_IS(f, 1, cache_lock_key(f->s, &one, &a, &f->err));
    OK_IS(f, 0, cache_lock_key(f->s, &one, &b, &f->err));
    OK_IS(f, 1, cache_lock_key(f->s, &two, &c, &f->err));
    assert_int_equal(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(hold[1]);
        _exit(cache_lock_key(f->s, &one, &b, &f->err) != 0 || read(hold[0], &byte, 1) < 0);
    }
    cb_close(hold[0]);
    cache_unlock_key(&one, &a);
    assert_int_equal(a, -1);
    OK_IS(f, 1, cache_lock_key(f->s, &one, &b, &f->err));
    cache_unlock_key(&one, &b);
    cache_unlock_key(&one, &b); /* nothing to do */
    cb_close(hold[1]);
    waitpid(pid, NULL, 0);
    c = cb_close(c);
    OK_IS(f, 1, cache_lock_key(f->s, &two, &c, &f->err));
    cache_unlock_key(&two, &c);
}

/* The holder removes the file while another waits for it: only one of them may hold "the" lock afterwards. */
static void test_lock_removed_while_waiting(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 6, ROUNDS = 60 };
    write_file(f->scratch, "count", "0");
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid)
            continue;
        struct cb_error err = CB_ERROR_INIT;
        for (int n = 0; n < ROUNDS; n++) {
            int fd = -1;
            char text[32] = {0};
            if (cache_lock(f->s, "step-1", true, true, &fd, &err) != 1)
                _exit(1);
            int c = openat(f->scratch, "count", O_RDWR | O_CLOEXEC);
            if (c < 0 || pread(c, text, sizeof(text) - 1, 0) < 0)
                _exit(2);
            int len = snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) + 1);
            if (pwrite(c, text, (size_t)len, 0) != len)
                _exit(3);
            close(c);
            cache_unlock(f->s, "step-1", &fd);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    assert_int_equal(cb_read_file(f->scratch, "count", 64, &b), 0);
    assert_int_equal(strtol(b.data, NULL, 10), PROCESSES * ROUNDS);
}

/* ---- work directories ----------------------------------------------------------------------- */

static size_t count_names(struct cache_store *s, const char *dir)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    assert_int_equal(cache_store_names(s, dir, &names), 0);
    return names.n;
}

static void test_work(void **state)
{
    struct fixture *f = *state;
    struct cache_work w = CACHE_WORK_INIT;
    OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
    write_file(w.dir, "file", "x");
    cache_work_sweep(f->s);
    assert_true(exists(w.dir, "file"));
    cache_work_done(f->s, &w);
    assert_int_equal(w.dir, -1);
    assert_int_equal(w.lock_fd, -1);
    assert_int_equal(count_names(f->s, "work"), 0);
    cache_work_done(f->s, &w);
}

/* A store in a directory that hands down its group and an access list: nothing of that gets into layers. */
static void test_work_inherits_nothing(void **state)
{
    struct fixture *f = *state;
    struct cache_work w = CACHE_WORK_INIT;
    static const char list[] = "\2\0\0\0\1\0\7\0\377\377\377\377\4\0\7\0\377\377\377\377\x20\0\7\0\377\377\377\377";
    CB_AUTO(free) char *work = cb_printf("%s/work", f->path);
    struct stat st;
    if (geteuid() == 0)
        assert_int_equal(chown(work, 0, 1), 0);
    assert_int_equal(chmod(work, 02700), 0);
    if (setxattr(work, "system.posix_acl_default", list, sizeof(list) - 1, 0) < 0)
        assert_int_equal(errno, EOPNOTSUPP);
    OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
    assert_int_equal(fstat(w.dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(st.st_gid, getegid());
    assert_int_equal(CB_MAX(fgetxattr(w.dir, "system.posix_acl_default", NULL, 0), 0), 0);
    assert_int_equal(mkdirat(w.dir, "sub", 0755), 0);
    assert_int_equal(fstatat(w.dir, "sub", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    cache_work_done(f->s, &w);
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    struct cache_work dead = CACHE_WORK_INIT, alive = CACHE_WORK_INIT;
    OK_IS(f, 0, cache_work_begin(f->s, &dead, &f->err));
    OK_IS(f, 0, cache_work_begin(f->s, &alive, &f->err));
    assert_int_equal(cb_mkdirs(dead.dir, "a/b/c", 0700), 0);
    write_file(dead.dir, "a/b/c/file", "x");
    cb_close(dead.dir);
    cb_close(dead.lock_fd);
    assert_int_equal(cb_mkdirs(f->s->root, "work/orphan/x", 0700), 0);
    write_file(f->s->root, "work/.tmp-young", "");
    cache_work_sweep(f->s);
    assert_true(exists(f->s->root, "work/.tmp-young"));
    assert_int_equal(unlinkat(f->s->root, "work/.tmp-young", 0), 0);
    assert_int_equal(count_names(f->s, "work"), 2); /* what lives, and its lock */
    cache_work_done(f->s, &alive);
}

/* Directories that somebody removed by hand are made again. */
static void test_missing_directories(void **state)
{
    struct fixture *f = *state;
    struct cache_work w = CACHE_WORK_INIT;
    struct cb_digest d;
    int fd = -1;
    static const char *const dirs[] = {"work", "locks", "blobs", "images"};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        assert_int_equal(cb_remove_tree(f->s->root, dirs[i]), 0);
    cache_work_sweep(f->s);
    OK_IS(f, 0, cache_work_begin(f->s, &w, &f->err));
    cache_work_done(f->s, &w);
    OK_IS(f, 1, cache_lock(f->s, "gc", true, false, &fd, &f->err));
    cache_unlock(f->s, NULL, &fd);
    OK_IS(f, 0, cache_blob_put(f->s, "x", 1, &d, &f->err));
}

/* ---- blobs ---------------------------------------------------------------------------------- */

static void blob_path(const struct cb_digest *d, char out[96])
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, hex);
    snprintf(out, 96, "blobs/sha256/%s", hex);
}

static void test_blob(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct cb_digest d, want;
    uint64_t size = 0;
    cb_sha256("hello", 5, &want);
    OK_IS(f, 0, cache_blob_has(f->s, &want, &size));
    OK_IS(f, 0, cache_blob_get(f->s, &want, 100, &b, &f->err));
    OK_IS(f, 0, cache_blob_put(f->s, "hello", 5, &d, &f->err));
    OK_IS(f, 0, cache_blob_put(f->s, "hello", 5, NULL, &f->err));
    assert_true(cb_digest_eq(&d, &want));
    OK_IS(f, 1, cache_blob_has(f->s, &want, &size));
    assert_int_equal(size, 5);
    OK_IS(f, 1, cache_blob_get(f->s, &want, 5, &b, &f->err));
    assert_string_equal(b.data, "hello");
    OK_IS(f, -1, cache_blob_get(f->s, &want, 4, &b, &f->err));
    assert_int_equal(b.len, 5);
}

static void test_blob_stream(void **state)
{
    struct fixture *f = *state;
    struct cb_digest d, wrong = {{1}};
    struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    cache_blob_abort(&w);
    OK_IS(f, 0, cache_blob_begin(f->s, &w, &f->err));
    for (int i = 0; i < 100; i++)
        OK_IS(f, 0, cache_blob_write(&w, "0123456789", 10, &f->err));
    assert_int_equal(w.size, 1000);
    OK_IS(f, -1, cache_blob_commit(&w, &wrong, NULL, &f->err));
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    cb_error_done(&f->err);
    assert_int_equal(count_names(f->s, "blobs/sha256"), 0);
    OK_IS(f, 0, cache_blob_commit(&w, NULL, &d, &f->err));
    cache_blob_abort(&w);
    CB_AUTO(close) int fd = cache_blob_open(f->s, &d, &f->err);
    assert_true(fd >= 0);
    OK_IS(f, -1, cache_blob_open(f->s, &wrong, &f->err));
    assert_int_equal(f->err.code, CB_E_NOT_FOUND);
}

/* What a power loss may leave under a name: too short, or the right size and wrong bytes. */
static void test_blob_damaged(void **state)
{
    struct fixture *f = *state;
    static const char *const torn[] = {"", "hel", "hellO", "hello world"};
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct cb_digest d;
    char path[96];
    cb_sha256("hello", 5, &d);
    blob_path(&d, path);
    for (size_t i = 0; i < CB_LEN(torn); i++) {
        const struct timespec old[2] = {{1000, 0}, {1000, 0}};
        write_file(f->s->root, path, torn[i]);
        OK_IS(f, 0, cache_blob_get(f->s, &d, 100, &b, &f->err));
        assert_false(exists(f->s->root, path));
        write_file(f->s->root, path, torn[i]);
        assert_int_equal(utimensat(f->s->root, path, old, 0), 0);
        OK_IS(f, 0, cache_blob_put(f->s, "hello", 5, NULL, &f->err));
        OK_IS(f, 1, cache_blob_get(f->s, &d, 100, &b, &f->err));
        assert_string_equal(b.data, "hello");
        cb_buf_reset(&b);
    }
    assert_int_equal(count_names(f->s, "blobs/sha256"), 1);
}

/* ---- many at once --------------------------------------------------------------------------- */

static int crowd(struct cache_store *s, unsigned seed)
{
    struct cb_error err = CB_ERROR_INIT;
    for (unsigned i = 0; i < 60; i++) {
        struct cache_work w = CACHE_WORK_INIT;
        struct cb_digest d;
        char text[64];
        int n = snprintf(text, sizeof(text), "blob %u", i % 20);
        if (cache_work_begin(s, &w, &err) < 0 || cb_mkdirs(w.dir, "a/b", 0700) < 0)
            return 1;
        if (cache_blob_put(s, text, (size_t)n, &d, &err) < 0)
            return 2;
        cache_work_sweep(s);
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        if (cache_blob_get(s, &d, 100, &b, &err) != 1 || b.len != (size_t)n)
            return 3;
        if (!exists(w.dir, "a/b") || !exists(w.dir, "../."))
            return 4;
        CB_AUTO(free) char *lock = cb_printf("work/%s.lock", w.name);
        if (!exists(s->root, lock))
            return 5;
        if ((i + seed) % 7 == 0) { /* die with it */
            cb_close(w.dir);
            cb_close(w.lock_fd);
        } else {
            cache_work_done(s, &w);
        }
    }
    return 0;
}

static void test_crowd(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 6 };
    for (unsigned i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct cache_store *own = NULL;
            struct cb_error err = CB_ERROR_INIT;
            _exit(cache_store_open(f->path, &own, &err) < 0 ? 9 : crowd(own, i));
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    cache_work_sweep(f->s);
    assert_int_equal(count_names(f->s, "work"), 0);
    assert_int_equal(count_names(f->s, "blobs/sha256"), 20);
}

/* Many first starts at once make one store. */
static void test_crowd_opens(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(free) char *path = cb_printf("%s/new/deep/store", f->dir);
    enum { PROCESSES = 8 };
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct cache_store *own = NULL;
            struct cb_error err = CB_ERROR_INIT;
            _exit(cache_store_open(path, &own, &err) < 0);
        }
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
        TEST(test_open_again),
        TEST(test_open_refuses),
        TEST(test_open_file_in_the_way),
        TEST(test_open_half_made),
        TEST(test_open_writable_by_others),
        TEST(test_open_planted),
        TEST(test_open_links_inside),
        TEST(test_open_given),
        cmocka_unit_test(test_default_path),
        TEST(test_locks),
        TEST(test_key_locks),
        TEST(test_lock_names),
        TEST(test_lock_removed_while_waiting),
        TEST(test_work),
        TEST(test_work_inherits_nothing),
        TEST(test_sweep),
        TEST(test_missing_directories),
        TEST(test_blob),
        TEST(test_blob_stream),
        TEST(test_blob_damaged),
        TEST(test_crowd),
        TEST(test_crowd_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
