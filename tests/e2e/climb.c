/* climb send | climb take: hands "/" to another process over an abstract socket. Whoever takes it climbs up from there, which
 * chroot(2) does not forbid, and tries to open and change the file /tmp/outside of what it finds. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0climb"};
#define LENGTH ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + 6))

struct hand {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control;
    char byte;
    struct iovec data;
    struct msghdr message;
};

static void hand_init(struct hand *h)
{
    memset(h, 0, sizeof(*h));
    h->data = (struct iovec){&h->byte, 1};
    h->message = (struct msghdr){
        .msg_iov = &h->data, .msg_iovlen = 1, .msg_control = h->control.bytes, .msg_controllen = sizeof(h->control.bytes)};
}

static int held(const char *what)
{
    printf("HELD: %s: %s\n", what, strerror(errno));
    return 0;
}

static int send_root(int s)
{
    struct hand h;
    int root = open("/", O_RDONLY | O_DIRECTORY), tries = 0;
    while (connect(s, (const struct sockaddr *)&address, LENGTH) < 0)
        if (++tries == 10 || usleep(50000) < 0)
            return held("connect");
    hand_init(&h);
    h.control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&h.control.head), &root, sizeof(int));
    return sendmsg(s, &h.message, 0) < 0 || read(s, &h.byte, 1) < 0 ? held("send") : 0;
}

static void climb(int root)
{
    struct stat st;
    if (fchdir(root) < 0)
        held("enter");
    for (int i = 0; i < 30; i++)
        if (chdir("..") < 0)
            held("climb");
    if (stat("tmp/outside", &st) == 0)
        printf("REACHED: stat\n");
    if (open("tmp/outside", O_RDONLY) >= 0)
        printf("REACHED: open\n");
    if (chmod("tmp/outside", 0666) == 0)
        printf("REACHED: chmod\n");
}

static int take_root(int s)
{
    struct hand h;
    int other = -1, tries = 0, root;
    if (bind(s, (const struct sockaddr *)&address, LENGTH) < 0 || listen(s, 1) < 0 || fcntl(s, F_SETFL, O_NONBLOCK) < 0)
        return 1;
    while ((other = accept(s, NULL, NULL)) < 0)
        if (++tries == 10 || usleep(50000) < 0)
            return held("nobody came");
    hand_init(&h);
    if (recvmsg(other, &h.message, 0) < 1)
        return held("receive");
    memcpy(&root, CMSG_DATA(&h.control.head), sizeof(int));
    climb(root);
    return 0;
}

int main(int argc, char **argv)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    return argc == 2 && strcmp(argv[1], "send") == 0 ? send_root(s) : take_root(s);
}
