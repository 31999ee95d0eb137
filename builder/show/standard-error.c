#include "builder/show/standard-error.h"
#include "base/clock.h"
#include "base/fd.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define MUCH     65536 /* bytes, as many as a pipe takes */
#define PATIENCE 500   /* milliseconds, with a reader that holds up the end */
#define AGAIN    20    /* milliseconds, until something is tried that was refused */

static struct {
    struct build_session *session; /* NULL: no signals are watched */
    struct cb_buf text;
    size_t written; /* of the text */
    bool busy;      /* it is being written: what is shown meanwhile goes behind it */
    int patience;   /* what is left of it */
    bool over;
} out = {.text = {cb_buf_empty, 0, 0}, .patience = PATIENCE};

void build_show_heed(struct build_session *s)
{
    out.session = s;
}

static int longest_wait(bool ends, bool refused)
{
    int wait = refused ? AGAIN : -1;
    return ends && (wait < 0 || out.patience < wait) ? out.patience : wait;
}

/* Until standard error takes more or, where it has refused to though it said so, for a short while. False: we are to end, and
 * have no patience left. */
static bool wait_for_reader(bool refused)
{
    struct build_session *s = out.session;
    for (bool ends = s && s->canceled;; ends = s && build_asked_to_end(s)) {
        struct pollfd fds[] = {{refused ? -1 : STDERR_FILENO, POLLOUT, 0}, {s && !ends ? s->signal_fd : -1, POLLIN, 0}};
        struct timespec began = cb_clock_now();
        int ready = poll(fds, CB_LEN(fds), longest_wait(ends, refused));
        if (ends)
            out.patience = CB_MAX(0, out.patience - (int)(cb_seconds_since(&began) * 1000));
        if (fds[0].revents || (ready < 0 && errno != EINTR))
            return true;
        if (ready == 0)
            return refused && (!ends || out.patience > 0);
    }
}

/* A pipe that can be written to takes a piece of PIPE_BUF at once. A terminal may take less: it is opened anew where that is
 * allowed, because O_NONBLOCK on what we were given would hold for all who share it. */
static int way_out(void)
{
    int fd = isatty(STDERR_FILENO) ? open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    return fd < 0 ? STDERR_FILENO : fd;
}

static void write_all(int fd)
{
    for (bool refused = false; out.written < out.text.len;) {
        if (!wait_for_reader(refused)) {
            out.over = true;
            return;
        }
        ssize_t n = write(fd, out.text.data + out.written, CB_MIN(out.text.len - out.written, (size_t)PIPE_BUF));
        refused = n < 0 && errno == EAGAIN;
        if (n < 0 && !refused && errno != EINTR)
            return;
        out.written += n > 0 ? (size_t)n : 0;
    }
}

static void flush(void)
{
    if (out.busy || !out.text.len)
        return;
    out.busy = true;
    int fd = way_out();
    write_all(fd);
    if (fd != STDERR_FILENO)
        cb_close(fd);
    cb_buf_reset(&out.text);
    out.written = 0;
    out.busy = false;
}

void build_show(const struct cb_buf *text)
{
    if (out.over)
        return;
    cb_buf_add(&out.text, text->data, text->len);
    flush();
}

void build_show_later(const struct cb_buf *text)
{
    if (out.over)
        return;
    cb_buf_add(&out.text, text->data, text->len);
    if (out.text.len >= MUCH)
        flush();
}
