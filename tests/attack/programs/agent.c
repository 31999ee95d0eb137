/* agent SOCKET READY [flood|deaf]: an agent on the host that says REACHED when a descriptor arrives; with `flood` it writes
 * without being asked and without end, with `deaf` it never reads. */
#include "attack.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static void hear(int s)
{
    char text[4096], space[CMSG_SPACE(sizeof(int) * 8)];
    for (;;) {
        struct iovec io = {text, sizeof(text)};
        struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
        ssize_t n = recvmsg(s, &m, 0);
        if (n <= 0)
            return;
        if (m.msg_controllen > 0)
            reached("a descriptor arrived at the agent");
        if (send(s, text, (size_t)n, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void speak(int s)
{
    char text[4096] = "";
    while (send(s, text, sizeof(text), MSG_NOSIGNAL) > 0)
        ;
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *kind = argc > 3 ? argv[3] : "";
    if (argc < 3 || strlen(argv[1]) >= sizeof(a.sun_path))
        return setup_failed("the socket's name");
    memcpy(a.sun_path, argv[1], strlen(argv[1]));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 9) < 0)
        return setup_failed("bind");
    signal(SIGCHLD, SIG_IGN);
    make_file(argv[2]);
    for (int s; (s = accept(listener, NULL, NULL)) >= 0; close(s)) {
        if (fork() > 0)
            continue;
        close(listener);
        if (strcmp(kind, "flood") == 0)
            speak(s);
        else if (strcmp(kind, "deaf") == 0)
            sleep(60);
        else
            hear(s);
        _exit(0);
    }
    return 1;
}
