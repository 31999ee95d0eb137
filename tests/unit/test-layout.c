#include "registry/oci/layout.h"

#include "base/fd.h"
#include "base/stream/tar.h"
#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define HEADER "{\"imageLayoutVersion\":\"1.0.0\"}"
#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* ---- a scratch directory ------------------------------------------------------------------- */

static int scratch = -1;
static char scratch_path[64];

static int make_scratch(void **state)
{
    (void)state;
    snprintf(scratch_path, sizeof(scratch_path), "/tmp/cbuild-test-layout-XXXXXX");
    if (!mkdtemp(scratch_path))
        return -1;
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return scratch < 0 ? -1 : 0;
}

static int remove_scratch(void **state)
{
    (void)state;
    scratch = cb_close(scratch);
    return cb_remove_tree(AT_FDCWD, scratch_path);
}

static void put(const char *path, const void *p, size_t n)
{
    CB_AUTO(free) char *copy = cb_strdup(path);
    char *slash = strrchr(copy, '/');
    if (slash) {
        *slash = 0;
        assert_int_equal(cb_mkdirs(scratch, copy, 0755), 0);
    }
    assert_int_equal(cb_publish_file(scratch, path, p, n, 0644), 0);
}

static void puts_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

static struct cb_digest put_blob(const char *text)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1], path[128];
    cb_sha256(text, strlen(text), &d);
    cb_digest_hex(&d, hex);
    snprintf(path, sizeof(path), "l/blobs/sha256/%s", hex);
    puts_text(path, text);
    return d;
}

static int open_layout(void)
{
    int fd = openat(scratch, "l", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* ---- reading ------------------------------------------------------------------------------- */

#define ENTRY(hex, annotations)                                                                                                  \
    "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"sha256:" hex "\",\"size\":1,\"annotations\":{" annotations "}}"
#define REF(name)  "\"org.opencontainers.image.ref.name\":\"" name "\""
#define FULL(name) "\"io.containerd.image.name\":\"" name "\""

static const struct {
    const char *entries, *name, *digest;
    char found; /* 'a', 'b', or 0 with a message */
    const char *message;
} finds[] = {
    {ENTRY(HEX_A, ""), NULL, NULL, 'a', NULL},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_A, REF("2")), NULL, NULL, 'a', NULL},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_B, REF("latest")), NULL, NULL, 'b', NULL},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_B, REF("2")), NULL, NULL, 0, "has several images: '1', '2'"},
    {"", NULL, NULL, 0, "the image layout is empty"},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_B, REF("2")), "2", NULL, 'b', NULL},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_B, REF("1")), "1", NULL, 'b', NULL},
    {ENTRY(HEX_A, REF("1")), "2", NULL, 0, "'2': no such image in the layout, which has '1'"},
    {ENTRY(HEX_A, ""), "2", NULL, 0, "'2': no such image in the layout, which has no named image"},
    {ENTRY(HEX_A, FULL("docker.io/library/app:1") "," REF("1")) "," ENTRY(HEX_B, FULL("docker.io/library/web:1") "," REF("1")),
     "app:1", NULL, 'a', NULL},
    {ENTRY(HEX_A, FULL("docker.io/library/app:1") "," REF("1")) "," ENTRY(HEX_B, FULL("docker.io/library/web:1") "," REF("1")),
     "docker.io/library/web:1", NULL, 'b', NULL},
    {ENTRY(HEX_A, REF("library/app:1")), "app:1", NULL, 'a', NULL},
    {ENTRY(HEX_A, REF("x/app:1")) "," ENTRY(HEX_B, REF("docker.io/x/app:1")), "x/app:1", NULL, 'a', NULL},
    {ENTRY(HEX_A, REF("1")) "," ENTRY(HEX_B, REF("2")), "1", "sha256:" HEX_B, 'b', NULL},
    {ENTRY(HEX_A, REF("odd name/")), "odd name/", NULL, 'a', NULL},
    {ENTRY(HEX_A, ""), NULL, "sha256:1", 0, "'sha256:1' is not a sha256 digest"},
    {ENTRY(HEX_A, ""), NULL, "sha256:" HEX_B, 0, "is missing in the image layout"},
};

