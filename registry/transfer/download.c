#include "registry/transfer/download.h"

#include "base/text.h"
#include "registry/transfer/range.h"
#include "registry/transfer/url.h"

#define MIN_PROGRESS (1u << 20) /* after this many bytes a broken connection counts as the first again */

struct download {
    const struct reg_download *d;
    cb_sink_fn *sink;
    void *arg;
    uint64_t have;                        /* where in the whole we are */
    const struct reg_http_answer *answer; /* of the current request */
    bool begun;                           /* its first byte has been seen */
    uint64_t skip;                        /* bytes of it that are not wanted (any more) */
};

/* The first byte of an answer: where in the whole are we? */
static int begin(struct download *w, struct cb_error *err)
{
    uint64_t start = 0;
    const char *range = w->answer->status == 206 ? reg_http_header(w->answer, "content-range", NULL) : NULL;
    if (w->answer->status == 206 && (!range || !reg_range_start(range, w->d->size, &start) || start > w->have))
        return cb_fail(err, CB_E_CORRUPT, "%s has %llu bytes, and no part from %llu on is '%.100s'", w->d->what,
                       (unsigned long long)w->d->size, (unsigned long long)w->have, range ? range : "");
    w->skip = w->have - start;
    w->begun = true;
    return 0;
}

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct download *w = arg;
    if (!w->begun && begin(w, err) < 0)
        return -1;
    size_t old = (size_t)CB_MIN(w->skip, (uint64_t)n);
    w->skip -= old;
    n -= old;
    if (n > w->d->size - w->have)
        return cb_fail(err, CB_E_CORRUPT, "%s is longer than %llu bytes", w->d->what, (unsigned long long)w->d->size);
    if (n > 0 && w->sink(w->arg, (const char *)p + old, n, err) < 0)
        return -1;
    w->have += n;
    return 0;
}

static int request(struct download *w, struct reg_http *h, bool refused, struct reg_http_answer *a, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    struct reg_http_request req = {.method = "GET", .sink = take_bytes, .sink_arg = w, .tries = 1};
    if (w->d->prepare(w->d->arg, refused, &req, err) < 0) {
        a->failure = REG_HTTP_FATAL;
        return -1;
    }
    if (req.headers)
        cb_strv_copy(&headers, req.headers);
    if (w->have > 0)
        cb_strv_take(&headers, cb_printf("Range: bytes=%llu-", (unsigned long long)w->have));
    req.headers = &headers;
    w->answer = a;
    w->begun = false;
    w->skip = 0;
    return reg_http_send(h, &req, a, err);
}

enum verdict { DONE, AGAIN, FAILED };

/* What a request came to. AGAIN and FAILED: err says why. */
static enum verdict judge(const struct download *w, const struct reg_http_answer *a, int r, struct cb_error *err)
{
    if (r < 0)
        return a->failure == REG_HTTP_FATAL || a->failure == REG_HTTP_FINE ? FAILED : AGAIN;
    if (a->status == 200 || a->status == 206) {
        if (w->have == w->d->size)
            return DONE;
        cb_fail(err, CB_E_NETWORK, "%s: got %llu of %llu bytes", w->d->what, (unsigned long long)w->have,
                (unsigned long long)w->d->size);
        return AGAIN;
    }
    w->d->failed(w->d->arg, a, w->d->what, err);
    return reg_http_status_retryable(a->status) ? AGAIN : FAILED;
}

static bool refuses(const struct reg_http_answer *a)
{
    return a->status == 401 || a->status == 403;
}

static bool is_local(const struct reg_http_answer *a)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    return a->url && reg_url_parse(a->url, &u) && reg_host_is_local(u.host);
}

int reg_download(struct reg_http *h, const struct reg_download *d, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    struct download w = {.d = d, .sink = sink, .arg = arg, .have = d->offset};
    struct reg_backoff backoff = {0};
    for (bool refused = false; w.have < d->size;) {
        CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        uint64_t before = w.have;
        int r = request(&w, h, refused, &a, &e);
        enum verdict v = judge(&w, &a, r, &e);
        if (v == DONE)
            return 0;
        if (w.have - before >= MIN_PROGRESS)
            backoff.tried = 0;
        bool first = r == 0 && refuses(&a) && !refused;
        refused = r == 0 && refuses(&a);
        int tries = reg_http_tries(h, a.failure, is_local(&a), REG_HTTP_TRIES);
        if (first || (v == AGAIN && reg_backoff_wait(&backoff, h, tries, r < 0 ? NULL : &a, e.msg)))
            continue;
        cb_error_move(err, &e);
        return -1;
    }
    return 0;
}
