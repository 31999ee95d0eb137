/* crowd N: N connections to $SSH_AUTH_SOCK that stay open; then, when they are closed, one more. */
#include "attack.h"

#include <sys/socket.h>
#include <sys/un.h>

/* Waits for a second at most: a full queue is answered with EAGAIN. */
static int open_agent(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval second = {1, 0};
    const char *path = getenv("SSH_AUTH_SOCK");
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (path)
        strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    if (setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second)) == 0 && connect(s, (struct sockaddr *)&a, sizeof(a)) == 0)
        return s;
    close(s);
    return -1;
}

int main(int argc, char **argv)
{
    int n = 0, want = argc > 1 ? atoi(argv[1]) : 0, fds[1000];
    while (n < want && n < 1000 && (fds[n] = open_agent()) >= 0)
        n++;
    must_fail("a crowd", n < want ? -1 : 0);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    for (int tries = 0; tries < 30; tries++)
        if (open_agent() >= 0) {
            puts("again");
            return 0;
        }
    return setup_failed("connect again");
}
