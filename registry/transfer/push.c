/* Pushing (oci-distribution.md §5): blobs side by side, then documents. */
#include "registry/transfer/client-internal.h"

#include "base/fd.h"
#include "base/text.h"
#include "registry/transfer/many.h"
#include "registry/transfer/url.h"
#include <unistd.h>

#define MOST_THREADS 4 /* registries count requests, and more threads do not fill a line better */
#define UPLOAD_TRIES 5
#define MIN_RESUME   (1u << 20) /* less than this is sent again faster than asked for */

struct push {
    struct reg_client *c;
    const struct reg_endpoint *ep;
    char *name;
    struct cb_strv scopes;
    struct reg_push_blob *blobs;
    struct upload *uploads; /* one for each blob */
    size_t n;
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *progress_arg;
    const struct oci_ref *ref;

    pthread_mutex_t lock; /* guards what follows, and calls of `progress` */
    size_t next;
    uint64_t done, total;
    bool failed;
    struct cb_error error; /* the first one */
};

/* One blob in the hands of one thread. */
struct upload {
    struct push *p;
    struct reg_push_blob *blob;
    char text[CB_DIGEST_TEXT + 1];
    uint64_t counted; /* bytes of it in p->done */
    uint64_t offset;  /* where the current request began */
    char *session;    /* URL of the upload, or NULL */
    bool there;       /* nothing has to be sent */
};

static void count(struct upload *u, uint64_t bytes)
{
    struct push *p = u->p;
    pthread_mutex_lock(&p->lock);
    p->done = p->done - u->counted + bytes;
    u->counted = bytes;
    if (p->progress)
        p->progress(p->progress_arg, p->done, p->total);
    pthread_mutex_unlock(&p->lock);
}

static void on_sent(void *arg, uint64_t sent)
{
    struct upload *u = arg;
    if (u->offset + sent - u->counted >= 256 * 1024 || u->offset + sent < u->counted)
        count(u, u->offset + sent);
}

static int call(struct upload *u, const char *method, const char *url, struct reg_http_answer *a, struct cb_error *err)
{
    struct reg_http_request req = {.method = method, .url = url};
    return reg_client_call(u->p->c, u->p->ep, &u->p->scopes, &req, a, err);
}

static int failed(struct upload *u, const struct reg_http_answer *a, const char *verb, struct cb_error *err)
{
    CB_AUTO(free) char *what = cb_printf("%s blob %s to '%s'", verb, u->text, u->p->name);
    return reg_answer_error(u->p->ep, a, what, err);
}

/* Keeps the Location of an answer, which replaces the previous one. */
static int take_session(struct upload *u, const struct reg_http_answer *a, struct cb_error *err)
{
    const char *location = reg_http_header(a, "location", NULL);
    char *url = location ? reg_url_resolve(a->url, location) : NULL;
    if (!url)
        return cb_fail(err, CB_E_CORRUPT, "upload of blob %s: '%s' gives no usable Location", u->text, u->p->ep->host);
    free(u->session);
    u->session = url;
    return 0;
}

/* For blobs and documents alike. The specification says 201; some registries use others. */
static bool accepted(const struct reg_http_answer *a)
{
    return a->status == 200 || a->status == 201 || a->status == 202 || a->status == 204;
}

/* A registry that says what it stored must have stored ours. */
static int check_stored(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, const char *digest,
                        struct cb_error *err)
{
    const char *theirs = reg_http_header(a, "docker-content-digest", NULL);
    if (theirs && cb_starts(theirs, "sha256:") && strcmp(theirs, digest) != 0)
        return cb_fail(err, CB_E_CORRUPT, "%s: '%s' stored it with the digest %.100s instead of %s", what, ep->host, theirs,
                       digest);
    return 0;
}

/* ---- without sending it ----------------------------------------------------------------------- */
/* 1: there; 0: not, or the registry does not say (then the upload itself will tell what is wrong). */
static int exists(struct upload *u, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *url = reg_client_url(u->p->c, u->p->ep, err, "blobs/%s", u->text);
    if (!url || call(u, "HEAD", url, &a, err) < 0)
        return -1;
    uint64_t size = u->blob->d.size;
    const char *length = reg_http_header(&a, "content-length", NULL);
    if (a.status == 200 && length)
        (void)cb_parse_u64(length, UINT64_MAX, &size);
    return a.status == 200 && size == u->blob->d.size;
}

