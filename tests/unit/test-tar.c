/* Tar: what is written comes back; what others write is read; damage is an error and nothing worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/proc.h"
#include "base/stream/tar.h"
#include <stdio.h>

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

struct from_buf {
    const char *p;
    size_t n, step;
};

static ssize_t read_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct from_buf *f = arg;

    (void)err;
    n = CB_MIN(n, f->n);
    n = CB_MIN(n, f->step);
    memcpy(p, f->p, n);
    f->p += n;
    f->n -= n;
    return (ssize_t)n;
}

/* Everything an archive says, as text: one line an entry, "!message" at the end when it is damaged. */
static void describe(const char *p, size_t n, size_t step, bool any, struct cb_buf *out)
{
    struct from_buf from = {p, n, step};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_buf, &from, any, &err);
    struct cb_tar_entry e;
    int r;

    while ((r = cb_tar_next(t, &e, &err)) > 0) {
        char part[777];
        uint64_t bytes = 0, sum = 0;
        ssize_t got;

        cb_buf_printf(out, "%d %s %o %u:%u %lld", e.type, e.path, e.mode, e.uid, e.gid, (long long)e.mtime);
        if (e.link)
            cb_buf_printf(out, " -> %s", e.link);
        if (e.type == CB_CHAR || e.type == CB_BLOCK)
            cb_buf_printf(out, " %u,%u", e.dev_major, e.dev_minor);
        for (size_t i = 0; i < e.n_xattrs; i++) {
            cb_buf_printf(out, " %s=", e.xattrs[i].name);
            for (size_t k = 0; k < e.xattrs[i].len; k++)
                cb_buf_printf(out, "%02x", (unsigned char)e.xattrs[i].value[k]);
        }
        while ((got = cb_tar_read(t, part, sizeof(part), &err)) > 0) {
            for (ssize_t i = 0; i < got; i++)
                sum = sum * 31 + (unsigned char)part[i];
            bytes += (uint64_t)got;
        }
        if (got < 0)
            break;
        if (e.type == CB_FILE) {
            assert_int_equal(bytes, e.size);
            cb_buf_printf(out, " %llu/%llx", (unsigned long long)bytes, (unsigned long long)sum);
        }
        cb_buf_addc(out, '\n');
    }
    if (err.msg)
        cb_buf_printf(out, "!%s", err.msg);
}

#define R10(s) s s s s s s s s s s
#define LONG   R10("0123456789abcdef") R10("0123456789abcdef")

