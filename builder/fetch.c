#include "builder/fetch.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/text.h"
#include "builder/build.h"
#include "cache/blob.h"
#include "parser/gitref.h"
#include "registry/transfer.h"

#include <stdio.h>
#include <unistd.h>

/* ---- HTTP ------------------------------------------------------------------------------------------------------- */

/* What is remembered of a URL: fetch/<sha256 of it>, one JSON document. */
struct http_memory {
    char *etag;
    struct cb_digest digest;
    uint64_t size;
    int64_t mtime;
    bool known;
};

static char *memory_path(const char *url)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1];
    cb_sha256(url, strlen(url), &d);
    cb_digest_hex(&d, hex);
    return cb_printf("fetch/%s", hex);
}

/* A missing or damaged memory means fetching anew. */
static void recall(struct cache_store *s, const char *url, struct http_memory *m)
{
    CB_AUTO(free) char *path = memory_path(url);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *etag = NULL, *digest = "";
    int64_t size = 0;
    uint64_t have;
    if (cb_read_file(s->root, path, CB_MAX_HTTP_BODY, &text) < 0)
        return;
    CB_AUTO(json) json_t *j = cb_json_parse(text.data, text.len, path, &ignored);
    if (!j || cb_json_str(j, "etag", "", &etag, &ignored) < 0 || cb_json_str(j, "digest", "", &digest, &ignored) < 0 ||
        cb_json_int(j, "size", "", &size, &ignored) < 0 || cb_json_int(j, "mtime", "", &m->mtime, &ignored) < 0)
        return;
    if (!etag || !cb_digest_parse(digest, &m->digest) || cache_blob_has(s, &m->digest, &have) != 1)
        return;
    m->etag = cb_strdup(etag);
    m->size = (uint64_t)size;
    m->known = true;
}

static void remember(struct cache_store *s, const char *url, const struct http_memory *m)
{
    CB_AUTO(free) char *path = memory_path(url);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    if (!m->etag)
        return;
    cb_digest_text(&m->digest, digest);
    CB_AUTO(json) json_t *j = json_object();
    json_object_set_new(j, "etag", json_string(m->etag));
    json_object_set_new(j, "digest", json_string(digest));
    json_object_set_new(j, "size", json_integer((json_int_t)m->size));
    json_object_set_new(j, "mtime", json_integer(m->mtime));
    cb_json_dump(j, CB_JSON_COMPACT, &out);
    if (cb_mkdirs(s->root, "fetch", 0700) == 0)
        (void)cb_publish_file(s->root, path, out.data, out.len, 0600); /* only saves the next download */
}

static int blob_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

static void pass_warning(void *arg, const char *text)
{
    cb_job_warn(arg, text);
}

struct http_request {
    struct build *b;
    const char *url;
    const char *authorization;
};

/* Answers digest, size, mtime. */
static int http_job(struct cb_job_io *io, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    const struct http_request *q = req->bytes;
    struct cache_store *s = q->b->store;
    struct http_memory m = {0};
    struct reg_get_answer a = {0};
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(err);
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    if (!c || cache_blob_begin(s, &w, err) < 0)
        return -1;
    recall(s, q->url, &m);
    reg_client_on_warning(c, pass_warning, io);
    struct reg_get get = {.url = q->url, .if_none_match = m.etag, .authorization = q->authorization};
    int r = reg_get(c, &get, blob_sink, &w, &a, err);
    if (r == 0 && a.status != 304) {
        free(m.etag);
        m = (struct http_memory){.etag = cb_strdup(a.etag), .size = w.size};
        if (a.last_modified)
            (void)cb_time_parse_http(a.last_modified, &m.mtime); /* no such time: the epoch */
        r = cache_blob_commit(&w, NULL, &m.digest, err);
        if (r == 0)
            remember(s, q->url, &m);
    }
    if (r == 0) {
        cb_put_bytes(answer, m.digest.b, sizeof(m.digest.b));
        cb_put_u64(answer, m.size);
        cb_put_u64(answer, (uint64_t)m.mtime);
    }
    free(m.etag);
    reg_get_answer_done(&a);
    return r;
}

/* Last segment of the URL's path, percent-decoded (§12.5). */
static char *url_file_name(const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    p += strcspn(p, "/?#");
    size_t n = strcspn(p, "?#");
    while (n && p[n - 1] == '/')
        n--;
    size_t start = n;
    while (start && p[start - 1] != '/')
        start--;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (size_t i = start; i < n; i++) {
        unsigned byte;
        if (p[i] == '%' && i + 2 < n && sscanf(p + i + 1, "%2x", &byte) == 1 && byte && byte != '/') {
            cb_buf_addc(&out, (char)byte);
            i += 2;
        } else {
            cb_buf_addc(&out, p[i]);
        }
    }
    if (!out.len || strcmp(out.data, ".") == 0 || strcmp(out.data, "..") == 0)
        return cb_strdup("__unnamed__");
    return cb_buf_detach(&out);
}

