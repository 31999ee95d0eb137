/* The helper is the first process of a PID namespace of its own, where the rung has one. So whatever its jobs and
 * their commands do (clear their parent-death signal, daemonise, change ids), the kernel kills all of it
 * when the helper goes, and the helper goes with the coordinator. kill(-1) from inside reaches exactly
 * what belongs to this build. */
#include "runtime/helper.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/passing.h"
#include "base/signals.h"
#include "runtime/cgroup/oom.h"
#include "runtime/sandbox/exec.h"
#include "runtime/rung/chroot.h"
#include "runtime/rung/userns.h"
#include "runtime/rung/why.h"
#include "runtime/sandbox/stragglers.h"
#include "runtime/network/uplink.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct rt_helper {
    pid_t pid;
    int sock;
};

/* ---- messages ------------------------------------------------------------------------------- */

enum op { OP_JOB = 1, OP_CANCEL, OP_CONNECT, OP_STOP, OP_GO_ON };

/* In front of a job's request bytes; the descriptors go beside it: the job's socket, then the request's. The
 * function's address is the same in both processes: one is a fork of the other. */
struct head {
    enum op op;
    rt_job_fn *fn;
    size_t n_fds;
};

/* What the helper says when it starts: 0, or the errno of what failed. */
struct hello {
    int sys;
};

/* ---- the helper's process ------------------------------------------------------------------- */

struct inside {
    int sock;
    void *world;
    bool alone; /* in a PID namespace of its own */
    struct cb_buf message;
};

static int make_slaves(void *none)
{
    (void)none;
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

/* Slave, not private: what the host unmounts in the meantime must not stay busy because of us. All of them: in a chroot they
 * do not begin at our own root. Relative paths of a request mean afterwards what they meant before. */
static int own_mounts(void)
{
    return rt_chroot_outside(make_slaves, NULL);
}

/* Sends a signal to every job and to all it started. */
static void signal_all(const struct inside *h, int sig)
{
    if (!h->alone)
        rt_stragglers_signal(sig);
    else if (getpid() == 1)
        (void)kill(-1, sig); /* ESRCH: nobody is left */
}

/* Kills every job and all it started, and waits until nothing is left. */
static void kill_all(const struct inside *h)
{
    if (!h->alone) {
        (void)rt_stragglers_end(NULL, 0);
    } else {
        signal_all(h, SIGKILL);
        /* SIGCHLD is ignored: this returns when the last child is gone. */
        while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
            ;
    }
    rt_uplink_end();
}

struct call {
    rt_job_fn *fn;
    void *world;
    struct rt_job_request req;
};

static int call(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct call *c = ctx;
    return c->fn(io, c->world, &c->req, answer, err);
}

__attribute__((noreturn)) static void job_child(struct inside *h, pid_t helper, const struct head *head, const int *fds,
                                                const void *bytes, size_t len)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != helper)
        _exit(1);
    cb_close(h->sock);
    signal(SIGCHLD, SIG_DFL); /* a job waits for its own children */
    struct call c = {head->fn, h->world, {.bytes = bytes, .len = len, .fds = fds + 1, .n_fds = head->n_fds}};
    cb_job_child(fds[0], call, &c);
}

static void start_job(struct inside *h, const struct head *head, const int *fds, const void *bytes, size_t len)
{
    pid_t helper = getpid(), pid = fork();
    if (pid == 0)
        job_child(h, helper, head, fds, bytes, len);
    if (pid < 0) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        cb_fail_sys(&err, errno, "start a job");
        cb_job_refuse(fds[0], &err);
    }
}

/* 1: a message was handled; 0: the coordinator is gone. */
static int serve_one(struct inside *h)
{
    int fds[RT_JOB_MAX_FDS + 1];
    size_t n_fds;
    ssize_t n = cb_recv_fds(h->sock, h->message.data, h->message.cap, 0, fds, CB_LEN(fds), &n_fds);
    if (n <= 0)
        return 0;
    struct head head;
    if ((size_t)n >= sizeof(head)) {
        memcpy(&head, h->message.data, sizeof(head));
        if (head.op == OP_JOB && n_fds == head.n_fds + 1)
            start_job(h, &head, fds, h->message.data + sizeof(head), (size_t)n - sizeof(head));
        if (head.op == OP_CANCEL)
            kill_all(h);
        else if (head.op == OP_CONNECT && h->alone)
            rt_uplink_begin();
        else if (head.op == OP_STOP || head.op == OP_GO_ON)
            signal_all(h, head.op == OP_STOP ? SIGSTOP : SIGCONT);
        if (head.op != OP_JOB)
            (void)send(h->sock, "", 1, MSG_NOSIGNAL);
    }
    for (size_t i = 0; i < n_fds; i++)
        cb_close(fds[i]);
    return 1;
}