/* The repository to mount from, as the registry names it; NULL: it is not on this registry. Caller frees. */
static char *mount_path(struct upload *u)
{
    const struct reg_endpoint *ep = u->p->ep;
    CB_AUTO(reg_endpoints) struct reg_endpoints e = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* a mount is only a shortcut */
    struct oci_ref from = {.domain = u->p->ref->domain, .path = (char *)u->blob->mount_from, .tag = (char *)"latest"};
    if (!u->blob->mount_from || reg_hosts_resolve(u->p->c->hosts, &from, true, &e, &ignored) < 0)
        return NULL;
    struct reg_endpoint *there = &e.items[e.n - 1];
    if (strcmp(there->host, ep->host) != 0 || strcmp(there->path, ep->path) == 0)
        return NULL;
    return CB_TAKE(there->path);
}

/* 1: mounted. 0: not, perhaps with an upload session begun. Never an error: what is really wrong will show in
 * the upload that follows. */
static int mount(struct upload *u)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_strv) struct cb_strv scopes = {0};
    CB_AUTO(cb_buf) struct cb_buf query = CB_BUF_INIT;
    CB_AUTO(free) char *from = mount_path(u);
    if (!from)
        return 0;
    cb_strv_copy(&scopes, &u->p->scopes);
    reg_add_scope(&scopes, from, "pull");
    reg_url_escape(&query, u->text);
    cb_buf_adds(&query, "&from=");
    reg_url_escape(&query, from);
    CB_AUTO(free) char *url = reg_client_url(u->p->c, u->p->ep, &ignored, "blobs/uploads/?mount=%s", query.data);
    struct reg_http_request req = {.method = "POST", .url = url, .tries = 1};
    if (!url || reg_client_call(u->p->c, u->p->ep, &scopes, &req, &a, &ignored) < 0)
        return 0;
    if (a.status == 202)
        (void)take_session(u, &a, &ignored);
    return a.status == 201;
}

/* ---- sending ---------------------------------------------------------------------------------- */
static int begin_session(struct upload *u, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *url = reg_client_url(u->p->c, u->p->ep, err, "blobs/uploads/");
    if (!url || call(u, "POST", url, &a, err) < 0)
        return -1;
    if (a.status != 202)
        return failed(u, &a, "push", err);
    return take_session(u, &a, err);
}

/* Asks how much of a broken upload arrived: u->offset; the session is dropped when nothing can be done with it. */
static void find_offset(struct upload *u)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    uint64_t last = 0;
    bool use = u->blob->d.size >= MIN_RESUME && u->session && call(u, "GET", u->session, &a, &ignored) == 0 && a.status == 204;
    const char *range = use ? reg_http_header(&a, "range", NULL) : NULL;
    u->offset = 0;
    /* "0-0" is one byte or none: begin anew */
    if (range && cb_starts(range, "0-") && cb_parse_u64(range + 2, u->blob->d.size - 1, &last) && last > 0 &&
        (!reg_http_header(&a, "location", NULL) || take_session(u, &a, &ignored) == 0)) {
        u->offset = last + 1;
        return;
    }
    free(CB_TAKE(u->session));
}

static int put_blob(struct upload *u, struct reg_http_answer *a, struct cb_error *err)
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
    return reg_client_call(u->p->c, u->p->ep, &u->p->scopes, &req, a, err);
}

/* Whether a new session may succeed where this one did not: not every registry really resumes. */
static bool session_lost(const struct upload *u, const struct reg_http_answer *a)
{
    if (u->offset && a->status >= 400 && a->status < 500 && a->status != 401 && a->status != 403 && a->status != 429)
        return true;
    return a->status == 404 || a->status == 416 || reg_answer_has_code(a, "BLOB_UPLOAD_UNKNOWN") ||
           reg_answer_has_code(a, "RANGE_INVALID") || reg_answer_has_code(a, "BLOB_UPLOAD_INVALID");
}