static void finds_images(void **state)
{
    (void)state;
    puts_text("l/oci-layout", HEADER);
    for (size_t i = 0; i < CB_LEN(finds); i++) {
        CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *index = cb_printf("{\"schemaVersion\":2,\"manifests\":[%s]}", finds[i].entries);
        puts_text("l/index.json", index);
        CB_AUTO(close) int dir = open_layout();
        int r = oci_layout_find(OCI_FILES_IN(dir), finds[i].name, finds[i].digest, &d, &err);
        if (r != (finds[i].found ? 0 : -1))
            fail_msg("case %zu: %d %s", i, r, err.msg ? err.msg : "");
        if (r < 0 && !strstr(err.msg, finds[i].message))
            fail_msg("case %zu: %s", i, err.msg);
        if (r == 0 && d.digest.b[0] != (finds[i].found == 'a' ? 0xaa : 0xbb))
            fail_msg("case %zu: another image", i);
    }
}

static void finds_unlisted_blobs(void **state)
{
    (void)state;
    puts_text("l/oci-layout", HEADER);
    puts_text("l/index.json", "{\"manifests\":[]}");
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    char text[CB_DIGEST_TEXT + 1];
    struct cb_digest index = put_blob("{\"manifests\":[ ]}"), other = put_blob("{}");
    CB_AUTO(close) int dir = open_layout();
    cb_digest_text(&index, text);
    assert_int_equal(oci_layout_find(OCI_FILES_IN(dir), NULL, text, &d, &err), 0);
    assert_string_equal(d.media_type, OCI_TYPE_INDEX);
    assert_int_equal(d.size, 17);
    cb_digest_text(&other, text);
    oci_descriptor_done(&d);
    assert_int_equal(oci_layout_find(OCI_FILES_IN(dir), NULL, text, &d, &err), -1);
    assert_non_null(strstr(err.msg, "neither an image manifest nor an image index"));
}

static void refuses_bad_layouts(void **state)
{
    (void)state;
    static const struct {
        const char *header, *index, *message;
    } cases[] = {
        {NULL, NULL, "'oci-layout' is missing in the image layout"},
        {"x", NULL, "oci-layout: bad JSON"},
        {"{}", NULL, "expected imageLayoutVersion 1.0.0, found ''"},
        {"{\"imageLayoutVersion\":\"2.0.0\"}", NULL, "found '2.0.0'"},
        {HEADER, NULL, "'index.json' is missing"},
        {HEADER, "{}", "index.json: neither"},
        {HEADER, "{\"manifests\":7}", "index.json: manifests: expected an array"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        assert_int_equal(cb_mkdirs(scratch, "l", 0755), 0);
        if (cases[i].header)
            puts_text("l/oci-layout", cases[i].header);
        if (cases[i].index)
            puts_text("l/index.json", cases[i].index);
        CB_AUTO(close) int dir = open_layout();
        if (oci_layout_find(OCI_FILES_IN(dir), NULL, NULL, &d, &err) == 0)
            fail_msg("case %zu was taken", i);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("case %zu: %s", i, err.msg);
    }
}

static int read_blob(const struct oci_descriptor *d, size_t max, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(close) int dir = open_layout();
    return oci_layout_read(OCI_FILES_IN(dir), d, max, out, err);
}

static void assert_read_fails(const struct oci_descriptor *d, size_t max, const char *message)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(read_blob(d, max, &out, &err), -1);
    if (!strstr(err.msg, message))
        fail_msg("%s", err.msg);
    assert_int_equal(out.len, 0);
}

static void verifies_blobs(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct oci_descriptor d = {.digest = put_blob("hello"), .size = 5};
    char hex[CB_DIGEST_HEX + 1], path[128], other[128];
    cb_digest_hex(&d.digest, hex);
    snprintf(path, sizeof(path), "l/blobs/sha256/%s", hex);
    snprintf(other, sizeof(other), "%s/l/oci-layout", scratch_path);
    assert_int_equal(read_blob(&d, 5, &out, &err), 0);
    assert_string_equal(out.data, "hello");
    assert_read_fails(&d, 4, "more than the 4 allowed");
    d.size = 6;
    assert_read_fails(&d, 100, "has 5 bytes, not the 6");
    d.size = 5;
    puts_text(path, "hellx");
    assert_read_fails(&d, 100, "does not have the digest");
    puts_text("l/oci-layout", "12345");
    assert_int_equal(unlinkat(scratch, path, 0), 0);
    assert_read_fails(&d, 100, "is missing in the image layout");
    assert_int_equal(symlinkat(other, scratch, path), 0);
    assert_read_fails(&d, 100, "through a symbolic link");
    assert_int_equal(unlinkat(scratch, path, 0), 0);
    assert_int_equal(mkfifoat(scratch, path, 0644), 0);
    assert_read_fails(&d, 100, "not a regular file");
    assert_int_equal(unlinkat(scratch, path, 0), 0);
    assert_int_equal(mkdirat(scratch, path, 0755), 0);
    assert_read_fails(&d, 100, "not a regular file");
    d.foreign_digest = (char *)"sha512:x";
    assert_read_fails(&d, 100, "only sha256 is");
}

