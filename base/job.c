#include "base/job.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/signals.h"
#include "base/text.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cb_job_io {
    int sock;
    uint64_t last_ms; /* when progress was last sent */
};

/* ---- the child's end ------------------------------------------------------------------------ */

/* Texts are cut, so that an error or a line always fits into a datagram, whatever it quotes. */
#define MAX_TEXT (CB_MAX_MESSAGE / 8)

/* False: it is too large. */
static bool send_message(int sock, const struct cb_buf *b)
{
    ssize_t n = CB_RETRY(send(sock, b->data, b->len, MSG_NOSIGNAL));
    /* A coordinator that is gone has no use for the message; PR_SET_PDEATHSIG ends us anyway. */
    return n >= 0 || errno != EMSGSIZE;
}

static void put_text(struct cb_buf *b, const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_shorten(&text, s ? s : "", s ? strlen(s) : 0, MAX_TEXT);
    cb_put_bytes(b, text.data, text.len);
}

static void send_warning(struct cb_job_io *io, const char *line)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_put_u8(&b, CB_JOB_WARN);
    put_text(&b, line);
    (void)send_message(io->sock, &b);
}

void cb_job_warn(struct cb_job_io *io, const char *line)
{
    if (io)
        send_warning(io, line);
}

void cb_job_on_warning(void *io, const char *line)
{
    cb_job_warn(io, line);
}

static void send_progress(struct cb_job_io *io, const char *part, const char *what, uint64_t done, uint64_t total)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_put_u8(&b, CB_JOB_PROGRESS);
    cb_put_str(&b, what);
    cb_put_str(&b, part);
    cb_put_u64(&b, done);
    cb_put_u64(&b, total);
    (void)send(io->sock, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT); /* lost progress is no loss */
}

void cb_job_progress_of(struct cb_job_io *io, const char *part, const char *what, uint64_t done, uint64_t total)
{
    if (io)
        send_progress(io, part, what, done, total);
}

void cb_job_progress(struct cb_job_io *io, const char *what, uint64_t done, uint64_t total)
{
    if (!io)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (ms - io->last_ms < 50)
        return;
    io->last_ms = ms;
    send_progress(io, "", what, done, total);
}

static void put_error(struct cb_buf *b, const struct cb_error *e)
{
    cb_put_u8(b, CB_JOB_FAILED);
    cb_put_u32(b, e->code);
    cb_put_u32(b, (uint32_t)e->sys);
    cb_put_u32(b, (uint32_t)e->exit_status);
    cb_put_u32(b, (uint32_t)e->at.line);
    cb_put_u32(b, (uint32_t)e->at.last_line);
    put_text(b, e->file);
    put_text(b, e->msg);
    put_text(b, e->hint);
}

static char *none_if_empty(char *s)
{
    if (*s)
        return s;
    free(s);
    return NULL;
}

static void get_error(struct cb_unpack *u, struct cb_error *e)
{
    e->code = cb_get_u32(u);
    e->sys = (int)cb_get_u32(u);
    e->exit_status = (int)cb_get_u32(u);
    e->at.line = (int)cb_get_u32(u);
    e->at.last_line = (int)cb_get_u32(u);
    e->file = none_if_empty(cb_get_str(u));
    e->msg = cb_get_str(u);
    e->hint = none_if_empty(cb_get_str(u));
    if (e->code == CB_E_NONE || e->code >= CB_E_COUNT)
        e->code = CB_E_FAILED;
}

void cb_job_refuse(int sock, const struct cb_error *why)
{
    CB_AUTO(cb_buf) struct cb_buf message = CB_BUF_INIT;
    put_error(&message, why);
    (void)send_message(sock, &message);
}

void cb_job_child(int sock, cb_job_fn *fn, const void *ctx)
{
    struct cb_job_io io = {sock, 0};
    struct cb_buf answer = CB_BUF_INIT, message = CB_BUF_INIT;
    struct cb_error err = CB_ERROR_INIT;
    if (fn(&io, ctx, &answer, &err) < 0) {
        put_error(&message, &err);
    } else {
        cb_put_u8(&message, CB_JOB_DONE);
        cb_put_bytes(&message, answer.data, answer.len);
    }
    if (message.len > CB_MAX_MESSAGE || !send_message(sock, &message)) {
        cb_fail(&err, CB_E_FAILED, "the answer of a worker process is too large: %zu bytes", answer.len);
        cb_job_refuse(sock, &err);
    }
    cb_buf_done(&answer);
    cb_buf_done(&message);
    cb_error_done(&err);
    _exit(0); /* not exit: what the coordinator registered and buffered is not ours to flush */
}

