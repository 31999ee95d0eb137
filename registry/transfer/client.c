#include "registry/transfer/client-internal.h"

#include "base/json.h"
#include "registry/transfer/url.h"

/* ---- the client ------------------------------------------------------------------------------- */
struct reg_client *reg_client_new(const struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(reg_hosts) struct reg_hosts *hosts = reg_hosts_load(o, err);
    CB_AUTO(reg_credentials) struct reg_credentials *creds = hosts ? reg_credentials_load(o, err) : NULL;
    if (!creds)
        return NULL;
    reg_credentials_set_helpers(creds, reg_hosts_helpers(hosts));
    struct reg_client *c = CB_NEW(struct reg_client);
    c->http = reg_http_new(o);
    c->hosts = CB_TAKE(hosts);
    c->auth = reg_auth_new(c->http, CB_TAKE(creds));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void reg_client_free(struct reg_client *c)
{
    if (!c)
        return;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&c->bases, it));)
        free(it->value);
    cb_map_done(&c->bases);
    reg_auth_free(c->auth);
    reg_http_free(c->http);
    reg_hosts_free(c->hosts);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void reg_client_on_warning(struct reg_client *c, void (*fn)(void *arg, const char *text), void *arg)
{
    reg_http_on_warning(c->http, fn, arg);
}

/* ---- http or https ---------------------------------------------------------------------------- */
static bool unprotected(const struct reg_endpoint *ep)
{
    return ep->insecure || reg_host_is_local(ep->host);
}

/* Which of the schemes gets an answer. Servers that want TLS answer plain http with 400. */
static int probe(struct reg_client *c, const struct reg_endpoint *ep, char **ret, struct cb_error *err)
{
    bool local = reg_host_is_local(ep->host), tls_first = !local || cb_ends(ep->host, ":443");
    const char *schemes[] = {tls_first ? "https" : "http", tls_first ? "http" : "https"};
    CB_AUTO(cb_error) struct cb_error first = CB_ERROR_INIT;
    for (size_t i = 0; i < CB_LEN(schemes); i++) {
        CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        CB_AUTO(free) char *url = cb_printf("%s://%s/v2/", schemes[i], ep->host);
        struct reg_http_request req = {.method = "GET", .url = url, .unverified = true, .registry = true, .tries = 1};
        int r = reg_http_send(c->http, &req, &a, &e);
        if (r == 0 && (a.status != 400 || i > 0 || tls_first)) {
            *ret = cb_printf("%s://%s", schemes[i], ep->host);
            return 0;
        }
        if (r == 0)
            cb_fail(&e, CB_E_NETWORK, "GET '%s': status %d", url, a.status);
        if (i == 0)
            cb_error_move(&first, &e);
    }
    cb_error_move(err, &first);
    return -1;
}

/* Of a registry on our own machine that has not been asked yet: the first request will tell, and need not wait for a probe. */
static bool may_guess(const struct reg_endpoint *ep)
{
    return reg_host_is_local(ep->host) && !cb_ends(ep->host, ":443");
}

static char *base_key(const struct reg_endpoint *ep)
{
    return cb_printf("%s %d", ep->host, ep->insecure);
}

/* "https://registry-1.docker.io"; NULL with err. Caller frees. *guessed (NULL: it must be sure): nobody has answered there yet.
 */
static char *base_of(struct reg_client *c, const struct reg_endpoint *ep, bool *guessed, struct cb_error *err)
{
    if (guessed)
        *guessed = false;
    if (!unprotected(ep))
        return cb_printf("https://%s", ep->host);
    CB_AUTO(free) char *key = base_key(ep);
    char *base = NULL;
    pthread_mutex_lock(&c->lock);
    const char *known = cb_map_get(&c->bases, key);
    if (known)
        base = cb_strdup(known);
    else if (guessed && may_guess(ep))
        base = cb_printf("http://%s", ep->host), *guessed = true;
    else if (probe(c, ep, &base, err) == 0)
        cb_map_set(&c->bases, key, cb_strdup(base));
    pthread_mutex_unlock(&c->lock);
    return base;
}

