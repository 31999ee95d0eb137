#include "builder/attach/attach.h"
#include "base/fd.h"
#include "base/passing.h"
#include "base/signals.h"
#include "builder/attach/channel.h"
#include "builder/attach/terminal.h"
#include "builder/session/jobs.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENOUGH 3 /* of SIGINT and SIGTERM: a command that outlives as many is killed, as docker's is left */

struct build_attachment {
    struct build_attach_mode mode;
    int job[BUILD_ATTACH_MAX_FDS]; /* until it is started */
    int sock;                      /* brings the terminal's master; -1: none, or it is there */
    int master;                    /* -1: none (yet) */
    int signals;                   /* takes those for the command; -1: it gets none */
    int ends;                      /* of them, how many SIGINT and SIGTERM */
    int others;                    /* signalfd of what is not to end us */
    bool blocked;
    sigset_t mask; /* before that */
    struct build_channel *channels[3];
    struct build_terminal own;
};

/* ---- making and ending -------------------------------------------------------------------------------- */

static struct build_channel *channel(int from, bool own_from, int to, bool own_to)
{
    struct build_channel *c = CB_NEW(struct build_channel);
    *c = (struct build_channel){.from = from, .to = to, .own_from = own_from, .own_to = own_to};
    return c;
}

/* Only our end is non-blocking: a program whose streams are may lose output. */
static int pipe_for(struct build_attachment *a, int fd)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    int ours = p[fd == STDIN_FILENO];
    a->job[fd] = p[fd != STDIN_FILENO];
    a->channels[fd] = fd == STDIN_FILENO ? channel(fd, false, ours, true) : channel(ours, true, fd, false);
    return fcntl(ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_pipes(struct build_attachment *a, struct cb_error *err)
{
    int r = 0;
    for (int fd = a->mode.input ? STDIN_FILENO : STDOUT_FILENO; fd <= STDERR_FILENO && r == 0; fd++)
        r = pipe_for(a, fd);
    return r < 0 ? cb_fail_sys(err, r, "make a pipe") : 0;
}

static int open_terminal(struct build_attachment *a, struct cb_error *err)
{
    int pair[2];
    struct winsize size;
    if (a->mode.input && !isatty(STDIN_FILENO)) {
        cb_fail(err, CB_E_USAGE, "-t with -i: standard input is no terminal");
        return cb_hint(err, "-i alone passes on what comes from a pipe or a file");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, errno, "make a socket");
    a->sock = pair[0];
    a->job[0] = pair[1];
    if (build_terminal_size(&size))
        (void)!send(a->sock, &size, sizeof(size), MSG_NOSIGNAL);
    return 0;
}

/* Neither side waits for the other: a command that takes no signals loses them. */
static int open_signals(struct build_attachment *a, struct cb_error *err)
{
    int p[2] = {-1, -1};
    sigset_t set;
    cb_other_signals(&set);
    if (!a->mode.signals) {
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
    }
    if (a->mode.signals && pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
        return cb_fail_sys(err, errno, "make a pipe");
    a->job[BUILD_ATTACH_MAX_FDS - 1] = p[0];
    a->signals = p[1];
    a->blocked = sigprocmask(SIG_BLOCK, &set, &a->mask) == 0;
    a->others = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return a->others < 0 ? cb_fail_sys(err, errno, "watch for signals") : 0;
}

int build_attach_open(const struct build_attach_mode *mode, struct build_attachment **ret, struct cb_error *err)
{
    CB_AUTO(build_attachment) struct build_attachment *a = CB_NEW(struct build_attachment);
    *a = (struct build_attachment){.mode = *mode, .job = {-1, -1, -1, -1}, .sock = -1, .master = -1, .signals = -1, .others = -1};
    if ((mode->terminal ? open_terminal : open_pipes)(a, err) < 0)
        return -1;
    if ((mode->terminal || mode->signals) && open_signals(a, err) < 0)
        return -1;
    *ret = CB_TAKE(a);
    return 0;
}

void build_attach_started(struct build_attachment *a)
{
    for (size_t i = 0; i < CB_LEN(a->job); i++)
        a->job[i] = cb_close(a->job[i]);
}

void build_attach_free(struct build_attachment *a)
{
    if (!a)
        return;
    build_attach_started(a);
    for (size_t i = 0; i < CB_LEN(a->channels); i++) {
        if (a->channels[i])
            build_channel_close(a->channels[i]);
        free(a->channels[i]);
    }
    build_terminal_leave(&a->own);
    if (a->blocked)
        sigprocmask(SIG_SETMASK, &a->mask, NULL);
    cb_close(a->signals);
    cb_close(a->others);
    cb_close(a->sock);
    cb_close(a->master);
    free(a);
}

/* ---- the job's ends --------------------------------------------------------------------------- */

size_t build_attach_fds(const struct build_attachment *a, int fds[BUILD_ATTACH_MAX_FDS])
{
    size_t n = 0;
    for (size_t i = 0; i < CB_LEN(a->job); i++)
        if (a->job[i] >= 0)
            fds[n++] = a->job[i];
    return n;
}

struct build_streams build_streams_take(const int *fds, size_t n, bool terminal)
{
    if (terminal)
        return (struct build_streams){-1, -1, -1, fds[0]};
    return (struct build_streams){n > 2 ? fds[0] : -1, fds[n - 2], fds[n - 1], -1};
}

/* ---- while it runs ---------------------------------------------------------------------------- */

/* Once the command has its terminal, ours is only the way to it. */
static int take_master(struct build_attachment *a, struct cb_error *err)
{
    char byte;
    size_t n_fds;
    ssize_t n = cb_recv_fds(a->sock, &byte, 1, MSG_DONTWAIT, &a->master, 1, &n_fds);
    a->sock = cb_close(a->sock);
    if (n <= 0 || !n_fds)
        return 0; /* it ended before it had one; the job says why */
    if (a->mode.input)
        a->channels[0] = channel(STDIN_FILENO, false, a->master, false);
    a->channels[1] = channel(a->master, false, STDOUT_FILENO, false);
    return a->mode.input ? build_terminal_enter(&a->own, err) : 0;
}

enum { JOB, SIGNALS, SOCK, OTHERS, CHANNELS, FDS = CHANNELS + 3 };

static void fill(const struct build_attachment *a, const struct build_session *s, const struct cb_job *job, struct pollfd *fds)
{
    fds[JOB] = (struct pollfd){job->sock, POLLIN, 0};
    fds[SIGNALS] = (struct pollfd){s->signal_fd, POLLIN, 0};
    fds[SOCK] = (struct pollfd){a->sock, POLLIN, 0};
    fds[OTHERS] = (struct pollfd){a->others, POLLIN, 0};
    for (size_t i = 0; i < CB_LEN(a->channels); i++)
        if (a->channels[i])
            build_channel_poll(a->channels[i], &fds[CHANNELS + i]);
        else
            fds[CHANNELS + i] = (struct pollfd){.fd = -1};
}

/* ---- signals -------------------------------------------------------------------------------------------- */

static void send_signal(const struct build_attachment *a, int sig)
{
    unsigned char byte = (unsigned char)sig;
    (void)!write(a->signals, &byte, 1); /* it has ended, or has more than it takes */
}

/* -1: it is not to go on. */
static int take_end(struct build_attachment *a, struct build_session *s, struct cb_error *err)
{
    if (a->signals < 0)
        return build_canceled(s, err);
    int sig = build_take_signal(s);
    a->ends += sig == SIGINT || sig == SIGTERM;
    if (a->ends == ENOUGH)
        return build_cancel(s, sig, err);
    if (sig)
        send_signal(a, sig);
    return 0;
}

/* The kernel tells the processes of a terminal when that changes its size. */
static void take_other(struct build_attachment *a)
{
    struct signalfd_siginfo info;
    if (read(a->others, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo != SIGWINCH || !a->mode.terminal)
        send_signal(a, (int)info.ssi_signo);
    else if (a->master >= 0)
        build_terminal_resize(a->master);
}

/* ---- rounds --------------------------------------------------------------------------------------------- */

static int pass_on(struct build_attachment *a, const struct pollfd *fds, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(a->channels); i++)
        if (a->channels[i])
            build_channel_move(a->channels[i], &fds[CHANNELS + i]);
    if (fds[OTHERS].revents)
        take_other(a);
    return fds[SOCK].revents ? take_master(a, err) : 0;
}

static bool has_output(const struct build_attachment *a)
{
    for (size_t i = STDOUT_FILENO; i < CB_LEN(a->channels); i++)
        if (a->channels[i] && build_channel_open(a->channels[i]))
            return true;
    return false;
}

/* One message of the job. 1: it has ended well, 0: it goes on. */
static int hear(struct build_session *s, struct cb_job *job, struct cb_buf *answer, struct cb_error *err)
{
    struct cb_job_event e;
    int r = 0;
    if (!cb_job_read(job, false, &e))
        return 0;
    if (e.kind == CB_JOB_WARN)
        build_warning(s, "%s", e.text);
    if (e.kind == CB_JOB_DONE) {
        cb_buf_add(answer, e.answer.data, e.answer.len);
        r = 1;
    }
    if (e.kind == CB_JOB_FAILED) {
        cb_error_move(err, &e.error);
        r = -1;
    }
    cb_job_event_done(&e);
    return r;
}

/* One round: 0, or -1 when it is not to go on. */
static int serve(struct build_attachment *a, struct build_session *s, const struct cb_job *job, struct pollfd *fds,
                 struct cb_error *err)
{
    fill(a, s, job, fds);
    if (poll(fds, FDS, -1) < 0)
        return errno == EINTR ? 0 : cb_fail_sys(err, errno, "wait for a command");
    if (fds[SIGNALS].revents && take_end(a, s, err) < 0)
        return -1;
    return pass_on(a, fds, err);
}

/* Nothing of the sandbox lives when its job has ended, so every pipe comes to an end. */
int build_attach_wait(struct build_attachment *a, struct build_session *s, struct cb_job *job, struct cb_buf *answer,
                      struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error late = CB_ERROR_INIT; /* what is lost behind the end is no failure of the command */
    int ended = 0;
    while (ended == 0 || has_output(a)) {
        struct pollfd fds[FDS] = {0};
        int r = serve(a, s, job, fds, ended ? &late : err);
        if (r < 0) {
            ended = ended ? ended : -1;
            break;
        }
        if (ended == 0 && fds[JOB].revents)
            ended = hear(s, job, answer, err);
    }
    if (job->sock >= 0) {
        build_ns_cancel(s);
        cb_job_kill(job);
    }
    build_terminal_leave(&a->own);
    return ended < 0 ? -1 : 0;
}
