/* Cache mounts in shared caches: what is to go there, there and back, and what is not sound. */
#include "store-fixture.h"

#include "base/dir.h"
#include "builder/share/mount-list.h"
#include "builder/share/mounts.h"
#include "builder/share/share-internal.h"
#include "cache/mount.h"

#include <time.h>

/* ---- what is to be there --------------------------------------------------------------------------------------------- */

/* "NAME=CONTENT:SIZE@USED/MADE", "NAME>TARGET" for a hard link, "NAME/" for a directory; sorted. */
static void state_of(const char *text, struct cache_mount_state *ret)
{
    CB_AUTO(free) char *copy = cb_strdup(text);
    *ret = (struct cache_mount_state){.mode = 0755, .times = cb_alloc(64 * sizeof(*ret->times))};
    for (char *rest = copy, *word; (word = strsep(&rest, " "));) {
        char name[32], other[32];
        unsigned content, size, used, made;
        struct cache_entry e = {.path = name, .mode = 0644};
        if (sscanf(word, "%31[^=]=%u:%u@%u/%u", name, &content, &size, &used, &made) == 5) {
            ret->times[ret->files.n] = (struct cache_mount_times){used, made};
            e.type = CB_FILE;
            e.size = size;
            memcpy(e.digest.b, &content, sizeof(content));
        } else if (sscanf(word, "%31[^>]>%31s", name, other) == 2) {
            e.type = CB_HARDLINK;
            e.link = other;
        } else {
            snprintf(name, sizeof(name), "%.*s", (int)strlen(word) - 1, word);
            e.type = CB_DIR;
        }
        cache_index_add(&ret->files, &e);
    }
}

/* The same, with "#PACK" behind the files, and each pack's raw size. */
static void list_of(const char *text, const uint64_t *raw, struct build_mount_list *ret)
{
    CB_AUTO(free) char *copy = cb_strdup(text);
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
    CB_AUTO(cache_mount_state) struct cache_mount_state state = {0};
    uint32_t pack[64], n = 0;
    for (char *rest = copy, *word; (word = strsep(&rest, " "));) {
        char *mark = strchr(word, '#');
        pack[n++] = mark ? (uint32_t)atoi(mark + 1) : BUILD_MOUNT_NO_PACK;
        if (mark)
            *mark = 0;
        cb_buf_printf(&plain, plain.len ? " %s" : "%s", word);
    }
    state_of(plain.data, &state);
    *ret = (struct build_mount_list){
        .files = state.files, .used = cb_alloc(64 * sizeof(*ret->used)), .pack = cb_alloc(sizeof(pack))};
    memcpy(ret->pack, pack, sizeof(pack));
    for (size_t i = 0; i < n; i++)
        ret->used[i] = state.times[i].used;
    for (; *raw; raw++)
        CB_PUSH(ret->packs, ret->n_packs, ret->cap_packs) = (struct build_mount_pack){{{(uint8_t)*raw}}, 1, *raw};
    state.files = (struct cache_index){0};
}

/* "NAME@USED#PACK" each; "#-" has to be packed. */
static void text_of(const struct build_mount_list *l, struct cb_buf *out)
{
    for (size_t i = 0; i < l->files.n; i++) {
        cb_buf_printf(out, out->len ? " %s" : "%s", l->files.entries[i].path);
        if (l->files.entries[i].type == CB_FILE)
            cb_buf_printf(out, l->pack[i] == BUILD_MOUNT_NO_PACK ? "@%u#-" : "@%u#%u", l->used[i], l->pack[i]);
    }
}

