#include "registry/object/actions.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "registry/transfer/download.h"
#include "registry/transfer/header.h"
#include "registry/transfer/url.h"

#define SERVICE    "twirp/github.actions.results.api.v1.CacheService/"
#define PIECE      (64ull << 20)
#define MOST_NAMES 3 /* of one entry */
#define WAITS      3 /* for whoever has reserved a name */

struct reg_actions {
    struct reg_http *http;
    char *service;       /* "https://results-receiver.actions.githubusercontent.com/twirp/…/" */
    char *authorization; /* "Bearer …" */
    char version[CB_DIGEST_HEX + 1];
    uint64_t piece;
};

/* ---- the service ------------------------------------------------------------------------------------------------------ */

static const char *either(const char *given, const char *name)
{
    const char *value = given ? given : getenv(name);
    return value && *value ? value : NULL;
}

static int no_service(const char *what, struct cb_error *err)
{
    const char *old = getenv("ACTIONS_CACHE_URL");
    cb_fail(err, CB_E_UNSUPPORTED, "the cache service of GitHub Actions: %s is not known here", what);
    if (old && *old)
        return cb_hint(err, "this runner has only the service's first version, which GitHub has turned off");
    return cb_hint(err, "runners show ACTIONS_RESULTS_URL and ACTIONS_RUNTIME_TOKEN to actions, not to run: steps; let an "
                        "actions/github-script step export them (docs/shared-cache.md)");
}

/* What entries with another version hold is not for us, nor ours for them. */
static void set_version(struct reg_actions *a)
{
    static const char text[] = "cbuild1";
    struct cb_digest d;
    cb_sha256(text, strlen(text), &d);
    cb_digest_hex(&d, a->version);
}

struct reg_actions *reg_actions_open(const struct reg_actions_place *p, const struct reg_options *o, struct cb_error *err)
{
    const char *url = either(p->url, "ACTIONS_RESULTS_URL"), *token = either(p->token, "ACTIONS_RUNTIME_TOKEN");
    CB_AUTO(reg_url) struct reg_url u = {0};
    if (!url || !token) {
        no_service(url ? "its token" : "its address", err);
        return NULL;
    }
    if (!reg_url_parse(url, &u) || u.user) {
        cb_fail(err, CB_E_USAGE, "the address of the cache service, '%s', is not an http or https URL", url);
        return NULL;
    }
    struct reg_actions *a = CB_NEW(struct reg_actions);
    a->service = cb_printf("%s%s" SERVICE, url, cb_ends(url, "/") ? "" : "/");
    a->authorization = cb_printf("Bearer %s", token);
    a->piece = p->piece ? p->piece : PIECE;
    a->http = reg_http_new(o);
    set_version(a);
    return a;
}

void reg_actions_close(struct reg_actions *a)
{
    if (!a)
        return;
    reg_http_free(a->http);
    free(a->service);
    explicit_bzero(a->authorization, strlen(a->authorization));
    free(a->authorization);
    free(a);
}

