#include "builder/context/download.h"
#include "builder/context/follow.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/session/jobs.h"
#include "builder/session/secret.h"
#include "cache/store/blob.h"
#include "cache/fetch.h"
#include "registry/transfer/header.h"
#include "registry/transfer/transfer.h"
#include "registry/transfer/url.h"

/* ---- what is remembered of a URL ------------------------------------------------------------------------------------ */

/* An ETag that cannot be sent back is as good as none. */
static bool recall(struct cache_store *s, const char *url, struct cache_fetch *m)
{
    if (cache_fetch_load(s, url, m) != 1)
        return false;
    if (m->etag && !reg_header_clean(m->etag)) {
        free(m->etag);
        m->etag = NULL;
    }
    return true;
}

/* ---- the job --------------------------------------------------------------------------------------------------------- */

struct http_request {
    struct build_session *session;
    const char *url;
    const char *authorization;
};

struct sink {
    struct cache_blob_writer *writer;
    struct cb_job_io *io;
};

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct sink *s = arg;
    if (cache_blob_write(s->writer, p, n, err) < 0)
        return -1;
    cb_job_progress(s->io, "downloading", s->writer->size, 0);
    return 0;
}

static int get(struct cb_job_io *io, const struct http_request *q, struct cache_fetch *m, struct reg_get_answer *a,
               struct cb_error *err)
{
    struct cache_store *s = q->session->store;
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(&q->session->request->registry, err);
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    struct sink sink = {&w, io};
    if (!c || cache_blob_begin(s, &w, err) < 0)
        return -1;
    (void)recall(s, q->url, m);
    reg_client_on_warning(c, cb_job_on_warning, io);
    struct reg_get what = {.url = q->url, .if_none_match = m->etag, .authorization = q->authorization};
    if (reg_get(c, &what, take_bytes, &sink, a, err) < 0)
        return -1;
    if (a->status == 304)
        return 0;
    free(m->etag);
    *m = (struct cache_fetch){.etag = a->etag ? cb_strdup(a->etag) : NULL, .size = w.size};
    if (a->last_modified)
        (void)cb_time_parse_http(a->last_modified, &m->mtime); /* not a valid time: as if none was given */
    if (cache_blob_commit(&w, NULL, &m->digest, err) < 0)
        return -1;
    cache_fetch_store(s, q->url, m);
    return 0;
}

/* Answers digest, size, mtime. */
static int http_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct http_request *q = ctx;
    CB_AUTO(cache_fetch) struct cache_fetch m = {0};
    struct reg_get_answer a = {0};
    int r = get(io, q, &m, &a, err);
    if (r == 0) {
        cb_put_bytes(answer, m.digest.b, sizeof(m.digest.b));
        cb_put_u64(answer, m.size);
        cb_put_u64(answer, (uint64_t)m.mtime);
    }
    reg_get_answer_done(&a);
    return r;
}

/* ---- credentials ------------------------------------------------------------------------------------------------------ */

static char *host_secret(const struct build_session *session, const char *prefix, const struct reg_url *u)
{
    CB_AUTO(free) char *with_port = cb_printf("%s%s:%u", prefix, u->host, u->port);
    CB_AUTO(free) char *plain = cb_printf("%s%s", prefix, u->host);
    char *text = build_secret_text(session->request, with_port);
    return text ? text : build_secret_text(session->request, plain);
}

/* The value of an Authorization header; NULL: none (then the URL's user information is sent, if there is any). */
static int authorization(const struct build_session *session, const char *url, char **ret, struct cb_error *err)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    if (!reg_url_parse(url, &u))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid URL '%s'", url);
    CB_AUTO(free) char *header = host_secret(session, "HTTP_AUTH_HEADER_", &u);
    CB_AUTO(free) char *token = header ? NULL : host_secret(session, "HTTP_AUTH_TOKEN_", &u);
    CB_AUTO(free) char *value = header ? CB_TAKE(header) : token ? cb_printf("Bearer %s", token) : NULL;
    if (value && !reg_header_clean(value))
        return cb_fail(err, CB_E_USAGE, "the secret for '%s' holds a control character", u.host);
    *ret = CB_TAKE(value);
    return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

bool build_is_url(const char *text)
{
    return cb_starts(text, "http://") || cb_starts(text, "https://");
}

/* Whether what the URL gave before is what is wanted: then there is nothing to ask. */
static bool is_here(struct cache_store *s, const char *url, const char *checksum, struct build_download *ret)
{
    struct cb_digest want;
    CB_AUTO(cache_fetch) struct cache_fetch m = {0};
    if (!checksum || !cb_digest_parse(checksum, &want) || !recall(s, url, &m) || !cb_digest_eq(&m.digest, &want))
        return false;
    *ret = (struct build_download){m.digest, m.size, m.mtime};
    return true;
}

static int download(struct build_session *session, const char *url, const char *checksum, struct build_download *ret,
                    struct cb_error *err)
{
    if (is_here(session->store, url, checksum, ret))
        return 0;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(free) char *auth = NULL;
    CB_AUTO(free) char *shown = reg_url_redact(url);
    if (authorization(session, url, &auth, err) < 0)
        return -1;
    struct http_request q = {session, url, auth};
    struct cb_job job;
    if (cb_job_fork(http_job, &q, &job, err) < 0)
        return -1;
    if (build_wait_job(session, &job, NULL, &answer, err) < 0)
        return err->code == CB_E_CANCELED ? -1 : cb_prefix(err, "fetch '%s'", shown);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    struct cb_str digest = cb_get_bytes(&u);
    struct build_download d = {.size = cb_get_u64(&u), .mtime = (int64_t)cb_get_u64(&u)};
    if (u.failed || digest.n != sizeof(d.digest.b))
        return cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
    memcpy(d.digest.b, digest.p, digest.n);
    *ret = d;
    return 0;
}

/* A digest that a policy asks for is checked here: the caller knows only its own. */
int build_download(struct build_session *session, const char *url, const char *checksum, struct build_download *ret,
                   struct cb_error *err)
{
    CB_AUTO(build_policy_source) struct build_policy_source s = {0};
    char have[CB_DIGEST_TEXT + 1];
    if (build_follow_url(session, url, checksum, &s, err) < 0 || download(session, s.identifier, s.checksum, ret, err) < 0)
        return -1;
    cb_digest_text(&ret->digest, have);
    if (!session->request->policy || !s.checksum || strcmp(s.checksum, have) == 0)
        return 0;
    CB_AUTO(free) char *shown = reg_url_redact(s.identifier);
    return cb_fail(err, CB_E_CORRUPT, "'%s' has the digest %s, not %s", shown, have, s.checksum);
}
