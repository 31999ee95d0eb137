#include "runtime/relay.h"

#include "base/fd.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG         16
#define MAX_CONNECTIONS 64 /* each is a process; a later one waits until one has ended */

static int make_socket(const char *path, struct sockaddr_un *address, struct cb_error *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return cb_fail(err, CB_E_FAILED, "the path of the socket '%s' is longer than the system allows", path);
    memcpy(address->sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : cb_fail_sys(err, errno, "make a socket");
}

/* ---- the process ------------------------------------------------------------------------------ */

/* Moves what is there; false when that side has nothing more to say, or nobody hears it. */
static bool move_some(int from, int to)
{
    char piece[16384];
    ssize_t n = read(from, piece, sizeof(piece));
    for (ssize_t done = 0; done < n;) {
        ssize_t put = write(to, piece + done, (size_t)(n - done));
        if (put < 0)
            return false;
        done += put;
    }
    return n > 0;
}

static void pass_on(int client, int agent)
{
    struct pollfd p[] = {{.fd = client, .events = POLLIN}, {.fd = agent, .events = POLLIN}};
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (poll(p, CB_LEN(p), -1) < 0)
            return;
        for (int i = 0; i < 2; i++) {
            int other = i ? client : agent;
            if (p[i].fd >= 0 && p[i].revents && !move_some(p[i].fd, other)) {
                shutdown(other, SHUT_WR);
                p[i].fd = -1;
            }
        }
    }
}

/* Subtracts those that have ended from *n, and waits for one when there are as many as there may be. */
static void reap(unsigned *n)
{
    while (*n && waitpid(-1, NULL, *n < MAX_CONNECTIONS ? WNOHANG : 0) > 0)
        (*n)--;
}

static void serve(const struct rt_relay *relay, int listener, pid_t parent) __attribute__((noreturn));
static void serve(const struct rt_relay *relay, int listener, pid_t parent)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned n = 0;; reap(&n)) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0 && errno != EINTR && errno != ECONNABORTED)
            _exit(1);
        pid_t self = getpid(), pid = client < 0 ? -1 : fork();
        if (pid == 0) {
            struct sockaddr_un address;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            int agent = getppid() == self ? make_socket(relay->socket, &address, &ignored) : -1;
            if (agent >= 0 && connect(agent, (struct sockaddr *)&address, sizeof(address)) == 0)
                pass_on(client, agent);
            _exit(0);
        }
        n += pid > 0;
        cb_close(client);
    }
}

/* ---- its socket ------------------------------------------------------------------------------- */

static int listen_at(const struct rt_relay *relay, int dir, const char *name, struct cb_error *err)
{
    char path[64];
    struct sockaddr_un address;
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
    int fd = make_socket(path, &address, err);
    if (fd < 0)
        return -1;
    unlinkat(dir, name, 0); /* left by an earlier try */
    bool made =
        bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, BACKLOG) == 0 &&
        (fchownat(dir, name, relay->uid, relay->gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == EINVAL); /* no such id inside */
    int r = made ? cb_chmod(dir, name, relay->mode) : -errno;
    if (r < 0) {
        cb_fail_sys(err, r, "make the socket of an ssh mount");
        close(fd);
        return -1;
    }
    return fd;
}

pid_t rt_relay_start(const struct rt_relay *relay, int dir, const char *name, int *ret, struct cb_error *err)
{
    pid_t self = getpid(), pid = -1;
    int listener = listen_at(relay, dir, name, err);
    if (listener < 0)
        return -1;
    *ret = openat(dir, name, O_PATH | O_CLOEXEC);
    if (*ret < 0)
        cb_fail_sys(err, errno, "open the socket of an ssh mount");
    else if ((pid = fork()) == 0)
        serve(relay, listener, self);
    else if (pid < 0)
        cb_fail_sys(err, errno, "start the process that serves an ssh mount");
    close(listener);
    return pid;
}
