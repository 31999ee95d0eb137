#include "registry/transfer/client-internal.h"

#include "base/limits.h"
#include "base/text.h"
#include "registry/transfer/range.h"
#include "registry/transfer/url.h"

#define ACCEPT                                                                                                                   \
    "Accept: " OCI_TYPE_INDEX ", " DOCKER_TYPE_LIST ", " OCI_TYPE_MANIFEST ", " DOCKER_TYPE_MANIFEST                             \
    ", application/json;q=0.5, */*;q=0.1"
#define MIN_PROGRESS (1u << 20) /* after this many bytes a broken connection counts as the first again */

/* ---- asking one place after the other ---------------------------------------------------------- */
struct question {
    struct reg_client *c;
    const struct reg_endpoint *ep;
    const struct oci_ref *ref;
    const struct cb_strv *scopes;
    const char *name; /* for messages */
};
/* 0; -1: another place may do better; STOP: it cannot help. */
typedef int ask_fn(const struct question *q, void *arg, struct cb_error *err);
#define STOP (-2)

static int blame(const struct reg_endpoint *ep, struct cb_error *err)
{
    return cb_hint(err, "'%s', or a proxy in front of it, is at fault: ask whoever runs it, or use a mirror", ep->host);
}

/* Mirrors, then the place itself. What a mirror says is a warning, and a hint when the place fails too. */
static int ask(struct reg_client *c, const struct oci_ref *ref, ask_fn *fn, void *arg, struct cb_error *err)
{
    CB_AUTO(reg_endpoints) struct reg_endpoints places = {0};
    CB_AUTO(free) char *name = oci_ref_full(ref), *mirror_said = NULL;
    if (reg_hosts_resolve(c->hosts, ref, false, &places, err) < 0)
        return -1;
    for (size_t i = 0; i < places.n; i++) {
        CB_AUTO(cb_strv) struct cb_strv scopes = {0};
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        reg_add_scope(&scopes, places.items[i].path, "pull");
        struct question q = {c, &places.items[i], ref, &scopes, name};
        int r = fn(&q, arg, &e);
        if (r == 0)
            return 0;
        if (r != STOP && i + 1 < places.n) {
            reg_http_warn(c->http, "mirror '%s': %s", places.items[i].host, e.msg);
            free(mirror_said);
            mirror_said = CB_TAKE(e.msg);
            continue;
        }
        cb_error_move(err, &e);
        if (mirror_said)
            cb_hint(err, "its mirror said: %s", mirror_said);
        else if (r != STOP && err->code == CB_E_CORRUPT)
            blame(&places.items[i], err);
        return -1;
    }
    return -1;
}

/* ---- documents -------------------------------------------------------------------------------- */
void reg_document_done(struct reg_document *d)
{
    cb_buf_done(&d->bytes);
    free(d->content_type);
    *d = (struct reg_document){.bytes = CB_BUF_INIT};
}

/* "type/subtype" in lower case, without parameters; NULL when there is none. Caller frees. */
static char *media_type(const struct reg_http_answer *a)
{
    const char *value = reg_http_header(a, "content-type", NULL);
    size_t n = value ? strcspn(value, "; \t") : 0;
    return n ? cb_memdup0(value, n) : NULL;
}

static int manifest_call(const struct question *q, const char *method, struct reg_http_answer *answer, struct cb_error *err)
{
    CB_AUTO(free)
    char *url = reg_client_url(q->c, q->ep, err, "manifests/%s",
                               q->ref->digest ? q->ref->digest
                               : q->ref->tag  ? q->ref->tag
                                              : "latest");
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    if (!url)
        return -1;
    cb_strv_push(&headers, ACCEPT);
    struct reg_http_request req = {.method = method, .url = url, .headers = &headers, .max_body = CB_MAX_MANIFEST};
    if (reg_client_call(q->c, q->ep, q->scopes, &req, answer, err) < 0)
        return cb_prefix(err, "'%s'", q->name);
    return 0;
}

static int wanted_digest(const struct question *q, struct cb_digest *ret, struct cb_error *err)
{
    if (cb_digest_parse(q->ref->digest, ret))
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "'%s': only sha256 digests are supported", q->name);
    return -1;
}

static int mismatch(const struct question *q, const struct cb_digest *is, const struct cb_digest *should, struct cb_error *err)
{
    char a[CB_DIGEST_TEXT + 1], b[CB_DIGEST_TEXT + 1];
    cb_digest_text(is, a);
    cb_digest_text(should, b);
    return cb_fail(err, CB_E_CORRUPT, "'%s': %s sent a document with the digest %s instead of %s", q->name, q->ep->host, a, b);
}

/* Not a document, but what is meant for people: of a proxy that wants them to log in, or of something that is no registry. */
static bool is_page(const struct cb_buf *b)
{
    size_t blank = strspn(b->data, " \t\r\n");
    return blank < b->len && b->data[blank] == '<';
}

