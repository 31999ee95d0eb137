/* Layers: every kind of entry from the writer to a tar and back, the same bytes each time, hostile tars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/stream/tar.h"
#include "cache/store/blob.h"
#include "cache/layer/layer-internal.h"
#include "cache/store/seal.h"
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- a store for the tests ---------------------------------------------------------------------- */

static char *store_path;
static struct cache_store *store;

static int set_up(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const char *tmp = getenv("TMPDIR");

    (void)state;
    store_path = cb_printf("%s/cbuild-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(store_path));
    if (cache_store_open(store_path, &store, &err) < 0)
        fail_msg("%s", err.msg);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cache_store_free(store);
    assert_int_equal(cb_remove_tree(AT_FDCWD, store_path), 0);
    free(store_path);
    return 0;
}

static char *in_store(const char *fmt, const struct cb_digest *id)
{
    char hex[CB_DIGEST_HEX + 1];
    CB_AUTO(free) char *below = NULL;

    cb_digest_hex(id, hex);
    below = cb_printf(fmt, hex);
    return cb_printf("%s/%s", store_path, below);
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

struct from_buf {
    const char *p;
    size_t n;
};

static ssize_t read_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct from_buf *f = arg;

    (void)err;
    n = CB_MIN(n, f->n);
    memcpy(p, f->p, n);
    f->p += n;
    f->n -= n;
    return (ssize_t)n;
}

#define OK(call)                                                                                                                 \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("line %d: %s", __LINE__, err.msg ? err.msg : #call);                                                        \
    } while (0)

/* An index as text, for comparisons that show where they fail. */
static void describe(const struct cache_index *x, bool times, struct cb_buf *out)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];
        char hex[CB_DIGEST_HEX + 1];

        cb_digest_hex(&e->digest, hex);
        cb_buf_printf(out, "%d %s %o %u:%u", e->type, e->path, e->mode, e->uid, e->gid);
        if (times)
            cb_buf_printf(out, " @%lld", (long long)e->mtime);
        if (e->type == CB_FILE)
            cb_buf_printf(out, " %llu %.8s", (unsigned long long)e->size, hex);
        if (e->link)
            cb_buf_printf(out, " -> %s", e->link);
        if (e->type == CB_CHAR || e->type == CB_BLOCK)
            cb_buf_printf(out, " %u,%u", e->dev_major, e->dev_minor);
        for (size_t k = 0; k < e->n_xattrs; k++)
            cb_buf_printf(out, " %s(%zu)", e->xattrs[k].name, e->xattrs[k].len);
        cb_buf_addc(out, '\n');
    }
}

static int drop(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)arg;
    (void)p;
    (void)n;
    (void)err;
    return 0;
}

static void describe_layer(const struct cb_digest *id, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};

    OK(cache_layer_index(store, id, &x, &err));
    describe(&x, true, out);
}

/* ---- the writer ----------------------------------------------------------------------------------- */

