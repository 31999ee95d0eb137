#include "builder/pull/incoming.h"
#include "base/fd.h"

#include <pthread.h>
#include <unistd.h>

#define PIECE 65536

struct incoming {
    const struct build_incoming *d;
    struct cache_blob_writer blob;
    int pipe;            /* to whoever unpacks; -1: nobody does */
    struct cb_error err; /* of the download */
    int result;
};

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct incoming *in = arg;
    if (cache_blob_write(&in->blob, p, n, err) < 0)
        return -1;
    if (in->d->done)
        atomic_fetch_add(in->d->done, n);
    int r = in->pipe < 0 ? 0 : cb_write_full(in->pipe, p, n);
    if (r < 0 && r != -EPIPE)
        return cb_fail_sys(err, r, "hand bytes to the unpacker");
    return r < 0 ? cb_fail(err, CB_E_CANCELED, "the layer could not be unpacked") : 0;
}

static void *download(void *arg)
{
    struct incoming *in = arg;
    in->result = in->d->get(in->d->get_arg, take_bytes, in, &in->err);
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

int build_take_blob(struct cache_store *s, const struct cb_digest *blob, const struct build_incoming *d, struct cb_error *err)
{
    struct incoming in = {.d = d, .blob = CACHE_BLOB_WRITER_INIT, .pipe = -1};
    int r = cache_blob_begin(s, &in.blob, err);
    if (r == 0)
        r = d->unpack ? download_and_unpack(&in, err) : d->get(d->get_arg, take_bytes, &in, err);
    if (r == 0)
        r = cache_blob_commit(&in.blob, blob, NULL, err);
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
