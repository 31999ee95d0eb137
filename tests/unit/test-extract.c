#include "base/stream/tar.h"
#include "builder/copy/extract.h"
#include "tree-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define MADE 77

/* ADD of an archive with the members `tar`, in this order, to `to` in the tree `dest`. Contents in the layer
 * shown are what the second pass gave out. `flags`: chown=U:G, link, gz, zst. */
struct row {
    const char *tar, *to, *dest, *flags, *want;
};

static const struct row simple[] = {
    {"a=1", "/", "", "", "a=1"},
    {"a=1", "/d", "", "", "d/@77 d/a=1"},
    {"a=1", "/d/e/", "", "", "d/@77 d/e/@77 d/e/a=1"},
    {"a=1", "/d", "d/,700,1:2@3", "", "d/,700,1:2@3 d/a=1"},
    {"a=1", "/d", "l/ d->l", "", "l/ l/a=1"},
    {"a=1", "/d", "d=1", "", "!mkdir /d: not a directory"},
    {"a=1", "/d/", "d=1", "", "!mkdir /d: not a directory"},
    {"d/,700,3:4@9 d/a=1,4755,5:6@8", "/", "", "", "d/,700,3:4@9 d/a=1,4755,5:6@8"},
    {"d/,700,3:4@9 d/a=1,5:6 l->d,7:7", "/x", "", "chown=8:9", "x/,8:9@77 x/d/,700,8:9@9 x/l->d,8:9 x/d/a=1,8:9"},
    {"d/e/a=1", "/", "", "", "d/@77 d/e/@77 d/e/a=1"},
    {"d/e/a=1", "/", "", "chown=8:9", "d/@77 d/e/@77 d/e/a=1,8:9"},
    {"d/e/a=1 d/,700@3", "/", "", "", "d/,700@3 d/e/@77 d/e/a=1"},
    {"./,700@5 a=1", "/x", "x/", "", "x/ x/a=1"},
    {"./,700@5 a=1", "/", "", "", "a=1"},
    {"./a=1 ./b=2", "/", "", "", "a=1 b=2"},
    {"b=1 a=2 c=", "/", "", "", "c= b=1 a=2"},
    {"p|,600 c#1.3 l->nowhere@4", "/", "", "", "c#1.3 l->nowhere@4 p|,600"},
    {"a=1^cap", "/", "", "chown=1:1", "a=1,1:1^cap"},
    {"a=1", "/d", "d=1", "link", "d/@77 d/a=1"},
    {"", "/d", "", "", "d/@77"},
    {"a=1 d/ d/b=2", "/x", "", "gz", "x/@77 x/d/ x/a=1 x/d/b=2"},
    {"a=1 d/ d/b=2", "/x", "", "zst", "x/@77 x/d/ x/a=1 x/d/b=2"},
};

static const struct row hostile[] = {
    {"../../a=1", "/x", "", "", "x/@77 x/a=1"},
    {"/a=1", "/x", "", "", "x/@77 x/a=1"},
    {"d/../../a=1", "/x", "", "", "x/@77 x/a=1"},
    {"../=1", "/x", "", "", "!would replace the directory"},
    {"/,700,1:1 a=1", "/x", "", "", "x/,700,1:1 x/a=1"},
    {"l->/etc l/a=1", "/x", "etc/ etc/k=0", "", "!'l/a' lies below a link that leads nowhere"},
    {"l->../../etc l/a=1", "/x", "etc/", "", "!'l/a' lies below a link that leads nowhere"},
    {"etc/ l->/etc l/a=1", "/x", "etc/ etc/k=0", "", "x/@77 x/etc/ x/l->/etc x/etc/a=1"},
    {"etc/ l->../../etc l/a=1", "/x", "etc/", "", "x/@77 x/etc/ x/l->../../etc x/etc/a=1"},
    {"l/e/", "/", "l->d/n d/", "", "!'l/e' lies below a link that leads nowhere"},
    {"l/e/a=1", "/", "l->n", "", "!'l/e/a' lies below a link that leads nowhere"},
    {"l/e/a=1", "/", "l->d d/", "", "d/ d/e/@77 d/e/a=1"},
    {"l/e/a=1", "/", "l->k/ k->d d/", "", "d/ d/e/@77 d/e/a=1"},
    {"a=1 l/h==a", "/", "l->n", "", "!'l/h' lies below a link that leads nowhere"},
    {"d/ l->d l/a=1", "/x", "", "", "x/@77 x/d/ x/l->d x/d/a=1"},
    {"a=1", "/x/l", "t/ x/ x/l->../t", "", "t/ t/a=1"},
    {"l/a=1", "/x", "t/ x/ x/t/ x/l->/t", "", "x/ x/t/ x/t/a=1"},
    {"l->l l/a=1", "/", "", "", "!too many links"},
    {"a=1 a/b=2", "/", "", "", "!mkdir /a: not a directory"},
    {"a=1 a/b=2", "/x", "", "", "!mkdir /x/a: not a directory"},
    {"h==../../etc/k", "/x", "etc/ etc/k=0", "", "!no such file or directory"},
    {"l->/ h==l/../f f=1", "/x", "", "", "!no such file or directory"},
};

