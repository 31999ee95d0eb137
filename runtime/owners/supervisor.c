/* The supervisor: a process beside the job, in the same PID namespace and so out of the sandbox's sight and reach, with
 * all capabilities of the user namespace, that has entered the sandbox's mount namespace and root. It ends with the job; if
 * it ends earlier, the kernel refuses what is notified (ENOSYS), and the job says so. */
#include "base/fd.h"
#include "runtime/mount/mounts.h"
#include "runtime/owners/call.h"
#include "runtime/owners/owners.h"
#include "runtime/rung/notify.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of linux/seccomp.h, whose Debian 12 form does not know them. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* ---- what the sandbox's first process says ----------------------------------------------------- */

struct hello {
    uint32_t uid, gid, n_groups;
};
enum { LISTENER, MOUNTS, ROOT, N_FDS };
union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int) * N_FDS)];
};

static int send_hello(int sock, const struct rt_user *user, const int fds[N_FDS])
{
    struct hello hello = {user->uid, user->gid, (uint32_t)user->n_groups};
    union control control = {0};
    struct iovec iov = {&hello, sizeof(hello)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * N_FDS), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, sizeof(int) * N_FDS);
    return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* One message takes as much as the socket's buffer, which may be less than all of them. */
#define GROUPS_AT_ONCE ((size_t)8192)

static int send_groups(int sock, const struct rt_user *user)
{
    for (size_t at = 0; at < user->n_groups; at += GROUPS_AT_ONCE) {
        size_t n = CB_MIN(user->n_groups - at, GROUPS_AT_ONCE);
        if (send(sock, user->groups + at, n * sizeof(*user->groups), MSG_NOSIGNAL) < 0)
            return -errno;
    }
    return 0;
}

static int receive_groups(int sock, uint32_t *ret, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = CB_RETRY(recv(sock, ret + at, CB_MIN(n - at, GROUPS_AT_ONCE) * sizeof(*ret), 0));
        if (got <= 0 || got % (ssize_t)sizeof(*ret) != 0)
            return got < 0 ? -errno : -EPIPE;
        at += (size_t)got / sizeof(*ret);
    }
    return 0;
}

/* ---- one call ----------------------------------------------------------------------------------- */

struct loop {
    struct rt_super super;
    int sock;
    const struct rt_row *native[RT_MAX_NUMBER], *compat[RT_MAX_NUMBER];
};

static bool enter_row(const struct rt_row *table[RT_MAX_NUMBER], int number, const struct rt_row *row)
{
    if (number >= RT_MAX_NUMBER)
        return false;
    if (number >= 0)
        table[number] = row;
    return true;
}

/* False: a number of the table is too large. */
static bool fill_tables(struct loop *l)
{
    size_t n;
    const struct rt_row *rows = rt_rows(&n);
    for (size_t i = 0; i < n; i++)
        if (!enter_row(l->native, rows[i].native, &rows[i]) || !enter_row(l->compat, rows[i].compat, &rows[i]))
            return false;
    return true;
}

static int64_t ask(struct loop *l, const struct seccomp_notif *n)
{
    bool compat = !(n->data.arch & __AUDIT_ARCH_64BIT);
    uint32_t nr = (uint32_t)n->data.nr;
    const struct rt_row *row = nr >= RT_MAX_NUMBER ? NULL : compat ? l->compat[nr] : l->native[nr];
    struct rt_call c = {.super = &l->super, .row = row, .id = n->id, .tid = (pid_t)n->pid, .compat = compat};
    if (!row || !row->fn)
        return -ENOSYS;
    for (size_t i = 0; i < CB_LEN(c.arg); i++)
        c.arg[i] = n->data.args[i];
    int64_t r = row->fn(&c);
    rt_path_return(&c);
    return r;
}