/* A handler for a fault in the process itself belongs to a sanitizer, which would report nothing without it. */
static bool reports_fault(int sig)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    struct sigaction now;
    for (size_t i = 0; i < CB_LEN(faults); i++)
        if (sig == faults[i])
            return sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_IGN;
    return false;
}

/* The coordinator's handlers and mask are its own. SIGPIPE and SIGXFSZ stay as it has them: a write
 * that fails in a job is an error, not its end. So does what was ignored before us. */
static void reset_signals(void)
{
    sigset_t none;
    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGPIPE && sig != SIGXFSZ && !cb_signal_ignored(sig) && !reports_fault(sig))
            (void)signal(sig, SIG_DFL); /* refused for KILL and STOP */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps; kill_all still waits */
}

/* What all RUNs share is made once, here, while the coordinator goes on. What fails here is tried again by a RUN, which reports
 * it. */
static void prepare(const struct rt_rung_ops *rung, enum rt_helper_kind kind)
{
    CB_AUTO(cb_error) struct cb_error later = CB_ERROR_INIT;
    if (rung->runs && (kind == RT_HELPER_COMMANDS || !rung->two_helpers))
        (void)rt_exec_prepare(&later);
    rt_oom_prepare();
}

/* Without a PID namespace that ends with us we have to outlive the coordinator, whose end is that of our socket, to end what it
 * had running. */
static void die_with_parent(const struct inside *h)
{
    if (h->alone)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    else
        (void)rt_stragglers_adopt();
}

__attribute__((noreturn)) static void helper_main(int sock, const struct rt_privilege *p, enum rt_helper_kind kind, void *world)
{
    struct inside h = {.sock = sock, .world = world, .alone = p->rung->namespaces[kind] & CLONE_NEWPID, .message = CB_BUF_INIT};
    struct hello hello = {0};
    char go;
    die_with_parent(&h);
    setsid(); /* the terminal's Ctrl-C is the coordinator's to handle */
    reset_signals();
    /* Ids are mapped now; end of file without this byte means that the coordinator died or gave up. */
    if (recv(sock, &go, 1, 0) != 1)
        _exit(0);
    int r = p->rung->enter ? p->rung->enter(p) : 0;
    if (r == 0 && p->rung->namespaces[kind] & CLONE_NEWNS)
        r = own_mounts();
    die_with_parent(&h); /* a change of ids clears it */
    hello.sys = -r;
    if (send(sock, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 || r < 0)
        _exit(1);
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL); /* the caller's keys are not for steps; there may be none */
    prctl(PR_SET_DUMPABLE, 0); /* secrets pass through jobs: no core file, and no tracer but one with rights over us */
    prepare(p->rung, kind);
    cb_buf_reserve(&h.message, CB_MAX_MESSAGE + sizeof(struct head));
    while (serve_one(&h))
        ;
    kill_all(&h);
    _exit(0);
}

/* ---- the coordinator's side ----------------------------------------------------------------- */

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    CB_RETRY(waitpid(pid, NULL, 0));
}

/* What may work at another moment: not a reason to make do with less privilege, which gives other images. */
static bool is_shortage(int sys)
{
    return sys == EAGAIN || sys == ENOMEM || sys == EMFILE || sys == ENFILE;
}

static int refused(int sys, struct cb_error *err)
{
    if (is_shortage(sys))
        return cb_fail_sys(err, sys, "start the helper process");
    CB_AUTO(free) char *why = rt_userns_why(sys);
    return cb_fail(err, CB_E_UNSUPPORTED, "%s", why);
}

/* Maps the ids, lets the helper go on, and learns how that went. */
static int greet(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t pid, int sock, struct cb_error *err)
{
    struct hello hello;
    if (p->rung->map && p->rung->map(p, kind, pid, err) < 0)
        return -1;
    if (send(sock, "", 1, MSG_NOSIGNAL) != 1)
        return cb_fail_sys(err, errno, "start the helper process");
    ssize_t n = CB_RETRY(recv(sock, &hello, sizeof(hello), 0));
    if (n != sizeof(hello))
        return cb_fail(err, CB_E_FAILED, "the helper process ended at its start");
    return hello.sys ? refused(hello.sys, err) : 0;
}