/* Names that no layer can hold. */
static const struct row whiteouts[] = {
    {".wh.a=1 b=1", "/", "", "", "b=1 (1 left out)"},
    {".wh..wh.aufs=1 .wh..wh.plnk/ .wh..wh.plnk/1.2=x d/ d/.wh.e=1", "/", "", "", "d/ (4 left out)"},
    {".wh.a=1 b==.wh.a c==d/../.wh.a", "/", "a=1", "", " (3 left out)"},
    {".wh..=1 .wh...=1 .wh.=1", "/x", "", "", "x/@77 (3 left out)"},
    {"d/../.wh.a=1 .wh.x/../b=1", "/", "", "", "b=1 (1 left out)"},
    {"a.wh.=1 .whx=2", "/", "", "", "a.wh.=1 .whx=2"},
};

static const struct row unions[] = {
    {"a=1 a=2", "/", "", "", "a=2"},
    {"a=1 a/ a/b=2", "/", "", "", "a/ a/b=2"},
    {"a/ a/b=2 a=1", "/", "", "", "a=1"},
    {"a/ a/b=2 a=1 a/", "/", "", "", "a/"},
    {"a/,700 a/b=2 a/,711", "/", "", "", "a/,711 a/b=2"},
    {"a->b a=1", "/", "", "", "a=1"},
    {"b/ a->b a/", "/", "", "", "a/ b/"},
    {"a=1", "/", "a=0", "", "a=1"},
    {"a=1", "/", "a/ a/x=1", "", "a=1"},
    {"a=1", "/", "a->t t=0", "", "a=1"},
    {"a/", "/", "a=0", "", "a/"},
    {"a/", "/", "a->t t/ t/x=1", "", "a/"},
    {"a/,700,1:1", "/", "a/ a/x=1", "", "a/,700,1:1"},
    {"a/ a/b=1", "/", "a/ a/x=1", "", "a/ a/b=1"},
    {"a/,711 a/b=1", "/d", "d/,700 d/a/ d/a/x=1", "", "d/,700 d/a/,711 d/a/b=1"},
    {"a=1 a/ a/y=2", "/", "a/ a/x=1 a/y=0", "", "a/ -a/x a/y=2"},
    {"a=1 a/", "/", "a/ a/d/ a/d/z=1 a/x=1", "", "a/ -a/d -a/x"},
    {"a=1 a/ a/d/ a/d/new=1", "/", "a/ a/d/ a/d/z=1 a/x=1", "", "a/ a/d/ -a/d/z -a/x a/d/new=1"},
    {"a=1 a/ a/x=1", "/", "a/ a/x=1 a/y=2", "", "a/ -a/y"},
};

static const struct row same[] = {
    {"a=1", "/", "a=1", "", ""},
    {"a=1@2", "/", "a=1", "", "a=1@2"},
    {"a=2", "/", "a=1", "", "a=2"},
    {"a=", "/", "a=", "", ""},
    {"d/@9 d/a=1 d/b=2", "/", "d/@3 d/a=1 d/b=3", "", "d/@9 d/b=2"},
    {"d/@9 d/a=1", "/", "d/@3 d/a=1", "", ""},
    {"a=1 a=2", "/", "a=1", "", "a=2"},
    {"a=2 a=1", "/", "a=1", "", ""},
    {"l->x", "/", "l->x", "", ""},
};

