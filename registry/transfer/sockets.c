#include "registry/transfer/sockets.h"

#include "base/mem.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void reg_sockets_add(struct reg_sockets *s, int fd)
{
    if (s->n < CB_LEN(s->fds))
        s->fds[s->n++] = fd;
}

void reg_sockets_remove(struct reg_sockets *s, int fd)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fds[i] == fd)
            s->fds[i--] = s->fds[--s->n];
}

typedef int name_fn(int fd, struct sockaddr *address, socklen_t *size);

static uint16_t port_of(int fd, name_fn *name)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t size = sizeof(a);
    if (name(fd, &a.any, &size) < 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

int reg_sockets_find(const struct reg_sockets *s, uint16_t local, uint16_t peer)
{
    for (size_t i = 0; i < s->n; i++)
        if (port_of(s->fds[i], getsockname) == local && port_of(s->fds[i], getpeername) == peer)
            return s->fds[i];
    return -1;
}

bool reg_socket_ended(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    int left = 0;
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP)) && ioctl(fd, FIONREAD, &left) == 0 && left == 0;
}

uint64_t reg_socket_unsent(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}