static const struct {
    const char *here, *there;
    uint64_t raw[5];
    struct build_mount_limits limits;
    const char *list;
    size_t n_packs; /* that stay */
} plans[] = {
    /* nothing there: all is new; a file that is new was used when it was made */
    {"a=1:10@5/90 d/ d/b=2:10@80/90 l>a", NULL, {0}, {100, 50, 100}, "a@90#- d d/b@90#- l", 0},
    /* the same once more: what it was used before is known there */
    {"a=1:10@5/90 b=2:10@80/90", "a=1:10@70/0#0 b=2:10@60/0#0", {20}, {100, 50, 100}, "a@70#0 b@80#0", 1},
    /* another content, or another name for the same */
    {"a=3:10@5/90 c=2:10@80/90", "a=1:10@70/0#0 b=2:10@60/0#1", {10, 20000000}, {100, 50, 100}, "a@90#- c@90#-", 0},
    {"a=3:10@5/90 c=2:20000000@80/90",
     "a=1:10@70/0#0 b=2:20000000@60/0#1",
     {10, 20000000},
     {1u << 30, 50, 100},
     "a@90#- c@90#0",
     1},
    /* too old, and its other name; one of the future is not */
    {"a=1:10@5/10 b=2:10@80/900 l>a", NULL, {0}, {100, 50, 100}, "b@100#-", 0},
    /* too large together: the least recently used goes, of those the largest */
    {"a=1:10@90/90 b=2:11@80/80 c=3:12@80/80", NULL, {0}, {21, 50, 100}, "a@90#- b@80#-", 0},
    {"a=1:10@90/90 b=2:11@80/80 c=3:12@80/80", NULL, {0}, {20, 50, 100}, "a@90#-", 0},
    {"a=1:10@90/90", NULL, {0}, {9, 50, 100}, "", 0},
    /* a pack that is mostly dead is packed anew, one that is half alive is not */
    {"a=1:40@90/90", "a=1:40@90/0#0 b=2:60@90/0#0", {100}, {1000, 50, 100}, "a@90#-", 0},
    {"a=1:50@90/90", "a=1:50@90/0#0 b=2:50@90/0#0", {100}, {1000, 50, 100}, "a@90#0", 1},
    /* small packs go with what is new, if that is not small beside them */
    {"a=1:50@90/90 b=2:60@90/90", "a=1:50@90/0#0", {50}, {1000, 50, 100}, "a@90#- b@90#-", 0},
    {"a=1:50@90/90 b=2:10@90/90", "a=1:50@90/0#0", {50}, {1000, 50, 100}, "a@90#0 b@90#-", 1},
    {"a=1:50@90/90 b=2:10@90/90 c=3:10@90/90",
     "a=1:50@90/0#0 b=2:10@90/0#1",
     {50, 10},
     {1000, 50, 100},
     "a@90#0 b@90#- c@90#-",
     1},
    /* a content with two names is in one pack */
    {"a=1:10@90/90 b=1:10@90/90", "a=1:10@90/0#0", {10}, {1000, 50, 100}, "a@90#0 b@90#0", 1},
};

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(plans); i++) {
        CB_AUTO(cache_mount_state) struct cache_mount_state here = {0};
        CB_AUTO(build_mount_list) struct build_mount_list there = {0}, list = {0};
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        state_of(plans[i].here, &here);
        if (plans[i].there)
            list_of(plans[i].there, plans[i].raw, &there);
        build_mount_plan(&here, plans[i].there ? &there : NULL, &plans[i].limits, &list);
        text_of(&list, &text);
        if (strcmp(text.data, plans[i].list) != 0 || list.n_packs != plans[i].n_packs)
            fail_msg("plan %zu: '%s' and %zu packs instead of '%s' and %zu", i, text.data, list.n_packs, plans[i].list,
                     plans[i].n_packs);
    }
}

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static int read_list(const void *p, size_t n, struct cb_error *err)
{
    CB_AUTO(build_mount_list) struct build_mount_list l = {0};
    return build_mount_list_read(p, n, &l, err);
}

static void test_lists(void **state)
{
    (void)state;
    static const char *const unsound[] = {"a=1:1@1/1#1", "a=1:1@1/1", "l>a", "d/ l>d"};
    const uint64_t raw[] = {10, 0};
    CB_AUTO(build_mount_list) struct build_mount_list l = {0}, again = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT, text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    list_of("a=1:10@70/0#0 d/ d/l>a", raw, &l);
    build_mount_list_write(&l, &bytes);
    assert_int_equal(build_mount_list_read(bytes.data, bytes.len, &again, &err), 0);
    text_of(&again, &text);
    assert_string_equal(text.data, "a@70#0 d d/l");
    for (size_t n = 0; n < bytes.len; n++) {
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT, damaged = CB_ERROR_INIT;
        assert_int_equal(read_list(bytes.data, n, &ignored), -1);
        bytes.data[n] ^= 0x80;
        (void)read_list(bytes.data, bytes.len, &damaged); /* must not crash */
        bytes.data[n] ^= 0x80;
    }
    for (size_t i = 0; i < CB_LEN(unsound); i++) {
        CB_AUTO(build_mount_list) struct build_mount_list bad = {0};
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
        list_of(unsound[i], raw, &bad);
        build_mount_list_write(&bad, &out);
        assert_int_equal(read_list(out.data, out.len, &why), -1);
        assert_int_equal(why.code, CB_E_CORRUPT);
    }
}

/* ---- there and back -------------------------------------------------------------------------------------------------- */

#define KEY "0 \n1 k\n"

static struct cache_mount *acquire(struct fixture *f, struct cache_store *s)
{
    struct cache_mount_request r = {.key = KEY, .mode = 0750, .uid = geteuid(), .gid = getegid(), .seed = -1};
    struct cache_mount *m = NULL;
    OK_IS(f, 0, cache_mount_acquire(s, &r, &m, &f->err));
    return m;
}

/* Puts the mount there, or brings it, by type=local in a directory of the scratch. */
static int transfer(struct fixture *f, struct cache_store *s, bool put, struct cb_error *err)
{
    struct build_session session = {.store = s};
    struct build_share o;
    CB_AUTO(free) char *dir = cb_printf("%s/share", f->dir);
    build_share_begin(&o, &build_share_local, put);
    OK_IS(f, 0, build_share_set(&o, put ? "dest" : "src", dir, &f->err));
    OK_IS(f, 0, build_share_set(&o, "cache-mounts", "other,k", &f->err));
    assert_true(build_share_has_mount(&o, "k") && !build_share_has_mount(&o, "x"));
    struct build_mount_job j = {.session = &session, .share = &o, .key = KEY, .platform = "linux/amd64"};
    int r = (put ? build_mount_put : build_mount_bring)(&j, err);
    free(o.place);
    cb_strv_done(&o.mounts);
    return r;
}

