#include "registry/transfer/upload.h"

#include "base/text.h"
#include "registry/transfer/url.h"

#define UPLOAD_TRIES 5
#define MIN_RESUME   (1u << 20)  /* less than this is sent again faster than asked for */
#define FIRST_PART   (16u << 20) /* of a blob that is not taken whole; a quarter of that, where this is too much too */
#define LEAST_PART   (1u << 20)

int reg_upload_call(const struct reg_upload *u, const char *method, const char *url, struct reg_http_answer *a,
                    struct cb_error *err)
{
    struct reg_http_request req = {.method = method, .url = url};
    return reg_client_call(u->c, u->ep, u->scopes, &req, a, err);
}

static int failed(struct reg_upload *u, const struct reg_http_answer *a, const char *verb, struct cb_error *err)
{
    CB_AUTO(free) char *what = cb_printf("%s blob %s to '%s'", verb, u->text, u->name);
    return reg_answer_error(u->ep, a, what, err);
}

int reg_upload_take_session(struct reg_upload *u, const struct reg_http_answer *a, struct cb_error *err)
{
    const char *location = reg_http_header(a, "location", NULL);
    char *url = location ? reg_url_resolve(a->url, location) : NULL;
    if (!url)
        return cb_fail(err, CB_E_CORRUPT, "upload of blob %s: '%s' gives no usable Location", u->text, u->ep->host);
    const char *least = reg_http_header(a, "oci-chunk-min-length", NULL);
    if (least)
        (void)cb_parse_u64(least, UINT64_MAX, &u->least);
    free(u->session);
    u->session = url;
    return 0;
}

bool reg_upload_accepted(const struct reg_http_answer *a)
{
    return a->status == 200 || a->status == 201 || a->status == 202 || a->status == 204;
}

int reg_upload_check_stored(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, const char *digest,
                            struct cb_error *err)
{
    const char *theirs = reg_http_header(a, "docker-content-digest", NULL);
    if (theirs && cb_starts(theirs, "sha256:") && strcmp(theirs, digest) != 0)
        return cb_fail(err, CB_E_CORRUPT, "%s: '%s' stored it with the digest %.100s instead of %s", what, ep->host, theirs,
                       digest);
    return 0;
}

/* ---- sending ---------------------------------------------------------------------------------- */
static int begin_session(struct reg_upload *u, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *url = reg_client_url(u->c, u->ep, err, "blobs/uploads/");
    if (!url || reg_upload_call(u, "POST", url, &a, err) < 0)
        return -1;
    if (a.status != 202)
        return failed(u, &a, "push", err);
    return reg_upload_take_session(u, &a, err);
}

/* Asks how much of a broken upload arrived: u->offset; the session is dropped when nothing can be done with it. */
static void find_offset(struct reg_upload *u)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    uint64_t last = 0;
    bool use = u->blob->d.size >= MIN_RESUME && u->session && reg_upload_call(u, "GET", u->session, &a, &ignored) == 0 &&
               a.status == 204;
    const char *range = use ? reg_http_header(&a, "range", NULL) : NULL;
    u->offset = 0;
    /* "0-0" is one byte or none: begin anew */
    if (range && cb_starts(range, "0-") && cb_parse_u64(range + 2, u->blob->d.size - 1, &last) && last > 0 &&
        (!reg_http_header(&a, "location", NULL) || reg_upload_take_session(u, &a, &ignored) == 0)) {
        u->offset = last + 1;
        return;
    }
    free(CB_TAKE(u->session));
}

static void on_sent(void *arg, uint64_t sent)
{
    const struct reg_upload *u = arg;
    if (u->on_progress)
        u->on_progress(u->arg, u->offset + sent);
}

/* The next part of it: PATCH, with a new address for what follows. */
static int patch_blob(struct reg_upload *u, struct reg_http_answer *a, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    uint64_t n = CB_MIN(u->part, u->blob->d.size - u->offset);
    cb_strv_push(&headers, "Content-Type: application/octet-stream");
    cb_strv_take(&headers,
                 cb_printf("Content-Range: %llu-%llu", (unsigned long long)u->offset, (unsigned long long)(u->offset + n - 1)));
    struct reg_http_body body = {.size = n, .offset = u->offset, .open = u->blob->open, .arg = u->blob->arg};
    struct reg_http_request req = {.method = "PATCH",
                                   .url = u->session,
                                   .headers = &headers,
                                   .body = &body,
                                   .tries = 1,
                                   .on_sent = on_sent,
                                   .on_sent_arg = u};
    if (reg_client_call(u->c, u->ep, u->scopes, &req, a, err) < 0)
        return -1;
    if (!reg_upload_accepted(a))
        return 0;
    u->offset += n;
    return reg_http_header(a, "location", NULL) ? reg_upload_take_session(u, a, err) : 0;
}

