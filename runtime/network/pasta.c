/* pasta copies packets between a network namespace and ordinary sockets of the host's. It must be told the namespace by a path
 * (a descriptor would be closed: newer ones close all they were not told of), and the namespace has none of its own. So it
 * gets a mount namespace in which there is one. */
#include "base/fd.h"
#include "base/proc.h"
#include "base/limits.h"
#include "runtime/mount/mounts.h"
#include "runtime/network/uplink.h"

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_OTHER (STDERR_FILENO + 1)
#define PATIENCE    10 /* seconds until it must be ready */
#define MAX_SAID    65536
#define MAX_LINES   3 /* of what it says */

/* Ours, and below it as AppArmor's profile of pasta knows it. Over the first that there is: neither is needed by pasta. */
static const char *const places[] = {"/run/user", "/sys"};
#define BELOW "0/netns"
#define NAME  "/cbuild"

static int make_place(int netns, char *path, size_t size)
{
    static const struct rt_option options[] = {{"mode", "755"}, {"size", "64k"}};
    CB_AUTO(close) int mnt = rt_mount_new("tmpfs", options, CB_LEN(options), RT_ATTR_SAFE);
    CB_AUTO(close) int ns = mnt < 0 ? mnt : rt_mount_clone(netns, "");
    int r = ns < 0 ? ns : cb_mkdirs(mnt, BELOW, 0755);
    CB_AUTO(close) int file = r < 0 ? r : openat(mnt, BELOW NAME, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (r == 0)
        r = file < 0 ? -errno : -ENOENT;
    for (size_t i = 0; i < CB_LEN(places) && r == -ENOENT; i++) {
        snprintf(path, size, "%s/%s", places[i], BELOW NAME);
        r = rt_mount_attach(mnt, AT_FDCWD, places[i]);
    }
    return r < 0 ? r : rt_mount_attach(ns, mnt, BELOW NAME);
}

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

/* Asks for the way to an address that belongs to nobody; nothing is sent. */
bool rt_uplink_source(int family, char ret[INET6_ADDRSTRLEN])
{
    union address to = {.ip4 = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc6336401)}}, from;
    socklen_t size = sizeof(from);
    if (family == AF_INET6)
        to.ip6 =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr.s6_addr = {0x20, 0x01, 0x0d, 0xb8}};
    CB_AUTO(close) int s = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, &to.any, sizeof(to)) < 0 || getsockname(s, &from.any, &size) < 0)
        return false;
    const void *address = family == AF_INET6 ? (const void *)&from.ip6.sin6_addr : (const void *)&from.ip4.sin_addr;
    return inet_ntop(family, address, ret, INET6_ADDRSTRLEN) != NULL;
}

static void arguments(struct cb_strv *argv, const char *path)
{
    static const char *const always[] = {"pasta", "--config-net", "--quiet", "--no-map-gw", "-t", "none", "-u", "none", "-T",
                                         "none", "-U", "none", "-I", RT_UPLINK_INTERFACE,
                                         /* or it would become nobody, who may not enter the namespace */
                                         "--runas", "0"};
    static const char *const ip4[] = {
        "-a", RT_UPLINK_ADDRESS, "-n", RT_UPLINK_BITS, "-g", RT_UPLINK_GATEWAY, "--dns-forward", RT_UPLINK_DNS};
    static const char *const ip6[] = {"-a", "fd63:6275:696c:64::15", "-g", "fe80::2"};
    char source[INET6_ADDRSTRLEN];
    bool has4 = rt_uplink_source(AF_INET, source), has6 = rt_uplink_source(AF_INET6, source);
    for (size_t i = 0; i < CB_LEN(always); i++)
        cb_strv_push(argv, always[i]);
    for (size_t i = 0; i < CB_LEN(ip4) && has4; i++)
        cb_strv_push(argv, ip4[i]);
    for (size_t i = 0; i < CB_LEN(ip6) && has6; i++)
        cb_strv_push(argv, ip6[i]);
    if (has4 != has6)
        cb_strv_push(argv, has4 ? "-4" : "-6");
    cb_strv_push(argv, "--netns");
    cb_strv_push(argv, path);
}

/* Its first lines as one, without what it has to say about the system's log. */
static char *words(int said)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    struct cb_buf out = CB_BUF_INIT;
    size_t n = 0;
    (void)lseek(said, 0, SEEK_SET);
    (void)cb_read_fd(said, MAX_SAID, &text); /* what was read until then */
    char *rest = text.data;
    for (const char *line; n < MAX_LINES && (line = strsep(&rest, "\n"));) {
        if (*line && !cb_starts(line, "Failed to send "))
            cb_buf_printf(&out, n++ ? "; %s" : "%s", line);
    }
    return cb_buf_detach(&out);
}

/* pasta goes on in the background when it is ready, and its first process ends. SIGCHLD is blocked. */
static int wait_until_ready(pid_t pid, int said, struct cb_error *err)
{
    sigset_t child;
    struct timespec patience = {PATIENCE, 0};
    int status;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (CB_RETRY(sigtimedwait(&child, NULL, &patience)) < 0) {
        kill(pid, SIGKILL);
        return cb_fail(err, CB_E_FAILED, "pasta was not ready after %d seconds", PATIENCE);
    }
    if (CB_RETRY(waitpid(pid, &status, 0)) < 0)
        return cb_fail_sys(err, errno, "wait for pasta");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    CB_AUTO(free) char *text = words(said);
    if (*text)
        return cb_fail(err, CB_E_FAILED, "pasta says: %s", text);
    return cb_fail(err, CB_E_FAILED, "pasta ended with status %d",
                   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int not_started(int sys, struct cb_error *err)
{
    if (sys != -ENOENT)
        return cb_fail_sys(err, sys, "start pasta");
    cb_fail(err, CB_E_UNSUPPORTED, "the program pasta is not installed");
    return cb_hint(err, "install the package 'passt'");
}

static int start(const char *path, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    sigset_t child;
    pid_t pid;
    CB_AUTO(close) int said = cb_memory_file("pasta");
    if (said < 0)
        return cb_fail_sys(err, said, "make a file for what pasta says");
    arguments(&argv, path);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGCHLD, SIG_DFL);
    /* It takes a signal that is ignored for a failure. */
    int r = cb_spawn(&(struct cb_spawn){(const char *const *)argv.items, NULL, -1, {-1, said, said}, true}, &pid);
    return r ? not_started(r, err) : wait_until_ready(pid, said, err);
}

int rt_pasta_start(int netns, struct cb_error *err)
{
    char path[64];
    if (access("/dev/net/tun", R_OK | W_OK) < 0) {
        cb_fail_sys(err, errno, "open /dev/net/tun");
        return cb_hint(err, "it must be there and open to everybody; 'docker run --device /dev/net/tun' gives it to a container");
    }
    if (unshare(CLONE_NEWNS) < 0)
        return cb_fail_sys(err, errno, "make a mount namespace for pasta");
    int r = cb_cloexec_from(FIRST_OTHER); /* whoever started us may have left some open */
    if (r == 0)
        r = make_place(netns, path, sizeof(path));
    return r < 0 ? cb_fail_sys(err, r, "make a place for pasta's network namespace") : start(path, err);
}