static int check_document(const struct question *q, const struct reg_http_answer *a, struct reg_document *d, struct cb_error *err)
{
    const char *claimed = reg_http_header(a, "docker-content-digest", NULL);
    struct cb_digest should;
    cb_sha256(d->bytes.data, d->bytes.len, &d->digest);
    if (q->ref->digest) {
        if (wanted_digest(q, &should, err) < 0)
            return -1;
        if (!cb_digest_eq(&d->digest, &should))
            return mismatch(q, &d->digest, &should, err);
    } else if (claimed && cb_digest_parse(claimed, &should) && !cb_digest_eq(&d->digest, &should)) {
        return mismatch(q, &d->digest, &should, err);
    }
    if (is_page(&d->bytes))
        return cb_fail(err, CB_E_CORRUPT, "'%s': %s sent an HTML page instead of a manifest", q->name, q->ep->host);
    if (oci_document_kind(d->bytes.data, d->bytes.len, d->content_type, err) < 0)
        return cb_prefix(err, "'%s'", q->name);
    return 0;
}

static int ask_document(const struct question *q, void *arg, struct cb_error *err)
{
    struct reg_document d = {.bytes = CB_BUF_INIT};
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *what = cb_printf("'%s'", q->name);
    if (manifest_call(q, "GET", &a, err) < 0)
        return -1;
    if (a.status != 200)
        return reg_answer_error(q->ep, &a, what, err);
    d.bytes = a.body;
    a.body = CB_BUF_INIT;
    d.content_type = media_type(&a);
    if (check_document(q, &a, &d, err) < 0) {
        reg_document_done(&d);
        return -1;
    }
    *(struct reg_document *)arg = d;
    return 0;
}

int reg_fetch_document(struct reg_client *c, const struct oci_ref *ref, struct reg_document *ret, struct cb_error *err)
{
    return ask(c, ref, ask_document, ret, err);
}

static int ask_digest(const struct question *q, void *arg, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    struct reg_document d = {.bytes = CB_BUF_INIT};
    if (manifest_call(q, "HEAD", &a, err) < 0)
        return -1;
    const char *digest = a.status == 200 ? reg_http_header(&a, "docker-content-digest", NULL) : NULL;
    if (digest && cb_digest_parse(digest, arg))
        return 0;
    /* HEAD has no body that could say what is wrong, and some registries do not support it */
    if (ask_document(q, &d, err) < 0)
        return -1;
    *(struct cb_digest *)arg = d.digest;
    reg_document_done(&d);
    return 0;
}

int reg_resolve(struct reg_client *c, const struct oci_ref *ref, struct cb_digest *ret, struct cb_error *err)
{
    struct cb_digest d;
    if (ref->digest && cb_digest_parse(ref->digest, ret))
        return 0;
    if (ask(c, ref, ask_digest, &d, err) < 0)
        return -1;
    *ret = d;
    return 0;
}

/* ---- blobs ------------------------------------------------------------------------------------ */
struct blob {
    const struct oci_descriptor *d;
    cb_sink_fn *sink;
    void *arg;
    char text[CB_DIGEST_TEXT + 1];
    struct cb_sha256 sha;
    uint64_t have;                        /* delivered and hashed, whatever the number of connections */
    const struct reg_http_answer *answer; /* of the current request */
    bool begun;                           /* its first byte has been seen */
    uint64_t skip;                        /* bytes of it that were delivered before */
    bool sink_failed;
    bool whole; /* ranges do not work here: ask for everything */
};

/* The first byte of an answer: where in the blob are we? */
static int begin(struct blob *b, struct cb_error *err)
{
    uint64_t start = 0;
    const char *range = b->answer->status == 206 ? reg_http_header(b->answer, "content-range", NULL) : NULL;
    if (b->answer->status == 206 && !range)
        start = b->have;
    if (range && !reg_range_start(range, b->d->size, &start))
        return cb_fail(err, CB_E_CORRUPT, "blob %s has %llu bytes and no part with the Content-Range '%.100s'", b->text,
                       (unsigned long long)b->d->size, range);
    if (start > b->have)
        return cb_fail(err, CB_E_CORRUPT, "blob %s: asked for bytes from %llu, got them from %llu", b->text,
                       (unsigned long long)b->have, (unsigned long long)start);
    b->skip = b->have - start;
    b->begun = true;
    return 0;
}

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct blob *b = arg;
    if (!b->begun && begin(b, err) < 0)
        return -1;
    size_t old = (size_t)CB_MIN(b->skip, (uint64_t)n);
    b->skip -= old;
    p = (const char *)p + old;
    n -= old;
    if (n == 0)
        return 0;
    if (n > b->d->size - b->have)
        return cb_fail(err, CB_E_CORRUPT, "blob %s is longer than the %llu bytes that its descriptor says", b->text,
                       (unsigned long long)b->d->size);
    cb_sha256_add(&b->sha, p, n);
    if (b->sink(b->arg, p, n, err) < 0) {
        b->sink_failed = true;
        return -1;
    }
    b->have += n;
    return 0;
}