/* One try. 1: done; 0: another may help; -1: none will. err is set unless 1. */
static int try_upload(struct upload *u, struct reg_http_answer *a, struct cb_error *err)
{
    if (!u->session && begin_session(u, err) < 0)
        return -1;
    if (put_blob(u, a, err) < 0)
        return a->failure == REG_HTTP_FATAL || a->failure == REG_HTTP_FINE ? -1 : 0;
    if (accepted(a)) {
        CB_AUTO(free) char *what = cb_printf("push blob %s to '%s'", u->text, u->p->name);
        return check_stored(u->p->ep, a, what, u->text, err) < 0 ? -1 : 1;
    }
    failed(u, a, "push", err);
    return session_lost(u, a) || reg_http_status_retryable(a->status) ? 0 : -1;
}

static int upload(struct upload *u, struct cb_error *err)
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
        int given = reg_http_options(u->p->c->http)->tries, tries = given ? given : UPLOAD_TRIES;
        if (a.failure == REG_HTTP_STALLED)
            tries = reg_http_tries(u->p->c->http, a.failure, false, UPLOAD_TRIES);
        if (r == 0 && reg_backoff_wait(&backoff, u->p->c->http, tries, a.failure == REG_HTTP_FINE ? &a : NULL, e.msg)) {
            if (lost)
                free(CB_TAKE(u->session));
            find_offset(u);
            count(u, u->offset);
            continue;
        }
        cb_error_move(err, &e);
        return -1;
    }
}

/* Nearly all of what is pushed is there already, and each question takes as long as the way is: they all go out at once. */
static int without_sending(void *arg, size_t number, struct cb_error *err)
{
    struct push *p = arg;
    struct upload *u = &p->uploads[number];
    *u = (struct upload){.p = p, .blob = &p->blobs[number]};
    cb_digest_text(&u->blob->d.digest, u->text);
    u->there = mount(u) > 0;
    u->blob->outcome = u->there ? REG_BLOB_MOUNTED : REG_BLOB_EXISTED;
    int r = u->there ? 1 : exists(u, err);
    u->there = r > 0;
    if (u->there)
        count(u, u->blob->d.size);
    return CB_MIN(r, 0);
}

static int send_one(struct upload *u, struct cb_error *err)
{
    if (u->there)
        return 0;
    u->blob->outcome = REG_BLOB_UPLOADED;
    if (!u->blob->open)
        return cb_fail(err, CB_E_NOT_FOUND, "blob %s is neither in '%s' nor here", u->text, u->p->name);
    if (upload(u, err) < 0)
        return -1;
    count(u, u->blob->d.size);
    return 0;
}