static const struct cb_xattr caps[] = {{(char *)"user.z", (char *)"1\n=", 3},
                                       {(char *)"security.capability", (char *)"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}};

static const struct {
    struct cb_tar_entry e;
    const char *bytes;
} entries[] = {
    {{.path = "dir", .type = CB_DIR, .mode = 01755, .mtime = 1700000000}},
    {{.path = "dir/file", .type = CB_FILE, .mode = 06755, .uid = 1000, .gid = 2097151, .size = 5}, "hello"},
    {{.path = "dir/empty", .type = CB_FILE, .mode = 0}},
    {{.path = "caf\xc3\xa9", .type = CB_FILE, .mode = 0644}},            /* composed */
    {{.path = "cafe\xcc\x81", .type = CB_FILE, .mode = 0644}},           /* and not: two names */
    {{.path = "bad\xff\xfe\x80 \n\t\\", .type = CB_FILE, .mode = 0644}}, /* no UTF-8 at all */
    {{.path = "caps", .type = CB_FILE, .mode = 0755, .xattrs = caps, .n_xattrs = 2, .size = 1}, "x"},
    {{.path = "sl", .type = CB_SYMLINK, .mode = 0777, .link = "../any/\xff/where"}},
    {{.path = "long-sl", .type = CB_SYMLINK, .mode = 0777, .link = "/" LONG LONG}},
    {{.path = "hl", .type = CB_HARDLINK, .mode = 0755, .link = "caps"}},
    {{.path = "null", .type = CB_CHAR, .mode = 0666, .dev_major = 1, .dev_minor = 3}},
    {{.path = "odd", .type = CB_BLOCK, .mode = 0660, .dev_major = 4095, .dev_minor = 4294967295u}},
    {{.path = "pipe", .type = CB_FIFO, .mode = 0600, .mtime = -1}},
    {{.path = "ids", .type = CB_FILE, .mode = 0600, .uid = 2097152, .gid = 4294967294u, .mtime = 8589934592ll}},
    {{.path = LONG, .type = CB_FILE, .mode = 0600, .size = 3}, "abc"},
    {{.path = "p/" LONG "/name", .type = CB_DIR, .mode = 0700}},
    {{.path = R10("0123456789") "/" R10("abcdefghij"), .type = CB_FILE, .mode = 0700}}, /* just fits prefix and name */
    {{.path = R10("0123456789") "/" R10("abcdefghij"), .type = CB_DIR, .mode = 0700}},  /* no room for the slash */
};

static void write_all(struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *w = cb_tar_writer_new(to_buf, out, &err);

    for (size_t i = 0; i < CB_LEN(entries); i++) {
        assert_int_equal(cb_tar_entry_begin(w, &entries[i].e, &err), 0);
        if (entries[i].bytes)
            assert_int_equal(cb_tar_write(w, entries[i].bytes, (size_t)entries[i].e.size, &err), 0);
    }
    assert_int_equal(cb_tar_end(w, &err), 0);
}

static void test_round_trip(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, again = CB_BUF_INIT;

    (void)state;
    write_all(&out);
    write_all(&again);
    assert_int_equal(out.len, again.len);
    assert_memory_equal(out.data, again.data, out.len);
    assert_int_equal(out.len % 512, 0);
    for (size_t step = 1; step < 100000; step *= 17) {
        struct from_buf from = {out.data, out.len, step};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_buf, &from, false, &err);
        struct cb_tar_entry e;

        for (size_t i = 0; i < CB_LEN(entries); i++) {
            const struct cb_tar_entry *w = &entries[i].e;
            char part[64] = "";

            if (cb_tar_next(t, &e, &err) != 1)
                fail_msg("entry %zu: %s", i, err.msg);
            assert_int_equal(strncmp(e.path, w->path, strlen(w->path)), 0);
            assert_string_equal(e.path + strlen(w->path), w->type == CB_DIR ? "/" : "");
            assert_int_equal(e.type, w->type);
            assert_int_equal(e.mode, w->mode);
            assert_int_equal(e.uid, w->uid);
            assert_int_equal(e.gid, w->gid);
            assert_int_equal(e.size, w->size);
            assert_int_equal(e.mtime, w->mtime);
            assert_int_equal(e.dev_major, w->dev_major);
            assert_int_equal(e.dev_minor, w->dev_minor);
            assert_int_equal(e.n_xattrs, w->n_xattrs);
            for (size_t k = 0; k < e.n_xattrs; k++) { /* sorted by name when they come back */
                const struct cb_xattr *x = &w->xattrs[w->n_xattrs - 1 - k];

                assert_string_equal(e.xattrs[k].name, x->name);
                assert_int_equal(e.xattrs[k].len, x->len);
                assert_memory_equal(e.xattrs[k].value, x->value, x->len);
            }
            if (w->link)
                assert_string_equal(e.link, w->link);
            else
                assert_null(e.link);
            if (entries[i].bytes && i % 2) { /* the others are skipped over */
                assert_true(cb_tar_read(t, part, 1, &err) == 1);
                assert_int_equal(part[0], entries[i].bytes[0]);
            }
        }
        assert_int_equal(cb_tar_next(t, &e, &err), 0);
        assert_int_equal(cb_tar_next(t, &e, &err), 0);
    }
}

/* ---- archives as others write them ----------------------------------------------------------- */

static void header(struct cb_buf *b, const char *name, char type, size_t size, const char *link)
{
    char h[512] = {0};
    unsigned sum = 0;

    memcpy(h, name, CB_MIN(strlen(name), (size_t)100));
    snprintf(h + 100, 8, "%07o", 0644);
    snprintf(h + 108, 8, "%07o", 0);
    snprintf(h + 116, 8, "%07o", 0);
    snprintf(h + 124, 12, "%011zo", size);
    snprintf(h + 136, 12, "%011o", 7);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (link)
        memcpy(h + 157, link, CB_MIN(strlen(link), (size_t)100));
    memcpy(h + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    cb_buf_add(b, h, 512);
}

static void data(struct cb_buf *b, const void *p, size_t n)
{
    cb_buf_add(b, p, n);
    while (b->len % 512)
        cb_buf_addc(b, '\0');
}

static void pax(struct cb_buf *b, const char *records, size_t n)
{
    header(b, "PaxHeaders/x", 'x', n, NULL);
    data(b, records, n);
}

struct foreign {
    const char *name;
    void (*make)(struct cb_buf *b);
    const char *want; /* what describe says; a '!' in front of the last line is compared as a prefix */
};

static void gnu_long(struct cb_buf *b)
{
    static const char name[] = LONG "/long", link[] = LONG "/link";

    header(b, "././@LongLink", 'L', sizeof(name), NULL);
    data(b, name, sizeof(name));
    header(b, "././@LongLink", 'K', sizeof(link), NULL);
    data(b, link, sizeof(link));
    header(b, "short", '2', 0, "cut");
}

static void v7_dir(struct cb_buf *b)
{
    header(b, "olddir/", '\0', 0, NULL);
    header(b, "old", '\0', 3, NULL);
    data(b, "abc", 3);
}

static void global(struct cb_buf *b)
{
    header(b, "pax_global_header", 'g', 16, NULL);
    data(b, "16 path=ignored\n", 16);
    header(b, "f", '0', 0, NULL);
}

static void link_with_size(struct cb_buf *b)
{
    header(b, "l", '1', 4096, "f"); /* no data follows */
    header(b, "d", '5', 77, NULL);
    header(b, "f", '0', 0, NULL);
}

static void pax_values(struct cb_buf *b)
{
    pax(b, "20 mtime=-1.5000000\n10 uid=70\n10 uid=71\n12 path=a/b\n", 52);
    header(b, "f", '0', 0, NULL);
    pax(b, "38 LIBARCHIVE.xattr.user%2eq=AAEC/w==\n22 SCHILY.xattr.a=1\0\n\n", 60);
    header(b, "g", '0', 0, NULL);
    pax(b, "22 SCHILY.xattr.a.b=1\n22 SCHILY.xattr.a.b=2\n", 44);
    header(b, "h", '0', 0, NULL);
}

static void sparse_01(struct cb_buf *b)
{
    static const char r[] = "25 GNU.sparse.name=named\n22 GNU.sparse.size=10\n26 GNU.sparse.map=2,2,6,1\n";

    pax(b, r, sizeof(r) - 1);
    header(b, "GNUSparseFile.0/x", '0', 3, NULL);
    data(b, "abc", 3);
}

static void sparse_00(struct cb_buf *b)
{
    static const char r[] = "22 GNU.sparse.size=10\n23 GNU.sparse.offset=2\n25 GNU.sparse.numbytes=2\n"
                            "23 GNU.sparse.offset=6\n25 GNU.sparse.numbytes=1\n";
    pax(b, r, sizeof(r) - 1);
    header(b, "sp", '0', 3, NULL);
    data(b, "abc", 3);
}

static void sparse_10(struct cb_buf *b)
{
    static const char r[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n24 GNU.sparse.name=real\n26 GNU.sparse.realsize=10\n";

    pax(b, r, sizeof(r) - 1);
    header(b, "GNUSparseFile.0/real", '0', 512 + 3, NULL);
    data(b, "2\n2\n2\n6\n1\n", 10);
    data(b, "abc", 3);
}

static void sparse_old(struct cb_buf *b)
{
    unsigned sum = 0;
    char *h;
    size_t at = b->len;

    header(b, "old-sparse", 'S', 3, NULL);
    h = b->data + at;
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 386,
           "00000000002\0"
           "00000000002\0"
           "00000000006\0"
           "00000000001\0",
           48);
    memcpy(h + 483, "00000000012", 12);
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    data(b, "abc", 3);
}

static void lone_zero(struct cb_buf *b)
{
    header(b, "f", '0', 0, NULL);
    data(b, "\0", 1);
    header(b, "g", '0', 0, NULL);
}

static void bad_size(struct cb_buf *b)
{
    pax(b, "35 size=99999999999999999999999999\n", 35);
    header(b, "f", '0', 0, NULL);
}

static void bad_record(struct cb_buf *b)
{
    pax(b, "999 path=x\n", 11);
    header(b, "f", '0', 0, NULL);
}

static void nul_in_path(struct cb_buf *b)
{
    pax(b, "12 path=a\0b\n", 12);
    header(b, "f", '0', 0, NULL);
}

static void truncated_data(struct cb_buf *b)
{
    header(b, "f", '0', 1000, NULL);
    data(b, "x", 1);
}

static void unknown_type(struct cb_buf *b)
{
    header(b, "f", 'Z', 0, NULL);
}

static void huge_special(struct cb_buf *b)
{
    header(b, "f", 'x', 077777777777ull, NULL);
}

static void overlapping_sparse(struct cb_buf *b)
{
    pax(b, "22 GNU.sparse.size=10\n", 22);
    pax(b, "26 GNU.sparse.map=2,5,3,2\n", 26);
    header(b, "sp", '0', 7, NULL);
    data(b, "abcdefg", 7);
}

static void sparse_bomb(struct cb_buf *b)
{
    static const char r[] = "39 GNU.sparse.size=9223372036854775807\n";

    pax(b, r, sizeof(r) - 1);
    header(b, "sp", '0', 0, NULL);
}

static void no_name(struct cb_buf *b)
{
    header(b, "", '0', 0, NULL);
}

static const struct foreign foreign[] = {
    {"GNU long names", gnu_long, "2 " LONG "/long 644 0:0 7 -> " LONG "/link\n"},
    {"before POSIX", v7_dir, "1 olddir/ 644 0:0 7\n0 old 644 0:0 7 3/17862\n"},
    {"global header", global, "0 f 644 0:0 7 0/0\n"},
    {"links have no data", link_with_size, "6 l 644 0:0 7 -> f\n1 d 644 0:0 7\n0 f 644 0:0 7 0/0\n"},
    {"pax values", pax_values, "0 a/b 644 71:0 -2 0/0\n0 g 644 0:0 7 a=31000a user.q=000102ff 0/0\n0 h 644 0:0 7 a.b=32 0/0\n"},
    {"sparse 0.0", sparse_00, "0 sp 644 0:0 7 10/"},
    {"sparse 0.1", sparse_01, "0 named 644 0:0 7 10/"},
    {"sparse 1.0", sparse_10, "0 real 644 0:0 7 10/"},
    {"sparse, old", sparse_old, "0 old-sparse 644 0:0 7 10/"},
    {"lone zero block", lone_zero, "0 f 644 0:0 7 0/0\n!tar: damaged: a lone zero block"},
    {"size too large", bad_size, "!tar: "},
    {"record too long", bad_record, "!tar: damaged extended header"},
    {"NUL in a path", nul_in_path, "!tar: extended header 'path'"},
    {"truncated data", truncated_data, "0 f 644 0:0 7!tar: truncated"},
    {"unknown type", unknown_type, "!tar: 'f' is of the unknown type"},
    {"huge extended header", huge_special, "!tar: an extended header of"},
    {"overlapping sparse map", overlapping_sparse, "!tar: 'sp' has a damaged sparse map"},
    {"sparse size without end", sparse_bomb, "!tar: extended header 'GNU.sparse.size'"},
    {"no name", no_name, "0  644 0:0 7 0/0\n"},
};

static void test_foreign(void **state)
{
    static const char whole[10] = {0, 0, 'a', 'b', 0, 0, 'c', 0, 0, 0};
    uint64_t sum = 0;
    char sparse_sum[32];

    (void)state;
    for (int i = 0; i < 10; i++)
        sum = sum * 31 + (unsigned char)whole[i];
    snprintf(sparse_sum, sizeof(sparse_sum), "%llx\n", (unsigned long long)sum);
    for (size_t i = 0; i < CB_LEN(foreign); i++) {
        for (size_t step = 1; step < 20000; step *= 100) {
            CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT, got = CB_BUF_INIT;

            foreign[i].make(&b);
            if (strcmp(foreign[i].name, "truncated data") != 0)
                data(&b, (char[1024]){0}, 1024);
            describe(b.data, b.len, step, false, &got);
            if (strncmp(got.data, foreign[i].want, strlen(foreign[i].want)) != 0)
                fail_msg("%s: got '%s', want '%s'", foreign[i].name, got.data, foreign[i].want);
            if (cb_starts(foreign[i].name, "sparse") && cb_ends(foreign[i].want, "/"))
                assert_string_equal(got.data + strlen(foreign[i].want), sparse_sum);
        }
    }
}

/* Every prefix and many changed bytes: an answer or an error, no crash (the sanitizers watch). */
static void test_damage(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < CB_LEN(foreign); i++)
        foreign[i].make(&all);
    cb_buf_truncate(&all, 512 * 12);
    write_all(&all);
    for (int round = 0; round < 3000; round++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT, got = CB_BUF_INIT;
        size_t from;

        x = x * 1664525 + 1013904223;
        from = (x >> 8) % (all.len / 512) * 512;
        cb_buf_add(&b, all.data + from, all.len - from);
        for (int k = 0; k < 3; k++) {
            x = x * 1664525 + 1013904223;
            b.data[(x >> 4) % b.len] = (char)(x >> 24);
        }
        describe(b.data, b.len - (round % 3 ? 0 : (x >> 6) % b.len), 4096, round % 2, &got);
    }
}

/* bzip2 and xz as ADD gets them; gzip and zstd come through the codec. */
static void test_compressed(void **state)
{
    static const char *const programs[][2] = {{"gzip", "-c"}, {"bzip2", "-c"}, {"xz", "-c"}, {"zstd", "-cq"}};
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT, want = CB_BUF_INIT, none = CB_BUF_INIT;

    (void)state;
    write_all(&plain);
    describe(plain.data, plain.len, 1000, false, &want);
    for (size_t i = 0; i < CB_LEN(programs); i++) {
        const char *const argv[] = {programs[i][0], programs[i][1], NULL};
        struct cb_proc p = {.argv = argv, .stdin_bytes = plain.data, .stdin_len = plain.len, .cwd_fd = -1, .max_output = 1 << 20};
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, errout = CB_BUF_INIT, got = CB_BUF_INIT, cut = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int status;

        if (cb_proc_run(&p, &out, &errout, &status, &err) < 0 || status != 0) {
            print_message("%s: not installed, skipped\n", programs[i][0]);
            continue;
        }
        describe(out.data, out.len, 1000, true, &got);
        assert_string_equal(got.data, want.data);
        describe(out.data, out.len / 2, 1000, true, &cut);
        assert_non_null(strchr(cut.data, '!'));
        assert_non_null(strstr(cut.data, "truncated"));
    }
    describe("", 0, 1, true, &none);
    assert_string_equal(none.data, "");
}

/* Sizes from 8 GiB need a pax record; the bytes of so large a member come from a source that makes them up. */
struct endless {
    struct from_buf head;
    uint64_t zeros;
};

static ssize_t read_endless(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct endless *e = arg;

    if (e->head.n)
        return read_buf(&e->head, p, n, err);
    n = (size_t)CB_MIN((uint64_t)n, e->zeros);
    memset(p, 0, n);
    e->zeros -= n;
    return (ssize_t)n;
}

static void test_large(void **state)
{
    static const uint64_t sizes[] = {8589934591, 8589934592, 1ull << 40};

    (void)state;
    for (size_t i = 0; i < CB_LEN(sizes); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_tar_writer) struct cb_tar_writer *w = cb_tar_writer_new(to_buf, &out, &err);
        struct cb_tar_entry e = {.path = "large", .type = CB_FILE, .mode = 0600, .size = sizes[i]};

        assert_int_equal(cb_tar_entry_begin(w, &e, &err), 0);
        assert_int_equal(out.len, i == 0 ? 512 : 3 * 512);
        struct endless from = {{out.data, out.len, 4096}, 1000};
        CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_endless, &from, false, &err);
        assert_int_equal(cb_tar_next(t, &e, &err), 1);
        assert_true(e.size == sizes[i]);
        assert_int_equal(cb_tar_next(t, &e, &err), -1); /* and the rest is missing */
        assert_non_null(strstr(err.msg, "truncated"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_foreign), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_compressed), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