static int request_blob(const struct question *q, struct blob *b, struct reg_http_answer *a, struct cb_error *err)
{
    CB_AUTO(free) char *url = reg_client_url(q->c, q->ep, err, "blobs/%s", b->text);
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    if (!url)
        return -1;
    if (b->have && !b->whole)
        cb_strv_take(&headers, cb_printf("Range: bytes=%llu-", (unsigned long long)b->have));
    struct reg_http_request req = {
        .method = "GET", .url = url, .headers = &headers, .sink = take_bytes, .sink_arg = b, .tries = 1};
    b->answer = a;
    b->begun = false;
    b->skip = 0;
    return reg_client_call(q->c, q->ep, q->scopes, &req, a, err);
}

static int finish(const struct question *q, struct blob *b, struct cb_error *err)
{
    struct cb_digest is;
    struct cb_sha256 sha = b->sha;
    char text[CB_DIGEST_TEXT + 1];
    cb_sha256_end(&sha, &is);
    if (cb_digest_eq(&is, &b->d->digest))
        return 0;
    cb_digest_text(&is, text);
    cb_fail(err, CB_E_CORRUPT, "blob %s of '%s': what arrived has the digest %s", b->text, q->name, text);
    return blame(q->ep, err);
}

enum verdict { BLOB_DONE, BLOB_AGAIN, BLOB_FAILED };

/* What a request came to. BLOB_AGAIN and BLOB_FAILED: err says why. */
static enum verdict judge(const struct question *q, struct blob *b, const struct reg_http_answer *a, int r, struct cb_error *err)
{
    if (r < 0 && (a->failure == REG_HTTP_BROKEN || a->failure == REG_HTTP_STALLED) && b->begun && b->have == b->d->size)
        r = 0; /* only the end of the encoding is missing */
    if (r < 0)
        return a->failure == REG_HTTP_FATAL || a->failure == REG_HTTP_FINE ? BLOB_FAILED : BLOB_AGAIN;
    if (a->status == 200 || a->status == 206) {
        if (b->have == b->d->size)
            return finish(q, b, err) < 0 ? BLOB_FAILED : BLOB_DONE;
        cb_fail(err, CB_E_NETWORK, "blob %s: %s sent %llu of %llu bytes", b->text, q->ep->host, (unsigned long long)b->have,
                (unsigned long long)b->d->size);
        return BLOB_AGAIN;
    }
    if (a->status == 416 && b->have && !b->whole) {
        const char *range = reg_http_header(a, "content-range", NULL);
        uint64_t size;
        if (range && cb_starts(range, "bytes */") && cb_parse_u64(range + 8, UINT64_MAX, &size) && size != b->d->size) {
            cb_fail(err, CB_E_CORRUPT, "blob %s has %llu bytes at %s, its descriptor says %llu", b->text,
                    (unsigned long long)size, q->ep->host, (unsigned long long)b->d->size);
            return BLOB_FAILED;
        }
        b->whole = true;
        cb_fail(err, CB_E_NETWORK, "blob %s: %s does not resume", b->text, q->ep->host);
        return BLOB_AGAIN;
    }
    CB_AUTO(free) char *what = cb_printf("blob %s of '%s'", b->text, q->name);
    reg_answer_error(q->ep, a, what, err);
    return reg_http_status_retryable(a->status) ? BLOB_AGAIN : BLOB_FAILED;
}

static int ask_blob(const struct question *q, void *arg, struct cb_error *err)
{
    struct blob *b = arg;
    struct reg_backoff backoff = {0};
    b->whole = false;
    if (b->have == b->d->size && b->d->size) /* all of it was there */
        return finish(q, b, err) < 0 ? STOP : 0;
    for (;;) {
        CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        uint64_t before = b->have;
        int r = request_blob(q, b, &a, &e);
        enum verdict v = judge(q, b, &a, r, &e);
        if (v == BLOB_DONE)
            return 0;
        if (b->have - before >= MIN_PROGRESS)
            backoff.tried = 0;
        int tries = reg_http_tries(q->c->http, a.failure, reg_host_is_local(q->ep->host), REG_HTTP_TRIES);
        if (v == BLOB_AGAIN && reg_backoff_wait(&backoff, q->c->http, tries, r < 0 ? NULL : &a, e.msg))
            continue;
        cb_error_move(err, &e);
        /* after the last byte another place has nothing more to give */
        return b->sink_failed || (b->begun && b->have == b->d->size) ? STOP : -1;
    }
}

int reg_resume_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, uint64_t have,
                    const struct cb_sha256 *sha, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    struct blob b = {.d = d, .sink = sink, .arg = arg, .have = have, .sha = *sha};
    cb_digest_text(&d->digest, b.text);
    return ask(c, ref, ask_blob, &b, err) == 0 ? 0 : -1;
}

int reg_fetch_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, cb_sink_fn *sink, void *arg,
                   struct cb_error *err)
{
    struct cb_sha256 none;
    cb_sha256_init(&none);
    return reg_resume_blob(c, ref, d, 0, &none, sink, arg, err);
}
