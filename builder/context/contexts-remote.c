#include "builder/context/contexts-remote.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/session/jobs.h"
#include "builder/context/checkout.h"
#include "builder/context/download.h"
#include "builder/copy/extract.h"
#include "builder/context/unpack.h"
#include "cache/store/blob.h"
#include "parser/value.h"
#include "registry/transfer/url.h"

#include <unistd.h>

/* ---- an archive or a text ------------------------------------------------------------------------------------------- */

/* A stream that can be read from its start once more: what was looked at is kept. */
struct replay {
    int fd;
    struct cb_buf kept;
    size_t at;
    bool keep;
};

static ssize_t read_replay(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct replay *r = arg;
    if (r->at < r->kept.len) {
        n = CB_MIN(n, r->kept.len - r->at);
        memcpy(p, r->kept.data + r->at, n);
        r->at += n;
        return (ssize_t)n;
    }
    ssize_t got = cb_read(r->fd, p, n);
    if (got < 0)
        return cb_fail_sys(err, (int)got, "read the build context");
    if (r->keep && got > 0) {
        cb_buf_add(&r->kept, p, (size_t)got);
        r->at = r->kept.len;
    }
    return got;
}

struct archive_request {
    int source; /* fd */
    int dir;    /* of the work directory: "files" is made for an archive, "text" for anything else */
};