static const char *secret_value(const struct build *b, const char *id, struct cb_buf *hold)
{
    for (size_t i = 0; i < b->request->n_secrets; i++) {
        const struct build_secret *s = &b->request->secrets[i];
        if (strcmp(s->id, id) != 0)
            continue;
        if (s->env)
            return getenv(s->env);
        cb_buf_reset(hold);
        return cb_read_file(AT_FDCWD, s->src, CB_MAX_HTTP_HEADER, hold) == 0 ? hold->data : NULL;
    }
    return NULL;
}

/* Credentials for a host come as secrets (§12.5). */
static char *http_authorization(const struct build *b, const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = strcspn(host, "/?#");
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    CB_AUTO(free) char *token_id = cb_printf("HTTP_AUTH_TOKEN_%.*s", (int)n, host);
    CB_AUTO(free) char *header_id = cb_printf("HTTP_AUTH_HEADER_%.*s", (int)n, host);
    const char *token = secret_value(b, token_id, &hold);
    if (token)
        return cb_printf("Bearer %s", token);
    const char *header = secret_value(b, header_id, &hold);
    return header ? cb_strdup(header) : NULL;
}

static int check_http(const char *checksum, const struct cb_digest *have, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(have, text);
    const char *colon = checksum ? strchr(checksum, ':') : NULL;
    if (!checksum || strcmp(checksum, text) == 0)
        return 0;
    if (!colon)
        return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum digest format");
    if (!cb_starts(checksum, "sha256:") && !cb_starts(checksum, "sha512:") && !cb_starts(checksum, "sha384:"))
        return cb_fail(err, CB_E_DOCKERFILE, "unsupported digest algorithm");
    if (cb_starts(checksum, "sha256:") && strlen(colon + 1) != CB_DIGEST_HEX)
        return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum digest length");
    return cb_fail(err, CB_E_CORRUPT, "digest mismatch %s: %s", text, checksum);
}