static void fill(int dir)
{
    assert_int_equal(mkdirat(dir, "d", 0700), 0);
    write_file(dir, "d/one", "one");
    write_file(dir, "same", "one");
    write_file(dir, "empty", "");
    assert_int_equal(linkat(dir, "d/one", dir, "link", 0), 0);
    assert_int_equal(symlinkat("d/one", dir, "symlink"), 0);
    CB_AUTO(free) char *big = cb_alloc(BUILD_MOUNT_FILE_BIG + 100u);
    CB_AUTO(close) int fd = openat(dir, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    memset(big, 'x', 50);
    assert_int_equal(cb_write_full(fd, big, BUILD_MOUNT_FILE_BIG + 100u), 0);
}

static size_t count_blobs(struct fixture *f)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(f->scratch, "share/blobs/sha256");
    (void)cb_dir_names(&d, &names);
    return names.n;
}

static void check(int dir)
{
    struct stat st, other;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    assert_int_equal(cb_read_file(dir, "symlink", 100, &text), 0);
    assert_string_equal(text.data, "one");
    assert_int_equal(fstatat(dir, "link", &st, 0), 0);
    assert_int_equal(fstatat(dir, "d/one", &other, 0), 0);
    assert_true(st.st_ino == other.st_ino && st.st_nlink == 2);
    assert_int_equal(fstatat(dir, "big", &st, 0), 0);
    assert_true(st.st_size == BUILD_MOUNT_FILE_BIG + 100 && (st.st_mode & 0777) == 0755);
    assert_int_equal(fstatat(dir, "d", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(exists(dir, "empty") && exists(dir, "same"));
}

/* Another machine's store, which is emptied each time. */
static struct cache_store *elsewhere(struct fixture *f)
{
    struct cache_store *s = NULL;
    CB_AUTO(free) char *path = cb_printf("%s/other", f->dir);
    assert_int_equal(cb_remove_tree(f->scratch, "other"), 0);
    OK_IS(f, 0, cache_store_open(path, &s, &f->err));
    return s;
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    struct cache_store *other = elsewhere(f);
    OK_IS(f, 0, transfer(f, f->s, true, &f->err)); /* nothing is there */
    OK_IS(f, 0, transfer(f, other, false, &f->err));
    struct cache_mount *m = acquire(f, f->s);
    fill(cache_mount_dir(m));
    OK_IS(f, 0, transfer(f, f->s, true, &f->err)); /* it is in use */
    cache_mount_release(m);
    OK_IS(f, 1, transfer(f, f->s, true, &f->err));
    OK_IS(f, 0, transfer(f, f->s, true, &f->err)); /* as it is there */
    size_t blobs = count_blobs(f);
    OK_IS(f, 1, transfer(f, other, false, &f->err));
    m = acquire(f, other);
    check(cache_mount_dir(m));
    write_file(cache_mount_dir(m), "new", "new");
    cache_mount_release(m);
    OK_IS(f, 1, transfer(f, other, true, &f->err));
    assert_int_equal(count_blobs(f), blobs + 3); /* a document, a list, a pack; the big file stays where it is */
    cache_store_free(other);
    other = elsewhere(f);
    OK_IS(f, 1, transfer(f, other, false, &f->err));
    m = acquire(f, other);
    check(cache_mount_dir(m));
    assert_true(exists(cache_mount_dir(m), "new"));
    cache_mount_release(m);
    OK_IS(f, 1, transfer(f, other, false, &f->err)); /* it has one */
    cache_store_free(other);
}

/* A changed byte in any blob: nothing comes, or what was there. */
static void test_damage(void **state)
{
    struct fixture *f = *state;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    struct cache_mount *m = acquire(f, f->s);
    fill(cache_mount_dir(m));
    cache_mount_release(m);
    OK_IS(f, 1, transfer(f, f->s, true, &f->err));
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(f->scratch, "share/blobs/sha256");
    assert_int_equal(cb_dir_names(&d, &names), 0);
    assert_int_equal(names.n, 5); /* document, {}, list, two packs */
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(close) int fd = openat(dirfd(d.stream), names.items[i], O_RDWR | O_CLOEXEC);
        char byte;
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
        struct cache_store *other = elsewhere(f);
        int r = transfer(f, other, false, &err);
        assert_true(r < 1 || st.st_size == 2);
        assert_true(r == 1 || cache_mount_is_empty(other, KEY));
        cache_store_free(other);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans), cmocka_unit_test(test_lists), TEST(test_there_and_back),
                                       TEST(test_damage)};
    return cmocka_run_group_tests_name("share-mounts", tests, NULL, NULL);
}