static const struct cb_xattr caps[] = {{(char *)"security.capability", (char *)"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}};

static const struct {
    struct cache_entry e;
    const char *bytes;
} all_kinds[] = {
    {{.path = "a", .type = CB_DIR, .mode = 0555, .mtime = 100}},
    {{.path = "a/empty", .type = CB_FILE, .mode = 0, .mtime = 1}},
    {{.path = "a/file", .type = CB_FILE, .mode = 04711, .uid = 1000, .gid = 7, .size = 5, .mtime = 1700000000}, "hello"},
    {{.path = "a/link", .type = CB_HARDLINK, .link = "a/file"}},
    {{.path = "a.b", .type = CB_FILE, .mode = 0644, .size = 1, .mtime = 2}, "x"},
    {{.path = "bad\xff\n name\\", .type = CB_FILE, .mode = 0600, .size = 2, .mtime = 3}, "yz"},
    {{.path = "caps", .type = CB_FILE, .mode = 0755, .size = 1, .xattrs = caps, .n_xattrs = 1}, "c"},
    {{.path = "d", .type = CB_DIR, .mode = 03700, .uid = 5, .gid = 6, .mtime = -5}},
    {{.path = "d/null", .type = CB_CHAR, .mode = 0666, .dev_major = 1, .dev_minor = 3}},
    {{.path = "d/sda", .type = CB_BLOCK, .mode = 0660, .gid = 6, .dev_major = 8, .dev_minor = 1}},
    {{.path = "gone", .type = CACHE_WHITEOUT}},
    {{.path = "o", .type = CB_DIR, .mode = 0755}},
    {{.path = "o", .type = CACHE_OPAQUE}},
    {{.path = "o/in", .type = CB_FILE, .mode = 0644}},
    {{.path = "pipe", .type = CB_FIFO, .mode = 0640, .mtime = 9}},
    {{.path = "sl", .type = CB_SYMLINK, .mode = 0777, .link = "../nowhere/\xfe", .mtime = 8}},
};

static void write_all(struct cache_layer *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;

    OK(cache_layer_writer_new(store, &w, &err));
    for (size_t i = 0; i < CB_LEN(all_kinds); i++) {
        struct cache_data data = {.kind = CACHE_DATA_INLINE, .bytes = all_kinds[i].bytes, .root = -1};

        OK(cache_layer_add(w, &all_kinds[i].e, all_kinds[i].bytes ? &data : NULL, &err));
    }
    OK(cache_layer_commit(w, ret, &err));
}

static void test_writer(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    struct cache_layer l, again, found;
    struct stat st, st2;
    char value[32];

    (void)state;
    write_all(&l);
    describe_layer(&l.id, &got);
    assert_string_equal(got.data, "1 a 555 0:0 @100\n"
                                  "0 a/empty 0 0:0 @1 0 e3b0c442\n"
                                  "0 a/file 4711 1000:7 @1700000000 5 2cf24dba\n"
                                  "6 a/link 4711 1000:7 @1700000000 -> a/file\n"
                                  "0 a.b 644 0:0 @2 1 2d711642\n"
                                  "0 bad\xff\n name\\ 600 0:0 @3 2 68d617d6\n"
                                  "0 caps 755 0:0 @0 1 2e7d2c03 security.capability(20)\n"
                                  "1 d 3700 5:6 @-5\n"
                                  "3 d/null 666 0:0 @0 1,3\n"
                                  "4 d/sda 660 0:6 @0 8,1\n"
                                  "7 gone 0 0:0 @0\n"
                                  "1 o 755 0:0 @0\n"
                                  "8 o 0 0:0 @0\n"
                                  "0 o/in 644 0:0 @0 0 e3b0c442\n"
                                  "5 pipe 640 0:0 @9\n"
                                  "2 sl 777 0:0 @8 -> ../nowhere/\xfe\n");
    assert_true(l.has_files);
    assert_false(l.has_diff_id);
    assert_int_equal(l.size, 5 + 1 + 2 + 1);

    CB_AUTO(close) int fs = cache_layer_open_fs(store, &l.id, &err);
    assert_int_equal(fstatat(fs, "a", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0555);
    assert_int_equal(st.st_mtim.tv_sec, 100);
    assert_int_equal(fstatat(fs, "a/file", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(fs, "a/link", &st2, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(st.st_mode, S_IFREG | 04711);
    assert_int_equal(st.st_mtim.tv_sec, 1700000000);
    if (geteuid() == 0) {
        CB_AUTO(free) char *cap_file = in_store("layers/%s/fs/caps", &l.id);

        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(lgetxattr(cap_file, "security.capability", value, sizeof(value)), 20);
    }
    CB_AUTO(free) char *opaque = in_store("layers/%s/fs/o", &l.id);
    assert_int_equal(lgetxattr(opaque, "user.overlay.opaque", value, sizeof(value)), 1);
    assert_int_equal(fstatat(fs, "gone", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);

    write_all(&again); /* the same layer: the first one stays */
    assert_memory_equal(&again, &l, sizeof(l));
    assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
    assert_memory_equal(&found, &l, sizeof(l));
    assert_int_equal(cache_layer_find(store, &(struct cb_digest){{1}}, &found, &err), 0);
}

static void test_same_bytes(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf one = CB_BUF_INIT, two = CB_BUF_INIT;
    struct cache_layer l, found;
    struct cb_digest a, b, sum;

    (void)state;
    write_all(&l);
    OK(cache_layer_tar(store, &l.id, to_buf, &one, &a, &err));
    OK(cache_layer_tar(store, &l.id, to_buf, &two, &b, &err));
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    cb_sha256(one.data, one.len, &sum);
    assert_true(cb_digest_eq(&sum, &a));
    assert_int_equal(cache_layer_find_diff(store, &a, &found, &err), 1);
    assert_true(cb_digest_eq(&found.id, &l.id));
    assert_true(found.has_diff_id);
}

/* unpack(pack(x)) has the index of x, and packs to the same bytes. */
static void test_round_trip(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT, want = CB_BUF_INIT;
    struct cache_layer l, u;
    struct cb_digest diff;

    (void)state;
    write_all(&l);
    OK(cache_layer_tar(store, &l.id, to_buf, &tar, &diff, &err));
    describe_layer(&l.id, &want);
    for (int fs = 0; fs < 2; fs++) {
        struct from_buf from = {tar.data, tar.len};
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;

        OK(cache_layer_unpack(store, read_buf, &from, &diff, fs, NULL, &u, &err));
        assert_int_equal(u.has_files, fs);
        assert_true(cb_digest_eq(&u.id, &diff));
        describe_layer(&u.id, &got);
        assert_string_equal(got.data, want.data);
    }
}

static void test_pack_and_materialize(void **state)
{
    const struct cb_codec *const kinds[] = {cb_codec_find("zstd"), cb_codec_find("gzip"), &cb_codec_none};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l, found;
    struct cache_packed p, again, other;

    (void)state;
    write_all(&l);
    CB_AUTO(free) char *fs = in_store("layers/%s", &l.id);
    for (size_t i = 0; i < CB_LEN(kinds); i++) {
        CB_AUTO(close) int dir = open(fs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_int_equal(cache_layer_packed(store, &l.id, kinds[i], -1, false, &p, &err), 0);
        OK(cache_layer_pack(store, &l.id, kinds[i], -1, NULL, &p, &err));
        assert_int_equal(cache_layer_packed(store, &l.id, kinds[i], -1, false, &again, &err), 1);
        assert_true(cb_digest_eq(&p.digest, &again.digest));
        assert_int_equal(cb_remove_tree(dir, "fs"), 0); /* the next one is made from the blob */
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
        assert_false(found.has_files);
    }
    assert_int_equal(cache_layer_packed(store, &l.id, cb_codec_find("gzip"), 9, false, &other, &err), 0);
    assert_int_equal(cache_layer_packed(store, &l.id, cb_codec_find("gzip"), 9, true, &other, &err), 1);
    CB_AUTO(free) char *file = in_store("layers/%s/fs", &l.id); /* damage: it must not be in the way */
    assert_int_equal(cb_publish_file(AT_FDCWD, file, "x", 1, 0600), 0);
    OK(cache_layer_materialize(store, &l.id, NULL, &err));
    assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
    assert_true(found.has_files);
    OK(cache_layer_materialize(store, &l.id, NULL, &err));
    for (size_t i = 0; i < CB_LEN(kinds); i++) { /* and from files again: the same blobs */
        OK(cache_layer_packed(store, &l.id, kinds[i], -1, false, &p, &err));
        OK(cache_layer_pack(store, &l.id, kinds[i], -1, NULL, &again, &err));
        assert_true(cb_digest_eq(&p.digest, &again.digest));
    }
}

static void test_damaged_files(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    struct cache_layer l, found;
    struct cb_digest diff;

    (void)state;
    write_all(&l);
    CB_AUTO(free) char *file = in_store("layers/%s/fs/a.b", &l.id);
    CB_AUTO(close) int fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "?", 1), 1);
    assert_int_equal(cache_layer_tar(store, &l.id, to_buf, &tar, &diff, &err), -1);
    assert_int_equal(err.code, CB_E_CORRUPT);
    assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 0);
}

static void test_other_boot(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l, found;

    (void)state;
    write_all(&l);
    CB_AUTO(free) char *state_file = in_store("layers/%s/state", &l.id);
    for (int cut = 0; cut < 2; cut++) {
        FILE *f = fopen(state_file, "w");
        struct stat st;

        CB_AUTO(free) char *fs = in_store("layers/%s/fs", &l.id);
        assert_int_equal(stat(fs, &st), 0);
        fprintf(f, "11111111-2222-3333-4444-555555555555 %ju", (uintmax_t)st.st_ino);
        fclose(f);
        if (cut) { /* what a power loss leaves */
            CB_AUTO(free) char *file = in_store("layers/%s/fs/a.b", &l.id);
            assert_int_equal(truncate(file, 0), 0);
        }
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), !cut);
    }
    write_all(&l);
    assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
    OK(cache_layer_settle(store, &l.id, 1, &err));
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    assert_int_equal(cb_read_file(AT_FDCWD, state_file, 1000, &text), 0);
    assert_non_null(strstr(text.data, " durable"));
}

/* A layer that takes the place of another while the file system is synced is not marked as durable. */
static void test_settled_while_it_is_replaced(void **state)
{
    struct cache_layer l;

    (void)state;
    write_all(&l);
    struct cache_layer_present *present = cache_layer_look(store, &l.id, 1);
    assert_true(present->dir >= 0);
    cache_layer_drop(store, &l.id);
    write_all(&l);
    cache_layer_mark(store, present, 1, true);
    CB_AUTO(free) char *state_file = in_store("layers/%s/state", &l.id);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    assert_int_equal(cb_read_file(AT_FDCWD, state_file, 1000, &text), 0);
    assert_null(strstr(text.data, "durable"));
}

/* After a boot what the index does not know is damage too, in the root and below. */
static void test_more_than_the_index_says(void **state)
{
    static const char *const more[] = {"layers/%s/fs/more", "layers/%s/fs/o/more"};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l, found;

    (void)state;
    for (size_t i = 0; i < CB_LEN(more); i++) {
        write_all(&l);
        CB_AUTO(free) char *state_file = in_store("layers/%s/state", &l.id), *extra = in_store(more[i], &l.id);
        assert_int_equal(mkdir(extra, 0755), 0);
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
        assert_int_equal(unlink(state_file), 0);
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 0);
    }
}

/* A bit that flips in what the store says of a layer: it is not believed, and nothing else is. */
static void test_flipped_bits(void **state)
{
    static const char *const names[] = {"layers/%s/diff", "layers/%s/meta.json"};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l, found;
    struct cb_digest diff;

    (void)state;
    write_all(&l);
    OK(cache_layer_tar(store, &l.id, drop, NULL, &diff, &err));
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(free) char *path = in_store(names[i], &l.id);
        CB_AUTO(cb_buf) struct cb_buf good = CB_BUF_INIT;

        assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, &good), 0);
        for (size_t at = 0; at < good.len; at++) {
            good.data[at] ^= 1;
            assert_int_equal(cb_publish_file(AT_FDCWD, path, good.data, good.len, 0600), 0);
            good.data[at] ^= 1;
            int r = cache_layer_find(store, &l.id, &found, &err);
            if (r < 0 || (i == 0 && (r != 1 || found.has_diff_id)) || (i > 0 && r != 0))
                fail_msg("%s: byte %zu is believed", path, at);
        }
        assert_int_equal(cb_publish_file(AT_FDCWD, path, good.data, good.len, 0600), 0);
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
        assert_true(found.has_diff_id && cb_digest_eq(&found.diff_id, &diff));
    }
}