/* ---- side by side ----------------------------------------------------------------------------- */
static void *worker(void *arg)
{
    struct push *p = arg;
    pthread_mutex_lock(&p->lock);
    while (p->next < p->n && !p->failed) {
        struct upload *u = &p->uploads[p->next++];
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        pthread_mutex_unlock(&p->lock);
        int r = send_one(u, &e);
        pthread_mutex_lock(&p->lock);
        if (r < 0 && !p->failed) {
            p->failed = true;
            cb_error_move(&p->error, &e);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int send_all(struct push *p, struct cb_error *err)
{
    pthread_t threads[MOST_THREADS];
    size_t n = 0;
    while (n + 1 < CB_MIN(p->n, (size_t)MOST_THREADS) && pthread_create(&threads[n], NULL, worker, p) == 0)
        n++;
    worker(p); /* this thread is one of them, and the only one when no other can be started */
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (!p->failed)
        return 0;
    cb_error_move(err, &p->error);
    return -1;
}

static int run(struct push *p, struct cb_error *err)
{
    p->uploads = cb_alloc((p->n + 1) * sizeof(*p->uploads));
    int r = reg_many(p->n, without_sending, p, err);
    if (r == 0)
        r = send_all(p, err);
    for (size_t i = 0; i < p->n; i++)
        free(p->uploads[i].session);
    free(p->uploads);
    return r;
}

/* What pushing to the first of `places` takes. */
static void begin_push(struct push *p, struct reg_client *c, const struct oci_ref *ref, const struct reg_endpoints *places)
{
    *p = (struct push){.c = c, .ep = &places->items[0], .name = oci_ref_name(ref), .ref = ref};
    reg_add_scope(&p->scopes, p->ep->path, "pull,push");
    pthread_mutex_init(&p->lock, NULL);
}

static void end_push(struct push *p)
{
    pthread_mutex_destroy(&p->lock);
    cb_strv_done(&p->scopes);
    free(p->name);
}

int reg_push_blobs(struct reg_client *c, const struct oci_ref *ref, struct reg_push_blob *blobs, size_t n,
                   void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct cb_error *err)
{
    CB_AUTO(reg_endpoints) struct reg_endpoints places = {0};
    CB_AUTO(free) char *full = oci_ref_full(ref);
    struct push p;
    if (reg_hosts_resolve(c->hosts, ref, true, &places, err) < 0)
        return -1;
    begin_push(&p, c, ref, &places);
    p.blobs = blobs;
    p.n = n;
    p.progress = progress;
    p.progress_arg = arg;
    for (size_t i = 0; i < n; i++)
        p.total += blobs[i].d.size;
    int r = run(&p, err);
    end_push(&p);
    return r < 0 ? cb_prefix(err, "push '%s'", full) : 0;
}

int reg_has_blob(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d, struct cb_error *err)
{
    CB_AUTO(reg_endpoints) struct reg_endpoints places = {0};
    struct push p;
    struct reg_push_blob blob = {.d = *d};
    struct upload u = {.p = &p, .blob = &blob};
    if (reg_hosts_resolve(c->hosts, ref, true, &places, err) < 0)
        return -1;
    begin_push(&p, c, ref, &places);
    cb_digest_text(&d->digest, u.text);
    int r = exists(&u, err);
    end_push(&p);
    return r;
}

/* ---- documents -------------------------------------------------------------------------------- */
static int check_pushed(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, const char *digest,
                        struct cb_error *err)
{
    if (!accepted(a)) {
        reg_answer_error(ep, a, what, err);
        if (reg_answer_has_code(a, "MANIFEST_BLOB_UNKNOWN"))
            cb_hint(err, "the registry has lost a blob that was pushed before: push again");
        else if (reg_answer_has_code(a, "MANIFEST_INVALID") || a->status == 415)
            cb_hint(err, "this registry may not know OCI media types");
        return -1;
    }
    return check_stored(ep, a, what, digest, err);
}

/* A registry that keeps its data in files may not see a blob in the moment in which somebody else pushes the same one. */
static int put_patiently(struct reg_client *c, const struct reg_endpoint *ep, const struct cb_strv *scopes,
                         const struct reg_http_request *req, struct reg_http_answer *a, struct cb_error *err)
{
    for (useconds_t pause = 50000;; pause *= 2) {
        int r = reg_client_call(c, ep, scopes, req, a, err);
        if (r < 0 || !reg_answer_has_code(a, "MANIFEST_BLOB_UNKNOWN") || pause > 200000)
            return r;
        reg_http_answer_done(a);
        *a = REG_HTTP_ANSWER_INIT;
        usleep(pause);
    }
}

int reg_push_document(struct reg_client *c, const struct oci_ref *ref, const char *media_type, const void *p, size_t n,
                      struct cb_error *err)
{
    CB_AUTO(reg_endpoints) struct reg_endpoints places = {0};
    CB_AUTO(cb_strv) struct cb_strv headers = {0}, scopes = {0};
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    struct cb_digest d;
    cb_sha256(p, n, &d);
    cb_digest_text(&d, digest);
    if (reg_hosts_resolve(c->hosts, ref, true, &places, err) < 0)
        return -1;
    const struct reg_endpoint *ep = &places.items[0];
    CB_AUTO(free) char *name = oci_ref_full(ref), *what = cb_printf("push '%s'", name);
    CB_AUTO(free) char *url = reg_client_url(c, ep, err, "manifests/%s", ref->tag ? ref->tag : digest);
    if (!url)
        return -1;
    reg_add_scope(&scopes, ep->path, "pull,push");
    cb_strv_take(&headers, cb_printf("Content-Type: %s", media_type));
    struct reg_http_body body = {.bytes = p, .size = n};
    struct reg_http_request req = {.method = "PUT", .url = url, .headers = &headers, .body = &body};
    if (put_patiently(c, ep, &scopes, &req, &a, err) < 0)
        return cb_prefix(err, "%s", what);
    return check_pushed(ep, &a, what, digest, err);
}
