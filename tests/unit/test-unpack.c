#include "base/fd.h"
#include "base/stream/tar.h"
#include "builder/context/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

/* ---- archives ------------------------------------------------------------------------------------------------------- */

struct member {
    enum cb_ftype type;
    const char *path;
    const char *text; /* of a file; target of a link */
    uint32_t mode;
    int64_t mtime;
};

struct bytes {
    struct cb_buf b;
    size_t at;
};

static int put(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(&((struct bytes *)arg)->b, p, n);
    return 0;
}

static ssize_t take(void *arg, void *p, size_t n, struct cb_error *err)
{
    (void)err;
    struct bytes *s = arg;
    n = CB_MIN(n, s->b.len - s->at);
    memcpy(p, s->b.data + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

static void make_tar(const struct member *m, size_t n, struct bytes *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *w = cb_tar_writer_new(put, ret, &err);
    for (size_t i = 0; i < n; i++, m++) {
        bool file = m->type == CB_FILE;
        struct cb_tar_entry e = {.path = m->path,
                                 .type = m->type,
                                 .mode = m->mode             ? m->mode
                                         : m->type == CB_DIR ? 0755
                                                             : 0644,
                                 .mtime = m->mtime,
                                 .size = file ? strlen(m->text) : 0,
                                 .link = file ? NULL : m->text,
                                 .dev_major = 1,
                                 .dev_minor = 3};
        if (cb_tar_entry_begin(w, &e, &err) < 0 || (file && cb_tar_write(w, m->text, e.size, &err) < 0))
            fail_msg("%s: %s", m->path, err.msg);
    }
    assert_int_equal(cb_tar_end(w, &err), 0);
}

/* ---- a directory between two others that must stay as they are -------------------------------------------------------- */

struct place {
    char dir[64];
    int top, root;
};

static void place_open(struct place *p)
{
    snprintf(p->dir, sizeof(p->dir), "/tmp/cbuild-unpack-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->top = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(p->top, "root", 0755), 0);
    assert_int_equal(cb_publish_file(p->top, "outside", "outside\n", 8, 0644), 0);
    p->root = openat(p->top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->root >= 0);
}

static void place_close(struct place *p, const char *name)
{
    CB_AUTO(cb_buf) struct cb_buf outside = CB_BUF_INIT;
    assert_int_equal(cb_read_file(p->top, "outside", 100, &outside), 0);
    if (strcmp(outside.data, "outside\n") != 0)
        fail_msg("%s: a file outside was written", name);
    assert_int_equal(cb_remove_tree(p->root, "../root"), 0);
    assert_int_equal(unlinkat(p->top, "outside", 0), 0);
    cb_close(p->root);
    cb_close(p->top);
    if (rmdir(p->dir) < 0)
        fail_msg("%s: something was made outside", name);
}

static int unpack(const struct place *p, const struct member *m, size_t n, int64_t *newest, struct cb_error *err)
{
    struct bytes tar = {CB_BUF_INIT, 0};
    make_tar(m, n, &tar);
    int r = build_unpack(take, &tar, p->root, newest, err);
    cb_buf_done(&tar.b);
    return r;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------------- */

static void test_tree(void **state)
{
    (void)state;
    static const struct member members[] = {
        {CB_DIR, "d", NULL, 0555, 5},       {CB_FILE, "d/f", "text", 04751, 1000},
        {CB_FILE, "implied/x", "x", 0, 0},  {CB_SYMLINK, "d/l", "../../outside", 0, 7},
        {CB_HARDLINK, "hard", "d/f", 0, 0}, {CB_FIFO, "fifo", NULL, 0600, 0},
        {CB_CHAR, "null", NULL, 0666, 0},
    };
    struct place p;
    struct stat st;
    char target[64] = "";
    int64_t newest = 0;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    place_open(&p);
    if (unpack(&p, members, CB_LEN(members), &newest, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(newest, 1000);
    assert_int_equal(fstatat(p.root, "d", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, geteuid() ? 0755 : 0555);
    assert_int_equal(st.st_mtim.tv_sec, 5);
    assert_int_equal(fstatat(p.root, "hard", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_mtim.tv_sec, 1000);
    assert_int_equal(st.st_nlink, 2);
    assert_true(readlinkat(p.root, "d/l", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "../../outside");
    assert_int_equal(fstatat(p.root, "fifo", &st, 0), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstatat(p.root, "null", &st, 0), -1);
    assert_int_equal(fchmodat(p.root, "d", 0755, 0), 0);
    place_close(&p, "tree");
}

/* A later member wins, of whatever kind both are. */
static void test_replaced(void **state)
{
    (void)state;
    static const struct member members[] = {
        {CB_FILE, "a", "1", 0, 0},     {CB_FILE, "a", "2", 0, 0},     {CB_DIR, "b", NULL, 0, 0},   {CB_FILE, "b/x", "x", 0, 0},
        {CB_FILE, "b", "file", 0, 0},  {CB_FILE, "c", "file", 0, 0},  {CB_DIR, "c", NULL, 0, 0},   {CB_FILE, "c/y", "y", 0, 0},
        {CB_DIR, "e/d", NULL, 0, 0},   {CB_FILE, "e/d/1", "1", 0, 0}, {CB_FILE, "e/d", "2", 0, 0}, {CB_DIR, "e/d", NULL, 0, 0},
        {CB_FILE, "e/d/2", "2", 0, 0}, {CB_SYMLINK, "l", "c", 0, 0},  {CB_DIR, "l", NULL, 0, 0},   {CB_FILE, "l/z", "z", 0, 0},
    };
    static const struct {
        const char *path, *text; /* NULL: not there */
    } wants[] = {{"a", "2"}, {"b", "file"}, {"c/y", "y"}, {"e/d/1", NULL}, {"e/d/2", "2"}, {"l/z", "z"}, {"c/z", NULL}};
    struct place p;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    place_open(&p);
    if (unpack(&p, members, CB_LEN(members), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < CB_LEN(wants); i++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        int r = cb_read_file(p.root, wants[i].path, 100, &text);
        if ((r == 0) != (wants[i].text != NULL) || strcmp(text.data, wants[i].text ? wants[i].text : "") != 0)
            fail_msg("%s: %d '%s'", wants[i].path, r, text.data);
    }
    place_close(&p, "replaced");
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct member members[3];
        bool fails;
    } cases[] = {
        {"a name above the root", {{CB_FILE, "../outside", "evil", 0, 0}}, false},
        {"behind a directory", {{CB_FILE, "a/../../../outside", "evil", 0, 0}}, false},
        {"through a link", {{CB_SYMLINK, "l", "..", 0, 0}, {CB_FILE, "l/outside", "evil", 0, 0}}, false},
        {"through a link to nothing", {{CB_SYMLINK, "l", "nowhere", 0, 0}, {CB_FILE, "l/outside", "evil", 0, 0}}, true},
        {"over a link", {{CB_SYMLINK, "l", "../outside", 0, 0}, {CB_FILE, "l", "evil", 0, 0}}, false},
        {"through links in a ring",
         {{CB_SYMLINK, "a", "b", 0, 0}, {CB_SYMLINK, "b", "a", 0, 0}, {CB_FILE, "a/x", "", 0, 0}},
         true},
        {"a directory over a link",
         {{CB_SYMLINK, "l", "..", 0, 0}, {CB_DIR, "l", NULL, 0700, 0}, {CB_FILE, "l/outside", "evil", 0, 0}},
         false},
        {"a hard link out", {{CB_HARDLINK, "h", "../outside", 0, 0}, {CB_FILE, "h", "evil", 0, 0}}, true},
        {"a hard link through a link", {{CB_SYMLINK, "l", "..", 0, 0}, {CB_HARDLINK, "h", "l/outside", 0, 0}}, true},
        {"a hard link to a link",
         {{CB_SYMLINK, "l", "../outside", 0, 0}, {CB_HARDLINK, "h", "l", 0, 0}, {CB_FILE, "h", "evil", 0, 0}},
         false},
        {"a hard link to itself", {{CB_FILE, "h", "", 0, 0}, {CB_HARDLINK, "h", "h", 0, 0}}, true},
        {"a hard link to the root", {{CB_HARDLINK, "h", "/", 0, 0}}, true},
        {"below a file", {{CB_FILE, "f", "", 0, 0}, {CB_FILE, "f/x", "", 0, 0}}, true},
        {"/proc", {{CB_SYMLINK, "l", "/proc/self/cwd", 0, 0}, {CB_FILE, "l/outside", "evil", 0, 0}}, true},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct place p;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        size_t n = 0;
        while (n < CB_LEN(cases[i].members) && cases[i].members[n].path)
            n++;
        place_open(&p);
        if ((unpack(&p, cases[i].members, n, NULL, &err) < 0) != cases[i].fails)
            fail_msg("%s: %s", cases[i].name, err.msg ? err.msg : "accepted");
        place_close(&p, cases[i].name);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    static const struct member members[] = {{CB_FILE, "f", "text", 0, 0}};
    struct bytes whole = {CB_BUF_INIT, 0};
    make_tar(members, 1, &whole);
    for (size_t cut = 1; cut < 1024; cut += 100) {
        struct place p;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct bytes part = {whole.b, 0};
        part.b.len = cut;
        place_open(&p);
        if (build_unpack(take, &part, p.root, NULL, &err) == 0)
            fail_msg("cut at %zu: accepted", cut);
        place_close(&p, "damaged");
    }
    cb_buf_done(&whole.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