static void test_flipped_bits_of_an_index(void **state)
{
    struct cache_layer l, found;

    (void)state;
    for (size_t at = 0, size = 1; at < size; at += 5) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(cache_index) struct cache_index x = {0};

        write_all(&l);
        CB_AUTO(free) char *path = in_store("layers/%s/index", &l.id);
        assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, &b), 0);
        size = b.len;
        b.data[at] ^= 1;
        assert_int_equal(cb_publish_file(AT_FDCWD, path, b.data, b.len, 0600), 0);
        if (cache_layer_index(store, &l.id, &x, &err) != -1)
            fail_msg("byte %zu of an index is believed", at);
        assert_non_null(err.hint);
        assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 0);
    }
}

/* What an earlier cbuild wrote: no document has a checksum. */
static void test_documents_without_seal(void **state)
{
    static const char *const names[] = {"layers/%s/diff", "layers/%s/meta.json", "layers/%s/index"};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_layer l, found;
    struct cb_digest diff;

    (void)state;
    write_all(&l);
    OK(cache_layer_tar(store, &l.id, drop, NULL, &diff, &err));
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(free) char *path = in_store(names[i], &l.id);
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;

        assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, &b), 0);
        assert_true(cache_unseal(b.data, b.len) < b.len);
        assert_int_equal(truncate(path, (off_t)cache_unseal(b.data, b.len)), 0);
    }
    assert_int_equal(cache_layer_find(store, &l.id, &found, &err), 1);
    assert_true(found.has_diff_id && cb_digest_eq(&found.diff_id, &diff));
    OK(cache_layer_index(store, &l.id, &x, &err));
    assert_int_equal(x.n, l.entries);
}

