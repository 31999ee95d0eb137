#include "registry/transfer/auth.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/base64.h"
#include "registry/transfer/challenge.h"
#include "registry/transfer/url.h"
#include <pthread.h>

#define DEFAULT_LIFE 60    /* seconds, when the server does not say (distribution's token specification) */
#define LONGEST_LIFE 86400 /* a server may say more than a build lasts */
#define MAX_TOKEN    (64u << 10)

struct token {
    char *header;
    int64_t until; /* CLOCK_MONOTONIC seconds; INT64_MAX: as long as we run */
};
struct reg_auth {
    struct reg_http *http;
    struct reg_credentials *creds;
    pthread_mutex_t lock;     /* guards what follows */
    struct cb_map tokens;     /* base, scopes → struct token */
    struct cb_map challenges; /* base → struct reg_challenges: how this registry wants us to authenticate */
};

struct reg_auth *reg_auth_new(struct reg_http *http, struct reg_credentials *creds)
{
    struct reg_auth *a = CB_NEW(struct reg_auth);
    a->http = http;
    a->creds = creds;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void token_free(struct token *t)
{
    if (t)
        free(t->header);
    free(t);
}

void reg_auth_free(struct reg_auth *a)
{
    if (!a)
        return;
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&a->tokens, it));)
        token_free(it->value);
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&a->challenges, it));) {
        reg_challenges_done(it->value);
        free(it->value);
    }
    cb_map_done(&a->tokens);
    cb_map_done(&a->challenges);
    reg_credentials_free(a->creds);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static int64_t now(void)
{
    return cb_clock_now().tv_sec;
}

/* ---- scopes ----------------------------------------------------------------------------------- */
/* "repository:a/b:pull,push" covers "repository:a/b:pull". */
static bool scope_covers(const char *ours, const char *theirs)
{
    const char *o = strrchr(ours, ':'), *t = strrchr(theirs, ':');
    if (!o || !t || o - ours != t - theirs || strncmp(ours, theirs, (size_t)(o - ours)) != 0)
        return false;
    for (t++; *t;) {
        size_t n = strcspn(t, ",");
        bool found = false;
        for (const char *p = o + 1; *p && !found; p += strcspn(p, ","), p += *p == ',')
            found = strcspn(p, ",") == n && strncmp(p, t, n) == 0;
        if (!found)
            return false;
        t += n + (t[n] == ',');
    }
    return true;
}

/* What we want and what the registry says it wants: behind a mirror its names may differ from ours. */
static void join_scopes(const struct cb_strv *ours, const char *theirs, struct cb_strv *ret)
{
    cb_strv_copy(ret, ours);
    while (theirs && *theirs) {
        size_t n = strcspn(theirs, " ");
        CB_AUTO(free) char *one = cb_memdup0(theirs, n);
        bool covered = n == 0;
        for (size_t i = 0; i < ret->n && !covered; i++)
            covered = strcmp(ret->items[i], one) == 0 || scope_covers(ret->items[i], one);
        if (!covered && ret->n < 16)
            cb_strv_push(ret, one);
        theirs += n + (theirs[n] == ' ');
    }
}

/* ---- token servers ---------------------------------------------------------------------------- */
static bool header_safe(const char *s)
{
    size_t n = 0;
    for (; *s; s++, n++)
        if (*s <= ' ' || *s > '~' || n >= MAX_TOKEN)
            return false;
    return n > 0;
}

static void add_field(struct cb_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    cb_buf_printf(b, "%s%s=", b->len && !strchr("?&", b->data[b->len - 1]) ? "&" : "", name);
    reg_url_escape(b, value);
}

static char *basic_header(const char *user, const char *password)
{
    CB_AUTO(free) char *pair = cb_printf("%s:%s", user, password);
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_adds(&b, "Basic ");
    cb_base64_encode(&b, pair, strlen(pair));
    return cb_buf_detach(&b);
}

static int parse_token(const struct reg_http_answer *answer, const char *realm, struct token *ret, struct cb_error *err)
{
    const char *token = "", *access = "";
    int64_t life = DEFAULT_LIFE;
    CB_AUTO(free) char *shown = reg_url_redact(realm);
    CB_AUTO(free) char *what = cb_printf("answer of token server '%s'", shown);
    CB_AUTO(json) json_t *j = cb_json_parse(answer->body.data, answer->body.len, what, err);
    if (!j || cb_json_str(j, "token", what, &token, err) < 0 || cb_json_str(j, "access_token", what, &access, err) < 0)
        return -1;
    json_t *seconds = json_object_get(j, "expires_in"); /* some send a fraction, some a string: then the default */
    if (json_is_number(seconds) && json_number_value(seconds) > 0)
        life = json_number_value(seconds) < LONGEST_LIFE ? (int64_t)json_number_value(seconds) : LONGEST_LIFE;
    if (!*token)
        token = access;
    if (!header_safe(token))
        return cb_fail(err, CB_E_CORRUPT, "%s: no usable token", what);
    ret->header = cb_printf("Bearer %s", token);
    ret->until = now() + life - CB_MIN(life / 4, 15); /* a transfer must still be able to begin with it */
    return 0;
}