/* ---- writing ------------------------------------------------------------------------------- */

/* An image of three blobs; the layer comes from a file. */
struct image {
    struct oci_archive_blob blobs[4];
    struct oci_descriptor top;
    struct oci_archive archive;
    struct cb_digest layer;
};

static const char layer_bytes[] = "layer";

static int open_layer(void *arg, struct cb_error *err)
{
    int fd = openat(scratch, arg, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open the layer") : fd;
}

static struct oci_archive_blob memory_blob(const char *text)
{
    struct oci_archive_blob b = {.size = strlen(text), .bytes = text};
    cb_sha256(text, strlen(text), &b.digest);
    return b;
}

static void make_image(struct image *m, const char *manifest, const char *const *names, size_t n_names)
{
    puts_text("layer", layer_bytes);
    *m = (struct image){.blobs = {memory_blob("config"), memory_blob(layer_bytes), memory_blob(manifest)}};
    m->blobs[1].bytes = NULL;
    m->blobs[1].open = open_layer;
    m->blobs[1].arg = (void *)"layer";
    m->blobs[3] = m->blobs[1]; /* an image may have the same layer twice */
    m->layer = m->blobs[1].digest;
    m->top =
        (struct oci_descriptor){.media_type = (char *)OCI_TYPE_MANIFEST, .digest = m->blobs[2].digest, .size = m->blobs[2].size};
    m->top.has_platform = true;
    m->top.platform = (struct oci_platform){(char *)"linux", (char *)"amd64", (char *)"", (char *)""};
    m->archive = (struct oci_archive){.blobs = m->blobs,
                                      .n_blobs = 4,
                                      .top = &m->top,
                                      .names = names,
                                      .n_names = n_names,
                                      .created = "1970-01-01T00:00:00Z",
                                      .config = m->blobs[0].digest,
                                      .layers = &m->layer,
                                      .n_layers = 1};
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

struct reader {
    const struct cb_buf *b;
    size_t at;
};

static ssize_t from_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct reader *r = arg;
    (void)err;
    n = CB_MIN(n, r->b->len - r->at);
    memcpy(p, r->b->data + r->at, n);
    r->at += n;
    return (ssize_t)n;
}

/* "path mode size\n" of every entry; the bytes of `wanted` into `content`. */
static void list_tar(const struct cb_buf *tar, struct cb_buf *list, const char *wanted, struct cb_buf *content)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct reader r = {tar, 0};
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(from_buf, &r, false, &err);
    struct cb_tar_entry e;
    int more;
    assert_non_null(t);
    while ((more = cb_tar_next(t, &e, &err)) > 0) {
        char block[4096];
        bool want = strcmp(e.path, wanted) == 0;
        cb_buf_printf(list, "%.24s %o %llu\n", e.path, e.mode, (unsigned long long)e.size);
        assert_int_equal(e.mtime, 0);
        assert_int_equal(e.uid, 0);
        for (ssize_t n; e.type == CB_FILE && (n = cb_tar_read(t, block, sizeof(block), &err)) > 0;)
            if (want)
                cb_buf_add(content, block, (size_t)n);
    }
    if (more < 0)
        fail_msg("%s", err.msg);
}

static const char *const two_names[] = {"docker.io/library/app:1", "ghcr.io/x/app:2"};

static void writes_an_archive(void **state)
{
    (void)state;
    struct image m;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    make_image(&m, "manifest", two_names, 2);
    assert_int_equal(oci_archive_write(&m.archive, to_buf, &tar, &err), 0);
    assert_int_equal(oci_archive_write(&m.archive, to_buf, &again, &err), 0);
    assert_int_equal(tar.len, again.len);
    assert_memory_equal(tar.data, again.data, tar.len);
    list_tar(&tar, &list, "index.json", &index);
    assert_int_equal(oci_index_parse(index.data, index.len, &x, &err), 0);
    assert_int_equal(x.n_manifests, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct cb_strv *a = &x.manifests[i].annotations;
        assert_true(cb_digest_eq(&x.manifests[i].digest, &m.top.digest));
        assert_string_equal(x.manifests[i].platform.arch, "amd64");
        assert_string_equal(oci_annotation_get(a, "io.containerd.image.name"), two_names[i]);
        assert_string_equal(oci_annotation_get(a, "org.opencontainers.image.ref.name"), i ? "2" : "1");
        assert_string_equal(oci_annotation_get(a, "org.opencontainers.image.created"), "1970-01-01T00:00:00Z");
    }
}

