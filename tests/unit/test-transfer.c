/* Transfer against a registry that misbehaves (tests/tools/fakeregistry.py); skipped without python3. Each case
 * is a repository whose name tells the registry what to do wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "registry/transfer/transfer.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE     (2u << 20) /* of the registry's blob */
#define STALL_MS "300"

static char host[64]; /* "127.0.0.1:PORT" */
static pid_t server = -1;
static int server_stdin = -1;
static char scratch[] = "/tmp/cbuild-test-XXXXXX";

/* ---- the registry ----------------------------------------------------------------------------- */
static int start(void **state)
{
    const char *data = getenv("CBUILD_TESTDATA");
    CB_AUTO(free) char *script = cb_printf("%s/../tests/tools/fakeregistry.py", data ? data : "testdata");
    int in[2], out[2];
    (void)state;
    if (access(script, R_OK) < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    char *argv[] = {(char *)"python3", script, NULL};
    if (posix_spawnp(&server, "python3", &actions, NULL, argv, environ) != 0)
        server = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    server_stdin = in[1];
    /* The whole line: a pipe that is closed before its end was written ends the server. */
    char port[16] = "";
    size_t len = 0;
    while (server > 0 && len < sizeof(port) - 1 && !memchr(port, '\n', len) && read(out[0], port + len, 1) == 1)
        len++;
    if (memchr(port, '\n', len))
        snprintf(host, sizeof(host), "127.0.0.1:%.*s", (int)(len - 1), port);
    close(out[0]);
    CB_AUTO(free) char *config = cb_printf("%s/config.json", scratch);
    CB_AUTO(free)
    char *text = cb_printf("{\"auths\":{\"%s\":{\"auth\":\"dXNlcjpzZWNyZXQ=\"},\"%s/oauth\":{\"identitytoken\":\"identity\"},"
                           "\"%s/oauthaway\":{\"identitytoken\":\"identity\"}}}",
                           host, host, host);
    setenv("DOCKER_CONFIG", scratch, 1);
    return cb_publish_file(AT_FDCWD, config, text, strlen(text), 0600);
}

static int stop(void **state)
{
    (void)state;
    close(server_stdin); /* it ends when its input does */
    if (server > 0)
        waitpid(server, NULL, 0);
    CB_AUTO(free) char *config = cb_printf("%s/config.json", scratch);
    unlink(config);
    rmdir(scratch);
    return 0;
}

/* ---- helpers ---------------------------------------------------------------------------------- */
static void hear(void *arg, const char *text)
{
    cb_buf_printf(arg, "%s\n", text);
}

static struct reg_client *client(struct cb_buf *warnings)
{
    static const struct reg_options none;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct reg_client *c = reg_client_new(&none, &err);
    if (!c)
        fail_msg("%s", err.msg);
    reg_client_on_warning(c, hear, warnings);
    return c;
}

static struct oci_ref ref_of(const char *path)
{
    return (struct oci_ref){.domain = host, .path = (char *)path, .tag = (char *)"1", .tag_given = true};
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

static void get_text(struct reg_client *c, const char *path, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *url = cb_printf("http://%s/%s", host, path);
    struct reg_get get = {.url = url};
    struct reg_get_answer a = {0};
    if (reg_get(c, &get, to_buf, out, &a, &err) < 0)
        cb_buf_adds(out, err.msg);
    reg_get_answer_done(&a);
}

/* The blob as the registry has it. */
static void make_blob(struct reg_client *c, struct cb_buf *b, struct oci_descriptor *d)
{
    get_text(c, "raw/blob", b);
    assert_int_equal(b->len, SIZE);
    cb_sha256(b->data, b->len, &d->digest);
    d->size = b->len;
}

#define NEED_SERVER()                                                                                                            \
    do {                                                                                                                         \
        if (!*host)                                                                                                              \
            skip();                                                                                                              \
    } while (0)

/* ---- documents -------------------------------------------------------------------------------- */
static void documents(void **state)
{
    static const struct {
        const char *path, *want, *hint; /* a part of the error; NULL: success */
        enum cb_code code;
    } cases[] = {
        {"plain/app", NULL, NULL, 0},
        {"bearer/app", NULL, NULL, 0},
        {"login/app", NULL, NULL, 0},
        {"basic/app", NULL, NULL, 0},
        {"expired/app", NULL, NULL, 0},
        {"oauth/app", NULL, NULL, 0},
        {"limit/app", NULL, NULL, 0},
        {"flaky/app", NULL, NULL, 0},
        {"warn/app", NULL, NULL, 0},
        {"oauthaway/app", "must not get the credentials", NULL, CB_E_DENIED},
        {"denied/app", "answered with status 403", "not accepted", CB_E_DENIED},
        {"badtoken/app", "bad JSON", NULL, CB_E_CORRUPT},
        {"inject/app", "no usable token", NULL, CB_E_CORRUPT},
        {"loop/app", "more than 10 redirects", NULL, CB_E_FAILED},
        {"hours/app", "answered 429 TOOMANYREQUESTS", "7200 seconds", CB_E_NETWORK},
        {"hub/app", "answered 429 TOOMANYREQUESTS: pull rate limit", "too many requests", CB_E_NETWORK},
        {"html/app", "answered 502", NULL, CB_E_NETWORK},
        {"endless/app", "answered 404", NULL, CB_E_NOT_FOUND},
        {"missing/app", "answered 404 MANIFEST_UNKNOWN: manifest unknown", "not logged in", CB_E_NOT_FOUND},
        {"unheard/app", "answered 404 NAME_UNKNOWN", "spelling", CB_E_NOT_FOUND},
        {"forbidden/app", "answered 403 DENIED", "no right", CB_E_DENIED},
        {"garbage/app", "bad JSON", NULL, CB_E_CORRUPT},
        {"huge/app", "longer than 4194304 bytes", NULL, CB_E_CORRUPT},
        {"headers/app", "header of the answer is longer", NULL, CB_E_CORRUPT},
        {"lie/app", "instead of", NULL, CB_E_CORRUPT},
        {"longline/app", "header of the answer is longer", "proxy", CB_E_CORRUPT},
        {"hugelength/app", "Content-Length '10000000000000000000000'", "proxy", CB_E_CORRUPT},
        {"minuslength/app", "Content-Length", NULL, CB_E_CORRUPT},
        {"junklength/app", "Content-Length '12abc'", "proxy", CB_E_CORRUPT},
        {"controllength/app", "Content-Length", NULL, CB_E_CORRUPT},
        {"twolengths/app", "two different Content-Length", "proxy", CB_E_CORRUPT},
        {"samelength/app", NULL, NULL, 0},
        {"moved/app", NULL, NULL, 0},
        {"generic/app", NULL, NULL, 0},
        {"always401/app", "answered 401 UNAUTHORIZED", "cbuild login 127.0.0.1", CB_E_DENIED},
        {"enormous/app", "longer than 4194304 bytes", NULL, CB_E_CORRUPT},
        {"liar/app", "announced as", "proxy", CB_E_CORRUPT},
        {"page200/app", "HTML", "proxy", CB_E_CORRUPT},
    };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT;
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct oci_ref ref = ref_of(cases[i].path);
        struct reg_document d = {.bytes = CB_BUF_INIT};
        int r = reg_fetch_document(c, &ref, &d, &err);
        if (!cases[i].want ? r < 0
                           : r == 0 || !strstr(err.msg, cases[i].want) || err.code != cases[i].code ||
                                 (cases[i].hint && (!err.hint || !strstr(err.hint, cases[i].hint))))
            fail_msg("'%s': got '%s' code %d hint '%s', want '%s'", cases[i].path, err.msg ? err.msg : "success", err.code,
                     err.hint ? err.hint : "", cases[i].want ? cases[i].want : "success");
        if (r == 0)
            reg_document_done(&d);
    }
    assert_non_null(strstr(warnings.data, "this registry ends"));
    assert_null(strstr(warnings.data, "secret"));
}

static void tokens_are_kept(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    struct oci_ref ref = ref_of("bearer/kept");
    CB_AUTO(cb_buf) struct cb_buf before = CB_BUF_INIT;
    get_text(c, "count/token/bearer", &before);
    for (int i = 0; i < 3; i++) {
        struct cb_digest d;
        if (reg_resolve(c, &ref, &d, &err) < 0)
            fail_msg("%s", err.msg);
    }
    get_text(c, "count/token/bearer", &text);
    assert_int_equal(atoi(text.data), atoi(before.data) + 1);
}

static void digests_are_resolved(void **state)
{
    static const char *const paths[] = {"plain/app", "nohead/app"};
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT;
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    for (size_t i = 0; i < CB_LEN(paths); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct oci_ref ref = ref_of(paths[i]);
        struct reg_document d = {.bytes = CB_BUF_INIT};
        struct cb_digest digest;
        if (reg_resolve(c, &ref, &digest, &err) < 0 || reg_fetch_document(c, &ref, &d, &err) < 0)
            fail_msg("'%s': %s", paths[i], err.msg);
        assert_true(cb_digest_eq(&digest, &d.digest));
        reg_document_done(&d);
    }
    struct oci_ref wrong = ref_of("plain/app");
    wrong.digest = (char *)"sha256:0000000000000000000000000000000000000000000000000000000000000000";
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct reg_document d = {.bytes = CB_BUF_INIT};
    assert_int_equal(reg_fetch_document(c, &wrong, &d, &err), -1);
    assert_int_equal(err.code, CB_E_CORRUPT);
}

/* ---- blobs ------------------------------------------------------------------------------------ */
static void blobs(void **state)
{
    static const struct {
        const char *path, *want;
        enum cb_code code;
    } cases[] = {
        {"plain/app", NULL, 0},
        {"redirect/app", NULL, 0},
        {"truncate/app", NULL, 0},
        {"norange/app", NULL, 0},
        {"stall/app", NULL, 0},
        {"silent/app", "the connection stalled", CB_E_NETWORK},
        {"login/app", NULL, 0},
        {"nocontentrange/app", NULL, 0},
        {"junkrange/app", "Content-Range 'bytes x'", CB_E_CORRUPT},
        {"otherrange/app", "Content-Range", CB_E_CORRUPT},
        {"backrange/app", "Content-Range", CB_E_CORRUPT},
        {"cut416/app", "its descriptor says", CB_E_CORRUPT},
        {"wrong/app", "what arrived has the digest", CB_E_CORRUPT},
        {"long/app", "is longer than", CB_E_CORRUPT},
        {"short/app", "2097148 of 2097152 bytes", CB_E_NETWORK},
        {"missing/app", "answered 404 BLOB_UNKNOWN", CB_E_NOT_FOUND},
        {"staleread/app", NULL, 0},
        {"half500/app", NULL, 0},
        {"half500on/app", "answered 500", CB_E_NETWORK},
        {"busyblob/app", NULL, 0},
        {"blobloop/app", "more than 10 redirects", CB_E_FAILED},
    };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, blob = CB_BUF_INIT;
    struct oci_descriptor d = {0};
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    make_blob(c, &blob, &d);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        struct oci_ref ref = ref_of(cases[i].path);
        int r = reg_fetch_blob(c, &ref, &d, to_buf, &got, &err);
        if (!cases[i].want ? r < 0 : r == 0 || !strstr(err.msg, cases[i].want) || err.code != cases[i].code)
            fail_msg("'%s': got '%s' code %d, want '%s'", cases[i].path, err.msg ? err.msg : "success", err.code,
                     cases[i].want ? cases[i].want : "success");
        if (r == 0 && (got.len != blob.len || memcmp(got.data, blob.data, got.len) != 0))
            fail_msg("'%s': other bytes", cases[i].path);
        assert_true(got.len <= blob.len);
    }
    assert_null(strstr(warnings.data, "s3cret"));
    CB_AUTO(cb_buf) struct cb_buf asked = CB_BUF_INIT;
    get_text(c, "count/blob/silent", &asked);
    assert_string_equal(asked.data, "3"); /* each takes its time */
}

