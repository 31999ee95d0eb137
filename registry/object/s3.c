#include "registry/object/s3.h"

#include "base/limits.h"
#include "base/text.h"
#include "registry/object/aws.h"
#include "registry/transfer/download.h"
#include "registry/transfer/url.h"
#include <ctype.h>

#define MAX_PUT (5ull << 30) /* of one request */

struct reg_s3 {
    struct reg_http *http;
    struct reg_aws who;
    struct reg_http_signing signing;
    char *bucket;
    char *base; /* "https://bucket.s3.eu-central-1.amazonaws.com/" */
};

/* ---- where it is ---------------------------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *endpoint_of(const struct reg_s3_place *p)
{
    const char *s3 = variable("AWS_ENDPOINT_URL_S3");
    return p->endpoint_url ? p->endpoint_url : s3 ? s3 : variable("AWS_ENDPOINT_URL");
}

static bool bucket_fine(const char *name)
{
    size_t n = strlen(name);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            return false;
    return n >= 3 && n <= 255 && isalnum((unsigned char)name[0]);
}

int reg_s3_check(const struct reg_s3_place *p, struct cb_error *err)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    const char *endpoint = endpoint_of(p);
    if (!bucket_fine(p->bucket))
        return cb_fail(err, CB_E_USAGE, "'%s' is not the name of a bucket", p->bucket);
    if (endpoint && (!reg_url_parse(endpoint, &u) || strchr(u.target, '?') || u.user))
        return cb_fail(err, CB_E_USAGE, "the endpoint '%s' is not an http or https URL without a query or a user", endpoint);
    return 0;
}

/* With a '/' at its end. */
static char *base_url(const struct reg_s3_place *p, const char *region)
{
    const char *endpoint = endpoint_of(p);
    CB_AUTO(free)
    char *amazon = cb_printf("https://s3.%s.amazonaws.com%s", region, cb_starts(region, "cn-") ? ".cn" : "");
    const char *root = endpoint ? endpoint : amazon, *host = strstr(root, "://") + 3;
    size_t n = strlen(root);
    while (root[n - 1] == '/')
        n--;
    bool path = p->style == REG_S3_STYLE_USUAL ? endpoint || strchr(p->bucket, '.') : p->style == REG_S3_STYLE_PATH;
    if (path)
        return cb_printf("%.*s/%s/", (int)n, root, p->bucket);
    return cb_printf("%.*s%s.%.*s/", (int)(host - root), root, p->bucket, (int)(n - (size_t)(host - root)), host);
}

static int set_who(struct reg_s3 *s, const struct reg_s3_place *p, struct cb_error *err)
{
    s->who = (struct reg_aws){.key_id = cb_strdup(p->key_id),
                              .secret = cb_strdup(p->secret),
                              .session = cb_strdup(p->session),
                              .region = cb_strdup(p->region)};
    if (reg_aws_find(&s->who, err) < 0)
        return -1;
    if (!s->who.region && endpoint_of(p))
        s->who.region = cb_strdup("us-east-1"); /* what servers of one's own call theirs */
    if (!s->who.region) {
        cb_fail(err, CB_E_USAGE, "in which region the bucket '%s' is has not been said", p->bucket);
        return cb_hint(err, "add region=…, or set AWS_REGION");
    }
    s->signing = (struct reg_http_signing){s->who.region, "s3", s->who.key_id, s->who.secret, s->who.session};
    return 0;
}

struct reg_s3 *reg_s3_open(const struct reg_s3_place *p, const struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(reg_s3) struct reg_s3 *s = CB_NEW(struct reg_s3);
    if (reg_s3_check(p, err) < 0 || set_who(s, p, err) < 0)
        return NULL;
    s->bucket = cb_strdup(p->bucket);
    s->base = base_url(p, s->who.region);
    s->http = reg_http_new(o);
    return CB_TAKE(s);
}

void reg_s3_close(struct reg_s3 *s)
{
    if (!s)
        return;
    reg_http_free(s->http);
    reg_aws_done(&s->who);
    free(s->bucket);
    free(s->base);
    free(s);
}