/* Order and number of the entries. */
static void orders_the_archive(void **state)
{
    (void)state;
    struct image m;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf content = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf want = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    make_image(&m, "manifest", NULL, 0);
    m.archive.docker = true;
    assert_int_equal(oci_archive_write(&m.archive, to_buf, &tar, &err), 0);
    list_tar(&tar, &list, "manifest.json", &content);
    cb_buf_adds(&want, "oci-layout 644 30\nblobs/ 755 0\nblobs/sha256/ 755 0\n");
    for (size_t i = 0; i < 3; i++) { /* the fourth is the second again */
        char hex[CB_DIGEST_HEX + 1];
        cb_digest_hex(&m.blobs[i].digest, hex);
        cb_buf_printf(&want, "blobs/sha256/%.11s 644 %llu\n", hex, (unsigned long long)m.blobs[i].size);
    }
    cb_buf_printf(&want, "manifest.json 644 %zu\nindex.json 644 ", content.len);
    assert_int_equal(strncmp(list.data, want.data, want.len), 0);
    char config[CB_DIGEST_HEX + 1], layer[CB_DIGEST_HEX + 1];
    cb_digest_hex(&m.archive.config, config);
    cb_digest_hex(&m.layer, layer);
    CB_AUTO(free)
    char *json =
        cb_printf("[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":null,\"Layers\":[\"blobs/sha256/%s\"]}]", config, layer);
    assert_string_equal(content.data, json);
}

static void names_docker_tags(void **state)
{
    (void)state;
    struct image m;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf content = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    make_image(&m, "manifest", two_names, 2);
    m.archive.docker = true;
    assert_int_equal(oci_archive_write(&m.archive, to_buf, &tar, &err), 0);
    list_tar(&tar, &list, "manifest.json", &content);
    assert_non_null(strstr(content.data, "\"RepoTags\":[\"app:1\",\"ghcr.io/x/app:2\"]"));
}

static void verifies_while_writing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *message;
    } cases[] = {{"laxer", "the bytes do not have this digest"},
                 {"laye", "shorter than the 5"},
                 {"layers", "longer than the 5"},
                 {"", "shorter"}};
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct image m;
        CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        make_image(&m, "manifest", two_names, 2);
        puts_text("layer", cases[i].bytes);
        assert_int_equal(oci_archive_write(&m.archive, to_buf, &tar, &err), -1);
        assert_int_equal(err.code, CB_E_CORRUPT);
        assert_non_null(strstr(err.msg, cases[i].message));
        cb_error_done(&err);
        assert_int_equal(oci_layout_write(&m.archive, scratch, "l", &err), -1);
        assert_int_equal(err.code, CB_E_CORRUPT);
        assert_int_equal(faccessat(scratch, "l", F_OK, 0), -1);
    }
}

static void write_ok(const char *manifest, const char *name, const char *dir)
{
    struct image m;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    make_image(&m, manifest, &name, name != NULL);
    if (oci_layout_write(&m.archive, scratch, dir, &err) < 0)
        fail_msg("%s", err.msg);
}

/* The manifest that a name leads to, or NULL. */
static void assert_leads(const char *name, const char *manifest)
{
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(close) int dir = open_layout();
    if (oci_layout_find(OCI_FILES_IN(dir), name, NULL, &d, &err) < 0 ||
        oci_layout_read(OCI_FILES_IN(dir), &d, 100, &out, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(out.data, manifest);
}

static size_t count_entries(void)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(cb_read_file(scratch, "l/index.json", 100000, &bytes), 0);
    assert_int_equal(oci_index_parse(bytes.data, bytes.len, &x, &err), 0);
    return x.n_manifests;
}

static void writes_a_directory(void **state)
{
    (void)state;
    write_ok("one", "docker.io/library/app:1", "l");
    assert_leads("app:1", "one");
    write_ok("two", "docker.io/library/app:2", "l");
    assert_leads("app:1", "one");
    assert_leads("app:2", "two");
    write_ok("three", "docker.io/library/app:1", "l");
    assert_leads("app:1", "three");
    assert_leads("app:2", "two");
    assert_int_equal(count_entries(), 2);
    write_ok("four", NULL, "l");
    write_ok("four", NULL, "l");
    assert_int_equal(count_entries(), 3);
}

static void keeps_what_others_wrote(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    puts_text("l/oci-layout", HEADER);
    puts_text("l/index.json", "{\"new\":[1],\"manifests\":[" ENTRY(
                                  HEX_A, REF("1")) ",{\"digest\":\"sha256:" HEX_B
                                                   "\",\"size\":1,\"mediaType\":\"x\",\"odd\":true,\"annotations\":{" FULL(
                                                       "docker.io/library/web:1") "," REF("1") "}}]}");
    write_ok("one", "docker.io/library/app:1", "l");
    assert_int_equal(cb_read_file(scratch, "l/index.json", 100000, &bytes), 0);
    assert_int_equal(count_entries(), 2); /* the entry that had the tag alone is replaced */
    assert_non_null(strstr(bytes.data, "\"new\""));
    assert_non_null(strstr(bytes.data, "\"odd\": true"));
    assert_null(strstr(bytes.data, HEX_A));
    assert_leads("app:1", "one");
}

static void repairs_a_damaged_blob(void **state)
{
    (void)state;
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1], path[128];
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    write_ok("one", "docker.io/library/app:1", "l");
    cb_sha256(layer_bytes, strlen(layer_bytes), &d);
    cb_digest_hex(&d, hex);
    snprintf(path, sizeof(path), "l/blobs/sha256/%s", hex);
    puts_text(path, "xxxxx");
    write_ok("two", "docker.io/library/app:1", "l");
    assert_int_equal(cb_read_file(scratch, path, 100, &bytes), 0);
    assert_string_equal(bytes.data, layer_bytes);
}