static int put_blob(struct reg_upload *u, struct reg_http_answer *a, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf url = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    uint64_t size = u->blob->d.size;
    cb_buf_printf(&url, "%s%sdigest=", u->session, strchr(u->session, '?') ? "&" : "?");
    reg_url_escape(&url, u->text);
    cb_strv_push(&headers, "Content-Type: application/octet-stream");
    if (u->offset && u->offset < size)
        cb_strv_take(&headers,
                     cb_printf("Content-Range: %llu-%llu", (unsigned long long)u->offset, (unsigned long long)size - 1));
    struct reg_http_body body = {.size = size - u->offset, .offset = u->offset, .open = u->blob->open, .arg = u->blob->arg};
    struct reg_http_request req = {
        .method = "PUT", .url = url.data, .headers = &headers, .body = &body, .tries = 1, .on_sent = on_sent, .on_sent_arg = u};
    return reg_client_call(u->c, u->ep, u->scopes, &req, a, err);
}

/* Whether a new session may succeed where this one did not: not every registry really resumes. */
static bool session_lost(const struct reg_upload *u, const struct reg_http_answer *a)
{
    if (u->offset && a->status >= 400 && a->status < 500 && a->status != 401 && a->status != 403 && a->status != 429)
        return true;
    return a->status == 404 || a->status == 416 || reg_answer_has_code(a, "BLOB_UPLOAD_UNKNOWN") ||
           reg_answer_has_code(a, "RANGE_INVALID") || reg_answer_has_code(a, "BLOB_UPLOAD_INVALID");
}

/* Smaller parts, where that may help: a registry or a proxy in front of it has no room for so much, or takes no body with PUT. */
static bool cut_smaller(struct reg_upload *u, const struct reg_http_answer *a)
{
    static const int refusals[] = {405, 411, 413, 501};
    uint64_t least = CB_MAX(LEAST_PART, u->least);
    bool refused = a->status == 400 && !u->part && reg_answer_has_code(a, "UNSUPPORTED");
    for (size_t i = 0; i < CB_LEN(refusals); i++)
        refused |= a->status == refusals[i];
    if (!refused || (u->part && u->part / 4 < least) || !u->blob->d.size)
        return false;
    u->part = u->part ? u->part / 4 : CB_MAX(FIRST_PART, least);
    u->offset = 0;
    free(CB_TAKE(u->session));
    return true;
}

/* 0 with the answer to the last request, -1 without. */
static int send(struct reg_upload *u, struct reg_http_answer *a, struct cb_error *err)
{
    while (u->part && u->offset < u->blob->d.size)
        if (patch_blob(u, a, err) < 0)
            return -1;
        else if (!reg_upload_accepted(a))
            return 0;
    return put_blob(u, a, err);
}

/* One try. 1: done; 0: another may help; -1: none will. err is set unless 1. */
static int try_upload(struct reg_upload *u, struct reg_http_answer *a, struct cb_error *err)
{
    if (!u->session && begin_session(u, err) < 0)
        return -1;
    if (send(u, a, err) < 0)
        return a->failure == REG_HTTP_FATAL || a->failure == REG_HTTP_FINE ? -1 : 0;
    if (reg_upload_accepted(a)) {
        CB_AUTO(free) char *what = cb_printf("push blob %s to '%s'", u->text, u->name);
        return reg_upload_check_stored(u->ep, a, what, u->text, err) < 0 ? -1 : 1;
    }
    if (cut_smaller(u, a))
        return try_upload(u, a, err);
    failed(u, a, "push", err);
    return session_lost(u, a) || reg_http_status_retryable(a->status) ? 0 : -1;
}

int reg_upload(struct reg_upload *u, struct cb_error *err)
{
    struct reg_backoff backoff = {0};
    bool lost_once = false;
    for (;;) {
        CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        int r = try_upload(u, &a, &e);
        if (r > 0)
            return 0;
        bool lost = r == 0 && a.failure == REG_HTTP_FINE && session_lost(u, &a);
        if (lost && lost_once)
            r = -1;
        lost_once |= lost;
        int given = reg_http_options(u->c->http)->tries, tries = given ? given : UPLOAD_TRIES;
        if (a.failure == REG_HTTP_STALLED)
            tries = reg_http_tries(u->c->http, a.failure, false, UPLOAD_TRIES);
        if (r == 0 && reg_backoff_wait(&backoff, u->c->http, tries, a.failure == REG_HTTP_FINE ? &a : NULL, e.msg)) {
            if (lost)
                free(CB_TAKE(u->session));
            find_offset(u);
            on_sent(u, 0);
            continue;
        }
        cb_error_move(err, &e);
        return -1;
    }
}

void reg_upload_done(struct reg_upload *u)
{
    free(CB_TAKE(u->session));
}
