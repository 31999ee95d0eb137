#include "runtime/sandbox-internal.h"
#include "base/fd.h"

#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int rt_process_cwd(struct rt_child *c, struct cb_error *err)
{
    bool made;
    const char *cwd = c->s->cwd && *c->s->cwd ? c->s->cwd : "/";
    CB_AUTO(close) int dir = rt_target_open(c, cwd, RT_MAKE_CWD, &made, err);
    if (dir < 0)
        return -1;
    return fchdir(dir) < 0 ? cb_fail_sys(err, errno, "enter the working directory '%s'", cwd) : 0;
}

/* ---- identity ------------------------------------------------------------------------------- */

static int set_ids(const struct rt_child *c, struct cb_error *err)
{
    const struct rt_user *u = &c->user;
    bool single = c->s->privilege->rung == RT_SINGLE;
    int r = 0;
    /* With one id the kernel forbids setgroups; root has no use for it. */
    if (!single && setgroups(u->n_groups, u->groups) < 0)
        r = errno;
    /* The pipes become the user's, as with runc: opening /dev/stdout, which commands that log to files do, is asking
     * for a pipe of that owner. Where it is refused, writing to the descriptors still works. */
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && u->uid != 0; fd++)
        (void)!fchown(fd, u->uid, (gid_t)-1);
    if (r == 0 && setresgid(u->gid, u->gid, u->gid) < 0)
        r = errno;
    if (r == 0 && setresuid(u->uid, u->uid, u->uid) < 0)
        r = errno;
    if (r == 0)
        return 0;
    cb_fail_sys(err, r, "become user '%s' (%u:%u)", c->s->user ? c->s->user : "", u->uid, u->gid);
    if (single)
        cb_hint(err, "only root exists without subordinate ids: install 'uidmap' and give this user ranges in /etc/subuid and "
                     "/etc/subgid");
    else if (r == EINVAL)
        cb_hint(err, "the id lies outside this user's ranges in /etc/subuid and /etc/subgid: give it larger ones");
    return -1;
}

/* ---- limits, signals, descriptors ----------------------------------------------------------- */

/* Ordinary users cannot raise a hard limit: then as much as there is. */
static int set_limits(const struct rt_sandbox *s, struct cb_error *err)
{
    for (size_t i = 0; i < s->n_rlimits; i++) {
        struct rlimit now, want = s->rlimits[i].value;
        if (setrlimit(s->rlimits[i].resource, &want) == 0)
            continue;
        int e = errno;
        if (e == EPERM && getrlimit(s->rlimits[i].resource, &now) == 0) {
            want.rlim_max = CB_MIN(want.rlim_max, now.rlim_max);
            want.rlim_cur = CB_MIN(want.rlim_cur, want.rlim_max);
            e = setrlimit(s->rlimits[i].resource, &want) < 0 ? errno : 0;
        }
        if (e)
            return cb_fail_sys(err, e, "set resource limit %d", s->rlimits[i].resource);
    }
    return 0;
}

/* The helper has set all others to their defaults, and exec resets handlers. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
    sigset_t none;
    for (size_t i = 0; i < CB_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_stdio(const struct rt_sandbox *s, struct cb_error *err)
{
    /* The sandbox's own node, so that /proc/self/fd/0 names something that is there. */
    CB_AUTO(close) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* Moved away from 0-2 first: they might be what is to be overwritten. */
    int in = fcntl(null, F_DUPFD_CLOEXEC, 3), out = fcntl(s->stdout_fd, F_DUPFD_CLOEXEC, 3),
        errfd = fcntl(s->stderr_fd, F_DUPFD_CLOEXEC, 3);
    if (in < 0 || out < 0 || errfd < 0)
        return cb_fail_sys(err, errno, "set up the standard streams");
    null = cb_close(null);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errfd, 2) < 0)
        return cb_fail_sys(err, errno, "set up the standard streams");
    return 0;
}

int rt_process_drop(struct rt_child *c, struct cb_error *err)
{
    const struct rt_sandbox *s = c->s;
    int r = 0;
    reset_signals();
    umask(022);
    if (set_stdio(s, err) < 0 || set_limits(s, err) < 0)
        return -1;
    /* While SETPCAP and SYS_ADMIN are held: the bounding set, then seccomp, which then needs no no_new_privs. */
    if (!s->insecure)
        r = rt_caps_bound();
    if (r == 0 && !s->insecure)
        r = rt_seccomp_install();
    if (r < 0)
        return cb_fail_sys(err, r, "restrict the sandbox");
    if (set_ids(c, err) < 0)
        return -1;
    r = rt_caps_set(s->insecure, c->user.uid != 0);
    if (r < 0)
        return cb_fail_sys(err, r, "set the sandbox's capabilities");
    /* Changing ids has cleared it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "mark descriptors close-on-exec");
    return 0;
}

/* ---- exec ----------------------------------------------------------------------------------- */

static const char *env_get(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

/* 0 when `path` can be executed, else the errno that says why not. */
static int executable(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* The text of an errno as Go writes it, which is what users of BuildKit know. */
static const char *reason(int e, char out[64])
{
    snprintf(out, 64, "%s", strerror(e));
    if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a')
        out[0] = (char)(out[0] - 'A' + 'a');
    return out;
}

/* The program as a file to execute (caller frees), or NULL with `why` and *ret_code set. */
static char *look_up(const char *name, const char *const *env, int *ret_code, char *why, size_t size)
{
    char text[64];
    const char *dir = env_get(env, "PATH");
    int denied = 0;
    if (strchr(name, '/')) {
        int e = executable(name);
        if (e == 0)
            return cb_strdup(name);
        *ret_code = e == ENOENT || e == ENOTDIR ? 127 : 126;
        const char *call = e == EISDIR || e == EACCES ? "" : "stat ";
        snprintf(why, size, "exec: \"%s\": %s%s%s%s", name, call, *call ? name : "", *call ? ": " : "", reason(e, text));
        return NULL;
    }
    while (*name && dir) {
        size_t n = strcspn(dir, ":");
        CB_AUTO(free) char *path = n ? cb_printf("%.*s/%s", (int)n, dir, name) : cb_printf("./%s", name);
        int e = executable(path);
        if (e == 0)
            return CB_TAKE(path);
        if (e == EACCES)
            denied = e;
        dir = dir[n] ? dir + n + 1 : NULL;
    }
    *ret_code = denied ? 126 : 127;
    snprintf(why, size, "exec: \"%s\": %s", name, denied ? reason(denied, text) : "executable file not found in $PATH");
    return NULL;
}

static void add_home(struct rt_child *c)
{
    size_t n = 0;
    while (c->s->env && c->s->env[n])
        n++;
    c->env = cb_alloc((n + 2) * sizeof(*c->env));
    if (n)
        memcpy(c->env, c->s->env, n * sizeof(*c->env));
    if (!env_get(c->s->env, "HOME"))
        c->env[n] = c->home = cb_printf("HOME=%s", c->user.home);
}

int rt_process_exec(struct rt_child *c, char *why, size_t size)
{
    const struct rt_sandbox *s = c->s;
    int code = 126;
    add_home(c);
    c->program = look_up(s->argv[0], c->env, &code, why, size);
    if (!c->program)
        return code;
    execve(c->program, (char *const *)s->argv, (char *const *)c->env);
    int e = errno;
    char text[64];
    snprintf(why, size, "exec %s: %s", c->program, reason(e, text));
    return e == ENOENT ? 127 : 126;
}