static int start_at(const struct rt_privilege *p, enum rt_helper_kind kind, void *world, struct rt_helper **ret,
                    struct cb_error *err)
{
    int pair[2], size = 2 * (CB_MAX_MESSAGE + (int)sizeof(struct head));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, errno, "make a socket for the helper process");
    CB_AUTO(close) int ours = pair[0];
    CB_AUTO(close) int theirs = pair[1];
    /* Where the default is too small; a refusal shows up at the first large request. */
    (void)!setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    rt_uplink_share();
    unsigned long namespaces = p->rung->namespaces[kind];
    pid_t pid = rt_clone(namespaces);
    if (pid < 0)
        return namespaces ? refused(errno, err) : cb_fail_sys(err, errno, "start the helper process");
    if (pid == 0) {
        cb_close(ours);
        helper_main(theirs, p, kind, world);
    }
    if (greet(p, kind, pid, ours, err) < 0) {
        end_process(pid);
        return -1;
    }
    if (!(namespaces & CLONE_NEWPID))
        prctl(PR_SET_DUMPABLE, 0); /* commands see us: nobody with no more rights than we have may trace us */
    *ret = CB_NEW(struct rt_helper);
    **ret = (struct rt_helper){pid, cb_take_fd(&ours)};
    return 0;
}

int rt_helper_start(struct rt_privilege *p, enum rt_helper_kind kind, void *world, struct rt_helper **ret, struct cb_error *err)
{
    for (;;) {
        CB_AUTO(cb_error) struct cb_error own = CB_ERROR_INIT;
        if (start_at(p, kind, world, ret, &own) == 0)
            return 0;
        if (is_shortage(own.sys) || !rt_privilege_lower(p, kind, cb_strdup(own.msg))) {
            cb_error_move(err, &own);
            return -1;
        }
    }
}

int rt_helper_job(struct rt_helper *h, rt_job_fn *fn, const struct rt_job_request *req, struct cb_job *ret, struct cb_error *err)
{
    int pair[2], fds[RT_JOB_MAX_FDS + 1];
    if (req->n_fds > RT_JOB_MAX_FDS || req->len > CB_MAX_MESSAGE)
        return cb_fail(err, CB_E_FAILED, "a job's request is too large (%zu bytes, %zu files)", req->len, req->n_fds);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, errno, "make a socket for a job");
    CB_AUTO(close) int ours = pair[0];
    CB_AUTO(close) int theirs = pair[1];
    fds[0] = theirs;
    if (req->n_fds)
        memcpy(fds + 1, req->fds, req->n_fds * sizeof(int));

    struct head head = {OP_JOB, fn, req->n_fds};
    struct iovec pieces[2] = {{&head, sizeof(head)}, {(void *)req->bytes, req->len}};
    int r = cb_send_fds(h->sock, pieces, 2, fds, req->n_fds + 1);
    if (r == -EPIPE || r == -ECONNRESET)
        return cb_fail(err, CB_E_FAILED, "the helper process is gone");
    if (r < 0)
        return cb_fail_sys(err, r, "send a job to the helper process");
    *ret = (struct cb_job){cb_take_fd(&ours), -1};
    return 0;
}

void rt_helper_raise_limits(struct rt_helper *h, const struct rt_rlimit *limits, size_t n)
{
    struct rlimit now;
    for (size_t i = 0; i < n; i++) {
        const struct rt_rlimit *l = &limits[i];
        if (prlimit(h->pid, l->resource, NULL, &now) < 0 || l->value.rlim_max <= now.rlim_max)
            continue;
        now.rlim_max = rt_rlimit_ceiling(l);
        (void)prlimit(h->pid, l->resource, &now, NULL); /* refused: a command takes what it can get */
    }
}

static void tell(struct rt_helper *h, enum op op)
{
    struct head head = {.op = op};
    char done;
    if (send(h->sock, &head, sizeof(head), MSG_NOSIGNAL) < 0)
        return; /* it is gone, and with it all its jobs */
    CB_RETRY(recv(h->sock, &done, 1, 0));
}

void rt_helper_cancel(struct rt_helper *h)
{
    tell(h, OP_CANCEL);
}

void rt_helper_connect(struct rt_helper *h)
{
    tell(h, OP_CONNECT);
}

void rt_helper_stop(struct rt_helper *h)
{
    if (h)
        tell(h, OP_STOP);
}

void rt_helper_go_on(struct rt_helper *h)
{
    if (h)
        tell(h, OP_GO_ON);
}

void rt_helper_free(struct rt_helper *h)
{
    if (!h)
        return;
    rt_helper_cancel(h);
    cb_close(h->sock);
    end_process(h->pid);
    free(h);
}
