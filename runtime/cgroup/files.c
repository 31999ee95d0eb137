#include "base/dir.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/cgroup/files-internal.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_FILE (1u << 20)
#define TRIES    100   /* to remove a group whose processes were killed just now, */
#define PAUSE    10000 /* with so many microseconds between them */

int rt_cgroup_write(int dir, const char *file, const char *text)
{
    CB_AUTO(close) int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    /* One write: the kernel takes a value whole or not at all. */
    return CB_RETRY(write(fd, text, strlen(text))) < 0 ? -errno : 0;
}

int rt_cgroup_read(int dir, const char *file, struct cb_buf *b)
{
    return cb_read_file(dir, file, MAX_FILE, b);
}

bool rt_cgroup_number(int dir, const char *file, const char *key, uint64_t *ret)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    unsigned long long v;
    if (rt_cgroup_read(dir, file, &text) < 0)
        return false;
    const char *at = text.data;
    size_t n = key ? strlen(key) : 0;
    while (key && at && !(strncmp(at, key, n) == 0 && at[n] == ' ')) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (!at || sscanf(at + n, "%llu", &v) != 1)
        return false;
    *ret = v;
    return true;
}

uint64_t rt_cgroup_sum(int dir, const char *file, const char *key)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    uint64_t sum = 0;
    unsigned long long v;
    if (rt_cgroup_read(dir, file, &text) < 0)
        return 0;
    for (const char *at = text.data; (at = strstr(at, key)) != NULL;) {
        at += strlen(key);
        if (sscanf(at, "%llu", &v) == 1)
            sum += v;
    }
    return sum;
}

bool rt_cgroup_next(char **rest, pid_t *ret)
{
    uint64_t pid = 0;
    for (const char *line; !pid && (line = strsep(rest, "\n"));)
        if (!cb_parse_u64(line, INT_MAX, &pid))
            pid = 0;
    *ret = (pid_t)pid;
    return pid != 0;
}

/* ---- removing --------------------------------------------------------------------------------------------------------- */

static void kill_members(int dir)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    if (rt_cgroup_write(dir, "cgroup.kill", "1") == 0 || rt_cgroup_read(dir, "cgroup.procs", &list) < 0)
        return;
    pid_t pid;
    for (char *rest = list.data; rt_cgroup_next(&rest, &pid);)
        if (pid > 1)
            (void)kill(pid, SIGKILL);
}

void rt_cgroup_clear(int dir, const char *keep)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dir, ".");
    const struct dirent *e;
    while ((e = cb_dir_next(&d)) != NULL)
        if (e->d_type == DT_DIR && !(keep && strcmp(e->d_name, keep) == 0))
            (void)rt_cgroup_remove(dir, e->d_name); /* what stays keeps the groups above it */
}

int rt_cgroup_remove(int parent, const char *name)
{
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        return 0;
    CB_AUTO(close) int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    kill_members(dir);
    rt_cgroup_clear(dir, NULL);
    for (int i = 0; i < TRIES; i++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
            return 0;
        if (errno != EBUSY)
            break;
        usleep(PAUSE);
    }
    return -errno;
}

void rt_cgroup_sweep(int parent)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(parent, ".");
    const struct dirent *e;
    while ((e = cb_dir_next(&d)) != NULL) {
        if (!cb_starts(e->d_name, RT_CGROUP_PREFIX))
            continue;
        CB_AUTO(close) int dir = openat(parent, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
            (void)rt_cgroup_remove(parent, e->d_name); /* somebody else's: it stays */
    }
}