struct reg_http *reg_actions_http(struct reg_actions *a)
{
    return a->http;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------ */

static enum cb_code code_of(int status)
{
    if (status == 401 || status == 403)
        return CB_E_DENIED;
    return status == 404 ? CB_E_NOT_FOUND : reg_http_status_retryable(status) ? CB_E_NETWORK : CB_E_FAILED;
}

static const char *text_of(json_t *obj, const char *name)
{
    return json_string_value(json_object_get(obj, name)); /* NULL of anything else */
}

/* The service says what is wrong in JSON, the storage in XML and a header. */
static int answer_error(const struct reg_http_answer *a, const char *what, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(json) json_t *body = cb_json_parse(a->body.data, a->body.len, what, &ignored);
    const char *code = text_of(body, "code"), *text = text_of(body, "msg");
    if (!code)
        code = reg_http_header(a, "x-ms-error-code", NULL);
    cb_fail(err, code_of(a->status), "%s: %d%s%s%s%s", what, a->status, code ? " " : "", code ? code : "", text ? ": " : "",
            text ? text : "");
    if (a->status == 401)
        return cb_hint(err, "the token of the runner is not valid (any more); it ends with its job");
    if (a->status == 403)
        return cb_hint(err, "workflows of pull requests from forks may only read the cache");
    return -1;
}

/* Calls a method with {key, version} and what else is in `more` (taken over). 1: *ret is what it answers; the caller's. 0: it
 * says that such an entry exists. */
static int call(struct reg_actions *a, const char *method, const char *name, json_t *more, json_t **ret, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer answer = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    CB_AUTO(json) json_t *question = more;
    CB_AUTO(free) char *url = cb_printf("%s%s", a->service, method), *what = cb_printf("cache entry '%s': %s", name, method);
    json_object_set_new(question, "key", json_string(name));
    json_object_set_new(question, "version", json_string(a->version));
    cb_json_dump(question, CB_JSON_COMPACT, &text);
    cb_strv_push(&headers, "Content-Type: application/json");
    struct reg_http_body body = {.bytes = text.data, .size = text.len};
    struct reg_http_request req = {
        .method = "POST", .url = url, .headers = &headers, .authorization = a->authorization, .body = &body};
    if (reg_http_send(a->http, &req, &answer, err) < 0)
        return cb_prefix(err, "%s", what);
    if (answer.status == 409)
        return 0;
    if (answer.status != 200)
        return answer_error(&answer, what, err);
    *ret = cb_json_parse(answer.body.data, answer.body.len, what, err);
    return *ret ? 1 : -1;
}

/* Whether the answer says ok, and then the URL in it. 1: a copy is in *ret; 0: not ok, without a reason. */
static int take_url(json_t *answer, const char *member, const char *name, char **ret, struct cb_error *err)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    const char *url = text_of(answer, member), *reason = text_of(answer, "message");
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (!ok && reason && *reason)
        return cb_fail(err, CB_E_FAILED, "cache entry '%s': the service says: %s", name, reason);
    if (!ok)
        return 0;
    if (!url || !reg_url_parse(url, &u))
        return cb_fail(err, CB_E_CORRUPT, "cache entry '%s': the service gives no usable address", name);
    *ret = cb_strdup(url);
    return 1;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

/* The service also finds what only begins with the name. */
static bool is_name_of(const char *found, const char *name)
{
    size_t n = strlen(name);
    return found && strncmp(found, name, n) == 0 && (found[n] == '\0' || found[n] == '.');
}

/* Where the entry can be read, for some minutes. 1: *ret is the caller's; 0: there is none. */
static int find(struct reg_actions *a, const char *name, char **ret, struct cb_error *err)
{
    CB_AUTO(json) json_t *answer = NULL;
    int r = call(a, "GetCacheEntryDownloadURL", name, json_pack("{s:[s]}", "restore_keys", name), &answer, err);
    if (r < 0)
        return -1;
    const char *found = text_of(answer, "matched_key");
    return r == 0 || (found && !is_name_of(found, name)) ? 0 : take_url(answer, "signed_download_url", name, ret, err);
}

int reg_actions_has(struct reg_actions *a, const char *name, struct cb_error *err)
{
    CB_AUTO(free) char *url = NULL;
    return find(a, name, &url, err);
}

/* 1: *answer is the storage's. 0: there is no such entry. */
static int get_once(struct reg_actions *a, const char *name, size_t max, struct reg_http_answer *answer, struct cb_error *err)
{
    CB_AUTO(free) char *url = NULL;
    int r = find(a, name, &url, err);
    struct reg_http_request req = {.method = "GET", .url = url, .max_body = max};
    return r <= 0 ? r : reg_http_send(a->http, &req, answer, err) < 0 ? -1 : 1;
}

static bool refuses(const struct reg_http_answer *a)
{
    return a->status == 401 || a->status == 403;
}

int reg_actions_get(struct reg_actions *a, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer answer = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *what = cb_printf("cache entry '%s'", name);
    int r = get_once(a, name, max, &answer, err);
    if (r > 0 && refuses(&answer)) /* the address was good for some minutes only */
        r = get_once(a, name, max, &answer, err);
    if (r <= 0 || answer.status == 404) /* removed in this moment */
        return r < 0 ? -1 : 0;
    if (answer.status != 200)
        return answer_error(&answer, what, err);
    cb_buf_add(ret, answer.body.data, answer.body.len);
    return 1;
}

struct reading {
    struct reg_actions *a;
    const char *name;
    char *url;
};

/* Addresses are good for some minutes: one that is refused is asked for anew. */
static int prepare(void *arg, bool refused, struct reg_http_request *req, struct cb_error *err)
{
    struct reading *r = arg;
    if (refused || !r->url) {
        free(CB_TAKE(r->url));
        int found = find(r->a, r->name, &r->url, err);
        if (found <= 0)
            return found < 0 ? -1 : cb_fail(err, CB_E_NOT_FOUND, "cache entry '%s' does not exist", r->name);
    }
    req->url = r->url;
    return 0;
}

static int reading_failed(void *arg, const struct reg_http_answer *a, const char *what, struct cb_error *err)
{
    (void)arg;
    return answer_error(a, what, err);
}

int reg_actions_read(struct reg_actions *a, const char *name, uint64_t size, uint64_t offset, cb_sink_fn *sink, void *arg,
                     struct cb_error *err)
{
    CB_AUTO(free) char *what = cb_printf("cache entry '%s'", name);
    struct reading r = {.a = a, .name = name};
    struct reg_download d = {
        .what = what, .size = size, .offset = offset, .prepare = prepare, .failed = reading_failed, .arg = &r};
    int result = reg_download(a->http, &d, sink, arg, err);
    free(r.url);
    return result;
}

/* ---- putting ------------------------------------------------------------------------------------------------------------ */

static int put(struct reg_actions *a, const char *url, const struct reg_http_body *body, const char *header, const char *what,
               struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer answer = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    cb_strv_push(&headers, "Content-Type: application/octet-stream");
    cb_strv_push(&headers, header);
    struct reg_http_request req = {.method = "PUT", .url = url, .headers = &headers, .body = body};
    if (reg_http_send(a->http, &req, &answer, err) < 0)
        return -1;
    return answer.status / 100 == 2 ? 0 : answer_error(&answer, what, err);
}

/* Blocks have names of one length. */
static void block_name(size_t number, struct cb_buf *ret)
{
    CB_AUTO(free) char *text = cb_printf("%08zu", number);
    cb_base64_encode(ret, text, strlen(text));
}

static int put_block(struct reg_actions *a, const char *url, const struct reg_http_body *whole, size_t number, const char *what,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf target = CB_BUF_INIT, name = CB_BUF_INIT;
    struct reg_http_body part = *whole;
    uint64_t from = number * a->piece;
    part.size = CB_MIN(whole->size - from, a->piece);
    if (whole->bytes)
        part.bytes = (const char *)whole->bytes + from;
    else
        part.offset += from;
    block_name(number, &name);
    cb_buf_printf(&target, "%s%ccomp=block&blockid=", url, strchr(url, '?') ? '&' : '?');
    reg_url_escape(&target, name.data);
    return put(a, target.data, &part, "x-ms-blob-type: BlockBlob", what, err);
}

static int put_blocks(struct reg_actions *a, const char *url, const struct reg_http_body *body, const char *what,
                      struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(free) char *target = cb_printf("%s%ccomp=blocklist", url, strchr(url, '?') ? '&' : '?');
    cb_buf_adds(&list, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (size_t i = 0; i * a->piece < body->size; i++) {
        if (put_block(a, url, body, i, what, err) < 0)
            return -1;
        cb_buf_adds(&list, "<Latest>");
        block_name(i, &list);
        cb_buf_adds(&list, "</Latest>");
    }
    cb_buf_adds(&list, "</BlockList>");
    struct reg_http_body all = {.bytes = list.data, .size = list.len};
    return put(a, target, &all, "x-ms-blob-content-type: application/octet-stream", what, err);
}

static int upload(struct reg_actions *a, const char *url, const struct reg_http_body *body, const char *name,
                  struct cb_error *err)
{
    CB_AUTO(free) char *what = cb_printf("cache entry '%s': upload", name);
    return body->size <= a->piece ? put(a, url, body, "x-ms-blob-type: BlockBlob", what, err)
                                  : put_blocks(a, url, body, what, err);
}

static int finish(struct reg_actions *a, const char *name, uint64_t size, struct cb_error *err)
{
    CB_AUTO(json) json_t *answer = NULL;
    int r = call(a, "FinalizeCacheEntryUpload", name, json_pack("{s:I}", "size_bytes", (json_int_t)size), &answer, err);
    if (r < 0)
        return -1;
    if (r == 0 || !json_is_true(json_object_get(answer, "ok")))
        return cb_fail(err, CB_E_FAILED, "cache entry '%s': the service did not keep what was sent", name);
    return 0;
}

/* 1: put under this very name; 0: it is taken. */
static int put_as(struct reg_actions *a, const char *name, const struct reg_http_body *body, struct cb_error *err)
{
    CB_AUTO(json) json_t *answer = NULL;
    CB_AUTO(free) char *url = NULL;
    int r = call(a, "CreateCacheEntry", name, json_object(), &answer, err);
    if (r > 0)
        r = take_url(answer, "signed_upload_url", name, &url, err);
    if (r <= 0)
        return r;
    return upload(a, url, body, name, err) < 0 || finish(a, name, body->size, err) < 0 ? -1 : 1;
}

/* A name is taken: 1 when there is an entry, as soon as whoever took it has finished; 0: nobody does. */
static int await(struct reg_actions *a, const char *name, struct cb_error *err)
{
    struct reg_backoff backoff = {0};
    for (;;) {
        CB_AUTO(free) char *what = cb_printf("cache entry '%s' is being made by somebody else", name);
        int r = reg_actions_has(a, name, err);
        if (r != 0 || !reg_backoff_wait(&backoff, a->http, WAITS, NULL, what))
            return r;
    }
}

int reg_actions_put(struct reg_actions *a, const char *name, const struct reg_http_body *body, struct cb_error *err)
{
    for (int i = 1; i <= MOST_NAMES; i++) {
        CB_AUTO(free) char *as = i == 1 ? cb_strdup(name) : cb_printf("%s.%d", name, i);
        int r = put_as(a, as, body, err);
        if (r != 0)
            return r;
        r = await(a, name, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    return cb_fail(err, CB_E_FAILED, "cache entry '%s': all its names are taken by somebody who does not finish", name);
}