static const struct row hard[] = {
    {"a=1 b==a", "/", "", "", "a=1 b==a"},
    {"b=1 a==b", "/", "", "", "a=1 b==a"},
    {"b=1 a==b", "/x", "", "", "x/@77 x/a=1 x/b==x/a"},
    {"b=1 a==/b", "/x", "", "", "x/@77 x/a=1 x/b==x/a"},
    {"b=1 a==b b=2", "/", "", "", "a=1 b=2"},
    {"a=1 b==a c==b", "/", "", "", "a=1 b==a c==a"},
    {"a=1,600,1:1 b==a,711,2:2@5", "/", "", "", "a=1,711,2:2@5 b==a"},
    {"a=1 b==a", "/", "", "chown=8:9", "a=1,8:9 b==a"},
    {"b==a", "/", "a=1", "", "a=1 b==a"},
    {"b==a c==a", "/", "a=1", "", "a=1 b==a c==a"},
    {"b==a", "/", "a=1 b==a", "", ""},
    {"b==a", "/", "a=1 b=1", "", "a=1 b==a"},
    {"b==d/a", "/", "d/ d/a=1", "", "b=1 d/ d/a==b"},
    {"b==a,600", "/", "a=1", "", "a=1,600 b==a"},
    {"b==a", "/x", "x/ x/a=1", "", "x/ x/a=1 x/b==x/a"},
    {"a==a", "/", "a=1", "", "!no such file or directory"},
    {"b==nope", "/", "", "", "!no such file or directory"},
    {"d/ b==d", "/", "", "", "!it is a directory"},
    {"d/ d/a=1 d==d/a", "/", "", "", "!no such file or directory"},
    {"d/ d/a=1 l->d b==l/a", "/", "", "", "d/ l->d b=1 d/a==b"},
    {"l->x b==l", "/", "", "", "b->x l==b"},
    {"l->x@3 b==l,600,5:6@9", "/", "", "", "b->x,5:6@3 l==b"},
    {"a= b==a", "/", "", "", "a= b==a"},
};

struct params {
    bool link;
    const struct cb_codec *codec;
    struct build_place_params place;
};

static void read_flags(const char *flags, struct params *p)
{
    TEXT_FOREACH(f, n, flags)
    {
        if (cb_starts(f, "chown=")) {
            const char *v = f + 6;
            p->place.has_owner = true;
            p->place.uid = (uint32_t)text_number(&v, 10);
            v++;
            p->place.gid = (uint32_t)text_number(&v, 10);
        }
        p->link = p->link || cb_starts(f, "link");
        if (cb_starts(f, "gz"))
            p->codec = cb_codec_find("gzip");
        if (cb_starts(f, "zst"))
            p->codec = cb_codec_find("zstd");
    }
}

/* ---- archives in memory --------------------------------------------------------------------- */

static int into_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

static int into_encoder(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cb_encoder_add(arg, p, n, err);
}

static void write_tar(const char *text, struct texts *t, const struct cb_codec *kind, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_encoder) struct cb_encoder *enc = cb_encoder_new(kind, -1, 1, into_buf, out);
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *tar = cb_tar_writer_new(into_encoder, enc, &err);

    TEXT_FOREACH(word, len, text)
    {
        const char *content = NULL;
        struct cache_entry e = text_entry(word, len, t, &content);
        struct cb_tar_entry m = {.path = e.path,
                                 .type = (enum cb_ftype)e.type,
                                 .mode = e.mode,
                                 .uid = e.uid,
                                 .gid = e.gid,
                                 .size = e.size,
                                 .mtime = e.mtime,
                                 .link = e.link,
                                 .dev_major = e.dev_major,
                                 .dev_minor = e.dev_minor,
                                 .xattrs = e.xattrs,
                                 .n_xattrs = e.n_xattrs};
        assert_int_equal(cb_tar_entry_begin(tar, &m, &err), 0);
        if (content)
            assert_int_equal(cb_tar_write(tar, content, e.size, &err), 0);
    }
    assert_int_equal(cb_tar_end(tar, &err), 0);
    assert_int_equal(cb_encoder_end(enc, &err), 0);
}

struct reader {
    const char *p;
    size_t n, at;
    size_t fail_at; /* 0: never */
};

static ssize_t from_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct reader *r = arg;
    if (r->fail_at && r->at >= r->fail_at)
        return cb_fail(err, CB_E_SYSTEM, "read error");
    n = CB_MIN(n, r->n - r->at);
    memcpy(p, r->p + r->at, n);
    r->at += n;
    return (ssize_t)n;
}

/* ---- one case -------------------------------------------------------------------------------- */

