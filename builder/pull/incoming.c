#include "builder/pull/incoming.h"
#include "base/fd.h"

#include <pthread.h>
#include <unistd.h>

#define PIECE 65536

struct incoming {
    const struct build_incoming *d;
    struct cache_blob_writer blob;
    uint64_t had;        /* bytes that an earlier download left */
    int pipe;            /* to whoever unpacks; -1: nobody does */
    struct cb_error err; /* of the download */
    int result;
};

static int hand_on(struct incoming *in, const void *p, size_t n, struct cb_error *err)
{
    if (in->d->done)
        atomic_fetch_add(in->d->done, n);
    int r = in->pipe < 0 ? 0 : cb_write_full(in->pipe, p, n);
    if (r < 0 && r != -EPIPE)
        return cb_fail_sys(err, r, "hand bytes to the unpacker");
    return r < 0 ? cb_fail(err, CB_E_CANCELED, "the layer could not be unpacked") : 0;
}

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct incoming *in = arg;
    return cache_blob_write(&in->blob, p, n, err) < 0 ? -1 : hand_on(in, p, n, err);
}

/* What an earlier download left comes first. */
static int get(struct incoming *in, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    for (uint64_t at = 0; at < in->had;) {
        ssize_t n = CB_RETRY(pread(in->blob.fd, block, CB_MIN((uint64_t)PIECE, in->had - at), (off_t)at));
        if (n <= 0)
            return cb_fail_sys(err, n < 0 ? errno : EIO, "read what an earlier download left");
        if (hand_on(in, block, (size_t)n, err) < 0)
            return -1;
        at += (uint64_t)n;
    }
    return in->d->get(in->d->get_arg, take_bytes, in, err);
}

static void *download(void *arg)
{
    struct incoming *in = arg;
    in->result = get(in, &in->err);
    in->pipe = cb_close(in->pipe);
    return NULL;
}

static ssize_t read_fd(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = cb_read(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read layer") : r;
}

/* A broken download also breaks the unpacking: the download's error is the one that helps. */
static int both(struct incoming *in, int unpacked, struct cb_error *err)
{
    if (in->result < 0 && in->err.code != CB_E_CANCELED) {
        cb_error_done(err);
        cb_error_move(err, &in->err);
        unpacked = -1;
    }
    cb_error_done(&in->err);
    return unpacked;
}

static int download_and_unpack(struct incoming *in, struct cb_error *err)
{
    int p[2];
    pthread_t thread;
    if (pipe2(p, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "make a pipe");
    CB_AUTO(close) int from = p[0];
    in->pipe = p[1];
    (void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20); /* only faster */
    int e = pthread_create(&thread, NULL, download, in);
    if (e) {
        in->pipe = cb_close(in->pipe);
        return cb_fail_sys(err, e, "start a thread");
    }
    int r = in->d->unpack(in->d->unpack_arg, read_fd, &from, err);
    from = cb_close(from);
    pthread_join(thread, NULL);
    return both(in, r, err);
}

/* 1: begun; 0: it is there; -1. */
static int begin(struct cache_store *s, const struct cb_digest *blob, struct incoming *in, struct cb_error *err)
{
    struct build_begun *b = in->d->begun;
    if (!b)
        return cache_blob_begin(s, &in->blob, err) < 0 ? -1 : 1;
    int r = cache_blob_resume(s, blob, in->d->size, &in->blob, err);
    if (r > 0)
        *b = (struct build_begun){in->had = in->blob.size, in->blob.sha};
    return r;
}

/* Whether another try may go on where this one has failed. */
static bool may_go_on(const struct cb_error *err)
{
    return err->code == CB_E_NETWORK || err->code == CB_E_CANCELED || err->code == CB_E_DENIED;
}

int build_take_blob(struct cache_store *s, const struct cb_digest *blob, const struct build_incoming *d, struct cb_error *err)
{
    struct incoming in = {.d = d, .blob = CACHE_BLOB_WRITER_INIT, .pipe = -1};
    int r = begin(s, blob, &in, err);
    if (r <= 0)
        return r < 0 ? -1 : 1;
    r = d->unpack ? download_and_unpack(&in, err) : get(&in, err);
    if (r == 0)
        r = cache_blob_commit(&in.blob, blob, NULL, err);
    if (r < 0 && !may_go_on(err))
        cache_blob_discard(&in.blob);
    cache_blob_abort(&in.blob);
    return r;
}

int build_incoming_file(int fd, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    ssize_t n;
    while ((n = read_fd(&fd, block, PIECE, err)) > 0)
        if (sink(sink_arg, block, (size_t)n, err) < 0)
            return -1;
    return (int)n;
}