struct grant {
    const struct reg_auth_for *w;
    const struct reg_challenge *challenge;
    const struct reg_cred *cred;
    const struct cb_strv *scopes;
    bool unverified;
};

static int get_token(struct reg_auth *a, const struct grant *g, struct reg_http_answer *answer, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf url = CB_BUF_INIT;
    CB_AUTO(free) char *auth = NULL;
    const char *password = g->cred->password ? g->cred->password : g->cred->identity_token;
    cb_buf_adds(&url, g->challenge->realm);
    cb_buf_adds(&url, strchr(url.data, '?') ? "&" : "?");
    add_field(&url, "service", g->challenge->service);
    for (size_t i = 0; i < g->scopes->n; i++)
        add_field(&url, "scope", g->scopes->items[i]);
    add_field(&url, "client_id", "cbuild");
    if (password) {
        const char *user = g->cred->user ? g->cred->user : "<token>";
        add_field(&url, "account", user);
        auth = basic_header(user, password);
    }
    struct reg_http_request req = {.method = "GET",
                                   .url = url.data,
                                   .authorization = auth,
                                   .unverified = g->unverified,
                                   .registry = true,
                                   .max_body = 1u << 20};
    return reg_http_send(a->http, &req, answer, err);
}

static int post_token(struct reg_auth *a, const struct grant *g, struct reg_http_answer *answer, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf form = CB_BUF_INIT, scopes = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv headers = {0};
    for (size_t i = 0; i < g->scopes->n; i++)
        cb_buf_printf(&scopes, "%s%s", i ? " " : "", g->scopes->items[i]);
    if (g->cred->identity_token) {
        add_field(&form, "grant_type", "refresh_token");
        add_field(&form, "refresh_token", g->cred->identity_token);
    } else {
        add_field(&form, "grant_type", "password");
        add_field(&form, "username", g->cred->user);
        add_field(&form, "password", g->cred->password);
    }
    add_field(&form, "service", g->challenge->service);
    add_field(&form, "scope", scopes.data);
    add_field(&form, "client_id", "cbuild");
    cb_strv_push(&headers, "Content-Type: application/x-www-form-urlencoded");
    struct reg_http_body body = {.bytes = form.data, .size = form.len};
    struct reg_http_request req = {.method = "POST",
                                   .url = g->challenge->realm,
                                   .headers = &headers,
                                   .body = &body,
                                   .secret_body = true,
                                   .unverified = g->unverified,
                                   .registry = true,
                                   .max_body = 1u << 20};
    return reg_http_send(a->http, &req, answer, err);
}

static int refused(const struct grant *g, int status, struct cb_error *err)
{
    CB_AUTO(free) char *shown = reg_url_redact(g->challenge->realm);
    bool denied = status == 401 || status == 403;
    cb_fail(err, denied ? CB_E_DENIED : CB_E_NETWORK, "token server '%s' answered with status %d", shown, status);
    if (denied && (g->cred->user || g->cred->identity_token))
        cb_hint(err, "the stored credentials for '%s' are not accepted: cbuild login %s", g->w->domain, g->w->domain);
    else if (denied)
        cb_hint(err, "not logged in to '%s': cbuild login %s", g->w->domain, g->w->domain);
    return -1;
}

/* Whether the realm may be told who we are. A registry that was reached over verified TLS, or on this machine, is
 * believed; what an unprotected one says may be an attacker's, so it may only name itself. */
static int check_realm(const struct grant *g, struct cb_error *err)
{
    CB_AUTO(reg_url) struct reg_url realm = {0}, base = {0};
    CB_AUTO(free) char *shown = reg_url_redact(g->challenge->realm);
    if (!reg_url_parse(g->challenge->realm, &realm) || !reg_url_parse(g->w->base, &base))
        return cb_fail(err, CB_E_CORRUPT, "registry '%s' names a token server without a URL: '%s'", g->w->domain, shown);
    bool secret = g->cred->user || g->cred->identity_token, local = reg_host_is_local(realm.host);
    bool same_host = strcmp(realm.host, base.host) == 0;
    bool trusted = (base.tls && !g->w->insecure) || reg_host_is_local(base.host);
    bool protected_way = realm.tls || local || (g->w->insecure && same_host);
    if (!secret || (protected_way && (trusted || same_host)))
        return 0;
    cb_fail(err, CB_E_DENIED, "the credentials for '%s' are not sent to '%s'", g->w->domain, shown);
    return cb_hint(err, protected_way ? "an insecure registry may not name another host as its token server"
                                      : "that token server is not reached by https");
}