/* Members as the second pass gives them: path -> content. */
struct streamed {
    struct cb_map map;
    struct cb_arena arena;
    struct cb_buf piece;
    const struct cache_entry *e;
};

static int begin(void *arg, const struct cache_entry *e, struct cb_error *err)
{
    (void)err;
    struct streamed *s = arg;
    assert_null(s->e);
    s->e = e;
    cb_buf_reset(&s->piece);
    return 0;
}

static int take(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return into_buf(&((struct streamed *)arg)->piece, p, n, err);
}

static int end(void *arg, struct cb_error *err)
{
    (void)err;
    struct streamed *s = arg;
    assert_int_equal(s->piece.len, s->e->size);
    cb_map_set(&s->map, s->e->path, cb_arena_strdup(&s->arena, s->piece.data));
    s->e = NULL;
    return 0;
}

static int stream(const struct build_layer *layer, struct reader r, struct streamed *s, struct cb_error *err)
{
    struct build_sink sink = {begin, take, end, s};
    size_t first = 0, n = 0;

    while (first < layer->n && layer->entries[first]->data != BUILD_DATA_MEMBER)
        first++;
    while (first + n < layer->n && layer->entries[first + n]->data == BUILD_DATA_MEMBER)
        n++;
    r.at = 0;
    return n ? build_extract_members(from_buf, &r, "t", layer->entries + first, n, &sink, err) : 0;
}

static void show_layer(const struct build_layer *l, struct streamed *s, struct texts *t, struct cb_buf *got)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct build_entry *b = l->entries[i];
        const char *content = b->data == BUILD_DATA_MEMBER ? cb_map_get(&s->map, b->e.path) : texts_find(t, &b->e.digest);
        if (b->e.type == CB_FILE && b->e.size == 0)
            content = "";
        if (b->data == BUILD_DATA_DEST)
            content = texts_find(t, &b->node->e.digest);
        show_entry(got, &b->e, content);
    }
    const char *bad = layer_disorder(l);
    if (bad)
        cb_buf_printf(got, " (%s)", bad);
}

static int run(const struct row *r, struct cb_buf *got, struct cb_error *err)
{
    struct texts t = {0};
    struct params p = {.codec = &cb_codec_none};
    struct streamed s = {.piece = CB_BUF_INIT};
    struct cache_tree *dest = text_tree(r->dest, &t);
    struct build_layer layer = {0};
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;

    read_flags(r->flags, &p);
    write_tar(r->tar, &t, p.codec, &tar);
    p.place.dest = p.link ? NULL : dest;
    p.place.path = r->to;
    p.place.mtime = MADE;
    struct reader reader = {.p = tar.data, .n = tar.len};
    CB_AUTO(build_place) struct build_place *place = build_place_new(&p.place);
    int rc = build_place_archive(place, from_buf, &reader, "t", 0, err);
    if (rc == 0)
        rc = build_place_finish(place, &layer, err);
    if (rc == 0)
        rc = stream(&layer, reader, &s, err);
    if (rc == 0)
        show_layer(&layer, &s, &t, got);
    if (rc == 0 && build_place_left_out(place))
        cb_buf_printf(got, " (%zu left out)", build_place_left_out(place));
    free(layer.entries);
    cb_map_done(&s.map);
    cb_arena_done(&s.arena);
    cb_buf_done(&s.piece);
    cache_tree_free(dest);
    texts_done(&t);
    return rc;
}

static void check_row(const struct row *r)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    int rc = run(r, &got, &err);
    bool ok = r->want[0] == '!' ? rc < 0 && strstr(err.msg, r->want + 1) : rc == 0 && strcmp(got.data, r->want) == 0;
    if (!ok)
        fail_msg("ADD [%s] to %s [%s]\n  into %s\n  want %s\n  got  %s", r->tar, r->to, r->flags, r->dest, r->want,
                 rc < 0 ? err.msg : got.data);
}

#define TABLE(name)                                                                                                              \
    static void test_##name(void **state)                                                                                        \
    {                                                                                                                            \
        (void)state;                                                                                                             \
        for (size_t i = 0; i < CB_LEN(name); i++)                                                                                \
            check_row(&name[i]);                                                                                                 \
    }
TABLE(simple)
TABLE(hostile)
TABLE(unions)
TABLE(same)
TABLE(hard)
TABLE(whiteouts)

static void write_sum(char *header)
{
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
}

