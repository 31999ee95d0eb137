/* How the command is executed. Until then the process is cbuild, with descriptors of the host, and execve itself walks
 * paths of the image: the program's, those of #! lines and of ELF interpreters, links in /proc among them. So before the
 * first of them nothing of the host is open any more (that was CVE-2024-21626), and the walk is done by a process whose
 * program is not the host's binary (CVE-2019-5736): a stub that lies on a file system in memory, which is read-only. */
#include "runtime/sandbox/exec.h"
#include "base/fd.h"
#include "runtime/sandbox/exec-stub.h"
#include "runtime/mount/mounts.h"
#include "runtime/sandbox/sandbox-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; a machine may have every other one not executable (vm.memfd_noexec) */
#endif

/* ---- the stub ------------------------------------------------------------------------------- */

/* Made by the build from exec-stub.c. */
static const unsigned char stub_bytes[] = {
#include "exec-stub.inc"
};

/* Of this process and those it forks; -1: not made yet. */
static int stub_fd = -1;

static int make_stub(void)
{
    static const struct rt_option options[] = {{"mode", "555"}, {"size", "1m"}};
    CB_AUTO(close) int mnt = rt_mount_new("tmpfs", options, CB_LEN(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (mnt < 0)
        return mnt;
    CB_AUTO(close) int file = openat(mnt, "exec", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0555);
    int r = file < 0 ? -errno : cb_write_full(file, stub_bytes, sizeof(stub_bytes));
    file = cb_close(file);
    /* The file system, not just the mount: then no other way leads to its files. */
    if (r == 0)
        r = rt_mount_freeze(mnt);
    if (r < 0)
        return r;
    int fd = openat(mnt, "exec", O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Where nothing can be mounted: a file without a name that nobody can change any more. */
static int make_sealed_stub(void)
{
    char path[32];
    CB_AUTO(close) int fd = memfd_create("exec", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("exec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r = fd < 0 ? -errno : cb_write_full(fd, stub_bytes, sizeof(stub_bytes));
    if (r == 0 && (fchmod(fd, 0555) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0))
        r = -errno;
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* a file that is open for writing cannot be executed */
    int again = open(path, O_RDONLY | O_CLOEXEC);
    return again < 0 ? -errno : again;
}

int rt_exec_prepare(struct cb_error *err)
{
    if (stub_fd >= 0)
        return 0;
    int fd = make_stub();
    if (fd == -EPERM || fd == -ENOSYS || fd == -EACCES)
        fd = make_sealed_stub();
    if (fd < 0)
        return cb_fail_sys(err, fd, "make the program that starts a sandbox's command");
    stub_fd = fd;
    return 0;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

enum { STUB = RT_EXEC_REPORT + 1, FIRST_OF_HOST };

int rt_exec_close_host(const struct rt_child *c, struct cb_error *err)
{
    /* Both are moved out of the way first: either may have the other's number. */
    int report = fcntl(c->report, F_DUPFD_CLOEXEC, FIRST_OF_HOST), stub = fcntl(stub_fd, F_DUPFD_CLOEXEC, FIRST_OF_HOST);
    if (report < 0 || stub < 0 || dup2(report, RT_EXEC_REPORT) < 0 || dup3(stub, STUB, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "close the descriptors of the host");
    int r = cb_close_from(FIRST_OF_HOST);
    return r < 0 ? cb_fail_sys(err, r, "close the descriptors of the host") : 0;
}

/* ---- looking the program up ----------------------------------------------------------------- */

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

/* ---- exec ----------------------------------------------------------------------------------- */

static void not_started(const struct rt_child *c, int e, struct rt_result *ret)
{
    char text[64];
    ret->not_started = true;
    ret->exit_code = e == ENOENT ? 127 : 126;
    snprintf(ret->why, sizeof(ret->why), "exec %s: %s", c->program, reason(e, text));
}

static const char **stub_argv(struct rt_child *c)
{
    size_t n = 0;
    while (c->s->argv[n])
        n++;
    c->argv = cb_alloc((n + 3) * sizeof(*c->argv));
    c->argv[0] = "exec";
    c->argv[1] = c->program;
    memcpy(c->argv + 2, c->s->argv, n * sizeof(*c->argv));
    return c->argv;
}

int rt_exec_command(struct rt_child *c, struct rt_result *ret)
{
    add_home(c);
    c->program = look_up(c->s->argv[0], c->env, &ret->exit_code, ret->why, sizeof(ret->why));
    if (c->program) {
        execveat(STUB, "", (char *const *)stub_argv(c), (char *const *)c->env, AT_EMPTY_PATH);
        not_started(c, errno, ret);
    }
    ret->not_started = true;
    return ret->exit_code;
}

int rt_exec_read_report(const struct rt_child *c, struct rt_result *ret)
{
    int e;
    ssize_t n = pread(c->report, &e, sizeof(e), 0);
    if (n < 0)
        return -errno;
    if (n != sizeof(e))
        return 0;
    not_started(c, e, ret);
    return e;
}
