/* Image archives: what docker save, podman save and others write, read in place, and what hostile ones get. */
#include "registry/oci/docker-archive.h"
#include "registry/oci/layout.h"

#include "base/fd.h"
#include "base/limits.h"
#include "base/stream/tar.h"

#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static char path[64];

static int make_file(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/cbuild-test-archive-XXXXXX");
    CB_AUTO(close) int fd = mkstemp(path);
    return fd < 0 ? -1 : 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* ---- archives ------------------------------------------------------------------------------------------------------ */

static struct cb_buf tar;
static struct cb_tar_writer *writer;

static int to_tar(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)arg, (void)err;
    cb_buf_add(&tar, p, n);
    return 0;
}

static void begin(void)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    cb_buf_done(&tar);
    tar = CB_BUF_INIT;
    writer = cb_tar_writer_new(to_tar, NULL, &err);
    assert_non_null(writer);
}

static void put_bytes(const char *name, const char *bytes, size_t n)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_tar_entry e = {.path = name, .type = CB_FILE, .mode = 0644, .size = n};
    assert_int_equal(cb_tar_entry_begin(writer, &e, &err), 0);
    assert_int_equal(cb_tar_write(writer, bytes, n, &err), 0);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static void put_link(const char *name, enum cb_ftype type, const char *target)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_tar_entry e = {.path = name, .type = type, .mode = 0777, .link = target};
    assert_int_equal(cb_tar_entry_begin(writer, &e, &err), 0);
}

static void write_file(size_t n)
{
    CB_AUTO(close) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(cb_write_full(fd, tar.data, n), 0);
}

static void end(void)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(cb_tar_end(writer, &err), 0);
    cb_tar_writer_free(CB_TAKE(writer));
    write_file(tar.len);
}

/* "LAYER" stands for the digest of the one layer, which is the text `layer`. */
#define CONFIG "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}"

static char *config_of(const char *layer, int times)
{
    struct cb_digest d;
    char text[CB_DIGEST_TEXT + 1];
    CB_AUTO(cb_buf) struct cb_buf ids = CB_BUF_INIT;
    cb_sha256(layer, strlen(layer), &d);
    cb_digest_text(&d, text);
    for (int i = 0; i < times; i++)
        cb_buf_printf(&ids, "%s\"%s\"", i ? "," : "", text);
    return cb_printf(CONFIG, ids.data);
}