/* ---- files as data --------------------------------------------------------------------------------- */

static int write_one(const struct cache_entry *e, const struct cache_data *data, struct cache_layer *ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;

    if (cache_layer_writer_new(store, &w, err) < 0 || cache_layer_add(w, e, data, err) < 0)
        return -1;
    return cache_layer_commit(w, ret, err);
}

static void test_data_files(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *dir = cb_printf("%s/src", store_path), *big = cb_printf("%s/src/s/big", store_path);
    struct cache_layer l;
    struct stat st;
    FILE *f;

    (void)state;
    assert_int_equal(cb_mkdirs(AT_FDCWD, dir, 0755), 0);
    CB_AUTO(close) int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(root, "s", 0755), 0);
    f = fopen(big, "w");
    assert_int_equal(fseeko(f, (off_t)1 << 26, SEEK_SET), 0);
    fputs("end", f);
    fclose(f);
    struct cache_data data = {.kind = CACHE_DATA_FILE, .root = root, .path = "s/big"};
    struct cache_entry e = {.path = "big", .type = CB_FILE, .mode = 0644, .size = (1u << 26) + 3};

    OK(write_one(&e, &data, &l, &err));
    CB_AUTO(close) int fs = cache_layer_open_fs(store, &l.id, &err);
    assert_int_equal(fstatat(fs, "big", &st, 0), 0);
    assert_int_equal(st.st_size, (1 << 26) + 3);
    assert_true(st.st_blocks < 1000); /* a sparse file stays sparse */

    const struct {
        const char *path;
        uint64_t size;
        uint8_t digest;
        const char *says;
    } bad[] = {
        {"s/big", 5, 0, "changed while it was read"},
        {"s/big", 1u << 27, 0, "changed while it was read"},
        {"s/big", (1u << 26) + 3, 9, "changed while"},
        {"s/none", 1, 0, "no longer a file"},
        {"s", 1, 0, "no longer a file"},
        {"s/../s/big", (1u << 26) + 3, 0, "open"},
        {"out", 1, 0, "no longer a file"},
        {"through/passwd", 1, 0, "no longer a file"},
        {"fifo", 0, 0, "no longer a file"},
    };
    assert_int_equal(symlinkat("/etc/passwd", root, "out"), 0);
    assert_int_equal(symlinkat("/etc", root, "through"), 0);
    assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;

        data.path = bad[i].path;
        e.size = bad[i].size;
        e.digest.b[0] = bad[i].digest;
        if (write_one(&e, &data, &l, &why) != -1 || !strstr(why.msg, bad[i].says))
            fail_msg("'%s': %s", bad[i].path, why.msg ? why.msg : "accepted");
    }
}

