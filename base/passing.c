#include "base/passing.h"
#include "base/fd.h"

#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int) * CB_PASS_MAX)];
};

int cb_send_fds(int sock, const struct iovec *pieces, size_t n, const int *fds, size_t n_fds)
{
    union control control = {0};
    size_t bytes = n_fds * sizeof(int);
    struct msghdr m = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = n};
    if (n_fds > CB_PASS_MAX)
        return -E2BIG;
    if (n_fds) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, bytes);
    }
    return CB_RETRY(sendmsg(sock, &m, MSG_NOSIGNAL)) < 0 ? -errno : 0;
}

static void take(struct msghdr *m, int *fds, size_t max, size_t *n)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t came = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
        for (size_t i = 0; i < came; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (*n < max)
                fds[(*n)++] = fd;
            else
                cb_close(fd);
        }
    }
}

ssize_t cb_recv_fds(int sock, void *bytes, size_t size, int flags, int *fds, size_t max, size_t *ret_n)
{
    union control control;
    struct iovec iov = {bytes, size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    *ret_n = 0;
    ssize_t n = CB_RETRY(recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC));
    if (n < 0)
        return -errno;
    take(&m, fds, max, ret_n);
    return n;
}
