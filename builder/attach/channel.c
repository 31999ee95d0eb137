#include "builder/attach/channel.h"
#include "base/fd.h"

#include <unistd.h>

void build_channel_poll(const struct build_channel *c, struct pollfd *p)
{
    *p = c->n ? (struct pollfd){c->to, POLLOUT, 0} : (struct pollfd){c->from, POLLIN, 0};
}

bool build_channel_open(const struct build_channel *c)
{
    return c->to >= 0 && (c->n || c->from >= 0);
}

static void close_side(int *fd, bool own)
{
    if (own)
        cb_close(*fd);
    *fd = -1;
}

void build_channel_close(struct build_channel *c)
{
    close_side(&c->from, c->own_from);
    close_side(&c->to, c->own_to);
    c->n = 0;
}

static bool again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* A terminal whose other side is gone gives an error instead of an end. */
static void take(struct build_channel *c)
{
    ssize_t n = read(c->from, c->bytes, sizeof(c->bytes));
    if (n < 0 && again())
        return;
    c->first = 0;
    c->n = n > 0 ? (size_t)n : 0;
    if (n <= 0)
        build_channel_close(c);
}

static void give(struct build_channel *c)
{
    ssize_t n = write(c->to, c->bytes + c->first, c->n);
    if (n < 0 && !again())
        build_channel_close(c);
    if (n <= 0)
        return;
    c->first += (size_t)n;
    c->n -= (size_t)n;
}

void build_channel_move(struct build_channel *c, const struct pollfd *p)
{
    if (!p->revents || !build_channel_open(c))
        return;
    if (p->events == POLLIN)
        take(c);
    else
        give(c);
}
