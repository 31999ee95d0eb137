/* The second half of http.h: redirects and repetition. */
#include "registry/transfer/http.h"

#include "base/fd.h"
#include "base/text.h"
#include "base/base64.h"
#include "registry/transfer/url.h"
#include <sys/random.h>
#include <time.h>

#define MAX_REDIRECTS   10
#define DELAY_MS        1000
#define MAX_DELAY_MS    30000
#define MAX_RETRY_AFTER 60 /* seconds; when a server wants more, the user is told instead */

/* ---- repetition ------------------------------------------------------------------------------- */
bool reg_http_status_retryable(int status)
{
    static const int statuses[] = {408, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < CB_LEN(statuses); i++)
        if (statuses[i] == status)
            return true;
    return false;
}

uint64_t reg_http_retry_after(const struct reg_http_answer *a)
{
    const char *value = reg_http_header(a, "retry-after", NULL);
    uint64_t seconds;
    int64_t when;
    if (!value)
        return 0;
    if (cb_parse_u64(value, UINT64_MAX, &seconds))
        return CB_MIN(seconds, (uint64_t)UINT32_MAX);
    int64_t now = (int64_t)time(NULL);
    return cb_time_parse_http(value, &when) && when > now ? (uint64_t)(when - now) : 0;
}

/* Docker Hub's limit is counted in hours: there is no use in asking again. */
static bool limit_exhausted(const struct reg_http_answer *a)
{
    const char *left = reg_http_header(a, "ratelimit-remaining", NULL);
    return a->status == 429 && left && (cb_starts(left, "0;") || strcmp(left, "0") == 0);
}

static uint64_t next_delay(const struct reg_http *h, int tried)
{
    int64_t given = reg_http_options(h)->delay_ms;
    uint64_t delay = given ? (uint64_t)given : DELAY_MS;
    uint32_t random = 0;
    const char *first = getenv("CBUILD_RETRY_DELAY_MS");
    if (first)
        (void)cb_parse_u64(first, MAX_DELAY_MS, &delay); /* else as it was */
    delay = CB_MIN(delay << CB_MIN(tried, 10), (uint64_t)MAX_DELAY_MS);
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)time(NULL);
    return delay + delay * (random % 1000) / 2000; /* up to half as much again, so that many clients spread out */
}

bool reg_backoff_wait(struct reg_backoff *b, struct reg_http *h, int max, const struct reg_http_answer *a, const char *what)
{
    uint64_t asked = a ? reg_http_retry_after(a) : 0, delay = next_delay(h, b->tried);
    if (++b->tried >= max || asked > MAX_RETRY_AFTER || (a && limit_exhausted(a)))
        return false;
    delay = CB_MAX(delay, asked * 1000);
    reg_http_warn(h, "%s; trying again in %.1f s", what, (double)delay / 1000);
    struct timespec t = {(time_t)(delay / 1000), (long)(delay % 1000) * 1000000};
    CB_RETRY(nanosleep(&t, &t));
    return true;
}

int reg_http_tries(const struct reg_http *h, enum reg_http_failure failure, bool local, int most)
{
    enum { NOBODY = 2, STALLED = 3 };
    int given = reg_http_options(h)->tries;
    if (given)
        return failure == REG_HTTP_FATAL ? 1 : given;
    switch (failure) {
    case REG_HTTP_FINE:
    case REG_HTTP_BROKEN:
        return most;
    case REG_HTTP_NO_CONNECTION:
    case REG_HTTP_NO_TLS:
        return local ? 1 : CB_MIN(most, NOBODY);
    case REG_HTTP_STALLED:
        return CB_MIN(most, STALLED);
    case REG_HTTP_FATAL:
        break;
    }
    return 1;
}

static int tries_for(const struct reg_http *h, const struct reg_http_request *req, const struct reg_http_answer *a)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    bool local = reg_url_parse(req->url, &u) && reg_host_is_local(u.host);
    if (req->guess && a->failure != REG_HTTP_FINE)
        return 1;
    if (req->tries)
        return a->failure == REG_HTTP_FATAL ? 1 : req->tries;
    return reg_http_tries(h, a->failure, local, REG_HTTP_TRIES);
}

/* ---- redirects -------------------------------------------------------------------------------- */
static bool is_redirect(const struct reg_http_request *req, int status)
{
    if (req->signing) /* a signature is for one address */
        return false;
    if (status == 307 || status == 308)
        return true;
    /* the others would drop the body */
    return (status == 301 || status == 302 || status == 303) &&
           (strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0);
}

