#include "builder/context/download.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/session/jobs.h"
#include "builder/session/secret.h"
#include "cache/blob.h"
#include "cache/seal.h"
#include "registry/transfer/header.h"
#include "registry/transfer/transfer.h"
#include "registry/transfer/url.h"

/* ---- what is remembered of a URL ------------------------------------------------------------------------------------ */

/* fetch/<sha256 of the URL>: one JSON document. */
struct memory {
    bool known; /* the file is in the store */
    char *etag; /* NULL: the server gave none */
    struct build_download file;
};

static char *memory_path(const char *url)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1];
    cb_sha256(url, strlen(url), &d);
    cb_digest_hex(&d, hex);
    return cb_printf("fetch/%s", hex);
}

/* A missing or damaged memory means fetching anew; so does a blob that may have lost bytes with the power. */
static void recall(struct cache_store *s, const char *url, struct memory *m)
{
    CB_AUTO(free) char *path = memory_path(url);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *etag = NULL, *digest = "", *boot = "";
    int64_t mtime = 0;
    if (cb_read_file(s->root, path, CB_MAX_HTTP_BODY, &text) < 0)
        return;
    CB_AUTO(json) json_t *j = cb_json_parse(text.data, cache_unseal(text.data, text.len), path, &ignored);
    if (!j || cb_json_str(j, "etag", "", &etag, &ignored) < 0 || cb_json_str(j, "digest", "", &digest, &ignored) < 0 ||
        cb_json_str(j, "boot", "", &boot, &ignored) < 0 || cb_json_int(j, "mtime", "", &mtime, &ignored) < 0)
        return;
    if (!cb_digest_parse(digest, &m->file.digest) || !cache_store_is_this_boot(s, boot) ||
        cache_blob_has(s, &m->file.digest, &m->file.size) != 1)
        return;
    m->file.mtime = mtime;
    m->etag = etag && reg_header_clean(etag) ? cb_strdup(etag) : NULL;
    m->known = true;
}

static void remember(struct cache_store *s, const char *url, const struct memory *m)
{
    CB_AUTO(free) char *path = memory_path(url);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&m->file.digest, digest);
    CB_AUTO(json)
    json_t *j = json_pack("{s:s,s:I,s:s}", "digest", digest, "mtime", (json_int_t)m->file.mtime, "boot", cache_store_boot_id(s));
    if (m->etag)
        json_object_set_new(j, "etag", json_string(m->etag)); /* one that is not UTF-8 is as good as none */
    cb_json_dump(j, CB_JSON_COMPACT, &out);
    cache_seal(&out);
    if (cb_mkdirs(s->root, "fetch", 0700) == 0)
        (void)cb_publish_file(s->root, path, out.data, out.len, 0600); /* only saves the next download */
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

static int get(struct cb_job_io *io, const struct http_request *q, struct memory *m, struct reg_get_answer *a,
               struct cb_error *err)
{
    struct cache_store *s = q->session->store;
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(err);
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    struct sink sink = {&w, io};
    if (!c || cache_blob_begin(s, &w, err) < 0)
        return -1;
    recall(s, q->url, m);
    reg_client_on_warning(c, cb_job_on_warning, io);
    struct reg_get what = {.url = q->url, .if_none_match = m->etag, .authorization = q->authorization};
    if (reg_get(c, &what, take_bytes, &sink, a, err) < 0)
        return -1;
    if (a->status == 304)
        return 0;
    free(m->etag);
    *m = (struct memory){.etag = a->etag ? cb_strdup(a->etag) : NULL, .file.size = w.size};
    if (a->last_modified)
        (void)cb_time_parse_http(a->last_modified, &m->file.mtime); /* no such time: as if not said */
    if (cache_blob_commit(&w, NULL, &m->file.digest, err) < 0)
        return -1;
    remember(s, q->url, m);
    return 0;
}

/* Answers digest, size, mtime. */
static int http_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct http_request *q = ctx;
    struct memory m = {0};
    struct reg_get_answer a = {0};
    int r = get(io, q, &m, &a, err);
    if (r == 0) {
        cb_put_bytes(answer, m.file.digest.b, sizeof(m.file.digest.b));
        cb_put_u64(answer, m.file.size);
        cb_put_u64(answer, (uint64_t)m.file.mtime);
    }
    free(m.etag);
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

/* The value of an Authorization header, NULL: none (then user information of the URL is sent, if there is some). */
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

/* What the URL gave before is what is wanted: then there is nothing to ask. */
static bool is_here(struct cache_store *s, const char *url, const char *checksum, struct build_download *ret)
{
    struct cb_digest want;
    struct memory m = {0};
    if (!checksum || !cb_digest_parse(checksum, &want))
        return false;
    recall(s, url, &m);
    free(m.etag);
    if (!m.known || !cb_digest_eq(&m.file.digest, &want))
        return false;
    *ret = m.file;
    return true;
}

int build_download(struct build_session *session, const char *url, const char *checksum, struct build_download *ret,
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
        return err->code == CB_E_CANCELED ? -1 : cb_context(err, "fetch '%s'", shown);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    struct cb_str digest = cb_get_bytes(&u);
    struct build_download d = {.size = cb_get_u64(&u), .mtime = (int64_t)cb_get_u64(&u)};
    if (u.failed || digest.n != sizeof(d.digest.b))
        return cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
    memcpy(d.digest.b, digest.p, digest.n);
    *ret = d;
    return 0;
}
