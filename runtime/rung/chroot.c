#include "runtime/rung/chroot.h"
#include "base/fd.h"
#include "runtime/rung/userns.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_MOUNTS (16u << 20) /* of a machine with many containers */

/* A mount as a table shows it: its id, and whether it lies at the root of whom the table belongs to. */
struct shown {
    unsigned id;
    bool at_root;
};

static bool next_mount(const char **p, struct shown *ret)
{
    int place = 0;
    if (sscanf(*p, "%u %*u %*s %*s %n", &ret->id, &place) != 1 || !place)
        return false;
    ret->at_root = strncmp(*p + place, "/ ", 2) == 0;
    *p += strcspn(*p, "\n");
    *p += **p == '\n';
    return true;
}

/* The mount and inode of our root, as others cannot have them both. */
static bool same_root(const struct statx *a, const struct statx *b)
{
    return a->stx_mnt_id == b->stx_mnt_id && a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

enum answer { UNKNOWN, YES, NO };

/* In a process of its own that shares our memory. */
static int try_to_leave(void *arg)
{
    enum answer *answer = arg;
    struct statx ours, true_root;
    if (statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &ours) == 0 && rt_chroot_leave() == 0 &&
        statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &true_root) == 0)
        *answer = same_root(&ours, &true_root) ? NO : YES;
    _exit(0);
}

/* A root that is a mount point is a chroot when the machine's first process sees that mount at another place; one that is none
 * always is. */
static bool tables_say_so(void)
{
    CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf first = CB_BUF_INIT;
    struct shown m, root = {0, false};
    if (cb_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTS, &own) < 0)
        return false;
    for (const char *p = own.data; next_mount(&p, &m);)
        if (m.at_root)
            root = m;
    if (!root.at_root)
        return true;
    (void)cb_read_file(AT_FDCWD, "/proc/1/mountinfo", MAX_MOUNTS, &first); /* hidden: then it shows nothing */
    for (const char *p = first.data; next_mount(&p, &m);)
        if (m.id == root.id && !m.at_root)
            return true;
    return false;
}

bool rt_is_chroot(void)
{
    enum answer answer = UNKNOWN;
    pid_t pid = rt_clone_briefly(0, try_to_leave, &answer);
    if (pid > 0)
        (void)CB_RETRY(waitpid(pid, NULL, 0));
    return answer == UNKNOWN ? tables_say_so() : answer == YES;
}

int rt_chroot_leave(void)
{
    /* Entering a mount namespace sets the root to its own, also when it is the one we are in. */
    CB_AUTO(close) int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return ns < 0 || setns(ns, CLONE_NEWNS) < 0 ? -errno : 0;
}

int rt_chroot_outside(int (*fn)(void *arg), void *arg)
{
    CB_AUTO(close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool left = root >= 0 && rt_chroot_leave() == 0;
    int r = fn(arg);
    if (left && (fchdir(root) < 0 || chroot(".") < 0))
        return -errno;
    return left && cwd >= 0 && fchdir(cwd) < 0 ? -errno : r;
}