/* The next URL (caller frees), or NULL with err. Removes from `req` what the next host must not get. */
static char *next_hop(struct reg_http_request *req, const struct reg_http_answer *a, struct cb_error *err)
{
    CB_AUTO(reg_url) struct reg_url from = {0}, to = {0};
    const char *location = reg_http_header(a, "location", NULL);
    CB_AUTO(free) char *url = location ? reg_url_resolve(req->url, location) : NULL;
    CB_AUTO(free) char *shown_from = reg_url_redact(req->url), *shown_to = reg_url_redact(url ? url : location ? location : "");
    if (!location) {
        cb_fail(err, CB_E_CORRUPT, "'%s' redirects with status %d but without a usable Location", shown_from, a->status);
        return NULL;
    }
    if (!url || !reg_url_parse(req->url, &from) || !reg_url_parse(url, &to)) {
        cb_fail(err, CB_E_CORRUPT, "'%s' redirects to '%s', which is not an http URL", shown_from, shown_to);
        return NULL;
    }
    if (from.tls && !to.tls) {
        cb_fail(err, CB_E_DENIED, "'%s' redirects from https to http ('%s'): refused", shown_from, shown_to);
        return NULL;
    }
    if (!reg_url_same_origin(&from, &to)) {
        if (req->secret_body) {
            cb_fail(err, CB_E_DENIED, "'%s' redirects to '%s', which must not get the credentials", shown_from, shown_to);
            return NULL;
        }
        req->authorization = NULL;
        req->unverified = req->registry = false;
    }
    return CB_TAKE(url);
}

/* User information in a URL is Basic authentication; it stays with `req` until another host is asked. */
static char *basic_of(const char *url)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (!reg_url_parse(url, &u) || !u.user)
        return NULL;
    cb_buf_adds(&b, "Basic ");
    cb_base64_encode(&b, u.user, strlen(u.user));
    return cb_buf_detach(&b);
}

static int follow(struct reg_http *h, const struct reg_http_request *first, struct reg_http_answer *ret, struct cb_error *err)
{
    struct reg_http_request req = *first;
    CB_AUTO(free) char *url = NULL, *basic = NULL;
    for (int hop = 0;; hop++) {
        if (!req.authorization && !req.signing) {
            free(basic);
            req.authorization = basic = basic_of(req.url);
        }
        if (reg_http_exchange(h, &req, ret, err) < 0)
            return -1;
        if (!is_redirect(&req, ret->status))
            return 0;
        if (hop == MAX_REDIRECTS) {
            CB_AUTO(free) char *shown = reg_url_redact(first->url);
            ret->failure = REG_HTTP_FATAL;
            return cb_fail(err, CB_E_FAILED, "'%s': more than %d redirects", shown, MAX_REDIRECTS);
        }
        char *next = next_hop(&req, ret, err);
        if (!next) {
            ret->failure = REG_HTTP_FATAL;
            return -1;
        }
        free(url);
        req.url = url = next;
    }
}

/* Warning: 299 - "text" (RFC 7234 §5.5), as registries use it to announce the end of something. */
static void pass_warnings(struct reg_http *h, const struct reg_http_answer *a, const char *url)
{
    size_t from = 0;
    const char *value;
    CB_AUTO(reg_url) struct reg_url u = {0};
    while ((value = reg_http_header(a, "warning", &from))) {
        const char *open = strchr(value, '"'), *close = open ? strrchr(open + 1, '"') : NULL;
        if (!cb_starts(value, "299 ") || !close || (!u.host && !reg_url_parse(url, &u)))
            continue;
        CB_AUTO(free) char *text = cb_printf("%s: %.*s", u.host, (int)CB_MIN(close - open - 1, 1000), open + 1);
        reg_http_warn_once(h, text);
    }
}

int reg_http_send(struct reg_http *h, const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err)
{
    struct reg_backoff backoff = {0};
    for (;;) {
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        int r = follow(h, req, ret, &e);
        if (r == 0)
            pass_warnings(h, ret, req->url);
        bool again = r < 0 ? true : reg_http_status_retryable(ret->status);
        if (again && ret->delivered == 0) {
            CB_AUTO(free) char *shown = reg_url_redact(req->url);
            CB_AUTO(free)
            char *what = r < 0 ? cb_strdup(e.msg) : cb_printf("%s '%s': status %d", req->method, shown, ret->status);
            if (reg_backoff_wait(&backoff, h, tries_for(h, req, ret), r < 0 ? NULL : ret, what))
                continue;
        }
        if (r < 0)
            cb_error_move(err, &e);
        return r;
    }
}
