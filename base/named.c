#include "base/named.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/job.h"

#include <poll.h>
#include <unistd.h>

#define PIECE    65536u
#define PATIENCE 50 /* ms between two looks at the signals */

static bool is_stopped(void)
{
    CB_AUTO(cb_error) struct cb_error canceled = CB_ERROR_INIT;
    return cb_check_signals(&canceled) < 0;
}

/* Until there is something to read, or its end. */
static int wait_for_input(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    for (;;) {
        int ready = poll(&p, 1, PATIENCE);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (is_stopped())
            return -ECANCELED;
    }
}

int cb_read_stream(int fd, size_t max, struct cb_buf *b)
{
    size_t start = b->len;
    for (;;) {
        int r = wait_for_input(fd);
        if (r < 0)
            return r;
        cb_buf_reserve(b, PIECE);
        ssize_t n = read(fd, b->data + b->len, PIECE - 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        b->len += (size_t)n;
        b->data[b->len] = 0;
        if (b->len - start > max)
            return -EFBIG;
    }
}

int cb_read_named(const char *path, size_t max, struct cb_buf *b)
{
    struct stat st;
    /* Opened at once, even without a writer; the wait is ours. */
    CB_AUTO(close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return S_ISREG(st.st_mode) ? cb_read_fd(fd, max, b) : cb_read_stream(fd, max, b);
}

int cb_open_to_write(const char *path)
{
    for (;;) {
        CB_AUTO(close) int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            int flags = fcntl(fd, F_GETFL);
            return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : cb_take_fd(&fd);
        }
        if (errno != ENXIO && errno != EINTR)
            return -errno;
        if (is_stopped())
            return -ECANCELED;
        (void)poll(NULL, 0, PATIENCE);
    }
}