/* ---- the coordinator's end ------------------------------------------------------------------ */

int cb_job_fork(cb_job_fn *fn, const void *ctx, struct cb_job *ret, struct cb_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, errno, "make a socket for a job");
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        int e = errno;
        cb_close(pair[0]);
        cb_close(pair[1]);
        return cb_fail_sys(err, e, "start a job");
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1); /* it died before the line above */
        cb_close(pair[0]);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* The terminal's Ctrl-C is the coordinator's to handle: it ends us in its own order. */
        signal(SIGINT, SIG_IGN);
        cb_job_child(pair[1], fn, ctx);
    }
    cb_close(pair[1]);
    *ret = (struct cb_job){pair[0], pid};
    return 0;
}

static void finish(struct cb_job *job)
{
    job->sock = cb_close(job->sock);
    if (job->pid > 0)
        CB_RETRY(waitpid(job->pid, NULL, 0));
    job->pid = -1;
}

static void decode(const char *p, size_t n, struct cb_job_event *e)
{
    struct cb_unpack u = cb_unpack(p, n);
    e->kind = cb_get_u8(&u);
    switch (e->kind) {
    case CB_JOB_PROGRESS:
        e->text = cb_get_str(&u);
        e->part = none_if_empty(cb_get_str(&u));
        e->done = cb_get_u64(&u);
        e->total = cb_get_u64(&u);
        break;
    case CB_JOB_WARN: {
        struct cb_str line = cb_get_bytes(&u);
        e->text = cb_memdup0(line.p, line.n);
        break;
    }
    case CB_JOB_DONE: {
        struct cb_str answer = cb_get_bytes(&u);
        cb_buf_add(&e->answer, answer.p, answer.n);
        break;
    }
    case CB_JOB_FAILED:
        get_error(&u, &e->error);
        break;
    }
}

int cb_job_read(struct cb_job *job, bool block, struct cb_job_event *ret)
{
    CB_AUTO(cb_buf) struct cb_buf message = CB_BUF_INIT;
    cb_buf_reserve(&message, 2 * CB_MAX_MESSAGE);
    ssize_t n = CB_RETRY(recv(job->sock, message.data, 2 * CB_MAX_MESSAGE, block ? 0 : MSG_DONTWAIT));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    *ret = (struct cb_job_event){.answer = CB_BUF_INIT};
    if (n > 0) {
        decode(message.data, (size_t)n, ret);
    } else {
        ret->kind = CB_JOB_FAILED;
        cb_fail(&ret->error, CB_E_FAILED, "a worker process ended without an answer");
        cb_hint(&ret->error, "it was killed (out of memory?) or crashed; the build can be started again");
    }
    if (ret->kind == CB_JOB_DONE || ret->kind == CB_JOB_FAILED)
        finish(job);
    return 1;
}

void cb_job_event_done(struct cb_job_event *e)
{
    free(e->part);
    free(e->text);
    cb_buf_done(&e->answer);
    cb_error_done(&e->error);
    *e = (struct cb_job_event){.answer = CB_BUF_INIT};
}

int cb_job_wait(struct cb_job *job, struct cb_buf *answer, struct cb_error *err)
{
    for (;;) {
        struct cb_job_event e;
        cb_job_read(job, true, &e);
        if (e.kind == CB_JOB_DONE) {
            if (answer)
                cb_buf_add(answer, e.answer.data, e.answer.len);
            cb_job_event_done(&e);
            return 0;
        }
        if (e.kind == CB_JOB_FAILED) {
            cb_error_move(err, &e.error);
            cb_job_event_done(&e);
            return -1;
        }
        cb_job_event_done(&e);
    }
}

void cb_job_kill(struct cb_job *job)
{
    if (job->pid > 0)
        kill(job->pid, SIGKILL);
    finish(job);
}

int cb_check_signals(struct cb_error *err)
{
    sigset_t waiting, ends;
    if (sigpending(&waiting) < 0)
        return 0;
    if (sigismember(&waiting, SIGTSTP) == 1) {
        struct timespec began = cb_clock_now();
        cb_stop_now();
        cb_clock_skip(&began);
    }
    cb_end_signals(&ends);
    for (int sig = 1; sig < NSIG; sig++) {
        if (sigismember(&ends, sig) != 1 || sigismember(&waiting, sig) != 1)
            continue;
        cb_fail(err, CB_E_CANCELED, "canceled");
        err->exit_status = sig;
        return -1;
    }
    return 0;
}