/* A header with a right sum, whatever it says, begins an archive; a member without a name is the destination itself. */
static void test_nameless(void **state)
{
    (void)state;
    struct texts t = {0};
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_place_params params = {.path = "/x"};
    CB_AUTO(build_place) struct build_place *place = build_place_new(&params);
    struct build_layer layer = {0};

    write_tar("a=1 b=2", &t, &cb_codec_none, &tar);
    tar.data[0] = '\0';
    write_sum(tar.data);
    struct reader r = {.p = tar.data, .n = tar.len};
    assert_int_equal(build_extract_sniff(from_buf, &r, &err), 1);
    r.at = 0;
    assert_int_equal(build_place_archive(place, from_buf, &r, "t", 0, &err), 0);
    assert_int_equal(build_place_finish(place, &layer, &err), 0);
    assert_int_equal(layer.n, 2);
    assert_string_equal(layer.entries[1]->e.path, "x/b");
    free(layer.entries);
    texts_done(&t);
}

/* ---- what is an archive ---------------------------------------------------------------------- */

static int sniff(const void *p, size_t n, size_t fail_at, struct cb_error *err)
{
    struct reader r = {.p = p, .n = n, .fail_at = fail_at};
    return build_extract_sniff(from_buf, &r, err);
}

static void test_sniff(void **state)
{
    (void)state;
    struct texts t = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    static const char zeros[4096];

    for (const struct cb_codec *const *kind = cb_codecs; *kind; kind++) {
        CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
        CB_AUTO(cb_buf) struct cb_buf none = CB_BUF_INIT;
        CB_AUTO(cb_encoder) struct cb_encoder *enc = cb_encoder_new(*kind, -1, 1, into_buf, &none);
        write_tar("a=1", &t, *kind, &tar);
        assert_int_equal(sniff(tar.data, tar.len, 0, &err), 1);
        assert_int_equal(cb_encoder_add(enc, "no archive at all", 17, &err), 0);
        assert_int_equal(cb_encoder_end(enc, &err), 0);
        assert_int_equal(sniff(none.data, none.len, 0, &err), 0);
    }
    assert_int_equal(sniff("", 0, 0, &err), 0);
    assert_int_equal(sniff(zeros, 512, 0, &err), 0);
    assert_int_equal(sniff(zeros, 1024, 0, &err), 0);
    assert_int_equal(sniff(zeros, sizeof(zeros), 0, &err), 0);
    assert_int_equal(sniff("\x1f\x8b", 2, 0, &err), 0);
    assert_int_equal(sniff("#!/bin/sh\n", 10, 0, &err), 0);
    assert_null(err.msg);
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    write_tar("a=1", &t, &cb_codec_none, &tar);
    assert_int_equal(sniff(tar.data, 600, 0, &err), 1); /* a good header, then damage */
    assert_int_equal(sniff(tar.data, tar.len, 1, &err), 1);
    assert_int_equal(sniff(tar.data, 100, 100, &err), -1);
    assert_string_equal(err.msg, "read error");
    texts_done(&t);
}

/* A cut archive fails in the first pass; one that changes between the passes in the second. */
static void test_damage(void **state)
{
    (void)state;
    struct texts t = {0};
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT, other = CB_BUF_INIT;
    write_tar("a=1234 b=5678", &t, &cb_codec_none, &tar);
    write_tar("a=1234 b=567", &t, &cb_codec_none, &other);
    struct build_place_params p = {.path = "/"};

    for (size_t n = 513; n < 2048; n += 97) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
        struct reader r = {.p = tar.data, .n = n};
        int rc = build_place_archive(place, from_buf, &r, "t.tar", 0, &err);
        if (rc == 0 && n != 1024 && n != 2048)
            fail_msg("cut after %zu bytes: no error", n);
        if (rc < 0)
            assert_non_null(strstr(err.msg, "t.tar"));
    }
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
    struct reader r = {.p = tar.data, .n = tar.len}, changed = {.p = other.data, .n = other.len};
    struct build_layer layer = {0};
    struct streamed s = {.piece = CB_BUF_INIT};
    assert_int_equal(build_place_archive(place, from_buf, &r, "t.tar", 0, &err), 0);
    assert_int_equal(build_place_finish(place, &layer, &err), 0);
    assert_int_equal(stream(&layer, changed, &s, &err), -1);
    assert_non_null(strstr(err.msg, "changed while it was read"));
    free(layer.entries);
    cb_map_done(&s.map);
    cb_arena_done(&s.arena);
    cb_buf_done(&s.piece);
    texts_done(&t);
}