static int bearer(struct reg_auth *a, struct grant *g, struct token *ret, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer answer = REG_HTTP_ANSWER_INIT;
    CB_AUTO(reg_url) struct reg_url realm = {0}, base = {0};
    if (check_realm(g, err) < 0)
        return -1;
    g->unverified = g->w->insecure && reg_url_parse(g->challenge->realm, &realm) && reg_url_parse(g->w->base, &base) &&
                    strcmp(realm.host, base.host) == 0;
    /* identity tokens are made for POST, passwords for GET; where a server lacks one, the other is tried */
    bool post_first = g->cred->identity_token != NULL;
    if ((post_first ? post_token : get_token)(a, g, &answer, err) < 0)
        return -1;
    bool lacks = answer.status == 404 || answer.status == 405 || (post_first && (answer.status == 400 || answer.status == 401));
    if (lacks && (g->cred->user || g->cred->identity_token) && (post_first ? get_token : post_token)(a, g, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return refused(g, answer.status, err);
    return parse_token(&answer, g->challenge->realm, ret, err);
}

/* ---- choosing --------------------------------------------------------------------------------- */
/* 1: *ret is filled, 0: nothing can be offered. */
static int make_token(struct reg_auth *a, const struct reg_auth_for *w, const struct reg_challenges *c, struct token *ret,
                      struct cb_error *err)
{
    CB_AUTO(reg_cred) struct reg_cred cred = {0};
    CB_AUTO(cb_buf) struct cb_buf note = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv scopes = {0};
    const struct reg_challenge *bear = reg_challenges_find(c, "bearer"), *basic = reg_challenges_find(c, "basic");
    if (reg_credentials_find(a->creds, w->domain, w->path, &cred, &note, err) < 0)
        return -1;
    if (note.len)
        reg_http_warn_once(a->http, note.data);
    if (bear && cred.registry_token && header_safe(cred.registry_token)) {
        *ret = (struct token){cb_printf("Bearer %s", cred.registry_token), INT64_MAX};
        return 1;
    }
    if (bear && bear->realm) {
        join_scopes(w->scopes, bear->scope, &scopes);
        struct grant g = {.w = w, .challenge = bear, .cred = &cred, .scopes = &scopes};
        return bearer(a, &g, ret, err) < 0 ? -1 : 1;
    }
    if (basic && cred.user) {
        *ret = (struct token){basic_header(cred.user, cred.password), INT64_MAX};
        return 1;
    }
    return 0;
}

static char *token_key(const struct reg_auth_for *w)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_printf(&b, "%s\n%s/%s", w->base, w->domain, w->path); /* credentials may be specific to the path */
    for (size_t i = 0; i < w->scopes->n; i++)
        cb_buf_printf(&b, "\n%s", w->scopes->items[i]);
    return cb_buf_detach(&b);
}

/* The header to send, made and kept when there is none that is valid. */
static int obtain(struct reg_auth *a, const struct reg_auth_for *w, const struct reg_challenges *c, char **ret,
                  struct cb_error *err)
{
    CB_AUTO(free) char *key = token_key(w);
    struct token made = {0};
    int r = make_token(a, w, c, &made, err);
    if (r <= 0)
        return r;
    struct token *t = CB_NEW(struct token);
    *t = made;
    *ret = cb_strdup(t->header);
    token_free(cb_map_set(&a->tokens, key, t));
    return 0;
}

static const char *valid_token(struct reg_auth *a, const struct reg_auth_for *w)
{
    CB_AUTO(free) char *key = token_key(w);
    struct token *t = cb_map_get(&a->tokens, key);
    return t && now() < t->until ? t->header : NULL;
}

void reg_auth_header(struct reg_auth *a, const struct reg_auth_for *w, char **ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* this repository may want something else: its 401 will say */
    *ret = NULL;
    pthread_mutex_lock(&a->lock);
    const char *have = valid_token(a, w);
    const struct reg_challenges *c = cb_map_get(&a->challenges, w->base);
    if (have)
        *ret = cb_strdup(have);
    else if (c)
        (void)obtain(a, w, c, ret, &ignored);
    pthread_mutex_unlock(&a->lock);
}

/* What the registry will want for other repositories too: all but the scope, which belongs to one repository. */
static void remember(struct reg_auth *a, const char *base, const struct reg_http_answer *answer)
{
    struct reg_challenges *c = CB_NEW(struct reg_challenges);
    size_t from = 0;
    const char *value;
    while ((value = reg_http_header(answer, "www-authenticate", &from)))
        reg_challenges_parse(c, value);
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].scope);
        c->items[i].scope = NULL;
    }
    struct reg_challenges *old = cb_map_set(&a->challenges, base, c);
    if (old)
        reg_challenges_done(old);
    free(old);
}

int reg_auth_answer(struct reg_auth *a, const struct reg_auth_for *w, const struct reg_http_answer *answer, const char *used,
                    char **ret, struct cb_error *err)
{
    CB_AUTO(reg_challenges) struct reg_challenges c = {0};
    size_t from = 0;
    const char *value;
    int r = 0;
    *ret = NULL;
    while ((value = reg_http_header(answer, "www-authenticate", &from)))
        reg_challenges_parse(&c, value);
    pthread_mutex_lock(&a->lock);
    remember(a, w->base, answer);
    const char *have = valid_token(a, w);
    if (have && (!used || strcmp(have, used) != 0))
        *ret = cb_strdup(have); /* another thread was faster */
    else
        r = obtain(a, w, &c, ret, err);
    if (*ret && used && strcmp(*ret, used) == 0) { /* Basic, or a fixed token: it was refused already */
        free(*ret);
        *ret = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    return r;
}