static int get_http(struct build *b, const struct build_remote_request *r, struct build_remote *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(free) char *authorization = http_authorization(b, r->url);
    struct http_request q = {b, r->url, authorization};
    struct cb_job_request req = {&q, sizeof(q), NULL, 0};
    struct cb_job job;
    if (cb_job_fork(http_job, &req, &job, err) < 0 || build_wait_job(b, &job, 0, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    struct cb_str digest = cb_get_bytes(&u);
    ret->name = url_file_name(r->url);
    struct cache_entry e = {
        .path = ret->name, .type = CB_FILE, .mode = 0600, .size = cb_get_u64(&u), .mtime = (int64_t)cb_get_u64(&u)};
    if (u.failed || digest.n != sizeof(e.digest.b))
        return cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read");
    memcpy(e.digest.b, digest.p, digest.n);
    if (check_http(r->checksum, &e.digest, err) < 0)
        return -1;
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(&e.digest, hex);
    ret->tree = cache_tree_new();
    cache_tree_add(ret->tree, &e, 0, hex);
    ret->source = (struct build_source){.tree = ret->tree};
    ret->dir = openat(b->store->root, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return ret->dir < 0 ? cb_fail_sys(err, errno, "open the store's blobs") : 0;
}

/* ---- git ---------------------------------------------------------------------------------------------------------- */

/* Runs git in the checkout; its output in `out`. A failure shows git's own last words. */
static int git(int dir, const char *const *args, struct cb_buf *out, struct cb_error *err)
{
    const char *argv[24] = {
        "git", "-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"};
    size_t n = 7;
    while (*args && n + 1 < CB_LEN(argv))
        argv[n++] = *args++;
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT;
    struct cb_proc p = {.argv = argv, .cwd_fd = dir, .max_output = 1 << 24};
    int status;
    if (cb_proc_run(&p, out, &errout, &status, err) < 0) {
        if (err->code == CB_E_NOT_FOUND)
            cb_hint(err, "install it: apt-get install git");
        return -1;
    }
    if (status == 0)
        return 0;
    while (errout.len && errout.data[errout.len - 1] == '\n')
        cb_buf_truncate(&errout, errout.len - 1);
    const char *last = strrchr(errout.data, '\n');
    return cb_fail(err, CB_E_FAILED, "git %s: %s", argv[7], last ? last + 1 : errout.data);
}

struct git_request {
    int dir; /* empty directory */
    const struct df_gitref *ref;
    bool keep_git_dir;
    const char *checksum;
};

static int git_checkout(const struct git_request *q, struct cb_error *err)
{
    const struct df_gitref *ref = q->ref;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    const char *want = *ref->ref ? ref->ref : "HEAD";
    if (git(q->dir, (const char *const[]){"init", "-q", NULL}, &out, err) < 0 ||
        git(q->dir, (const char *const[]){"remote", "add", "--", "origin", ref->remote, NULL}, &out, err) < 0)
        return -1;
    struct cb_error shallow = CB_ERROR_INIT;
    int r =
        git(q->dir, (const char *const[]){"fetch", "-q", "--depth=1", "--no-tags", "origin", "--", want, NULL}, &out, &shallow);
    if (r < 0) { /* an abbreviated commit, or a server that gives no single commits: get everything */
        r = git(q->dir, (const char *const[]){"fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", NULL},
                &out, err);
        if (r == 0)
            r = git(q->dir, (const char *const[]){"checkout", "-q", "--detach", want, "--", NULL}, &out, err);
        cb_error_done(&shallow);
        if (r < 0)
            return cb_context(err, "repository does not contain ref %s", want);
    } else {
        r = git(q->dir, (const char *const[]){"checkout", "-q", "--detach", "FETCH_HEAD", "--", NULL}, &out, err);
    }
    if (r == 0 && (!ref->has_submodules || ref->submodules))
        r = git(q->dir, (const char *const[]){"submodule", "update", "-q", "--init", "--recursive", "--depth=1", NULL}, &out,
                err);
    return r;
}

static int git_verify(const struct git_request *q, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf head = CB_BUF_INIT;
    const char *wants[] = {q->checksum ? q->checksum : "", q->ref->checksum};
    if (git(q->dir, (const char *const[]){"rev-parse", "HEAD", NULL}, &head, err) < 0)
        return -1;
    cb_buf_truncate(&head, strcspn(head.data, "\n"));
    for (size_t i = 0; i < 2; i++)
        if (*wants[i] && !cb_starts(head.data, wants[i]))
            return cb_fail(err, CB_E_CORRUPT, "expected checksum to match %s, got %s", wants[i], head.data);
    return 0;
}

static int git_job(struct cb_job_io *io, const struct cb_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    const struct git_request *q = req->bytes;
    if (git_checkout(q, err) < 0 || git_verify(q, err) < 0)
        return -1;
    if (!q->keep_git_dir) {
        int r = cb_remove_tree(q->dir, ".git");
        if (r < 0)
            return cb_fail_sys(err, r, "remove the checkout's .git");
    }
    return 0;
}

static int git_options(const struct build_remote_request *r, const struct df_gitref *ref, bool *keep, struct cb_error *err)
{
    if (r->keep_git_dir != DF_UNSET && ref->has_keep_git_dir && ref->keep_git_dir != (r->keep_git_dir == DF_TRUE))
        return cb_fail(err, CB_E_DOCKERFILE, "inconsistent keep-git-dir configuration");
    if (r->checksum && *ref->checksum && strcmp(r->checksum, ref->checksum) != 0)
        return cb_fail(err, CB_E_DOCKERFILE, "checksum mismatch \"%s\" != \"%s\"", r->checksum, ref->checksum);
    *keep = r->keep_git_dir == DF_TRUE || (ref->has_keep_git_dir && ref->keep_git_dir);
    return 0;
}

static int get_git(struct build *b, const struct build_remote_request *r, const struct df_gitref *ref, struct build_remote *ret,
                   struct cb_error *err)
{
    struct git_request q = {.ref = ref, .checksum = r->checksum};
    if (git_options(r, ref, &q.keep_git_dir, err) < 0 || cache_work_begin(b->store, &ret->work, err) < 0)
        return -1;
    if (mkdirat(ret->work.dir, "checkout", 0755) < 0 ||
        (q.dir = openat(ret->work.dir, "checkout", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return cb_fail_sys(err, errno, "make a directory for a checkout");
    struct cb_job_request req = {&q, sizeof(q), NULL, 0};
    struct cb_job job;
    ret->dir = q.dir;
    ret->git = true;
    ret->name = cb_strdup("");
    if (cb_job_fork(git_job, &req, &job, err) < 0 || build_wait_job(b, &job, 0, NULL, err) < 0)
        return -1;
    if (*ref->subdir) {
        int sub = cb_open_beneath(q.dir, ref->subdir, O_RDONLY | O_DIRECTORY, 0);
        if (sub < 0)
            return cb_fail(err, CB_E_NOT_FOUND, "invalid subdir %s: no such directory in the repository", ref->subdir);
        cb_close(ret->dir);
        ret->dir = sub;
    }
    struct build_context_params p = {.dir = ret->dir, .name = ref->short_name, .git_modes = true};
    if (build_context_new(&p, &ret->context, err) < 0)
        return -1;
    ret->source = *build_context_source(ret->context);
    return 0;
}

/* ---- both ----------------------------------------------------------------------------------------------------------- */

int build_remote_get(struct build *b, const struct build_remote_request *r, struct build_remote **ret, struct cb_error *err)
{
    struct build_remote *remote = CB_NEW(struct build_remote);
    CB_AUTO(df_gitref) struct df_gitref ref = {0};
    remote->dir = -1;
    remote->work = CACHE_WORK_INIT;
    int kind = df_gitref_parse(r->url, &ref, err);
    int result = kind < 0 ? -1 : kind ? get_git(b, r, &ref, remote, err) : get_http(b, r, remote, err);
    if (result < 0) {
        build_remote_free(b, remote);
        return -1;
    }
    *ret = remote;
    return 0;
}

void build_remote_free(struct build *b, struct build_remote *r)
{
    if (!r)
        return;
    build_context_free(r->context);
    cache_tree_free(r->tree);
    cb_close(r->dir);
    cache_work_done(b->store, &r->work);
    free(r->name);
    free(r);
}