struct reg_http *reg_s3_http(struct reg_s3 *s)
{
    return s->http;
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

/* The canonical form that is signed: every byte but those of a plain name is escaped. */
static char *url_of(const struct reg_s3 *s, const char *name)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_adds(&b, s->base);
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        CB_AUTO(free) char *part = cb_memdup0(p, n);
        reg_url_escape(&b, part);
        p += n;
        for (; *p == '/'; p++)
            cb_buf_addc(&b, '/');
    }
    return cb_buf_detach(&b);
}

static void add_digest(struct cb_strv *headers, const struct cb_digest *body)
{
    struct cb_digest none;
    char hex[CB_DIGEST_HEX + 1];
    cb_sha256("", 0, &none);
    cb_digest_hex(body ? body : &none, hex);
    cb_strv_take(headers, cb_printf("x-amz-content-sha256: %s", hex));
}

/* The text of an element of an error document; the first of that name counts. Caller frees; NULL: none. */
static char *element(const struct cb_buf *body, const char *name)
{
    CB_AUTO(free) char *open = cb_printf("<%s>", name), *close = cb_printf("</%s>", name);
    const char *from = strstr(body->data, open), *to = from ? strstr(from, close) : NULL;
    return to ? cb_memdup0(from + strlen(open), (size_t)(to - from) - strlen(open)) : NULL;
}

static const char *way_out(const char *code, int status)
{
    static const struct {
        const char *code, *hint;
    } hints[] = {
        {"SignatureDoesNotMatch", "the secret access key does not belong to the access key's id, or region= is another one"},
        {"InvalidAccessKeyId", "the server does not know this access key: see access_key_id=, AWS_ACCESS_KEY_ID, AWS_PROFILE"},
        {"ExpiredToken", "temporary credentials have a time: get new ones"},
        {"RequestTimeTooSkewed", "the clock of this machine is wrong"},
        {"NoSuchBucket", "make the bucket first; buckets are not made by a build"},
    };
    for (size_t i = 0; code && i < CB_LEN(hints); i++)
        if (strcmp(code, hints[i].code) == 0)
            return hints[i].hint;
    return status == 403 ? "its policy has to allow s3:GetObject and s3:ListBucket (else what is not there looks forbidden), and "
                           "s3:PutObject to write"
                         : NULL;
}

static int answer_error(const struct reg_s3 *s, const struct reg_http_answer *a, const char *what, struct cb_error *err)
{
    CB_AUTO(free) char *code = element(&a->body, "Code"), *message = element(&a->body, "Message");
    const char *region = reg_http_header(a, "x-amz-bucket-region", NULL), *hint = way_out(code, a->status);
    enum cb_code kind = a->status == 401 || a->status == 403   ? CB_E_DENIED
                        : a->status == 404 && !hint            ? CB_E_NOT_FOUND
                        : reg_http_status_retryable(a->status) ? CB_E_NETWORK
                                                               : CB_E_FAILED;
    cb_fail(err, kind, "%s of bucket '%s': %d%s%s%s%s", what, s->bucket, a->status, code ? " " : "", code ? code : "",
            message ? ": " : "", message ? message : "");
    if (region && strcmp(region, s->who.region) != 0)
        return cb_hint(err, "the bucket is in the region %.100s: region=%.100s", region, region);
    if (a->status == 403 && !s->who.key_id)
        return cb_hint(err,
                       "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or see ~/.aws/credentials");
    return hint ? cb_hint(err, "%s", hint) : -1;
}

static int call(const struct reg_s3 *s, struct reg_http_request *req, const char *name, struct reg_http_answer *a,
                struct cb_error *err)
{
    CB_AUTO(free) char *url = url_of(s, name);
    req->url = url;
    req->signing = s->who.key_id ? &s->signing : NULL;
    return reg_http_send(s->http, req, a, err);
}