/* ---- tars from outside ------------------------------------------------------------------------------ */

struct member {
    const char *path;
    enum cb_ftype type;
    const char *link; /* of a file: its bytes */
    uint32_t mode;
    const struct cb_xattr *xattr;
};

static void make_tar(const struct member *m, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *w = cb_tar_writer_new(to_buf, out, &err);

    for (; m->path; m++) {
        struct cb_tar_entry e = {.path = m->path, .type = m->type, .mode = m->mode ? m->mode : 0644, .mtime = 7};

        if (m->type == CB_FILE)
            e.size = m->link ? strlen(m->link) : 0;
        else
            e.link = m->link;
        e.xattrs = m->xattr;
        e.n_xattrs = m->xattr != NULL;
        OK(cb_tar_entry_begin(w, &e, &err));
        if (e.size)
            OK(cb_tar_write(w, m->link, (size_t)e.size, &err));
    }
    OK(cb_tar_end(w, &err));
}

static int unpack(const struct cb_buf *tar, bool fs, struct cache_layer *ret, struct cb_error *err)
{
    struct from_buf from = {tar->data, tar->len};
    struct cb_digest diff;

    cb_sha256(tar->data, tar->len, &diff);
    return cache_layer_unpack(store, read_buf, &from, &diff, fs, NULL, ret, err);
}

static const struct cb_xattr hide = {(char *)"user.overlay.opaque", (char *)"y", 1},
                             hide2 = {(char *)"trusted.overlay.opaque", (char *)"y", 1};

#define D16  "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"
#define D256 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16 D16

#define N16  "nnnnnnnnnnnnnnnn"
#define N128 N16 N16 N16 N16 N16 N16 N16 N16