static int full_disk(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)p, (void)n;
    ++*(int *)arg;
    return cb_fail_sys(err, ENOSPC, "write");
}

static void sinks_may_fail(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, blob = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct oci_descriptor d = {0};
    int calls = 0;
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    make_blob(c, &blob, &d);
    struct oci_ref ref = ref_of("plain/app");
    assert_int_equal(reg_fetch_blob(c, &ref, &d, full_disk, &calls, &err), -1);
    assert_int_equal(err.sys, ENOSPC);
    assert_int_equal(calls, 1);
}

/* ---- push ------------------------------------------------------------------------------------- */
static int open_memory(void *arg, struct cb_error *err)
{
    const struct cb_buf *b = arg;
    int fd = memfd_create("blob", MFD_CLOEXEC);
    if (fd < 0 || cb_write_full(fd, b->data, b->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return cb_fail_sys(err, errno, "memfd");
    return fd;
}

static void see(void *arg, const struct reg_push_progress *p)
{
    uint64_t *seen = arg;
    assert_true(p->done <= p->total && (!p->blob || p->sent <= p->blob->d.size));
    seen[0] = p->done;
    seen[1] = p->total;
}

static void pushes(void **state)
{
    static const struct {
        const char *path, *want; /* error of the blobs or of the document */
        int outcome;
    } cases[] = {
        {"plain/app", NULL, REG_BLOB_EXISTED},
        {"mount/app", NULL, REG_BLOB_MOUNTED},
        {"lost/app", NULL, REG_BLOB_UPLOADED},
        {"half/app", NULL, REG_BLOB_UPLOADED},
        {"fullrange/app", NULL, REG_BLOB_UPLOADED},
        {"away/app", NULL, REG_BLOB_UPLOADED},
        {"status200/app", NULL, REG_BLOB_UPLOADED},
        {"status202/app", NULL, REG_BLOB_UPLOADED},
        {"otherblob/app", "instead of", REG_BLOB_UPLOADED},
        {"refuse/app", "answered 400 MANIFEST_INVALID: manifest invalid", REG_BLOB_UPLOADED},
        {"otherdigest/app", "instead of", REG_BLOB_EXISTED},
        {"stalewrite/app", NULL, REG_BLOB_UPLOADED},
        {"busyput/app", NULL, REG_BLOB_UPLOADED},
        {"chunks/app", NULL, REG_BLOB_UPLOADED},
        {"unheard/app", "answered 404 NAME_UNKNOWN", REG_BLOB_UPLOADED},
    };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, seed = CB_BUF_INIT;
    struct oci_descriptor d = {0};
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    make_blob(c, &seed, &d);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
        struct oci_ref ref = ref_of(cases[i].path);
        struct reg_push_blob blob = {.mount_from = "library/base", .open = open_memory, .arg = &seed};
        uint64_t seen[2] = {0};
        if (cases[i].outcome == REG_BLOB_EXISTED) {
            blob.d = d;
        } else { /* bytes that no other case has stored */
            cb_buf_add(&own, seed.data, seed.len);
            cb_buf_adds(&own, cases[i].path);
            cb_sha256(own.data, own.len, &blob.d.digest);
            blob.d.size = own.len;
            blob.arg = &own;
        }
        int r = reg_push_blobs(c, &ref, &blob, 1, see, seen, &err);
        if (r == 0 && (seen[0] != blob.d.size || seen[1] != blob.d.size || (int)blob.outcome != cases[i].outcome))
            fail_msg("'%s': outcome %d, progress %llu of %llu", cases[i].path, (int)blob.outcome, (unsigned long long)seen[0],
                     (unsigned long long)seen[1]);
        if (r == 0)
            r = reg_push_document(c, &ref, OCI_TYPE_MANIFEST, "{}", 2, &err);
        if (!cases[i].want ? r < 0 : r == 0 || !strstr(err.msg, cases[i].want))
            fail_msg("'%s': got '%s', want '%s'", cases[i].path, err.msg ? err.msg : "success",
                     cases[i].want ? cases[i].want : "success");
    }
}

/* In the middle of an upload, which is larger than what the kernel takes without a reader. */
static void uploads_that_are_cut(void **state)
{
    static const struct {
        const char *path, *stall, *want; /* CBUILD_STALL_MS; a part of the error, NULL: success */
        int puts;                        /* how often it was tried */
    } cases[] = {
        {"finhalf/app", "600000", NULL, 2}, /* so long that what ends it is not the clock */
        {"fin/app", "600000", "closed the connection", 5},
        {"deafhalf/app", "300", NULL, 2},
        {"late/app", "3000", NULL, 1}, /* less than twice as long */
        {"mute/app", "100", "the connection stalled", 3},
    };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, bytes = CB_BUF_INIT;
    (void)state;
    NEED_SERVER();
    while (bytes.len < (24u << 20))
        cb_buf_adds(&bytes, "more than fits between the two of us");
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf puts = CB_BUF_INIT;
        CB_AUTO(free) char *count = cb_printf("count/put/%.*s", (int)strcspn(cases[i].path, "/"), cases[i].path);
        struct oci_ref ref = ref_of(cases[i].path);
        struct reg_push_blob blob = {.open = open_memory, .arg = &bytes};
        cb_buf_adds(&bytes, cases[i].path);
        cb_sha256(bytes.data, bytes.len, &blob.d.digest);
        blob.d.size = bytes.len;
        setenv("CBUILD_STALL_MS", cases[i].stall, 1);
        CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
        setenv("CBUILD_STALL_MS", STALL_MS, 1);
        int r = reg_push_blobs(c, &ref, &blob, 1, NULL, NULL, &err);
        get_text(c, count, &puts);
        if ((cases[i].want ? r == 0 || !strstr(err.msg, cases[i].want) : r < 0) || atoi(puts.data) != cases[i].puts)
            fail_msg("'%s': got '%s' after %s tries, want '%s' after %d", cases[i].path, err.msg ? err.msg : "success", puts.data,
                     cases[i].want ? cases[i].want : "success", cases[i].puts);
    }
}