/* Two archives and a file of one ADD: the second pass of each finds its own members. */
static void test_several(void **state)
{
    (void)state;
    struct texts t = {0};
    CB_AUTO(cb_buf) struct cb_buf one = CB_BUF_INIT, two = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    write_tar("x=1 d/ d/y=2 z=3", &t, &cb_codec_none, &one);
    write_tar("d/y=5 x=4 d/a=6", &t, &cb_codec_none, &two);
    struct build_place_params p = {.path = "/"};
    CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
    struct reader a = {.p = one.data, .n = one.len}, b = {.p = two.data, .n = two.len};
    struct build_layer l = {0};

    assert_int_equal(build_place_archive(place, from_buf, &a, "1", 0, &err), 0);
    assert_int_equal(build_place_archive(place, from_buf, &b, "2", 1, &err), 0);
    assert_int_equal(build_place_inline(place, "EOF", "hi", 2, &err), 0);
    assert_int_equal(build_place_finish(place, &l, &err), 0);
    static const struct {
        const char *path;
        int archive;
        uint64_t member;
    } want[] = {{"EOF", 0, 0}, {"d", 0, 0}, {"z", 0, 3}, {"d/y", 1, 0}, {"x", 1, 1}, {"d/a", 1, 2}};
    assert_int_equal(l.n, CB_LEN(want));
    for (size_t i = 0; i < l.n; i++) {
        assert_string_equal(l.entries[i]->e.path, want[i].path);
        assert_int_equal(l.entries[i]->archive, want[i].archive);
        assert_int_equal(l.entries[i]->member, want[i].member);
    }
    free(l.entries);
    texts_done(&t);
}

/* ---- random archives over random trees -------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Up to three levels of the names a, b, c; few contents and modes, so that clashes and equal entries are common. */
static void random_entries(uint32_t *seed, int n, struct cb_buf *text)
{
    static const char *const modes[] = {"", ",700"};
    for (int i = 0; i < n; i++) {
        uint32_t depth = 1 + next_random(seed) % 3;
        for (uint32_t k = 0; k < depth; k++)
            cb_buf_printf(text, "%s%c", k ? "/" : "", 'a' + (char)(next_random(seed) % 3));
        if (next_random(seed) % 2)
            cb_buf_adds(text, "/");
        else
            cb_buf_printf(text, "=%u", 1 + next_random(seed) % 2);
        cb_buf_printf(text, "%s ", modes[next_random(seed) % 2]);
    }
}

/* What unpacking does, done on the tree itself. False: a file is in the way. */
static bool unpack_into(struct cache_tree *tree, const char *text, struct texts *t)
{
    TEXT_FOREACH(word, len, text)
    {
        const char *content = NULL;
        struct cache_entry e = text_entry(word, len, t, &content);
        struct cache_node *n = cache_tree_root(tree);
        const char *p = e.path, *slash;
        for (; (slash = strchr(p, '/')); p = slash + 1) {
            struct cache_node *child = cache_node_child(n, p, (size_t)(slash - p));
            if (child && child->e.type != CB_DIR)
                return false;
            if (!child) {
                CB_AUTO(free) char *path = cb_memdup0(e.path, (size_t)(slash - e.path));
                child = cache_tree_add(tree, &(struct cache_entry){.path = path, .type = CB_DIR, .mode = 0755}, 7, NULL);
            }
            n = child;
        }
        struct cache_node *old = cache_node_child(n, p, strlen(p));
        if (old && !(old->e.type == CB_DIR && e.type == CB_DIR))
            cache_tree_remove(tree, old);
        cache_tree_add(tree, &e, 7, NULL);
    }
    return true;
}

static void show_tree(const struct cache_node *n, const struct texts *t, struct cb_buf *b)
{
    struct cache_entry e = n->e;
    e.mtime = e.type == CB_DIR ? 1 : e.mtime; /* a directory of which only times changed is left out */
    if (n->parent)
        show_entry(b, &e, texts_find(t, &e.digest));
    for (size_t i = 0; i < n->n_children; i++)
        show_tree(n->children[i], t, b);
}