static const struct {
    const char *name;
    struct member m[8];
    const char *want; /* the index, without times; "!…": part of the error */
} tars[] = {
    {"leading slashes and dots",
     {{"/", CB_DIR, NULL, 0, NULL},
      {"./", CB_DIR, NULL, 0, NULL},
      {"/a", CB_FILE, "1", 0, NULL},
      {".//./b", CB_FILE, "2", 0, NULL}},
     "0 a 644 0:0 1 6b86b273\n0 b 644 0:0 1 d4735e3a\n"},
    {"implied parents", {{"x/y/z", CB_FILE, NULL, 0, NULL}}, "1 x 755 0:0\n1 x/y 755 0:0\n0 x/y/z 644 0:0 0 e3b0c442\n"},
    {"the last one wins",
     {{"f", CB_FILE, "1", 0600, NULL}, {"f", CB_SYMLINK, "t", 0777, NULL}, {"f", CB_FILE, "2", 0, NULL}},
     "0 f 644 0:0 1 d4735e3a\n"},
    {"a file where a directory was",
     {{"d/e/f", CB_FILE, "1", 0, NULL}, {"d", CB_FILE, "2", 0, NULL}},
     "0 d 644 0:0 1 d4735e3a\n"},
    {"a directory where a file was",
     {{"d", CB_FILE, "1", 0, NULL}, {"d", CB_DIR, NULL, 0700, NULL}, {"d/f", CB_FILE, "2", 0, NULL}},
     "1 d 700 0:0\n0 d/f 644 0:0 1 d4735e3a\n"},
    {"a directory twice",
     {{"d", CB_DIR, NULL, 0700, NULL}, {"d/f", CB_FILE, "2", 0, NULL}, {"d", CB_DIR, NULL, 0711, NULL}},
     "1 d 711 0:0\n0 d/f 644 0:0 1 d4735e3a\n"},
    {"below a symlink of the layer",
     {{"lib", CB_SYMLINK, "usr/lib", 0777, NULL}, {"lib/x", CB_FILE, "1", 0, NULL}, {"usr/lib/y", CB_FILE, "2", 0, NULL}},
     "2 lib 777 0:0 -> usr/lib\n1 usr 755 0:0\n1 usr/lib 755 0:0\n0 usr/lib/x 644 0:0 1 6b86b273\n0 usr/lib/y 644 0:0 1 "
     "d4735e3a\n"},
    {"an absolute symlink stays inside",
     {{"out", CB_SYMLINK, "/etc", 0777, NULL}, {"out/x", CB_FILE, "1", 0, NULL}},
     "1 etc 755 0:0\n0 etc/x 644 0:0 1 6b86b273\n2 out 777 0:0 -> /etc\n"},
    {"a climbing symlink stays inside",
     {{"out", CB_SYMLINK, "../../../../tmp", 0777, NULL}, {"out/x", CB_FILE, "1", 0, NULL}},
     "2 out 777 0:0 -> ../../../../tmp\n1 tmp 755 0:0\n0 tmp/x 644 0:0 1 6b86b273\n"},
    {"a symlink is replaced, not followed",
     {{"s", CB_SYMLINK, "/etc", 0777, NULL}, {"s", CB_DIR, NULL, 0755, NULL}, {"s/x", CB_FILE, "1", 0, NULL}},
     "1 s 755 0:0\n0 s/x 644 0:0 1 6b86b273\n"},
    {"hard links, the first in order has the data",
     {{"z", CB_FILE, "1", 0600, NULL}, {"a", CB_HARDLINK, "/z", 0, NULL}, {"m", CB_HARDLINK, "./a", 0, NULL}},
     "0 a 600 0:0 1 6b86b273\n6 m 600 0:0 -> a\n6 z 600 0:0 -> a\n"},
    {"a hard link to a symlink",
     {{"s", CB_SYMLINK, "t", 0777, NULL}, {"h", CB_HARDLINK, "s", 0, NULL}},
     "2 h 777 0:0 -> t\n6 s 777 0:0 -> h\n"},
    {"a hard link outlives its first name",
     {{"a", CB_FILE, "1", 0600, NULL}, {"b", CB_HARDLINK, "a", 0, NULL}, {"a", CB_FILE, "2", 0, NULL}},
     "0 a 644 0:0 1 d4735e3a\n0 b 600 0:0 1 6b86b273\n"},
    {"a hard link to itself", {{"a", CB_FILE, "1", 0600, NULL}, {"a", CB_HARDLINK, "a", 0, NULL}}, "0 a 600 0:0 1 6b86b273\n"},
    {"whiteouts",
     {{"d/.wh.x", CB_FILE, NULL, 0, NULL}, {".wh.y", CB_FILE, NULL, 0, NULL}},
     "1 d 755 0:0\n7 d/x 0 0:0\n7 y 0 0:0\n"},
    {"a whiteout does not hit its own layer",
     {{"d/x", CB_FILE, "1", 0, NULL}, {"d/.wh.x", CB_FILE, NULL, 0, NULL}},
     "1 d 755 0:0\n0 d/x 644 0:0 1 6b86b273\n"},
    {"a whiteout of the layer's directory hides what is below it",
     {{".wh.d", CB_FILE, NULL, 0, NULL}, {"d/x", CB_FILE, "1", 0, NULL}},
     "1 d 755 0:0\n8 d 0 0:0\n0 d/x 644 0:0 1 6b86b273\n"},
    {"an opaque mark anywhere",
     {{"d/x", CB_FILE, "1", 0, NULL}, {"d/.wh..wh..opq", CB_FILE, NULL, 0, NULL}, {"d/y", CB_FILE, NULL, 0, NULL}},
     "1 d 755 0:0\n8 d 0 0:0\n0 d/x 644 0:0 1 6b86b273\n0 d/y 644 0:0 0 e3b0c442\n"},
    {"a whiteout in what became a file",
     {{"d/.wh.x", CB_FILE, NULL, 0, NULL}, {"d", CB_FILE, "1", 0, NULL}},
     "0 d 644 0:0 1 6b86b273\n"},
    {"AUFS's own files are skipped",
     {{".wh..wh.plnk", CB_DIR, NULL, 0, NULL},
      {".wh..wh.plnk/x", CB_FILE, NULL, 0, NULL},
      {".wh..wh.aufs", CB_FILE, NULL, 0, NULL}},
     ""},
    {"overlay's attributes are not taken over",
     {{"d", CB_DIR, NULL, 0755, &hide}, {"e", CB_DIR, NULL, 0755, &hide2}},
     "1 d 755 0:0\n1 e 755 0:0\n"},
    {"up and down again",
     {{"a/../b", CB_FILE, "1", 0, NULL},
      {"l", CB_SYMLINK, "/c", 0777, NULL},
      {"l/../d", CB_FILE, "2", 0, NULL},
      {"e/./../h", CB_HARDLINK, "/x/y/../../b", 0, NULL},
      {"a/..", CB_DIR, NULL, 0700, NULL}},
     "0 b 644 0:0 1 6b86b273\n0 d 644 0:0 1 d4735e3a\n6 h 644 0:0 -> b\n2 l 777 0:0 -> /c\n"},
    {"up", {{"../x", CB_FILE, NULL, 0, NULL}}, "!leads out of the layer"},
    {"up in the middle", {{"a/../../x", CB_FILE, NULL, 0, NULL}}, "!leads out of the layer"},
    {"hard link up", {{"h", CB_HARDLINK, "../../etc/passwd", 0, NULL}}, "!leads out of the layer"},
    {"hard link to nothing", {{"h", CB_HARDLINK, "/etc/passwd", 0, NULL}}, "!which is not in the layer"},
    {"hard link through a symlink",
     {{"s", CB_SYMLINK, "/", 0777, NULL}, {"h", CB_HARDLINK, "s/etc/passwd", 0, NULL}},
     "!which is not in the layer"},
    {"hard link to a directory", {{"d", CB_DIR, NULL, 0, NULL}, {"h", CB_HARDLINK, "d", 0, NULL}}, "!to the directory"},
    {"hard link over its own directory",
     {{"d/f", CB_FILE, "1", 0, NULL}, {"d", CB_HARDLINK, "d/f", 0, NULL}},
     "!replaces the directory"},
    {"below a file", {{"f", CB_FILE, NULL, 0, NULL}, {"f/x", CB_FILE, NULL, 0, NULL}}, "!not a directory"},
    {"symlinks in a circle",
     {{"a", CB_SYMLINK, "b", 0777, NULL}, {"b", CB_SYMLINK, "a", 0777, NULL}, {"a/x", CB_FILE, NULL, 0, NULL}},
     "!too many levels"},
    {"whiteout of nothing", {{"d/.wh.", CB_FILE, NULL, 0, NULL}}, "!a whiteout of nothing"},
    {"whiteout of ..", {{"d/.wh...", CB_FILE, NULL, 0, NULL}}, "!a whiteout of nothing"},
    {"opaque root", {{".wh..wh..opq", CB_FILE, NULL, 0, NULL}}, "!an opaque mark in the root"},
    {"opaque root through a symlink",
     {{"s", CB_SYMLINK, "/", 0777, NULL}, {"s/.wh..wh..opq", CB_FILE, NULL, 0, NULL}},
     "!an opaque mark in the root"},
    {"opaque root through a symlink that climbs",
     {{"d/s", CB_SYMLINK, "../..", 0777, NULL}, {"d/s/.wh..wh..opq", CB_FILE, NULL, 0, NULL}},
     "!an opaque mark in the root"},
    {"a whiteout in the root through a symlink",
     {{"s", CB_SYMLINK, "/", 0777, NULL}, {"s/.wh.x", CB_FILE, NULL, 0, NULL}, {"s/y", CB_FILE, "1", 0, NULL}},
     "2 s 777 0:0 -> /\n7 x 0 0:0\n0 y 644 0:0 1 6b86b273\n"},
    {"an opaque mark through a symlink",
     {{"s", CB_SYMLINK, "a/b", 0777, NULL}, {"s/.wh..wh..opq", CB_FILE, NULL, 0, NULL}},
     "1 a 755 0:0\n1 a/b 755 0:0\n8 a/b 0 0:0\n2 s 777 0:0 -> a/b\n"},
    {"a hard link to the root", {{"h", CB_HARDLINK, "./", 0, NULL}}, "!a hard link to the root"},
    {"a symlink to the name of a whiteout",
     {{"s", CB_SYMLINK, "d/.wh.x", 0777, NULL}, {"s/y", CB_FILE, "1", 0, NULL}},
     "!lies in a directory with the name of a whiteout"},
    {"a symlink to a name that is too long",
     {{"s", CB_SYMLINK, N128 N128, 0777, NULL}, {"s/y", CB_FILE, "1", 0, NULL}},
     "!has a component of more than 255 bytes"},
    {"below a whiteout", {{".wh.d/x", CB_FILE, NULL, 0, NULL}}, "!has a component that is a whiteout"},
    {"a whiteout in disguise", {{"d", CB_CHAR, NULL, 0, NULL}}, "!which would hide"},
    {"the root as a file", {{"./", CB_FILE, NULL, 0, NULL}}, "!is the root, but not a directory"},
};

