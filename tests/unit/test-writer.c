/* Layers written side by side, with files of an earlier layer: what comes out is what comes out in turn, without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cache/layer/layer-internal.h"
#include "cache/layer/reader.h"
#include "layer-fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS        8
#define FILES       40 /* in each */
#define GENERATIONS 6
#define TEXT        32

/* One tree, which changes from generation to generation. */
struct item {
    int type; /* CB_FILE, CB_SYMLINK, CB_HARDLINK to the file before it, CB_FIFO; -1: it is not there */
    unsigned mode, content, owner;
    int64_t mtime;
    bool capable;
};
struct tree {
    struct item items[DIRS][FILES];
    unsigned seed;
};

static unsigned any(struct tree *t, unsigned below)
{
    t->seed = t->seed * 1103515245 + 12345;
    return (t->seed >> 16) % below;
}

static void change(struct tree *t, struct item *i)
{
    static const int types[] = {CB_FILE, CB_FILE, CB_FILE, CB_FILE, CB_FILE, CB_SYMLINK, CB_HARDLINK, CB_FIFO, -1};
    static const unsigned modes[] = {0644, 0755, 0600, 0, 04755};
    *i = (struct item){.type = types[any(t, CB_LEN(types))],
                       .mode = modes[any(t, CB_LEN(modes))],
                       .content = any(t, 5),
                       .owner = any(t, 4) ? 0 : 7,
                       .mtime = 1700000000 + any(t, 3),
                       .capable = any(t, 10) == 0};
}

static void change_some(struct tree *t, unsigned one_in)
{
    for (int d = 0; d < DIRS; d++)
        for (int f = 0; f < FILES; f++)
            if (any(t, one_in) == 0)
                change(t, &t->items[d][f]);
}

static struct cb_xattr capability[] = {{(char *)"security.capability", (char *)"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}};

/* False: no such entry. `texts` has room for its strings. */
static bool entry_of(const struct tree *t, int d, int f, char texts[3][TEXT], struct cache_entry *e, struct cache_data *data)
{
    const struct item *i = &t->items[d][f];
    if (i->type < 0 || (i->type == CB_HARDLINK && (f == 0 || t->items[d][f - 1].type != CB_FILE)))
        return false;
    snprintf(texts[0], TEXT, "d%d/f%02d", d, f);
    snprintf(texts[1], TEXT, i->type == CB_HARDLINK ? "d%d/f%02d" : "to %d %02d", d, f - 1);
    snprintf(texts[2], TEXT, "content %u", i->content);
    *e = (struct cache_entry){
        .path = texts[0], .type = i->type, .mode = i->mode, .uid = geteuid(), .gid = getegid(), .mtime = i->mtime};
    e->link = i->type == CB_FILE || i->type == CB_FIFO ? NULL : texts[1];
    if (i->type != CB_FILE)
        return true;
    if (geteuid() == 0) {
        e->uid = i->owner;
        e->xattrs = capability;
        e->n_xattrs = i->capable;
    }
    e->size = strlen(texts[2]);
    cb_sha256(texts[2], e->size, &e->digest);
    *data = (struct cache_data){.kind = CACHE_DATA_INLINE, .bytes = texts[2], .root = -1};
    return true;
}

typedef int add_fn(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                   struct cb_error *err);

static struct cb_digest write_with(struct fixture *f, const struct tree *t, add_fn *add, struct cache_layer_writer *w)
{
    static char texts[DIRS][FILES][3][TEXT];
    struct cache_layer layer;
    for (int d = 0; d < DIRS; d++) {
        char dir[TEXT];
        snprintf(dir, sizeof(dir), "d%d", d);
        OK_IS(f, 0, add(w, &(struct cache_entry){.path = dir, .type = CB_DIR, .mode = 0755, .mtime = d}, NULL, &f->err));
        for (int i = 0; i < FILES; i++) {
            struct cache_entry e;
            struct cache_data data = {.kind = CACHE_DATA_NONE};
            if (entry_of(t, d, i, texts[d][i], &e, &data))
                OK_IS(f, 0, add(w, &e, &data, &f->err));
        }
    }
    OK_IS(f, 0, cache_layer_commit(w, &layer, &f->err));
    return layer.id;
}

/* `like` NULL: in turn. */
static struct cb_digest write_tree(struct fixture *f, const struct tree *t, const struct cb_digest *like)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    OK_IS(f, 0, cache_layer_writer_new(f->s, &w, &f->err));
    if (like)
        cache_layer_writer_like(w, like);
    return write_with(f, t, like ? cache_layer_add_soon : cache_layer_add, w);
}

static struct cb_digest pack_tree(struct fixture *f, const struct tree *t)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    OK_IS(f, 0, cache_layer_writer_packed(f->s, &w, &f->err));
    return write_with(f, t, cache_layer_add, w);
}