static void many_blobs_at_once(void **state)
{
    enum { N = 9 };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct reg_push_blob blobs[N] = {0};
    struct cb_buf bytes[N];
    uint64_t seen[2] = {0}, total = 0;
    (void)state;
    NEED_SERVER();
    for (int i = 0; i < N; i++) {
        bytes[i] = CB_BUF_INIT;
        for (int k = 0; k < 30000 * i; k++) /* the first one is empty */
            cb_buf_printf(&bytes[i], "%d", i);
        cb_sha256(bytes[i].data, bytes[i].len, &blobs[i].d.digest);
        total += blobs[i].d.size = bytes[i].len;
        blobs[i].open = open_memory;
        blobs[i].arg = &bytes[i];
    }
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    struct oci_ref ref = ref_of("bearer/many");
    if (reg_push_blobs(c, &ref, blobs, N, see, seen, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(seen[0], total);
    for (int i = 0; i < N; i++) {
        assert_int_equal(blobs[i].outcome, REG_BLOB_UPLOADED);
        cb_buf_done(&bytes[i]);
    }
}

/* ---- plain downloads -------------------------------------------------------------------------- */
static void downloads(void **state)
{
    static const struct {
        const char *url, *etag, *want; /* after http://; "@" is the host */
        uint64_t max;
        int status;
    } cases[] = {
        {"@/file", NULL, "hello\n", 0, 200},
        {"@/file", "\"tag\"", "", 0, 304},
        {"@/file", "\"other\"", "hello\n", 6, 200},
        {"@/file", NULL, "is larger than 5 bytes", 5, -1},
        {"@/file", "a\r\nb: c", "control bytes", 0, -1},
        {"@/tag/control", NULL, "hello\n", 0, 200},
        {"@/tag/long", NULL, "hello\n", 0, 200},
        {"@/part", NULL, "answered with a part (status 206)", 0, -1},
        {"@/trailer", NULL, "header of the answer is longer", 0, -1},
        {"@/hop/x", NULL, "hello\n", 0, 200},
        {"@/lost", NULL, "without a usable Location", 0, -1},
        {"@/out", NULL, "which is not an http URL", 0, -1},
        {"@/nothing", NULL, "invalid response status 404", 0, -1},
        {"user:pa%40ss@@/auth", NULL, "Basic dXNlcjpwYUBzcw==", 0, 200},
        {"user:pass@@/authaway", NULL, "none", 0, 200},
        {"127.0.0.1:1/", NULL, "connect", 0, -1},
        {"no host/", NULL, "is not a valid", 0, -1},
    };
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT;
    (void)state;
    NEED_SERVER();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        const char *at = strstr(cases[i].url, "@/");
        CB_AUTO(free)
        char *url = at ? cb_printf("http://%.*s%s%s", (int)(at - cases[i].url), cases[i].url, host, at + 1)
                       : cb_printf("http://%s", cases[i].url);
        struct reg_get get = {.url = url, .if_none_match = cases[i].etag, .max_size = cases[i].max};
        struct reg_get_answer a = {0};
        int r = reg_get(c, &get, to_buf, &got, &a, &err);
        bool good = cases[i].status < 0 ? r < 0 && strstr(err.msg, cases[i].want)
                                        : r == 0 && a.status == cases[i].status && strcmp(got.data, cases[i].want) == 0;
        if (!good)
            fail_msg("case %zu: got '%s' '%s' status %d", i, got.data, err.msg ? err.msg : "", a.status);
        if (r == 0 && strcmp(got.data, "hello\n") == 0)
            assert_string_equal(a.last_modified, "Tue, 15 Nov 1994 12:45:26 GMT");
        if (strstr(cases[i].url, "/tag/"))
            assert_null(a.etag); /* one that would make the next request a bad one */
        reg_get_answer_done(&a);
    }
}

/* ---- mirrors ---------------------------------------------------------------------------------- */
static void mirrors(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, got = CB_BUF_INIT, blob = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct oci_descriptor d = {0};
    (void)state;
    NEED_SERVER();
    CB_AUTO(free) char *path = cb_printf("%s/registries.conf", scratch);
    CB_AUTO(free)
    char *conf = cb_printf("[[registry]]\nprefix = \"hub.invalid\"\nlocation = \"%s\"\n"
                           "[[registry.mirror]]\nlocation = \"127.0.0.1:1\"\n"
                           "[[registry.mirror]]\nlocation = \"%s/missing\"\n"
                           "[[registry.mirror]]\nlocation = \"%s/short\"\n",
                           host, host, host);
    assert_int_equal(cb_publish_file(AT_FDCWD, path, conf, strlen(conf), 0600), 0);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    unsetenv("CONTAINERS_REGISTRIES_CONF");
    unlink(path);
    make_blob(c, &blob, &d);
    struct oci_ref ref = ref_of("truncate/mirrored");
    ref.domain = (char *)"hub.invalid";
    /* the third gives all but four bytes, the last one the rest */
    if (reg_fetch_blob(c, &ref, &d, to_buf, &got, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(got.len, blob.len);
    assert_memory_equal(got.data, blob.data, blob.len);
    assert_non_null(strstr(warnings.data, "mirror '127.0.0.1:1'"));
}

/* ---- a real one ------------------------------------------------------------------------------- */
/* Against the registry that $CBUILD_TEST_REGISTRY names ("host:port", one that takes pushes), when it does. */
static void real_registry(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf warnings = CB_BUF_INIT, bytes = CB_BUF_INIT, got = CB_BUF_INIT, doc = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    char text[CB_DIGEST_TEXT + 1];
    struct cb_digest digest;
    const char *name = getenv("CBUILD_TEST_REGISTRY");
    (void)state;
    if (!name)
        skip();
    CB_AUTO(reg_client) struct reg_client *c = client(&warnings);
    for (int i = 0; i < 300000; i++)
        cb_buf_printf(&bytes, "%d %d\n", i, (int)getpid());
    struct reg_push_blob blob = {.open = open_memory, .arg = &bytes};
    blob.d.size = bytes.len;
    cb_sha256(bytes.data, bytes.len, &blob.d.digest);
    cb_digest_text(&blob.d.digest, text);
    cb_buf_printf(&doc,
                  "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_TYPE_CONFIG
                  "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[]}",
                  text, bytes.len);
    static const struct {
        const char *path, *from;
        int outcome;
    } rounds[] = {
        {"test/one", NULL, REG_BLOB_UPLOADED},
        {"test/one", NULL, REG_BLOB_EXISTED},
        {"test/two", "test/one", REG_BLOB_MOUNTED},
        {"test/three", "test/none", REG_BLOB_UPLOADED},
    };
    for (size_t i = 0; i < CB_LEN(rounds); i++) {
        struct oci_ref ref = {.domain = (char *)name, .path = (char *)rounds[i].path, .tag = (char *)"1"};
        struct reg_document d = {.bytes = CB_BUF_INIT};
        blob.mount_from = rounds[i].from;
        if (reg_push_blobs(c, &ref, &blob, 1, NULL, NULL, &err) < 0 ||
            reg_push_document(c, &ref, OCI_TYPE_MANIFEST, doc.data, doc.len, &err) < 0 ||
            reg_resolve(c, &ref, &digest, &err) < 0 || reg_fetch_document(c, &ref, &d, &err) < 0)
            fail_msg("round %zu: %s (%s)", i, err.msg, err.hint ? err.hint : "");
        assert_int_equal(blob.outcome, rounds[i].outcome);
        assert_true(cb_digest_eq(&digest, &d.digest));
        assert_string_equal(d.content_type, OCI_TYPE_MANIFEST);
        cb_buf_reset(&got);
        if (reg_fetch_blob(c, &ref, &blob.d, to_buf, &got, &err) < 0)
            fail_msg("round %zu: %s", i, err.msg);
        assert_int_equal(got.len, bytes.len);
        reg_document_done(&d);
    }
    struct oci_ref absent = {.domain = (char *)name, .path = (char *)"test/one", .tag = (char *)"absent"};
    assert_int_equal(reg_resolve(c, &absent, &digest, &err), -1);
    assert_int_equal(err.code, CB_E_NOT_FOUND);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(tokens_are_kept),
        cmocka_unit_test(digests_are_resolved),
        cmocka_unit_test(blobs),
        cmocka_unit_test(sinks_may_fail),
        cmocka_unit_test(pushes),
        cmocka_unit_test(uploads_that_are_cut),
        cmocka_unit_test(many_blobs_at_once),
        cmocka_unit_test(downloads),
        cmocka_unit_test(mirrors),
        cmocka_unit_test(real_registry),
    };
    static const char *const unwanted[] = {"REGISTRY_AUTH_FILE", "DOCKER_AUTH_CONFIG", "CONTAINERS_REGISTRIES_CONF",
                                           "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"};
    if (!mkdtemp(scratch))
        return 1;
    for (size_t i = 0; i < CB_LEN(unwanted); i++)
        unsetenv(unwanted[i]);
    setenv("HOME", scratch, 1);
    setenv("CBUILD_RETRY_DELAY_MS", "1", 1);
    setenv("CBUILD_STALL_MS", STALL_MS, 1);
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, start, stop);
}
