/* flood once|many|bytes: sends descriptors of this step (open for writing), or only bytes, to $SSH_AUTH_SOCK and ends with
 * some of it not yet read by anybody. */
#include "attack.h"

#include <sys/socket.h>
#include <sys/un.h>

static ssize_t send_with(int s, int fd)
{
    char byte = 'x', space[CMSG_SPACE(sizeof(int))] = "";
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(s, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int open_agent(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("SSH_AUTH_SOCK");
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (path)
        strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    return connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : s;
}

int main(int argc, char **argv)
{
    char text[65536] = "", answer;
    int s = open_agent(), own = open("/own", O_RDWR);
    bool bytes = argc == 2 && strcmp(argv[1], "bytes") == 0, many = argc == 2 && strcmp(argv[1], "many") == 0;
    if (s < 0 || (own < 0 && !bytes))
        return setup_failed("connect");
    for (int i = 0; i < (many ? 100 : 1) && !bytes; i++)
        if (send_with(s, own) < 0)
            break;
    for (int i = 0; i < 100 && bytes; i++)
        (void)!send(s, text, sizeof(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!bytes && !many)
        (void)!read(s, &answer, 1);
    errno = 0;
    held("sent");
    return 0;
}