/* False: nothing is there, or its caller was killed. */
static bool serve_one(struct loop *l)
{
    struct seccomp_notif n;
    memset(&n, 0, sizeof(n));
    if (ioctl(l->super.listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
        return false;
    int64_t answer = ask(l, &n);
    if (answer == RT_SENT)
        return true;
    struct seccomp_notif_resp r = {.id = n.id};
    if (answer == RT_PASS)
        r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (answer < 0)
        r.error = (int32_t)answer;
    else
        r.val = answer;
    (void)ioctl(l->super.listener, SECCOMP_IOCTL_NOTIF_SEND, &r); /* ENOENT: it was killed meanwhile */
    return true;
}

/* Until the job hangs up. */
static void serve(struct loop *l)
{
    struct pollfd p[2] = {{.fd = l->sock, .events = POLLIN}, {.fd = l->super.listener, .events = POLLIN}};
    while (!p[0].revents) {
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents & POLLIN)
            (void)serve_one(l);
        else if (p[1].revents) /* the last who has the filter is gone */
            p[1].fd = -1;
    }
}

/* ---- its start ---------------------------------------------------------------------------------- */

/* The ids that the command begins with. */
static int first_ids(struct rt_super *s, const struct hello *h, const uint32_t *groups)
{
    struct rt_cred c = {.n_groups = h->n_groups, .groups = groups};
    for (int i = 0; i < RT_WHICH; i++) {
        c.uid[i] = h->uid;
        c.gid[i] = h->gid;
    }
    if (h->uid == 0)
        c.permitted = c.effective = s->bounding;
    return rt_creds_intern(s->creds, &c);
}

static int enter(struct loop *l, int mounts, int root)
{
    struct rt_super *s = &l->super;
    s->root = root;
    if (setns(mounts, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0 || fchdir(s->proc) < 0)
        return -errno;
    __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
    (void)ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags); /* before Linux 6.6 each call takes longer */
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* 1: the sandbox has come. 0: it never will. -errno. */
static int receive(int sock, struct hello *ret, int ret_fds[N_FDS])
{
    struct iovec iov = {ret, sizeof(*ret)};
    union control control;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = CB_RETRY(recvmsg(sock, &m, MSG_CMSG_CLOEXEC));
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (n != (ssize_t)sizeof(*ret) || !c || c->cmsg_len != CMSG_LEN(sizeof(int) * N_FDS))
        return 0;
    memcpy(ret_fds, CMSG_DATA(c), sizeof(int) * N_FDS);
    return ret->n_groups <= RT_CRED_MAX_GROUPS ? 1 : -EINVAL;
}

static int begin(struct loop *l)
{
    struct hello hello;
    int fds[N_FDS], r = receive(l->sock, &hello, fds);
    if (r <= 0)
        return r;
    CB_AUTO(free) uint32_t *groups = cb_alloc((hello.n_groups + 1) * sizeof(*groups));
    r = receive_groups(l->sock, groups, hello.n_groups);
    if (r < 0)
        return r;
    qsort(groups, hello.n_groups, sizeof(*groups), by_number);
    l->super.listener = fds[LISTENER];
    r = first_ids(&l->super, &hello, groups);
    if (r >= 0)
        r = enter(l, fds[MOUNTS], fds[ROOT]);
    cb_close(fds[MOUNTS]);
    return r < 0 ? r : 1;
}

/* ---- its end ------------------------------------------------------------------------------------ */

/* What the job reads: whether something was refused, then the owners. */
static int say(const struct loop *l, int upper, int report)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_addc(&b, l->super.full ? 'f' : 'k');
    int r = rt_links_report(&l->super.links, l->super.root, upper, &b);
    return r < 0 ? r : cb_write_full(report, b.data, b.len);
}

/* Everything but these is the job's, whose readers wait for its end. They are moved to 3 and up. */
static int keep_only(int *fds[], int n)
{
    for (int i = 0; i < n; i++) {
        int fd = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3 + n);
        if (fd < 0)
            return -errno;
        *fds[i] = fd;
    }
    for (int i = 0; i < n; i++) {
        if (dup3(*fds[i], 3 + i, O_CLOEXEC) < 0)
            return -errno;
        *fds[i] = 3 + i;
    }
    return cb_close_from(3 + n);
}

__attribute__((noreturn)) static void supervisor_main(const struct rt_owners_world *w, pid_t job, int sock, int report, int proc)
{
    static struct loop l;
    int root = w->root, upper = w->upper;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != job)
        _exit(1);
    if (keep_only((int *[]){&sock, &report, &proc, &root, &upper}, 5) < 0)
        _exit(1);
    l = (struct loop){.super = {.listener = -1, .proc = proc, .root = -1, .bounding = w->bounding}, .sock = sock};
    l.super.creds = rt_creds_new();
    umask(0);
    int r = !fill_tables(&l) ? -ENOSYS : rt_links_add_below(&l.super.links, root, w->below);
    if (r == 0)
        r = begin(&l);
    if (r == 0)
        _exit(0);
    int said = r < 0 ? -r : 0;
    if (send(sock, &said, sizeof(said), MSG_NOSIGNAL) < 0 || r < 0)
        _exit(1);
    serve(&l);
    _exit(say(&l, upper, report) < 0);
}

/* ---- the job's side ------------------------------------------------------------------------------ */

static int start(const struct rt_owners_world *w, int proc, struct rt_owners *ret, struct cb_error *err)
{
    int pair[2];
    CB_AUTO(close) int report = cb_memory_file("owners");
    if (report < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, report < 0 ? report : errno, "start the process that keeps owners");
    pid_t job = getpid(), pid = fork();
    if (pid == 0)
        supervisor_main(w, job, pair[1], report, proc);
    cb_close(pair[1]);
    if (pid < 0) {
        cb_close(pair[0]);
        return cb_fail_sys(err, errno, "start the process that keeps owners");
    }
    *ret = (struct rt_owners){pid, pair[0], cb_take_fd(&report)};
    return 1;
}

