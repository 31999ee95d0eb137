/* Codec: round trips, the same bytes for any number of threads, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/stream/codec.h"
#include "base/stream/gunzip.h"
#include <stdio.h>
#include <zlib.h>

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

struct from_buf {
    const char *p;
    size_t n, step; /* at most `step` bytes a call; 0: no bound */
};

static ssize_t read_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct from_buf *f = arg;

    (void)err;
    n = CB_MIN(n, f->n);
    if (f->step)
        n = CB_MIN(n, f->step);
    memcpy(p, f->p, n);
    f->p += n;
    f->n -= n;
    return (ssize_t)n;
}

static void encode(const struct cb_codec *kind, int level, int threads, const struct cb_buf *in, size_t step, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_encoder) struct cb_encoder *e = cb_encoder_new(kind, level, threads, to_buf, out);

    for (size_t at = 0; at < in->len; at += step)
        assert_int_equal(cb_encoder_add(e, in->data + at, CB_MIN(step, in->len - at), &err), 0);
    assert_int_equal(cb_encoder_end(e, &err), 0);
}

static int decode(const char *p, size_t n, size_t step, struct cb_buf *out, const struct cb_codec **kind, struct cb_error *err)
{
    struct from_buf from = {p, n, step};
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(read_buf, &from, "layer");
    char part[5000];
    ssize_t got;

    while ((got = cb_decoder_read(d, part, sizeof(part), err)) > 0)
        cb_buf_add(out, part, (size_t)got);
    if (kind)
        *kind = cb_decoder_codec(d);
    if (got < 0) { /* and stays so */
        CB_AUTO(cb_error) struct cb_error again = CB_ERROR_INIT;

        assert_int_equal(cb_decoder_read(d, part, 1, &again), -1);
    }
    return (int)got;
}

static void make_input(struct cb_buf *b, size_t n)
{
    uint32_t x = 12345;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        cb_buf_addc(b, (char)(i % 7 ? "abcdefgh"[x >> 29] : (char)(x >> 16)));
    }
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 511, 512 << 10, 1 << 20, (1 << 20) + 1, (4 << 20) + 12345};

    (void)state;
    for (const struct cb_codec *const *kind = cb_codecs; *kind; kind++) {
        for (size_t i = 0; i < CB_LEN(sizes); i++) {
            CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT, first = CB_BUF_INIT, back = CB_BUF_INIT;
            CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
            const struct cb_codec *found;

            make_input(&in, sizes[i]);
            encode(*kind, -1, 1, &in, 100000, &first);
            for (int threads = 2; threads <= 5; threads += 3) {
                CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;

                encode(*kind, -1, threads, &in, 7777, &again);
                if (again.len != first.len || memcmp(again.data, first.data, first.len) != 0)
                    fail_msg("%s, %zu bytes: %d threads give other bytes", (*kind)->name, sizes[i], threads);
            }
            if (decode(first.data, first.len, i % 2 ? 1000 : 0, &back, &found, &err) < 0)
                fail_msg("%s, %zu bytes: %s", (*kind)->name, sizes[i], err.msg);
            assert_ptr_equal(found, *kind);
            if (back.len != in.len || memcmp(back.data, in.data, in.len) != 0)
                fail_msg("%s, %zu bytes: %zu came back", (*kind)->name, sizes[i], back.len);
        }
    }
}

/* What compresses well, hardly and not at all, one after the other. */
static void make_mixture(struct cb_buf *b, size_t n)
{
    uint32_t x = 99;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        size_t kind = i >> 17 & 3;
        cb_buf_addc(b, kind == 0 ? 0 : (char)(kind == 1 ? x >> 24 : kind == 2 ? x >> 28 : i % 251));
    }
}