static void keep_base(struct reg_client *c, const struct reg_endpoint *ep, const char *base)
{
    CB_AUTO(free) char *key = base_key(ep);
    pthread_mutex_lock(&c->lock);
    if (!cb_map_get(&c->bases, key))
        cb_map_set(&c->bases, key, cb_strdup(base));
    pthread_mutex_unlock(&c->lock);
}

char *reg_client_url(struct reg_client *c, const struct reg_endpoint *ep, struct cb_error *err, const char *fmt, ...)
{
    bool guessed;
    CB_AUTO(free) char *base = base_of(c, ep, &guessed, err);
    va_list ap;
    va_start(ap, fmt);
    CB_AUTO(free) char *rest = cb_vprintf(fmt, ap);
    va_end(ap);
    return base ? cb_printf("%s/v2/%s/%s", base, ep->path, rest) : NULL;
}

char *reg_client_root(struct reg_client *c, const struct reg_endpoint *ep, struct cb_error *err)
{
    CB_AUTO(free) char *base = base_of(c, ep, NULL, err);
    return base ? cb_printf("%s/v2/", base) : NULL;
}

/* ---- one request ------------------------------------------------------------------------------ */
void reg_add_scope(struct cb_strv *scopes, const char *path, const char *actions)
{
    cb_strv_take(scopes, cb_printf("repository:%s:%s", path, actions));
}

static bool same_place(const char *url, const char *base)
{
    CB_AUTO(reg_url) struct reg_url a = {0}, b = {0};
    return url && reg_url_parse(url, &a) && reg_url_parse(base, &b) && reg_url_same_origin(&a, &b);
}

static int explain(const struct reg_endpoint *ep, const struct reg_http_answer *a, struct cb_error *err)
{
    if (a->failure == REG_HTTP_NO_TLS)
        cb_hint(err,
                "a registry without TLS needs [[registry]] location = \"%s\" insecure = true in registries.conf, or "
                "--tls-verify=false",
                ep->domain);
    return -1;
}

static int call_at(struct reg_client *c, const struct reg_endpoint *ep, const char *base, const struct cb_strv *scopes,
                   const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err)
{
    enum { MOST_ANSWERS = 2 }; /* to 401: when we sent nothing, and when a token is no longer valid */
    CB_AUTO(free) char *header = NULL;
    struct reg_http_request r = *req;
    bool ours = same_place(req->url, base); /* an upload may be sent to another host, which must not see our token */
    struct reg_auth_for w = {ep->domain, ep->path, base, ep->insecure, scopes};
    if (ours)
        reg_auth_header(c->auth, &w, &header);
    r.unverified = ours && unprotected(ep);
    r.registry = ours;
    for (int answers = 0;; answers++) {
        char *next = NULL;
        r.authorization = header;
        if (reg_http_send(c->http, &r, ret, err) < 0)
            return explain(ep, ret, err);
        if (ret->status != 401 || answers == MOST_ANSWERS || !same_place(ret->url, base))
            return 0;
        if (reg_auth_answer(c->auth, &w, ret, header, &next, err) < 0)
            return -1;
        if (!next)
            return 0;
        free(header);
        header = next;
    }
}

/* 1: the guess was right, and this is the answer. 0: nothing has been done yet. */
static int call_guessed(struct reg_client *c, const struct reg_endpoint *ep, const char *base, const struct cb_strv *scopes,
                        const struct reg_http_request *req, struct reg_http_answer *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* a probe will say it better */
    struct reg_http_request once = *req;
    once.guess = true;
    bool answered = call_at(c, ep, base, scopes, &once, ret, &ignored) == 0;
    if (!answered || ret->status == 400)
        return 0;
    keep_base(c, ep, base);
    return 1;
}

int reg_client_call(struct reg_client *c, const struct reg_endpoint *ep, const struct cb_strv *scopes,
                    const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err)
{
    bool guessed;
    bool plain = !req->sink && !req->body; /* can be sent again without anybody noticing */
    CB_AUTO(free) char *guess = base_of(c, ep, &guessed, err), *base = NULL, *url = NULL;
    struct reg_http_request r = *req;
    if (!guess)
        return -1;
    if (!guessed)
        return call_at(c, ep, guess, scopes, req, ret, err);
    if (plain && call_guessed(c, ep, guess, scopes, req, ret) > 0)
        return 0;
    base = base_of(c, ep, NULL, err);
    if (!base)
        return explain(ep, ret, err);
    if (cb_starts(req->url, guess))
        r.url = url = cb_printf("%s%s", base, req->url + strlen(guess));
    return call_at(c, ep, base, scopes, &r, ret, err);
}