static size_t count_entries(const struct tree *t)
{
    char texts[3][TEXT];
    struct cache_entry e;
    struct cache_data data;
    size_t n = DIRS;
    for (int d = 0; d < DIRS; d++)
        for (int i = 0; i < FILES; i++)
            n += entry_of(t, d, i, texts, &e, &data);
    return n;
}

/* Entries that pass, into files or into a tar. */
static struct cb_digest pass_tree(struct fixture *f, const struct tree *t, bool packed, const struct cb_digest *like)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    OK_IS(f, 0, (packed ? cache_layer_writer_packed : cache_layer_writer_new)(f->s, &w, &f->err));
    if (like)
        cache_layer_writer_like(w, like);
    OK_IS(f, 0, cache_layer_writer_pass(w, count_entries(t), &f->err));
    return write_with(f, t, packed ? cache_layer_add : cache_layer_add_soon, w);
}

static struct cb_digest diff_of(struct fixture *f, const struct cb_digest *id)
{
    struct cb_digest diff;
    OK_IS(f, 1, cache_layer_diff_id(f->s, id, &diff, &f->err));
    return diff;
}

static struct stat stat_in(struct fixture *f, const struct cb_digest *id, const char *path)
{
    struct stat st;
    CB_AUTO(close) int fs = cache_layer_open_fs(f->s, id, &f->err);
    assert_int_equal(fstatat(fs, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

/* The diff ID has compared all bytes with the index; this compares the rest. */
static void check_files(struct fixture *f, const struct cb_digest *id)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    OK_IS(f, 0, cache_layer_index(f->s, id, &x, &f->err));
    for (size_t i = 0; i < x.n; i++) {
        struct stat st = stat_in(f, id, x.entries[i].path);
        assert_int_equal(st.st_mtim.tv_sec, x.entries[i].mtime);
        assert_int_equal(st.st_uid, x.entries[i].uid);
        if (x.entries[i].type != CB_SYMLINK)
            assert_int_equal(st.st_mode & 07777, x.entries[i].mode);
    }
}

static ino_t inode_of(struct fixture *f, const struct cb_digest *id, const char *path)
{
    return stat_in(f, id, path).st_ino;
}

/* A layer whose entries pass is the layer that it would be. */
static void test_passing(void **state)
{
    struct fixture *held = *state, *files = NULL, *packed = NULL;
    struct tree t = {.seed = 11};
    struct cb_digest before;
    assert_int_equal(fixture_setup((void **)&files), 0);
    assert_int_equal(fixture_setup((void **)&packed), 0);
    for (int d = 0; d < DIRS; d++)
        for (int i = 0; i < FILES; i++)
            t.items[d][i] =
                (struct item){.type = i % 5 ? CB_FILE : CB_SYMLINK, .mode = 0644, .content = (unsigned)i, .mtime = 1700000000};
    for (int round = 0; round < 2; round++) {
        struct cb_digest a = write_tree(held, &t, NULL), b = pass_tree(files, &t, false, round ? &before : NULL);
        struct cb_digest c = pass_tree(packed, &t, true, NULL), diff = diff_of(held, &a), diff_b = diff_of(files, &b);
        assert_true(cb_digest_eq(&a, &b) && cb_digest_eq(&a, &c));
        struct cb_digest diff_c = diff_of(packed, &c);
        assert_true(cb_digest_eq(&diff, &diff_b) && cb_digest_eq(&diff, &diff_c));
        check_files(files, &b);
        if (round)
            assert_int_equal(inode_of(files, &before, "d1/f02"), inode_of(files, &b, "d1/f02"));
        before = b;
        t.items[0][3].content = 77;
    }
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    struct cache_layer l;
    OK_IS(held, 0, cache_layer_writer_new(held->s, &w, &held->err));
    OK_IS(held, 0, cache_layer_writer_pass(w, 3, &held->err));
    OK_IS(held, 0, cache_layer_add(w, &(struct cache_entry){.path = "b", .type = CB_DIR, .mode = 0755}, NULL, &held->err));
    OK_IS(held, -1, cache_layer_add(w, &(struct cache_entry){.path = "a", .type = CB_DIR, .mode = 0755}, NULL, &held->err));
    cb_error_done(&held->err);
    OK_IS(held, -1, cache_layer_commit(w, &l, &held->err)); /* two are missing */
    fixture_teardown((void **)&files);
    fixture_teardown((void **)&packed);
}

/* Three stores see the same generations: each written from nothing, with the one before it, and packed. */
static void test_generations(void **state)
{
    struct fixture *with = *state, *without = NULL, *packed = NULL;
    struct tree t = {.seed = 5};
    struct cb_digest before = {{0}};
    assert_int_equal(fixture_setup((void **)&without), 0);
    assert_int_equal(fixture_setup((void **)&packed), 0);
    change_some(&t, 1);
    for (int g = 0; g < GENERATIONS; g++) {
        struct cb_digest a = write_tree(without, &t, NULL), b = write_tree(with, &t, &before);
        struct cb_digest diff_a = diff_of(without, &a), diff_b = diff_of(with, &b);
        assert_true(cb_digest_eq(&a, &b));
        assert_true(cb_digest_eq(&diff_a, &diff_b));
        check_files(with, &b);
        struct cb_digest c = pack_tree(packed, &t), diff_c = diff_of(packed, &c);
        assert_true(cb_digest_eq(&a, &c));
        assert_true(cb_digest_eq(&diff_a, &diff_c));
        OK_IS(packed, 0, cache_layer_materialize(packed->s, &c, NULL, &packed->err));
        check_files(packed, &c);
        before = b;
        change_some(&t, g % 2 ? 10 : 200);
    }
    fixture_teardown((void **)&without);
    fixture_teardown((void **)&packed);
}

/* No file is made; the tar is there, under its diff ID. It is forgotten when another form of the layer is made; when all forms
 * are lost, there is no such layer. */
static void test_packed(void **state)
{
    struct fixture *f = *state;
    struct tree t = {.seed = 3};
    struct cache_layer l;
    struct cache_packed packed, other;
    struct cb_digest id = pack_tree(f, &t), again = pack_tree(f, &t);
    assert_true(cb_digest_eq(&id, &again));
    OK_IS(f, 1, cache_layer_find(f->s, &id, &l, &f->err));
    assert_true(l.has_diff_id && !l.has_files);
    OK_IS(f, 1, cache_layer_packed(f->s, &id, &cb_codec_none, -1, false, &packed, &f->err));
    assert_true(cb_digest_eq(&packed.digest, &l.diff_id));
    OK_IS(f, 0, cache_layer_pack(f->s, &id, cb_codecs[0], -1, NULL, &other, &f->err));
    OK_IS(f, 0, cache_layer_packed(f->s, &id, &cb_codec_none, -1, false, &packed, &f->err));
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(&other.digest, hex);
    CB_AUTO(free) char *blob = cb_printf("blobs/sha256/%s", hex);
    assert_int_equal(unlinkat(f->s->root, blob, 0), 0);
    assert_false(has_layer(f, &id));
    id = pack_tree(f, &t);
    assert_true(has_layer(f, &id));
    OK_IS(f, 0, cache_layer_materialize(f->s, &id, NULL, &f->err));
    OK_IS(f, 0, cache_layer_packed(f->s, &id, &cb_codec_none, -1, true, &packed, &f->err));
}

static void test_links(void **state)
{
    struct fixture *f = *state;
    struct tree t = {.seed = 1};
    for (int d = 0; d < DIRS; d++)
        for (int i = 0; i < FILES; i++)
            t.items[d][i] = (struct item){.type = CB_FILE, .mode = 0644, .mtime = 1700000000};
    struct cb_digest first = write_tree(f, &t, &(struct cb_digest){{0}});
    t.items[1][1].mode = 0755;
    t.items[1][2].content = 1;
    t.items[1][3].mtime++;
    struct cb_digest second = write_tree(f, &t, &first);
    ino_t inode = stat_in(f, &first, "d1/f00").st_ino;
    assert_int_equal(stat_in(f, &second, "d1/f00").st_ino, inode);
    for (int i = 1; i <= 3; i++) {
        char path[TEXT];
        snprintf(path, sizeof(path), "d1/f%02d", i);
        inode = stat_in(f, &first, path).st_ino;
        assert_int_not_equal(stat_in(f, &second, path).st_ino, inode);
        assert_int_equal(stat_in(f, &first, path).st_nlink, 1);
    }
    assert_int_equal(stat_in(f, &first, "d1/f01").st_mode & 07777, 0644);
}

/* Bytes that changed behind our back reach no image: the layer that has them from the earlier one is found out. */
static void test_damage(void **state)
{
    struct fixture *f = *state;
    struct tree t = {.seed = 1};
    struct cb_digest diff;
    t.items[0][0] = (struct item){.type = CB_FILE, .mode = 0644, .mtime = 1700000000};
    struct cb_digest first = write_tree(f, &t, &(struct cb_digest){{0}});
    CB_AUTO(close) int fs = cache_layer_open_fs(f->s, &first, &f->err);
    CB_AUTO(close) int fd = openat(fs, "d0/f00", O_WRONLY | O_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(write(fd, "C", 1), 1);
    assert_int_equal(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
    t.items[0][1] = t.items[0][0];
    struct cb_digest second = write_tree(f, &t, &first);
    assert_int_equal(cache_layer_diff_id(f->s, &second, &diff, &f->err), -1);
    assert_int_equal(f->err.code, CB_E_CORRUPT);
    cb_error_done(&f->err);
    assert_false(has_layer(f, &second));
}

/* The files of a layer, by several threads at once, each with a reader of its own. One that is not as the entry says is named. */
static void test_from_layers(void **state)
{
    struct fixture *f = *state;
    struct tree t = {.seed = 9};
    CB_AUTO(cache_index) struct cache_index x = {0};
    for (int d = 0; d < DIRS; d++)
        for (int i = 0; i < FILES; i++)
            t.items[d][i] = (struct item){.type = CB_FILE, .mode = 0640, .content = (unsigned)i, .mtime = 1};
    struct cb_digest from = write_tree(f, &t, NULL);
    OK_IS(f, 0, cache_layer_index(f->s, &from, &x, &f->err));
    CB_AUTO(cache_reader) struct cache_reader *reader = cache_reader_new(f->s, &from, 1);
    for (int bad = 0; bad < 2; bad++) {
        CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
        struct cache_layer layer;
        OK_IS(f, 0, cache_layer_writer_new(f->s, &w, &f->err));
        for (size_t i = 0; i < x.n; i++) {
            struct cache_data data = {
                .kind = CACHE_DATA_LAYER, .root = -1, .path = x.entries[i].path, .reader = reader, .source = &x.entries[i]};
            x.entries[i].mode = x.entries[i].type == CB_FILE ? 0600 : 0755;
            x.entries[i].digest.b[0] ^= bad && i == 77;
            OK_IS(f, 0, cache_layer_add_soon(w, &x.entries[i], &data, &f->err));
        }
        assert_int_equal(cache_layer_commit(w, &layer, &f->err), -bad);
        assert_ptr_equal(cache_layer_culprit(w), bad ? &x.entries[77] : NULL);
        cb_error_done(&f->err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_generations, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_passing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_packed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_links, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_from_layers, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
