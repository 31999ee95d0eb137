#include "runtime/rung/userns.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/limits.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define MAX_WORDS 1024  /* of newuidmap */
#define MAX_MAP   65536 /* the kernel takes 340 lines */

pid_t rt_clone(unsigned long namespaces)
{
#if defined(__s390__) || defined(__CRIS__)
    return (pid_t)syscall(SYS_clone, NULL, namespaces | SIGCHLD, NULL, NULL, 0);
#else
    return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

#define BRIEF_STACK (512u << 10) /* path buffers, and what sanitizers put between them */
#define GUARD       65536u       /* a page, whatever its size: growing into it is a fault */

struct extent {
    const void *low;
    size_t size;
};

/* Tells a sanitizer which stack the code that follows runs on. Gives the one it knew before. */
static struct extent tell_stack(const void *low, size_t size)
{
    struct extent old = {low, size};
#ifdef __SANITIZE_ADDRESS__
    void *fake;
    __sanitizer_start_switch_fiber(&fake, low, size);
    __sanitizer_finish_switch_fiber(fake, &old.low, &old.size);
#endif
    return old;
}

pid_t rt_clone_briefly(unsigned long namespaces, int (*fn)(void *arg), void *arg)
{
    /* Not in our own frame: `ulimit -s` may be smaller. */
    size_t size = BRIEF_STACK + GUARD;
    char *low = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (low == MAP_FAILED)
        return -1;
    pid_t pid = -1;
    if (mprotect(low, GUARD, PROT_NONE) == 0) {
        struct extent own = tell_stack(low + GUARD, BRIEF_STACK);
        pid = clone(fn, low + size, (int)(namespaces | CLONE_VM | CLONE_VFORK | SIGCHLD), arg);
        (void)tell_stack(own.low, own.size);
    }
    int saved = errno;
    munmap(low, size);
    errno = saved;
    return pid;
}

/* ---- maps ----------------------------------------------------------------------------------- */

struct mapper {
    const char *program;
    pid_t pid;
    int output; /* what it says */
};

static int start_mapper(struct mapper *m, pid_t pid, const struct rt_id_range *ranges, size_t n)
{
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    int pipe_fds[2];
    cb_strv_push(&argv, m->program);
    cb_strv_take(&argv, cb_printf("%d", (int)pid));
    for (size_t i = 0; i < n; i++) {
        cb_strv_take(&argv, cb_printf("%u", ranges[i].inside));
        cb_strv_take(&argv, cb_printf("%u", ranges[i].outside));
        cb_strv_take(&argv, cb_printf("%u", ranges[i].count));
    }
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    int r =
        cb_spawn(&(struct cb_spawn){(const char *const *)argv.items, NULL, -1, {-1, pipe_fds[1], pipe_fds[1]}, false}, &m->pid);
    cb_close(pipe_fds[1]);
    if (r)
        cb_close(pipe_fds[0]);
    else
        m->output = pipe_fds[0];
    return r;
}

static int finish_mapper(struct mapper *m, struct cb_error *err)
{
    int status = 0;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    (void)cb_read_fd(m->output, MAX_WORDS, &text); /* its words only decorate the message */
    m->output = cb_close(m->output);
    CB_RETRY(waitpid(m->pid, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    cb_buf_truncate(&text, strcspn(text.data, "\n"));
    return cb_fail(err, CB_E_UNSUPPORTED, "%s failed%s%s", m->program, text.len ? ": " : "", text.data);
}

int rt_userns_map_ranges(pid_t pid, const struct rt_privilege *p, struct cb_error *err)
{
    struct mapper uids = {"newuidmap", -1, -1}, gids = {"newgidmap", -1, -1};
    int u = start_mapper(&uids, pid, p->uids, p->n_uids);
    int g = start_mapper(&gids, pid, p->gids, p->n_gids);
    CB_AUTO(cb_error) struct cb_error second = CB_ERROR_INIT;
    int r = u ? cb_fail_sys(err, u, "start newuidmap") : finish_mapper(&uids, err);
    int r2 = g ? cb_fail_sys(&second, g, "start newgidmap") : finish_mapper(&gids, &second);
    if (r == 0 && r2 < 0)
        cb_error_move(err, &second);
    return r < 0 || r2 < 0 ? -1 : 0;
}

static int write_file(const char *path, const char *text)
{
    CB_AUTO(close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* One write: the kernel takes a map whole or not at all. */
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int rt_userns_map_self(uid_t uid, gid_t gid)
{
    char map[64];
    int r = write_file("/proc/self/setgroups", "deny");
    if (r < 0 && r != -ENOENT)
        return r;
    snprintf(map, sizeof(map), "0 %u 1", uid);
    r = write_file("/proc/self/uid_map", map);
    if (r < 0)
        return r;
    snprintf(map, sizeof(map), "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map);
}

int rt_userns_become_root(void)
{
    /* The user's other groups stay: they are needed to reach what only they may open. A RUN drops them. */
    return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -errno : 0;
}

int rt_userns_try_owner(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int r = fchown(ends[0], 1, 1) < 0 ? -errno : 0;
    cb_close(ends[0]);
    cb_close(ends[1]);
    return r;
}

/* Sets the groups that we have. In a user namespace this may be refused for ever (/proc/self/setgroups). */
static int try_groups(void)
{
    int n = getgroups(0, NULL);
    CB_AUTO(free) gid_t *groups = cb_alloc((size_t)(n + 1) * sizeof(*groups));
    n = getgroups(n, groups);
    return n < 0 || syscall(SYS_setgroups, n, groups) < 0 ? -errno : 0;
}

bool rt_userns_owns_ids(char **ret_why)
{
    if (rt_userns_try_owner() < 0)
        return false;
    if (try_groups() == 0)
        return true;
    *ret_why = cb_strdup("the user namespace that cbuild was started in forbids setgroups(2): make it with 'unshare --map-auto' "
                         "or start cbuild outside of it");
    return false;
}

/* Our own map of this kind, line by line, from *p on. */
static bool next_range(const char **p, struct rt_id_range *ret)
{
    if (sscanf(*p, "%" SCNu32 " %" SCNu32 " %" SCNu32, &ret->inside, &ret->outside, &ret->count) != 3)
        return false;
    *p += strcspn(*p, "\n");
    *p += **p == '\n';
    return true;
}

/* "inside outside count" of our own map becomes "inside inside count" of the child's. */
static int copy_map(pid_t pid, const char *kind)
{
    char path[64];
    CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf map = CB_BUF_INIT;
    snprintf(path, sizeof(path), "/proc/self/%s", kind);
    int r = cb_read_file(AT_FDCWD, path, MAX_MAP, &own);
    if (r < 0)
        return r;
    struct rt_id_range range;
    for (const char *p = own.data; next_range(&p, &range);)
        cb_buf_printf(&map, "%u %u %u\n", range.inside, range.inside, range.count);
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, kind);
    return write_file(path, map.data);
}

int rt_userns_map_identity(pid_t pid)
{
    int r = copy_map(pid, "uid_map");
    return r < 0 ? r : copy_map(pid, "gid_map");
}

/* ---- which ids there are -------------------------------------------------------------------- */

/* The first id from 0 on that our own map of this kind lacks; 0: unknown. */
static uint64_t first_missing(const char *path)
{
    CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
    uint64_t next = 0;
    struct rt_id_range range;
    (void)cb_read_file(AT_FDCWD, path, MAX_MAP, &own);
    for (const char *p = own.data; next_range(&p, &range) && range.inside == next;)
        next += range.count;
    return next;
}

char *rt_userns_why_no_id(void)
{
    uint64_t uid = first_missing("/proc/self/uid_map"), gid = first_missing("/proc/self/gid_map");
    if (uid == 0 || gid == 0 || (uid >= UINT32_MAX && gid >= UINT32_MAX))
        return NULL;
    return cb_printf("only uids up to %llu and gids up to %llu exist in the user namespace that cbuild was started in: one with "
                     "more ids gives more",
                     (unsigned long long)uid - 1, (unsigned long long)gid - 1);
}

bool rt_userns_has_ids(const char *map, uint32_t first, uint32_t count)
{
    CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
    struct rt_id_range range;
    if (cb_read_file(AT_FDCWD, map, MAX_MAP, &own) < 0)
        return true;
    for (const char *p = own.data; next_range(&p, &range);)
        if (first >= range.inside && first - range.inside < range.count && count <= range.count - (first - range.inside))
            return true;
    return false;
}

bool rt_is_nobody(void)
{
    const uid_t overflow = 65534; /* how the kernel shows an id that is not mapped */
    if (geteuid() != overflow && getegid() != overflow)
        return false;
    return !rt_userns_has_ids("/proc/self/uid_map", geteuid(), 1) || !rt_userns_has_ids("/proc/self/gid_map", getegid(), 1);
}
