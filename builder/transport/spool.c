/* Archives that cannot be read in place: from a pipe, from a program, compressed. They are written into a work directory once. */
#include "base/fd.h"
#include "base/limits.h"
#include "base/stream/tar.h"
#include "builder/session/jobs.h"
#include "builder/transport/transport-internal.h"

#include <unistd.h>

#define BLOCK   (256u << 10)
#define ARCHIVE "archive.tar"

void build_brought_done(struct build_session *s, struct build_brought *b)
{
    build_in_layout_done(&b->at);
    if (b->work.dir >= 0)
        cache_work_done(s->store, &b->work);
}

struct spooling {
    int from, to;
    uint64_t done;
};

static ssize_t read_from(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = cb_read(((struct spooling *)arg)->from, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read it") : r;
}

static bool is_zero(const char *p, size_t n)
{
    return n > 0 && !p[0] && memcmp(p, p + 1, n - 1) == 0;
}

/* Zeros become a hole: a small archive must not fill the disk with nothing. */
static int put_block(struct spooling *x, const char *p, size_t n, struct cb_error *err)
{
    x->done += n;
    if (x->done > CB_MAX_FILE)
        return cb_fail(err, CB_E_CORRUPT, "it is larger than %llu bytes", (unsigned long long)CB_MAX_FILE);
    int r = !is_zero(p, n) ? cb_write_full(x->to, p, n) : lseek(x->to, (off_t)n, SEEK_CUR) < 0 ? -errno : 0;
    return r < 0 ? cb_fail_sys(err, r, "write a copy of it") : 0;
}

static int spool_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    struct spooling x = *(const struct spooling *)ctx;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_from, &x, true, err);
    CB_AUTO(free) char *block = cb_alloc_buffer(BLOCK);
    ssize_t n;
    (void)answer;
    while ((n = cb_tar_reader_bytes(t, block, BLOCK, err)) > 0) {
        if (put_block(&x, block, (size_t)n, err) < 0)
            return -1;
        cb_job_progress(io, "reading", x.done, 0);
    }
    if (n == 0 && x.done == 0)
        return cb_fail(err, CB_E_CORRUPT, "it is empty");
    return n == 0 && ftruncate(x.to, (off_t)x.done) < 0 ? cb_fail_sys(err, errno, "write a copy of it") : (int)n;
}

int build_spool(struct build_session *s, int fd, const char *shown, struct build_brought *ret, struct cb_error *err)
{
    CB_AUTO(free) char *name = cb_printf("read %s", shown);
    struct cb_job job;
    int r = cache_work_begin(s->store, &ret->work, err);
    CB_AUTO(close) int to = r < 0 ? -1 : openat(ret->work.dir, ARCHIVE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (r == 0 && to < 0)
        r = cb_fail_sys(err, errno, "make a file in '%s/work'", s->store->path);
    struct spooling x = {.from = fd, .to = to};
    if (r == 0)
        r = cb_job_fork(spool_job, &x, &job, err);
    if (r == 0 && build_wait_job(s, &job, name, NULL, err) < 0)
        r = cb_prefix(err, "%s", shown);
    CB_AUTO(free) char *dir = r == 0 ? cb_fd_path(ret->work.dir) : NULL;
    if (r == 0 && !dir)
        return cb_fail_sys(err, errno, "find a work directory of '%s'", s->store->path);
    if (r == 0)
        ret->at.path = cb_printf("%s/" ARCHIVE, dir);
    return r;
}