static int save_text(struct replay *r, int dir, struct cb_error *err)
{
    CB_AUTO(close) int fd = openat(dir, "text", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CB_AUTO(free) char *piece = cb_alloc_buffer(65536);
    size_t total = 0;
    if (fd < 0)
        return cb_fail_sys(err, errno, "make a file for the Dockerfile");
    for (ssize_t n; (n = read_replay(r, piece, 65536, err)) != 0; total += (size_t)n) {
        int w = n < 0 ? -1 : cb_write_full(fd, piece, (size_t)n);
        if (w < 0)
            return n < 0 ? -1 : cb_fail_sys(err, w, "write the Dockerfile");
        if (total > CB_MAX_DOCKERFILE)
            return cb_fail(err, CB_E_FAILED, "the build context is neither a tar archive nor a Dockerfile: it is too large");
    }
    return 0;
}

static int take_archive(struct replay *r, int dir, struct cb_buf *answer, struct cb_error *err)
{
    int64_t newest;
    if (mkdirat(dir, "files", 0755) < 0)
        return cb_fail_sys(err, errno, "make a directory for the build context");
    CB_AUTO(close) int root = openat(dir, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return cb_fail_sys(err, errno, "open the directory of the build context");
    umask(0);
    if (build_unpack(read_replay, r, root, &newest, err) < 0)
        return cb_prefix(err, "unpack the build context");
    cb_put_u8(answer, 1);
    cb_put_u64(answer, (uint64_t)newest);
    return 0;
}

/* Answers whether it was an archive, and its newest member's time. */
static int archive_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    const struct archive_request *q = ctx;
    struct replay r = {.fd = q->source, .kept = CB_BUF_INIT, .keep = true};
    int archive = build_extract_sniff(read_replay, &r, err);
    r.at = 0;
    r.keep = false;
    int result = archive < 0 ? -1 : archive ? take_archive(&r, q->dir, answer, err) : save_text(&r, q->dir, err);
    if (result == 0 && !archive) {
        cb_put_u8(answer, 0);
        cb_put_u64(answer, 0);
    }
    cb_buf_done(&r.kept);
    return result;
}

/* As build_context_from_url. */
static int from_stream(struct build_session *session, int fd, struct build_local *l, struct cb_buf *text, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct cb_job job;
    l->remote = true;
    if (cache_work_begin(session->store, &l->checkout.work, err) < 0)
        return -1;
    struct archive_request q = {fd, l->checkout.work.dir};
    if (cb_job_fork(archive_job, &q, &job, err) < 0 || build_wait_job(session, &job, NULL, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    bool archive = cb_get_u8(&u);
    int64_t newest = (int64_t)cb_get_u64(&u);
    if (!archive) {
        int r = cb_read_file(l->checkout.work.dir, "text", CB_MAX_DOCKERFILE, text);
        return r < 0 ? cb_fail_sys(err, r, "read the Dockerfile") : 0;
    }
    l->has_time = newest != INT64_MIN;
    l->time = newest;
    l->dir = openat(l->checkout.work.dir, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return l->dir < 0 ? cb_fail_sys(err, errno, "open the unpacked build context") : 1;
}

/* ---- the kinds ---------------------------------------------------------------------------------------------------------- */

int build_context_from_stdin(struct build_session *session, struct build_local *l, struct cb_buf *text, struct cb_error *err)
{
    l->path = cb_strdup("-");
    return from_stream(session, 0, l, text, err);
}

int build_context_from_url(struct build_session *session, const char *url, struct build_local *l, struct cb_buf *text,
                           struct cb_error *err)
{
    struct build_download d;
    l->path = reg_url_redact(url);
    if (build_download(session, url, NULL, &d, err) < 0)
        return -1;
    CB_AUTO(close) int fd = cache_blob_open(session->store, &d.digest, err);
    int archive = fd < 0 ? -1 : from_stream(session, fd, l, text, err);
    if (archive >= 0 && d.mtime) { /* what the server says takes precedence over what the archive holds (dockerfile.md §9) */
        l->has_time = true;
        l->time = d.mtime;
    }
    return archive;
}

/* A build-arg's value; NULL: not given. */
static const char *build_arg(const struct build_session *session, const char *name)
{
    const struct cb_strv *args = &session->request->build_args;
    size_t n = strlen(name);
    for (size_t i = args->n; i-- > 0;)
        if (cb_starts(args->items[i], name) && args->items[i][n] == '=')
            return args->items[i] + n + 1;
    return NULL;
}

int build_context_from_git(struct build_session *session, const struct df_gitref *ref, bool main, struct build_local *l,
                           struct cb_error *err)
{
    const char *keep = main ? build_arg(session, "BUILDKIT_CONTEXT_KEEP_GIT_DIR") : NULL;
    const char *epoch = build_arg(session, "SOURCE_DATE_EPOCH");
    struct build_checkout_request q = {.ref = ref, .own_agent = true, .commit_times = ref->mtime == DF_GIT_MTIME_COMMIT};
    if (!keep || !df_parse_bool(keep, &q.keep_git_dir))
        q.keep_git_dir = ref->has_keep_git_dir && ref->keep_git_dir;
    if (ref->mtime == DF_GIT_MTIME_UNSET && epoch && *epoch) /* who wants a reproducible image wants these too */
        q.commit_times = true;
    l->remote = l->git_modes = true;
    l->path = cb_strdup(ref->short_name);
    if (build_checkout(session, &q, &l->checkout, err) < 0)
        return -1;
    l->dir = fcntl(l->checkout.dir, F_DUPFD_CLOEXEC, 3);
    l->has_time = true;
    l->time = l->checkout.time;
    return l->dir < 0 ? cb_fail_sys(err, errno, "open the checkout") : 0;
}

int build_context_from_bytes(struct build_session *session, const char *name, const struct cb_buf *bytes, struct build_local *l,
                             struct cb_error *err)
{
    const char *dir = "one";
    l->remote = true;
    if (l->checkout.work.dir < 0 && cache_work_begin(session->store, &l->checkout.work, err) < 0)
        return -1;
    if (mkdirat(l->checkout.work.dir, dir, 0755) < 0 ||
        (l->dir = openat(l->checkout.work.dir, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return cb_fail_sys(err, errno, "make a directory for a build context");
    if (!name)
        return 0;
    const struct timespec times[2] = {{.tv_sec = l->time}, {.tv_sec = l->time}};
    int r = cb_publish_file(l->dir, name, bytes->data, bytes->len, 0600);
    if (r == 0 && utimensat(l->dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r < 0 ? cb_fail_sys(err, r, "write '%s' of a build context", name) : 0;
}

void build_context_remote_done(struct build_session *session, struct build_local *l)
{
    if (l->remote)
        build_checkout_done(session, &l->checkout);
}