/* zlib, which reads one member and no more, reads all of it: readers that stop there lose nothing. */
static void test_one_member(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT;
    (void)state;
    make_mixture(&in, (2 << 20) + 777);
    CB_AUTO(free) unsigned char *plain = cb_alloc(in.len + 1);
    for (int level = 0; level <= 9; level += level == 0 ? 1 : 4) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        z_stream z = {0};
        encode(cb_codec_find("gzip"), level, 2, &in, 300000, &out);
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        z.next_in = (unsigned char *)out.data;
        z.avail_in = (uInt)out.len;
        z.next_out = plain;
        z.avail_out = (uInt)in.len + 1;
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.avail_in, 0);
        assert_int_equal(z.total_out, in.len);
        assert_memory_equal(plain, in.data, in.len);
        inflateEnd(&z);
    }
}

#ifdef CB_HAVE_ISAL
/* Reads one member with each way, in small steps. 1: whole, and *out is what was in it. */
static int read_with(const struct cb_gunzip_ops *ops, const struct cb_buf *packed, struct cb_buf *out)
{
    void *z = ops->open();
    unsigned char part[3000];
    const char *why;
    int r = 0;
    size_t at = 0, got = 1;
    assert_non_null(z);
    while (r == 0 && (at < packed->len || got)) {
        size_t n = CB_MIN(packed->len - at, (size_t)701);
        struct cb_gunzip_step s = {(unsigned char *)packed->data + at, n, part, sizeof(part)};
        r = ops->step(z, &s, &why);
        got = sizeof(part) - s.out_left;
        at += n - s.in_left;
        cb_buf_add(out, part, got);
    }
    ops->close(z);
    return r;
}

static void compare_ways(const struct cb_buf *packed)
{
    CB_AUTO(cb_buf) struct cb_buf one = CB_BUF_INIT, other = CB_BUF_INIT;
    int a = read_with(&cb_gunzip_zlib, packed, &one), b = read_with(&cb_gunzip_isal, packed, &other);
    assert_int_equal(a == 1, b == 1);
    assert_true(a != 1 || (one.len == other.len && memcmp(one.data, other.data, one.len) == 0));
}

/* The ways to read take the same streams, whatever a stream is like; but ISA-L does not mind unknown flags of a header. */
static void test_ways(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT;
    uint32_t x = 7;
    (void)state;
    void *probe = cb_gunzip_isal.open();
    if (!probe)
        skip();
    cb_gunzip_isal.close(probe);
    make_mixture(&in, 600000);
    for (int level = 0; level <= 9; level += 3) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        encode(cb_codec_find("gzip"), level, 1, &in, 300000, &out);
        compare_ways(&out);
        for (int i = 0; i < 60; i++) {
            x = x * 1664525 + 1013904223;
            size_t at = i < 20 && i != 3 ? (size_t)i : (x >> 4) % out.len;
            out.data[at] ^= (char)(1 << (x >> 29));
            compare_ways(&out);
            out.data[at] ^= (char)(1 << (x >> 29));
        }
    }
}
#else
static void test_ways(void **state)
{
    (void)state;
    skip();
}
#endif