/* ---- what error answers say ------------------------------------------------------------------- */
static const char *member_text(json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s && *s ? s : NULL;
}

static json_t *parse_body(const struct reg_http_answer *a)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* proxies answer in HTML */
    return cb_json_parse(a->body.data, a->body.len, "", &ignored);
}

/* The specification's {"errors": […]}, and what others send instead. */
static void append_reason(struct cb_buf *b, const struct reg_http_answer *a)
{
    static const char *const elsewhere[] = {"message", "error_description", "details", "error"};
    CB_AUTO(json) json_t *j = parse_body(a);
    json_t *first = json_array_get(json_object_get(j, "errors"), 0);
    const char *code = member_text(first, "code"), *message = member_text(first, "message"),
               *detail = member_text(first, "detail");
    for (size_t i = 0; i < CB_LEN(elsewhere) && !code && !message; i++)
        message = member_text(j, elsewhere[i]);
    if (code)
        cb_buf_printf(b, " %.100s", code);
    if (message)
        cb_buf_printf(b, ": %.1000s", message);
    if (detail)
        cb_buf_printf(b, " (%.500s)", detail);
    const char *type = reg_http_header(a, "content-type", NULL);
    if (!j && type && cb_starts(type, "text/plain"))
        cb_buf_printf(b, ": %.*s", (int)CB_MIN(strcspn(a->body.data, "\r\n"), (size_t)300), a->body.data);
}

bool reg_answer_has_code(const struct reg_http_answer *a, const char *code)
{
    CB_AUTO(json) json_t *j = parse_body(a);
    json_t *errors = json_object_get(j, "errors"), *e;
    size_t i;
    json_array_foreach (errors, i, e) {
        const char *c = member_text(e, "code");
        if (c && strcmp(c, code) == 0)
            return true;
    }
    return false;
}

static enum cb_code code_of(int status)
{
    if (status == 401 || status == 403)
        return CB_E_DENIED;
    if (status == 404)
        return CB_E_NOT_FOUND;
    return reg_http_status_retryable(status) ? CB_E_NETWORK : CB_E_FAILED;
}

static void add_hint(const struct reg_endpoint *ep, const struct reg_http_answer *a, struct cb_error *err)
{
    uint64_t wait = reg_http_retry_after(a);
    bool hub = strcmp(ep->domain, "docker.io") == 0;
    if (a->status == 401)
        cb_hint(err, "not logged in to '%s', or the stored credentials are no longer valid: cbuild login %s", ep->domain,
                ep->domain);
    else if (a->status == 403)
        cb_hint(err, "the account in use has no right to do this in '%s/%s'; cbuild login %s takes another", ep->domain, ep->path,
                ep->domain);
    else if (a->status == 404)
        cb_hint(err,
                "check the spelling; a private repository gives the same answer to those who are not logged in to '%s' (cbuild "
                "login %s)",
                ep->domain, ep->domain);
    else if (a->status == 429 && wait)
        cb_hint(err, "'%s' asks to wait %llu seconds%s", ep->domain, (unsigned long long)wait,
                hub ? "; those who are logged in have a higher limit" : "");
    else if (a->status == 429)
        cb_hint(err,
                hub ? "the limit of Docker Hub is counted over hours and is higher for those who are logged in; or use a mirror"
                    : "too many requests: try later, or use a mirror");
    else if (wait)
        cb_hint(err, "'%s' asks to wait %llu seconds", ep->domain, (unsigned long long)wait);
}

int reg_answer_error(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_printf(&b, "%s: %s answered %d", what, ep->host, a->status);
    append_reason(&b, a);
    cb_fail(err, code_of(a->status), "%s", b.data);
    add_hint(ep, a, err);
    return -1;
}
