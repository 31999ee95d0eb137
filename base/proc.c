#include "base/proc.h"
#include "base/fd.h"
#include "base/signals.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct ends {
    int in, out, err; /* ours */
    int child[3];     /* the program's */
};

static void ends_close(struct ends *e)
{
    cb_close(e->in);
    cb_close(e->out);
    cb_close(e->err);
    for (int i = 0; i < 3; i++)
        cb_close(e->child[i]);
}

static int make_pipe(int *read_end, int *write_end)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    *read_end = p[0];
    *write_end = p[1];
    return 0;
}

static int ends_open(struct ends *e, bool feed)
{
    int r = feed ? make_pipe(&e->child[0], &e->in) : 0;
    if (!feed && (e->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        r = -errno;
    if (r == 0)
        r = make_pipe(&e->out, &e->child[1]);
    if (r == 0)
        r = make_pipe(&e->err, &e->child[2]);
    return r;
}

static void default_signals(bool all, sigset_t *ret)
{
    sigfillset(ret);
    for (int sig = 1; sig < NSIG && !all; sig++)
        if (cb_signal_ignored(sig))
            sigdelset(ret, sig);
}

/* posix_spawn resets signal dispositions and the mask, so that a program does not inherit what our signalfd blocks. */
int cb_spawn(const struct cb_spawn *s, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    default_signals(s->all_signals, &all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    if (s->cwd_fd >= 0)
        posix_spawn_file_actions_addfchdir_np(&files, s->cwd_fd);
    for (int i = 0; i < 3; i++) {
        if (s->streams[i] >= 0)
            posix_spawn_file_actions_adddup2(&files, s->streams[i], i);
        else
            posix_spawn_file_actions_addopen(&files, i, "/dev/null", i ? O_WRONLY : O_RDONLY, 0);
    }
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int r = posix_spawnp(ret_pid, s->argv[0], &files, &attr, (char *const *)s->argv, s->env ? (char *const *)s->env : environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return -r;
}

static int spawn(const struct cb_proc *p, const struct ends *e, pid_t *ret_pid)
{
    return cb_spawn(&(struct cb_spawn){p->argv, p->env, p->cwd_fd, {e->child[0], e->child[1], e->child[2]}, false}, ret_pid);
}

char *cb_path_next(const char **rest, const char *name)
{
    while (*rest && **rest) {
        const char *dir = *rest;
        size_t n = strcspn(dir, ":");
        *rest = dir + n + (dir[n] == ':');
        if (*dir == '/')
            return cb_printf("%.*s/%s", (int)n, dir, name);
    }
    return NULL;
}

/* Reads what is there. 0: go on; 1: end of stream; -errno. */
static int drain(int fd, struct cb_buf *to, size_t max)
{
    char block[8192];
    ssize_t n = read(fd, block, sizeof(block));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    cb_buf_add(to, block, (size_t)n);
    return n == 0 ? 1 : to->len > max ? -EFBIG : 0;
}

static int pump(const struct cb_proc *p, struct ends *e, struct cb_buf *out, struct cb_buf *errout)
{
    size_t fed = 0;
    while (e->out >= 0 || e->err >= 0) {
        struct pollfd fds[3] = {{e->in, POLLOUT, 0}, {e->out, POLLIN, 0}, {e->err, POLLIN, 0}};
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents) {
            ssize_t n = write(e->in, p->stdin_bytes + fed, p->stdin_len - fed);
            fed += n > 0 ? (size_t)n : 0;
            if (fed == p->stdin_len || (n < 0 && errno != EINTR))
                e->in = cb_close(e->in); /* a program need not read all of it */
        }
        int *ours[] = {&e->out, &e->err};
        struct cb_buf *bufs[] = {out, errout};
        for (int i = 0; i < 2; i++) {
            int r = fds[i + 1].revents ? drain(*ours[i], bufs[i], p->max_output) : 0;
            if (r < 0)
                return r;
            if (r > 0)
                *ours[i] = cb_close(*ours[i]);
        }
    }
    return 0;
}

int cb_proc_run(const struct cb_proc *p, struct cb_buf *out, struct cb_buf *errout, int *ret_status, struct cb_error *err)
{
    struct ends e = {-1, -1, -1, {-1, -1, -1}};
    pid_t pid = -1;
    int r = ends_open(&e, p->stdin_bytes != NULL);
    if (r == 0)
        r = spawn(p, &e, &pid);
    if (r < 0) {
        ends_close(&e);
        if (r == -ENOENT)
            return cb_fail(err, CB_E_NOT_FOUND, "program '%s' is not installed", p->argv[0]);
        return cb_fail_sys(err, r, "start '%s'", p->argv[0]);
    }
    for (int i = 0; i < 3; i++)
        e.child[i] = cb_close(e.child[i]);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGPIPE, &ignore, &old);
    r = pump(p, &e, out, errout);
    sigaction(SIGPIPE, &old, NULL);
    ends_close(&e);
    if (r < 0)
        kill(pid, SIGKILL);
    int status;
    CB_RETRY(waitpid(pid, &status, 0));
    if (r < 0)
        return cb_fail_sys(err, r, "read what '%s' prints", p->argv[0]);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}
