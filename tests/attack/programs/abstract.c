/* abstract listen NAME READY: a server of the host on an abstract socket, one for streams and one for datagrams; says
 * REACHED for what comes. abstract connect NAME: tries both. abstract landlock: the number of Landlock's interface. */
#include "attack.h"

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static socklen_t address(struct sockaddr_un *a, const char *name, char kind)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "%s-%c", name, kind);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static int open_server(const char *name, char kind, int type)
{
    struct sockaddr_un a;
    socklen_t len = address(&a, name, kind);
    int fd = socket(AF_UNIX, type, 0);
    return bind(fd, (struct sockaddr *)&a, len) < 0 || (type == SOCK_STREAM && listen(fd, 9) < 0) ? -1 : fd;
}

static int serve(const char *name, const char *ready)
{
    char text[64];
    struct pollfd p[] = {{.fd = open_server(name, 's', SOCK_STREAM), .events = POLLIN},
                         {.fd = open_server(name, 'd', SOCK_DGRAM), .events = POLLIN}};
    if (p[0].fd < 0 || p[1].fd < 0)
        return setup_failed("bind");
    make_file(ready);
    while (poll(p, 2, -1) > 0) {
        if (p[0].revents)
            close(accept(p[0].fd, NULL, NULL));
        if (p[1].revents)
            (void)!recv(p[1].fd, text, sizeof(text), 0);
        reached("the host's abstract socket heard something");
    }
    return 1;
}

static int visit(const char *name)
{
    struct sockaddr_un a;
    socklen_t len = address(&a, name, 's');
    must_fail("connect to a stream", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, len));
    len = address(&a, name, 'd');
    must_fail("connect to datagrams", connect(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&a, len));
    must_fail("send a datagram", sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&a, len));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return serve(argv[2], argv[3]);
    if (argc == 3)
        return visit(argv[2]);
    return printf("%ld\n", syscall(444, NULL, 0, 1)) < 0; /* landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION) */
}