int rt_owners_start(const struct rt_owners_world *w, struct rt_owners *ret, const char **ret_why, struct cb_error *err)
{
    *ret_why = rt_notify_why_not();
    if (*ret_why)
        return 0;
    CB_AUTO(close) int proc = rt_mount_new("proc", NULL, 0, RT_ATTR_SAFE);
    if (proc == -EPERM) {
        *ret_why = "it allows no /proc of our own, because the one around us is partly covered";
        return 0;
    }
    return proc < 0 ? cb_fail_sys(err, proc, "mount proc for the process that keeps owners") : start(w, proc, ret, err);
}

static int say_hello(const struct rt_owners *o, int listener, int mounts, int root, const struct rt_user *user)
{
    int said = 0, r = send_hello(o->sock, user, (int[N_FDS]){listener, mounts, root});
    if (r == 0)
        r = send_groups(o->sock, user);
    if (r < 0)
        return r;
    ssize_t n = CB_RETRY(recv(o->sock, &said, sizeof(said), 0));
    return n != sizeof(said) ? -EPIPE : -said;
}

int rt_owners_enter(const struct rt_owners *o, int mounts, int root, const struct rt_user *user, const char **ret_why,
                    struct cb_error *err)
{
    const struct rlimit number = {RT_CRED_BASE, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_RTTIME, &number) < 0)
        return cb_fail_sys(err, errno, "set the limit that carries ids");
    int listener = rt_filter_install();
    if (listener == -EBUSY || listener == -EINVAL || listener == -EPERM || listener == -ENOSYS) {
        *ret_why = listener == -EBUSY ? "a filter around cbuild has notifications already, and the kernel allows only one"
                                      : "the kernel, or a filter around cbuild, refuses seccomp notifications";
        (void)setrlimit(RLIMIT_RTTIME, &none);
        return 1;
    }
    if (listener < 0)
        return cb_fail_sys(err, listener, "ask for notifications of system calls");
    int r = say_hello(o, listener, mounts, root, user);
    cb_close(listener);
    return r < 0 ? cb_fail_sys(err, r, "give the sandbox to the process that keeps owners") : 0;
}

#define MAX_REPORT ((size_t)4 << 30) /* as many as there can be, each with a long path */

/* The lines and what they become are one allocation: the items come first. */
static void parse(const struct cb_buf *b, struct cb_link_owners *ret)
{
    size_t n = 0;
    for (size_t i = 1; i < b->len; i++)
        n += b->data[i] == '\0';
    if (n == 0)
        return;
    ret->items = cb_alloc(n * sizeof(*ret->items) + b->len);
    char *p = (char *)(ret->items + n), *end = p + b->len - 1;
    memcpy(p, b->data + 1, b->len - 1);
    for (; p < end && ret->n < n; p += strlen(p) + 1) {
        struct cb_link_owner *o = &ret->items[ret->n];
        int at = 0;
        /* One blank follows: more of them are the path's. */
        if (sscanf(p, "%u %u%n", &o->uid, &o->gid, &at) == 2 && p[at] == ' ') {
            o->path = p + at + 1;
            ret->n++;
        }
    }
    cb_link_owners_sort(ret);
}

int rt_owners_finish(struct rt_owners *o, struct cb_link_owners *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    int status = 0;
    *ret = (struct cb_link_owners){0};
    if (!o->pid)
        return 0;
    o->sock = cb_close(o->sock);
    pid_t pid = o->pid;
    if (CB_RETRY(waitpid(pid, &status, 0)) < 0)
        return cb_fail_sys(err, errno, "wait for the process that keeps owners");
    o->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return cb_fail(err, CB_E_FAILED, "the process that keeps the owners of a step ended before its time");
    int r = lseek(o->report, 0, SEEK_SET) < 0 ? -errno : cb_read_fd(o->report, MAX_REPORT, &b);
    if (r < 0)
        return cb_fail_sys(err, r, "read the owners of a step");
    if (b.len && b.data[0] == 'f') {
        cb_fail(err, CB_E_UNSUPPORTED,
                "the step gave owners to more than %d symlinks and FIFOs, or had more than %d kinds of ids", RT_OWNERS_MAX_LINKS,
                RT_CRED_SETS);
        return cb_hint(err, "without subordinate ids (/etc/subuid, /etc/subgid) only so many can be kept");
    }
    parse(&b, ret);
    return 0;
}

void rt_owners_done(struct rt_owners *o)
{
    cb_close(o->sock);
    cb_close(o->report);
    if (o->pid) {
        kill(o->pid, SIGKILL);
        CB_RETRY(waitpid(o->pid, NULL, 0));
    }
    *o = RT_OWNERS_INIT;
}