static void test_tars(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(tars); i++) {
        CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;

        make_tar(tars[i].m, &tar);
        for (int fs = 1; fs >= 0; fs--) {
            CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
            CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
            CB_AUTO(cache_index) struct cache_index x = {0};
            struct cache_layer l;

            if (unpack(&tar, fs, &l, &err) < 0) {
                cb_buf_printf(&got, "!%s", err.msg);
                if (tars[i].want[0] != '!' || !strstr(err.msg, tars[i].want + 1))
                    fail_msg("%s: got '%s', want '%s'", tars[i].name, got.data, tars[i].want);
                continue;
            }
            OK(cache_layer_index(store, &l.id, &x, &err));
            describe(&x, false, &got);
            if (strcmp(got.data, tars[i].want) != 0)
                fail_msg("%s (files: %d): got\n%s\nwant\n%s", tars[i].name, fs, got.data, tars[i].want);
            /* what the index says is what is there */
            CB_AUTO(free) char *dir = in_store("layers/%s/fs", &l.id);
            for (size_t k = 0; k < x.n; k++) {
                CB_AUTO(free) char *path = cb_printf("%s/%s", dir, x.entries[k].path);
                struct stat st;

                assert_int_equal(lstat(path, &st), 0);
                if (x.entries[k].type == CB_DIR)
                    assert_true(S_ISDIR(st.st_mode));
                if (x.entries[k].type == CB_FILE)
                    assert_int_equal(st.st_size, x.entries[k].size);
            }
        }
    }
}