static void test_gzip_header(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT, out = CB_BUF_INIT;
    unsigned char plain[64];
    z_stream z = {0};

    (void)state;
    cb_buf_adds(&in, "hello");
    encode(cb_codec_find("gzip"), 6, 4, &in, 5, &out);
    assert_memory_equal(out.data, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* zlib itself checks CRC and length */
    z.next_in = (unsigned char *)out.data;
    z.avail_in = (uInt)out.len;
    z.next_out = plain;
    z.avail_out = sizeof(plain);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
}

static void test_joined_streams(void **state)
{
    static const char skippable[] = "\x53\x2a\x4d\x18\x03\0\0\0xyz";

    (void)state;
    for (const struct cb_codec *const *kind = cb_codecs; *kind != &cb_codec_none; kind++) {
        CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT, all = CB_BUF_INIT, back = CB_BUF_INIT, none = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

        cb_buf_adds(&in, "part;");
        if (strcmp((*kind)->name, "zstd") == 0)
            cb_buf_add(&all, skippable, 11);
        encode(*kind, 1, 1, &in, 3, &all);
        encode(*kind, 1, 1, &none, 3, &all);
        if (strcmp((*kind)->name, "zstd") == 0)
            cb_buf_add(&all, skippable, 11);
        encode(*kind, 9, 1, &in, 3, &all);
        if (strcmp((*kind)->name, "gzip") == 0)
            cb_buf_add(&all, "\0\0\0\0", 4);
        if (decode(all.data, all.len, 1, &back, NULL, &err) < 0)
            fail_msg("%s: %s", (*kind)->name, err.msg);
        assert_string_equal(back.data, "part;part;");
    }
}

static void test_damage(void **state)
{
    (void)state;
    for (const struct cb_codec *const *kind = cb_codecs; *kind != &cb_codec_none; kind++) {
        CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT, out = CB_BUF_INIT;

        make_input(&in, 3000);
        encode(*kind, -1, 1, &in, 3000, &out);
        for (size_t cut = 4; cut < out.len; cut += cut < 20 || cut + 20 > out.len ? 1 : 97) {
            CB_AUTO(cb_buf) struct cb_buf back = CB_BUF_INIT;
            CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

            if (decode(out.data, cut, 0, &back, NULL, &err) != -1)
                fail_msg("%s cut at %zu of %zu is taken for whole", (*kind)->name, cut, out.len);
            assert_int_equal(err.code, CB_E_CORRUPT);
            assert_non_null(strstr(err.msg, "truncated"));
        }
        for (size_t at = 10; at < out.len; at += 31) {
            CB_AUTO(cb_buf) struct cb_buf back = CB_BUF_INIT;
            CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

            out.data[at] ^= 0x55;
            if (decode(out.data, out.len, 0, &back, NULL, &err) != -1)
                fail_msg("%s with byte %zu changed is taken for good", (*kind)->name, at);
            out.data[at] ^= 0x55;
        }
    }
}

static void test_zstd_window(void **state)
{
    /* frame header: no checksum, window descriptor for 2 GiB; then an empty last block */
    static const char huge[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
    CB_AUTO(cb_buf) struct cb_buf back = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

    (void)state;
    assert_int_equal(decode(huge, 9, 0, &back, NULL, &err), -1);
    assert_int_equal(err.code, CB_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "128 MiB"));
}

static void test_after_gzip(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf in = CB_BUF_INIT, out = CB_BUF_INIT, back = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

    (void)state;
    cb_buf_adds(&in, "x");
    encode(cb_codec_find("gzip"), 6, 1, &in, 1, &out);
    cb_buf_adds(&out, "garbage");
    assert_int_equal(decode(out.data, out.len, 0, &back, NULL, &err), -1);
    assert_int_equal(err.code, CB_E_CORRUPT);
}

static void test_levels(void **state)
{
    (void)state;
    const struct cb_codec *gzip = cb_codec_find("gzip"), *zstd = cb_codec_find("zstd");
    assert_true(cb_codec_has_level(gzip, 9));
    assert_false(cb_codec_has_level(gzip, 10));
    assert_true(cb_codec_has_level(zstd, 22));
    assert_false(cb_codec_has_level(zstd, 0));
    assert_false(cb_codec_has_level(&cb_codec_none, 1));
    assert_int_equal(cb_codec_level(gzip, 0), 0);
    assert_int_equal(cb_codec_level(gzip, -1), 1);
    assert_int_equal(cb_codec_level(zstd, 23), 3);
}

/* What each entry says of itself, and that all are found by it. */
static void test_table(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    cb_codec_names(&names, "|");
    assert_string_equal(names.data, "gzip|zstd|uncompressed");
    assert_null(cb_codec_find("gzi"));
    for (const struct cb_codec *const *c = cb_codecs; *c; c++) {
        assert_ptr_equal(cb_codec_find((*c)->name), *c);
        assert_true(cb_codec_has_level(*c, (*c)->normal_level));
        assert_int_equal(!*(*c)->oci_suffix, *c == &cb_codec_none);
        assert_int_equal(!*(*c)->docker_suffix, *c == &cb_codec_none);
        assert_int_equal((*c)->library == NULL, (*c)->version == NULL);
        assert_true(c[1] || *c == &cb_codec_none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_one_member),     cmocka_unit_test(test_ways),
        cmocka_unit_test(test_gzip_header), cmocka_unit_test(test_joined_streams), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_zstd_window), cmocka_unit_test(test_after_gzip),     cmocka_unit_test(test_levels),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