static void apply_layer(struct cache_tree *tree, const struct build_layer *l, const struct streamed *s)
{
    struct cache_index x = {0};
    for (size_t i = 0; i < l->n; i++) {
        struct cache_entry e = l->entries[i]->e;
        const char *content = cb_map_get(&s->map, e.path);
        if (l->entries[i]->data == BUILD_DATA_MEMBER)
            cb_sha256(content, strlen(content), &e.digest);
        cache_index_add(&x, &e);
    }
    cache_index_sort(&x);
    cache_tree_apply(tree, &x, 8);
    cache_index_done(&x);
}

/* The layer on top of the stage is what unpacking into the stage gives; the same once more over that. */
static void check_random(uint32_t seed)
{
    uint32_t start = seed;
    struct texts t = {0};
    CB_AUTO(cb_buf)
    struct cb_buf below = CB_BUF_INIT, members = CB_BUF_INIT, tar = CB_BUF_INIT, want = CB_BUF_INIT, got = CB_BUF_INIT;
    random_entries(&seed, 8, &below);
    random_entries(&seed, 10, &members);
    struct cache_tree *dest = text_tree(below.data, &t), *model = text_tree(below.data, &t); /* later entries win */
    write_tar(members.data, &t, &cb_codec_none, &tar);
    bool possible = true;
    for (int round = 0; round < 2 && possible; round++) {
        possible = unpack_into(model, members.data, &t);
        cb_buf_reset(&want);
        show_tree(cache_tree_root(model), &t, &want);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct build_layer layer = {0};
        struct streamed s = {.piece = CB_BUF_INIT};
        struct build_place_params p = {.path = "/", .dest = dest};
        CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
        struct reader r = {.p = tar.data, .n = tar.len};
        if ((build_place_archive(place, from_buf, &r, "t", 0, &err) == 0) != possible)
            fail_msg("seed %u: %s over %s: %s", start, members.data, below.data, err.msg ? err.msg : "no error");
        if (possible) {
            assert_int_equal(build_place_finish(place, &layer, &err), 0);
            assert_int_equal(stream(&layer, r, &s, &err), 0);
            apply_layer(dest, &layer, &s);
            cb_buf_reset(&got);
            show_tree(cache_tree_root(dest), &t, &got);
            if (strcmp(want.data, got.data) != 0 || layer_disorder(&layer))
                fail_msg("seed %u round %d: %s over %s\n  want %s\n  got  %s", start, round, members.data, below.data, want.data,
                         got.data);
        }
        free(layer.entries);
        cb_map_done(&s.map);
        cb_arena_done(&s.arena);
        cb_buf_done(&s.piece);
    }
    cache_tree_free(dest);
    cache_tree_free(model);
    texts_done(&t);
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 3000; seed++)
        check_random(seed * 2654435761u);
}

/* A small archive with deep and long names must not cost the square of it, and one beyond the system's limits is refused. */
static void test_deep(void **state)
{
    (void)state;
    struct texts t = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, tar = CB_BUF_INIT, path = CB_BUF_INIT;
    for (int i = 0; i < 2000; i++)
        cb_buf_adds(&path, "d/");
    cb_buf_printf(&text, "%sf=1 %sg=2", path.data, path.data);
    write_tar(text.data, &t, &cb_codec_none, &tar);
    struct build_place_params p = {.path = "/"};
    for (int round = 0; round < 2; round++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
        struct reader r = {.p = tar.data, .n = tar.len};
        struct build_layer l = {0};
        int rc = build_place_archive(place, from_buf, &r, "t", 0, &err);
        if (round == 0) {
            assert_int_equal(rc, 0);
            assert_int_equal(build_place_finish(place, &l, &err), 0);
            assert_int_equal(l.n, 2002);
            assert_null(layer_disorder(&l));
            free(l.entries);
            cb_buf_printf(&text, " %s%sh=3", path.data, path.data);
            cb_buf_reset(&tar);
            write_tar(text.data, &t, &cb_codec_none, &tar);
        } else {
            assert_int_equal(rc, -1);
            assert_non_null(strstr(err.msg, "longer than the system allows"));
        }
    }
    texts_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple), cmocka_unit_test(test_hostile),   cmocka_unit_test(test_unions),
        cmocka_unit_test(test_same),   cmocka_unit_test(test_hard),      cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_several),   cmocka_unit_test(test_random),
        cmocka_unit_test(test_deep),   cmocka_unit_test(test_whiteouts), cmocka_unit_test(test_nameless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