static void test_tar_damage(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    struct cache_layer l, found;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT, cut = CB_ERROR_INIT;
    struct cb_digest diff;

    (void)state;
    make_tar(tars[1].m, &tar);
    cb_buf_adds(&tar, "what follows the end counts too");
    OK(unpack(&tar, false, &l, &err));

    struct from_buf from = {tar.data, tar.len - 1};
    cb_sha256(tar.data, tar.len, &diff);
    diff.b[0] ^= 1;
    from.n = tar.len;
    assert_int_equal(cache_layer_unpack(store, read_buf, &from, &diff, true, NULL, &l, &err), -1);
    assert_int_equal(err.code, CB_E_CORRUPT);
    assert_int_equal(cache_layer_find(store, &diff, &found, &cut), 0);
    from = (struct from_buf){tar.data, 700};
    assert_int_equal(cache_layer_unpack(store, read_buf, &from, &diff, true, NULL, &l, &cut), -1);
    assert_int_equal(cut.code, CB_E_CORRUPT);
}

static void test_deep(void **state)
{
    static const struct member m[] = {{D256 D256 "x", CB_FILE, "1", 0, NULL}, {D256 D256 "y", CB_FILE, "2", 0, NULL}, {NULL}};
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT, out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l;

    (void)state;
    make_tar(m, &tar);
    OK(unpack(&tar, true, &l, &err));
    assert_int_equal(l.entries, 514);
}

/* A base layer: its own blob is its packed form, other kinds are made from it, files come back from it. */
static void test_base_layer(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT, again = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer l;
    struct cache_packed p = {.codec = &cb_codec_none}, z;
    struct cb_digest diff;

    (void)state;
    make_tar(tars[6].m, &tar);
    cb_buf_adds(&tar, "unusual bytes at the end");
    OK(unpack(&tar, false, &l, &err));
    assert_int_equal(cache_layer_pack(store, &l.id, cb_codec_find("gzip"), -1, NULL, &z, &err), -1);
    assert_int_equal(err.code, CB_E_NOT_FOUND);
    cb_error_done(&err);
    OK(cache_blob_put(store, tar.data, tar.len, &p.digest, &err));
    p.size = tar.len;
    OK(cache_layer_set_packed(store, &l.id, &p, &err));
    assert_int_equal(cache_layer_packed(store, &l.id, cb_codec_find("gzip"), -1, true, &z, &err), 1);
    assert_true(cb_digest_eq(&z.digest, &p.digest));
    OK(cache_layer_pack(store, &l.id, cb_codec_find("gzip"), -1, NULL, &z, &err));
    OK(cache_layer_materialize(store, &l.id, NULL, &err));
    OK(cache_layer_tar(store, &l.id, to_buf, &again, &diff, &err));
    assert_true(cb_digest_eq(&diff, &l.id));
    assert_int_equal(again.len, tar.len);
    assert_memory_equal(again.data, tar.data, tar.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pack_and_materialize, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settled_while_it_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_the_index_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bits_of_an_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_documents_without_seal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tars, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tar_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_layer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
