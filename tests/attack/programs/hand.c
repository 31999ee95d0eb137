/* hand give SOCKET WHAT; hand take SOCKET WHAT FILE: a descriptor goes from one step to a parallel one, which tries to
 * change the layer through it once FILE says that the layer is made. SOCKET with '@' in front is an abstract name. */
#include "attack.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static int socket_at(const char *path, struct sockaddr_un *a, socklen_t *len)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strncpy(a->sun_path, path, sizeof(a->sun_path) - 1);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path != '@'));
    if (*path == '@')
        a->sun_path[0] = '\0';
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int send_fd(int to, int fd)
{
    char byte = 'x', space[CMSG_SPACE(sizeof(int))] = "";
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(to, &m, 0) == 1 ? 0 : -1;
}

static int receive_fd(int from)
{
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    int fd = -1;
    if (recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    return fd;
}

/* ---- the giver -------------------------------------------------------------------------------- */

static int open_what(const char *what)
{
    int fd = -1;
    if (is(what, "root") || is(what, "flight") || is(what, "unchanged"))
        fd = open("/", O_RDONLY | O_DIRECTORY);
    else if (is(what, "dir"))
        fd = open("/d", O_RDONLY | O_DIRECTORY);
    else if (is(what, "reading"))
        fd = open("/d/one", O_RDONLY);
    else if (is(what, "unnamed"))
        fd = open("/d", O_TMPFILE | O_RDWR, 0755);
    else
        fd = open("/d/one", O_RDWR);
    if (is(what, "removed"))
        unlink("/d/one");
    return fd;
}

/* It ends when the other side has it, or has all it needs to get it: nothing of this step runs any longer. */
static int give(const char *path, const char *what)
{
    struct sockaddr_un a;
    socklen_t len;
    char answer;
    int fd = open_what(what), s = socket_at(path, &a, &len);
    if (fd < 0 || s < 0)
        return setup_failed("open");
    for (int i = 0; connect(s, (struct sockaddr *)&a, len) < 0; i++) {
        if ((errno != ENOENT && errno != ECONNREFUSED) || i == 3000) {
            held("socket");
            return 1;
        }
        usleep(10000);
    }
    if (send_fd(s, fd) < 0)
        return setup_failed("sendmsg");
    (void)!read(s, &answer, 1);
    return 0;
}

/* ---- the receiver ----------------------------------------------------------------------------- */

static void change_directory(int fd, const char *what)
{
    const char *there = is(what, "dir") ? "one" : "d/one", *dir = is(what, "dir") ? "." : "d";
    struct stat st;
    if (fstatat(fd, there, &st, 0) < 0) {
        setup_failed("the directory is not the giver's");
        return;
    }
    must_fail("openat", openat(fd, "planted", O_CREAT | O_WRONLY, 0755));
    must_fail("openat", openat(fd, there, O_WRONLY | O_TRUNC));
    must_fail("openat", openat(fd, ".", O_TMPFILE | O_WRONLY, 0755));
    must_fail("mkdirat", mkdirat(fd, "planted-dir", 0755));
    must_fail("symlinkat", symlinkat("/x", fd, "planted-link"));
    must_fail("linkat", linkat(fd, there, fd, "planted-hard", 0));
    must_fail("renameat", renameat(fd, there, fd, "planted-name"));
    must_fail("unlinkat", unlinkat(fd, there, 0));
    must_fail("fchmod", fchmod(fd, 0777));
    must_fail("fchmodat", fchmodat(fd, there, 0777, 0));
    must_fail("fchown", fchown(fd, getuid(), getgid()));
    must_fail("fsetxattr", fsetxattr(fd, "user.planted", "x", 1, 0));
    must_fail("utimensat", utimensat(fd, dir, NULL, 0));
    if (fchdir(fd) == 0)
        must_fail("openat", open("planted-here", O_CREAT | O_WRONLY, 0755));
}

static void change_file(int fd)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    must_fail("open for writing again", open(name, O_WRONLY));
    must_fail("truncate", truncate(name, 0));
    must_fail("fchmod", fchmod(fd, 0777));
}

/* Only reached when the giver's step has not failed. */
static void write_file(int fd, char *map)
{
    if (map) {
        memcpy(map, "bad", 3);
        reached("the file is mapped for writing");
    } else {
        must_fail("write", pwrite(fd, "bad", 3, 0));
        must_fail("linkat", linkat(fd, "", AT_FDCWD, "/planted", AT_EMPTY_PATH));
    }
}

static void use(int fd, const char *what, char *map)
{
    if (is(what, "root") || is(what, "dir") || is(what, "flight"))
        change_directory(fd, what);
    else if (is(what, "unchanged"))
        must_fail("what the next step wrote", openat(fd, "private", O_RDONLY));
    else if (is(what, "reading"))
        change_file(fd);
    else if (is(what, "removed"))
        must_fail("linkat", linkat(fd, "", AT_FDCWD, "/planted", AT_EMPTY_PATH));
    else
        write_file(fd, map);
}

static int take(const char *path, const char *what, const char *committed)
{
    struct sockaddr_un a;
    socklen_t len;
    int listener = socket_at(path, &a, &len), fd = -1;
    char *map = NULL;
    bool later = strstr(what, "flight") != NULL;
    if (*path != '@')
        unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, len) < 0 || listen(listener, 1) < 0)
        return setup_failed("bind");
    int s = accept(listener, NULL, NULL);
    if (!later)
        fd = receive_fd(s);
    if (is(what, "map")) {
        map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (map == MAP_FAILED)
            return setup_failed("mmap");
    }
    if (send(s, "x", 1, MSG_NOSIGNAL) != 1)
        return setup_failed("answer");
    if (!wait_for_file(committed))
        return setup_failed("wait for the layer");
    if (later)
        fd = receive_fd(s);
    use(fd, what, map);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && is(argv[1], "give"))
        return give(argv[2], argv[3]);
    return argc == 5 ? take(argv[2], argv[3], argv[4]) : 2;
}
