/* Pushing (oci-distribution.md §5): blobs side by side, then documents. */
#include "registry/transfer/upload.h"

#include "base/text.h"
#include "registry/transfer/many.h"
#include "registry/transfer/url.h"
#include <unistd.h>

#define LEAST_TOLD   (256u << 10) /* bytes that progress waits for */
#define MOST_THREADS 4            /* registries count requests, and more threads do not fill a line better */

struct push {
    struct reg_client *c;
    const struct reg_endpoint *ep;
    char *name;
    struct cb_strv scopes;
    struct reg_push_blob *blobs;
    struct upload *uploads; /* one for each blob */
    size_t n;
    void (*progress)(void *arg, const struct reg_push_progress *p);
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
    struct reg_upload up;
    struct push *p;
    struct reg_push_blob *blob;
    uint64_t counted; /* bytes of it in p->done */
    bool there;       /* nothing has to be sent */
};

static void count(struct upload *u, uint64_t bytes)
{
    struct push *p = u->p;
    pthread_mutex_lock(&p->lock);
    p->done = p->done - u->counted + bytes;
    u->counted = bytes;
    if (p->progress)
        p->progress(p->progress_arg, &(struct reg_push_progress){p->done, p->total, u->there ? NULL : u->blob, bytes});
    pthread_mutex_unlock(&p->lock);
}

static void on_progress(void *arg, uint64_t sent)
{
    struct upload *u = arg;
    uint64_t enough = CB_MAX((uint64_t)LEAST_TOLD, u->blob->d.size / 100);
    if (sent - u->counted >= enough || sent < u->counted)
        count(u, sent);
}

static void begin_upload(struct upload *u, struct push *p, struct reg_push_blob *blob)
{
    *u = (struct upload){.p = p, .blob = blob};
    u->up = (struct reg_upload){
        .c = p->c, .ep = p->ep, .scopes = &p->scopes, .name = p->name, .blob = blob, .on_progress = on_progress, .arg = u};
    cb_digest_text(&blob->d.digest, u->up.text);
}

/* ---- without sending it ----------------------------------------------------------------------- */
/* 1: there; 0: not, or the registry does not say (then the upload itself will tell what is wrong). */
static int exists(struct reg_upload *u, struct cb_error *err)
{
    CB_AUTO(reg_http_answer) struct reg_http_answer a = REG_HTTP_ANSWER_INIT;
    CB_AUTO(free) char *url = reg_client_url(u->c, u->ep, err, "blobs/%s", u->text);
    if (!url || reg_upload_call(u, "HEAD", url, &a, err) < 0)
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
    reg_url_escape(&query, u->up.text);
    cb_buf_adds(&query, "&from=");
    reg_url_escape(&query, from);
    CB_AUTO(free) char *url = reg_client_url(u->p->c, u->p->ep, &ignored, "blobs/uploads/?mount=%s", query.data);
    struct reg_http_request req = {.method = "POST", .url = url, .tries = 1};
    if (!url || reg_client_call(u->p->c, u->p->ep, &scopes, &req, &a, &ignored) < 0)
        return 0;
    if (a.status == 202)
        (void)reg_upload_take_session(&u->up, &a, &ignored);
    return a.status == 201;
}

/* Nearly all of what is pushed is there already, and each question takes as long as the way is: they all go out at once. */
static int without_sending(void *arg, size_t number, struct cb_error *err)
{
    struct push *p = arg;
    struct upload *u = &p->uploads[number];
    begin_upload(u, p, &p->blobs[number]);
    u->there = mount(u) > 0;
    u->blob->outcome = u->there ? REG_BLOB_MOUNTED : REG_BLOB_EXISTED;
    int r = u->there ? 1 : exists(&u->up, err);
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
        return cb_fail(err, CB_E_NOT_FOUND, "blob %s is neither in '%s' nor here", u->up.text, u->p->name);
    if (reg_upload(&u->up, err) < 0)
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
        reg_upload_done(&p->uploads[i].up);
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
                   void (*progress)(void *arg, const struct reg_push_progress *p), void *arg, struct cb_error *err)
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
    struct upload u;
    if (reg_hosts_resolve(c->hosts, ref, true, &places, err) < 0)
        return -1;
    begin_push(&p, c, ref, &places);
    begin_upload(&u, &p, &blob);
    int r = exists(&u.up, err);
    end_push(&p);
    return r;
}

/* ---- documents -------------------------------------------------------------------------------- */
static int check_pushed(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, const char *digest,
                        struct cb_error *err)
{
    if (!reg_upload_accepted(a)) {
        reg_answer_error(ep, a, what, err);
        if (reg_answer_has_code(a, "MANIFEST_BLOB_UNKNOWN"))
            cb_hint(err, "the registry has lost a blob that was pushed before: push again");
        else if (reg_answer_has_code(a, "MANIFEST_INVALID") || a->status == 415)
            cb_hint(err, "this registry may not know OCI media types");
        return -1;
    }
    return reg_upload_check_stored(ep, a, what, digest, err);
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