/* 404 is said of what is not there, and of a bucket that is not there. */
static bool missing(const struct reg_http_answer *a)
{
    CB_AUTO(free) char *code = a->status == 404 ? element(&a->body, "Code") : NULL;
    return a->status == 404 && (!code || strcmp(code, "NoSuchBucket") != 0);
}

int reg_s3_get(struct reg_s3 *s, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    CB_AUTO(free) char *what = cb_printf("object '%s'", name);
    struct reg_http_request req = {.method = "GET", .headers = &headers, .max_body = max};
    add_digest(&headers, NULL);
    if (call(s, &req, name, &a, err) < 0)
        return -1;
    if (missing(&a))
        return 0;
    if (a.status != 200)
        return answer_error(s, &a, what, err);
    cb_buf_add(ret, a.body.data, a.body.len);
    return 1;
}

int reg_s3_has(struct reg_s3 *s, const char *name, uint64_t size, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    CB_AUTO(free) char *what = cb_printf("object '%s'", name);
    struct reg_http_request req = {.method = "HEAD", .headers = &headers};
    uint64_t theirs = size;
    add_digest(&headers, NULL);
    if (call(s, &req, name, &a, err) < 0)
        return -1;
    if (a.status == 404)
        return 0; /* without a body nobody says what is missing; a bucket that is not there shows when something is put */
    if (a.status != 200)
        return answer_error(s, &a, what, err);
    const char *length = reg_http_header(&a, "content-length", NULL);
    if (length)
        (void)cb_parse_u64(length, UINT64_MAX, &theirs); /* header.h has checked it */
    return theirs == size;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

struct reading {
    struct reg_s3 *s;
    struct cb_strv headers;
    char *url;
};

static int prepare(void *arg, bool refused, struct reg_http_request *req, struct cb_error *err)
{
    struct reading *r = arg;
    (void)refused, (void)err; /* a second signature says nothing that the first has not said */
    req->url = r->url;
    req->headers = &r->headers;
    req->signing = r->s->who.key_id ? &r->s->signing : NULL;
    return 0;
}

static int reading_failed(void *arg, const struct reg_http_answer *a, const char *what, struct cb_error *err)
{
    return answer_error(((struct reading *)arg)->s, a, what, err);
}

int reg_s3_read(struct reg_s3 *s, const char *name, uint64_t size, uint64_t offset, cb_sink_fn *sink, void *arg,
                struct cb_error *err)
{
    CB_AUTO(free) char *what = cb_printf("object '%s'", name), *url = url_of(s, name);
    struct reading r = {.s = s, .url = url};
    struct reg_download d = {
        .what = what, .size = size, .offset = offset, .prepare = prepare, .failed = reading_failed, .arg = &r};
    add_digest(&r.headers, NULL);
    int result = reg_download(s->http, &d, sink, arg, err);
    cb_strv_done(&r.headers);
    return result;
}

/* ---- putting -------------------------------------------------------------------------------------------------------- */

static int send_object(struct reg_s3 *s, const struct reg_s3_put *put, bool only_new, struct reg_http_answer *a,
                       struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    struct reg_http_request req = {.method = "PUT", .headers = &headers, .body = put->body};
    add_digest(&headers, put->digest);
    cb_strv_take(&headers, cb_printf("Content-Type: %s", put->media_type));
    if (only_new)
        cb_strv_push(&headers, "If-None-Match: *");
    return call(s, &req, put->name, a, err);
}

int reg_s3_put(struct reg_s3 *s, const struct reg_s3_put *put, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *what = cb_printf("put object '%s'", put->name);
    if (put->body->size > MAX_PUT)
        return cb_fail(err, CB_E_UNSUPPORTED, "%s of bucket '%s': it has more than 5 GiB, which S3 does not take in one piece",
                       what, s->bucket);
    if (send_object(s, put, !put->replace, &a, err) < 0)
        return -1;
    if (a.status == 501 && !put->replace && send_object(s, put, false, &a, err) < 0) /* it knows no conditions */
        return -1;
    if (!put->replace && (a.status == 412 || a.status == 409))
        return 0;
    return a.status / 100 == 2 ? 1 : answer_error(s, &a, what, err);
}