static void takes_only_its_own_directories(void **state)
{
    (void)state;
    struct image m;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(cb_mkdirs(scratch, "l", 0755), 0);
    write_ok("one", NULL, "l"); /* an empty directory is fine */
    assert_leads(NULL, "one");
    assert_int_equal(cb_mkdirs(scratch, "empty", 0755), 0);
    assert_int_equal(symlinkat("empty", scratch, "link"), 0);
    write_ok("one", NULL, "link");
    assert_int_equal(faccessat(scratch, "empty/index.json", F_OK, 0), 0);
    puts_text("mine/thesis.txt", "x");
    make_image(&m, "one", NULL, 0);
    assert_int_equal(oci_layout_write(&m.archive, scratch, "mine", &err), -1);
    assert_non_null(err.hint);
    static const char *const names[] = {"", "..", "a/b", "layer"};
    for (size_t i = 0; i < CB_LEN(names); i++) {
        cb_error_done(&err);
        assert_int_equal(oci_layout_write(&m.archive, scratch, names[i], &err), -1);
    }
}

/* A layout whose blobs/ leads elsewhere is not written through. */
static void follows_no_links(void **state)
{
    (void)state;
    struct image m;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    puts_text("l/oci-layout", HEADER);
    puts_text("l/index.json", "{\"manifests\":[]}");
    assert_int_equal(cb_mkdirs(scratch, "outside/sha256", 0755), 0);
    assert_int_equal(symlinkat("../outside", scratch, "l/blobs"), 0);
    make_image(&m, "one", NULL, 0);
    assert_int_equal(oci_layout_write(&m.archive, scratch, "l", &err), -1);
    assert_int_equal(unlinkat(scratch, "outside/sha256", AT_REMOVEDIR), 0); /* still empty */
}

/* Whoever began one and died has left names of files on their way, and the first of the two files. */
static void goes_on_where_another_died(void **state)
{
    (void)state;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    assert_int_equal(cb_mkdirs(scratch, "l", 0755), 0);
    CB_AUTO(close) int dir = open_layout();
    puts_text("l/.tmp-0123456789abcdef", "half");
    assert_int_equal(oci_layout_begin(dir, "l", &err), 0);
    assert_int_equal(cb_read_file(dir, "index.json", 1000, &index), 0);
    assert_int_equal(unlinkat(dir, "oci-layout", 0), 0);
    assert_int_equal(oci_layout_begin(dir, "l", &err), 0);
    assert_int_equal(unlinkat(dir, "oci-layout", 0), 0);
    puts_text("l/index.json", "{\"somebody\":\"else\"}");
    assert_int_equal(oci_layout_begin(dir, "l", &err), -1);
}

#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, remove_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH(finds_images),           SCRATCH(finds_unlisted_blobs),
        SCRATCH(refuses_bad_layouts),    SCRATCH(verifies_blobs),
        SCRATCH(writes_an_archive),      SCRATCH(orders_the_archive),
        SCRATCH(names_docker_tags),      SCRATCH(verifies_while_writing),
        SCRATCH(writes_a_directory),     SCRATCH(keeps_what_others_wrote),
        SCRATCH(repairs_a_damaged_blob), SCRATCH(takes_only_its_own_directories),
        SCRATCH(follows_no_links),       SCRATCH(goes_on_where_another_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