static void put_config(const char *layer, int times)
{
    CB_AUTO(free) char *config = config_of(layer, times);
    put("c.json", config);
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

/* The bytes of the image's layer `number`. -1: the error. */
static int read_layer(const char *name, size_t number, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(oci_files) struct oci_files f;
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (oci_files_open(path, &f, err) < 0 || oci_layout_find(&f, name, NULL, &d, err) < 0 ||
        oci_layout_read(&f, &d, CB_MAX_MANIFEST, &bytes, err) < 0 || oci_manifest_parse(bytes.data, bytes.len, &m, err) < 0)
        return -1;
    assert_true(number < m.n_layers);
    return oci_layout_copy(&f, &m.layers[number], to_buf, ret, err);
}

static void assert_layer(const char *name, size_t number, const char *want)
{
    CB_AUTO(cb_buf) struct cb_buf layer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (read_layer(name, number, &layer, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(layer.data, want);
}

static void assert_refused(const char *message)
{
    CB_AUTO(cb_buf) struct cb_buf layer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (read_layer(NULL, 0, &layer, &err) == 0)
        fail_msg("taken instead of '%s'", message);
    if (!strstr(err.msg, message))
        fail_msg("'%s' is not in: %s", message, err.msg);
}

/* ---- good ones ----------------------------------------------------------------------------------------------------- */

/* As docker wrote them before 25: a directory a layer, an equal layer of another image as a link; manifest.json comes last. */
static void reads_what_docker_saves(void **state)
{
    (void)state;
    begin();
    put("a/layer.tar", "the layer");
    put_link("b/layer.tar", CB_SYMLINK, "../a/layer.tar");
    put_link("hard.tar", CB_HARDLINK, "./a/layer.tar");
    put_config("the layer", 3);
    put("./manifest.json", "[{\"Config\":\"c.json\",\"RepoTags\":[\"app:1\",\"example.com/x/app:2\"],"
                           "\"Layers\":[\"a/layer.tar\",\"b/layer.tar\",\"hard.tar\"]}]");
    end();
    assert_layer(NULL, 0, "the layer");
    assert_layer("app:1", 1, "the layer");
    assert_layer("example.com/x/app:2", 2, "the layer");
}

/* A layer that is compressed keeps its bytes, and has a digest of its own. */
static void keeps_compressed_layers(void **state)
{
    static const char gzip[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0";
    (void)state;
    begin();
    put_bytes("l.tar.gz", gzip, sizeof(gzip) - 1);
    put_config("", 1);
    put("manifest.json", "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"l.tar.gz\"]}]");
    end();
    CB_AUTO(cb_buf) struct cb_buf layer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (read_layer(NULL, 0, &layer, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(layer.len, sizeof(gzip) - 1);
}

static void takes_thousands_of_members(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 10000; i++) {
        CB_AUTO(free) char *name = cb_printf("%05d/VERSION", i);
        put(name, "1.0");
    }
    put("l.tar", "x");
    put_config("x", 1);
    put("manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]");
    end();
    assert_layer(NULL, 0, "x");
}

/* ---- bad ones ------------------------------------------------------------------------------------------------------ */

#define MANIFEST "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]"

static void refuses_bad_archives(void **state)
{
    static const struct {
        const char *manifest, *layer, *link, *message;
        int layers;
    } cases[] = {
        {NULL, "x", NULL, "it has neither index.json nor manifest.json", 1},
        {"{}", "x", NULL, "manifest.json: expected an array of images", 1},
        {"[7]", "x", NULL, "manifest.json[0]: expected an object", 1},
        {"[{}]", "x", NULL, "manifest.json[0].Config is missing", 1},
        {"[]", "x", NULL, "the image layout is empty", 1},
        {"[{\"Config\":\"c.json\",\"Layers\":[7]}]", "x", NULL, "expected", 1},
        {"[{\"Config\":\"c.json\",\"RepoTags\":[\"A B\"]}]", "x", NULL, "RepoTags[0]: invalid reference format", 0},
        {"[{\"Config\":\"none.json\",\"Layers\":[\"l.tar\"]}]", "x", NULL, "'none.json' is missing in the archive", 1},
        {MANIFEST, "x", NULL, "manifest.json has 1 layers, the config 'c.json' 2", 2},
        {MANIFEST, NULL, NULL, "layer 'l.tar' is missing in the archive", 1},
        {MANIFEST, NULL, "/etc/passwd", "layer 'l.tar' is missing", 1},
        {MANIFEST, NULL, "../../../../etc/passwd", "layer 'l.tar' is missing", 1},
        {MANIFEST, NULL, "l.tar", "layer 'l.tar' is missing", 1},
        {"[{\"Config\":\"../c.json\",\"Layers\":[\"../../etc/passwd\"]}]", "x", NULL, "layer '../../etc/passwd' is missing", 1},
        {"[{\"Config\":\"manifest.json\",\"Layers\":[\"l.tar\"]}]", "x", NULL, "'manifest.json' in the archive: ", 1},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        begin();
        if (cases[i].layer)
            put("l.tar", cases[i].layer);
        if (cases[i].link)
            put_link("l.tar", CB_SYMLINK, cases[i].link);
        put_config("x", cases[i].layers);
        if (cases[i].manifest)
            put("manifest.json", cases[i].manifest);
        end();
        assert_refused(cases[i].message);
    }
}

static void refuses_large_documents(void **state)
{
    size_t n = CB_MAX_MANIFEST + 1;
    CB_AUTO(free) char *blanks = cb_alloc(n + 1);
    (void)state;
    memset(blanks, ' ', n);
    begin();
    put("manifest.json", blanks);
    end();
    assert_refused("'manifest.json' in the archive is larger than");
    begin();
    put("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    put("index.json", blanks);
    end();
    assert_refused("'index.json' in the image layout is larger than");
}

/* Cut anywhere, it is an error: that it is cut, or that something is missing. */
static void refuses_truncated_archives(void **state)
{
    char block[700];
    (void)state;
    memset(block, 'x', sizeof(block));
    begin();
    put("manifest.json", MANIFEST);
    put_config("x", 1);
    put_bytes("l.tar", block, sizeof(block));
    end();
    size_t whole = tar.len - 1024 - (1024 - sizeof(block)); /* without what fills the last block, and the end */
    for (size_t n = 0; n < whole; n += 37) {
        CB_AUTO(cb_buf) struct cb_buf layer = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        write_file(n);
        if (read_layer(NULL, 0, &layer, &err) == 0)
            fail_msg("taken with %zu bytes", n);
        assert_true(err.code == CB_E_CORRUPT);
    }
}

/* A size that nothing has, and one that ends beyond the file. */
static void refuses_sizes_that_lie(void **state)
{
    static const char *const sizes[] = {"77777777777", "00000010000"};
    (void)state;
    for (size_t i = 0; i < CB_LEN(sizes); i++) {
        begin();
        put("l.tar", "x");
        end();
        memcpy(tar.data + 124, sizes[i], 11);
        unsigned sum = 0;
        memset(tar.data + 148, ' ', 8);
        for (int k = 0; k < 512; k++)
            sum += (unsigned char)tar.data[k];
        snprintf(tar.data + 148, 8, "%06o", sum);
        write_file(tar.len);
        assert_refused("truncated: the archive ends within 'l.tar'");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_docker_saves),    cmocka_unit_test(keeps_compressed_layers),
        cmocka_unit_test(takes_thousands_of_members), cmocka_unit_test(refuses_bad_archives),
        cmocka_unit_test(refuses_large_documents),    cmocka_unit_test(refuses_truncated_archives),
        cmocka_unit_test(refuses_sizes_that_lie),
    };
    tar = CB_BUF_INIT;
    int failed = cmocka_run_group_tests(tests, make_file, remove_file);
    cb_buf_done(&tar);
    return failed;
}
