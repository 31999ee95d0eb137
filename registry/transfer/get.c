#include "registry/transfer/client-internal.h"

#include "registry/transfer/url.h"

#define MAX_ETAG 1024 /* bytes; a longer one could make the request that names it too long for its server */

struct get {
    const struct reg_get *what;
    cb_sink_fn *sink;
    void *arg;
    const char *shown;
    uint64_t have;
};

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct get *g = arg;
    if (g->what->max_size && n > g->what->max_size - g->have)
        return cb_fail(err, CB_E_FAILED, "'%s' is larger than %llu bytes", g->shown, (unsigned long long)g->what->max_size);
    g->have += n;
    return g->sink(g->arg, p, n, err);
}

void reg_get_answer_done(struct reg_get_answer *a)
{
    free(a->etag);
    free(a->last_modified);
    free(a->content_type);
    *a = (struct reg_get_answer){0};
}

static enum cb_code code_of(int status)
{
    if (status == 401 || status == 403)
        return CB_E_DENIED;
    return status == 404 || status == 410 ? CB_E_NOT_FOUND : reg_http_status_retryable(status) ? CB_E_NETWORK : CB_E_FAILED;
}

int reg_get(struct reg_client *c, const struct reg_get *get, cb_sink_fn *sink, void *arg, struct reg_get_answer *ret,
            struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    CB_AUTO(free) char *shown = reg_url_redact(get->url);
    struct get g = {.what = get, .sink = sink, .arg = arg, .shown = shown};
    if (get->if_none_match)
        cb_strv_take(&headers, cb_printf("If-None-Match: %s", get->if_none_match));
    struct reg_http_request req = {.method = "GET",
                                   .url = get->url,
                                   .headers = &headers,
                                   .authorization = get->authorization,
                                   .sink = take_bytes,
                                   .sink_arg = &g};
    if (reg_http_send(c->http, &req, &a, err) < 0)
        return -1;
    if (a.status / 100 != 2 && !(a.status == 304 && get->if_none_match)) {
        cb_fail(err, code_of(a.status), "invalid response status %d", a.status);
        return cb_hint(err, "from '%s'", shown);
    }
    if (a.status == 206) { /* we did not ask for a part */
        cb_fail(err, CB_E_CORRUPT, "answered with a part (status 206) where the whole was asked for");
        return cb_hint(err, "from '%s'", shown);
    }
    ret->status = a.status == 304 ? 304 : 200;
    const char *etag = reg_http_header(&a, "etag", NULL);
    ret->etag = etag && strlen(etag) <= MAX_ETAG ? cb_strdup(etag) : NULL;
    ret->last_modified = cb_strdup(reg_http_header(&a, "last-modified", NULL));
    ret->content_type = cb_strdup(reg_http_header(&a, "content-type", NULL));
    return 0;
}
