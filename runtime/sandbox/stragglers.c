/* Descendants are found by the parents that /proc names: since this process adopts what loses its own parent, all that a command
 * has started, however it has detached itself, hangs from here. First all are stopped, so that none makes another while they are
 * killed: a stopped process starts nothing, and those that were started meanwhile are found by looking again. */
#include "runtime/sandbox/stragglers.h"
#include "base/dir.h"
#include "base/fd.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_LOOKS 2000 /* of all processes; each stops what the last has missed. A bomb that outruns this has the machine */

struct process {
    pid_t pid, parent;
    bool ours; /* a descendant that is to end */
};
struct processes {
    struct process *items;
    size_t n, cap;
};

int rt_stragglers_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* "PID (NAME) STATE PARENT …"; the name may hold anything. */
static bool read_process(int proc, const char *number, struct process *ret)
{
    char path[32], text[512];
    snprintf(path, sizeof(path), "%s/stat", number);
    CB_AUTO(close) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : cb_read_full(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return false; /* it has ended */
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    *ret = (struct process){0};
    return end && sscanf(text, "%d", &ret->pid) == 1 && sscanf(end + 1, " %*c %d", &ret->parent) == 1;
}

static int look(struct processes *all)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(AT_FDCWD, "/proc");
    all->n = 0;
    for (const struct dirent *e; (e = cb_dir_next(&d));) {
        struct process p;
        if (isdigit((unsigned char)e->d_name[0]) && read_process(dirfd(d.stream), e->d_name, &p))
            CB_PUSH(all->items, all->n, all->cap) = p;
    }
    return d.error;
}

static bool is_in(pid_t pid, const pid_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == pid)
            return true;
    return false;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Marks those that hang from us. */
static void mark(struct processes *all, const pid_t *keep, size_t n_keep)
{
    pid_t self = getpid();
    bool more = true;
    if (all->n)
        qsort(all->items, all->n, sizeof(*all->items), by_pid);
    while (more) {
        more = false;
        for (size_t i = 0; i < all->n; i++) {
            struct process *p = &all->items[i], key = {.pid = p->parent};
            if (p->ours || is_in(p->pid, keep, n_keep))
                continue;
            const struct process *up = bsearch(&key, all->items, all->n, sizeof(*all->items), by_pid);
            p->ours = p->parent == self || (up && up->ours);
            more |= p->ours;
        }
    }
}

/* ---- ending ------------------------------------------------------------------------------------ */

/* The number may have become another's since we looked: the descriptor is taken first, and its parent looked at again. */
static void send_to(const struct process *p, int sig)
{
    char number[16];
    struct process now;
    CB_AUTO(close) int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    CB_AUTO(close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(number, sizeof(number), "%d", (int)p->pid);
    if (fd >= 0 && proc >= 0 && read_process(proc, number, &now) && (now.parent == p->parent || now.parent == getpid()))
        (void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0); /* gone: so much the better */
}

/* How many there are that were not among those `before`, all of which have been told to stop. One that waits in the kernel stops
 * later, but starts nothing meanwhile. */
static size_t stop_all(const struct processes *all, const struct processes *before)
{
    size_t fresh = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct process *p = &all->items[i];
        if (!p->ours)
            continue;
        fresh += !before->n || !bsearch(p, before->items, before->n, sizeof(*before->items), by_pid);
        send_to(p, SIGSTOP);
    }
    return fresh;
}

/* How many are left. Those that are our children are waited for. */
static size_t kill_all(const struct processes *all)
{
    size_t left = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct process *p = &all->items[i];
        if (!p->ours)
            continue;
        left++;
        send_to(p, SIGKILL); /* a zombie too: only its first thread may have ended */
        if (p->parent == getpid())
            (void)waitpid(p->pid, NULL, WNOHANG);
    }
    return left;
}

static bool have_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int rt_stragglers_end(const pid_t *keep, size_t n_keep)
{
    struct processes all = {0}, before = {0};
    int r = 0;
    bool stopped = false, left = have_children();
    for (int looks = 0; left && r == 0; looks++) {
        r = looks == MAX_LOOKS ? -ETIMEDOUT : look(&all);
        if (r < 0)
            break;
        mark(&all, keep, n_keep);
        if (!stopped)
            stopped = stop_all(&all, &before) == 0;
        else
            left = kill_all(&all) > 0;
        struct processes seen = all;
        all = before;
        before = seen;
        if (left && stopped && looks > 2)
            usleep(200);
    }
    free(all.items);
    free(before.items);
    return r;
}

pid_t *rt_stragglers_children(size_t *ret_n)
{
    struct processes all = {0};
    pid_t *children = NULL, self = getpid();
    size_t cap = 0;
    *ret_n = 0;
    if (have_children() && look(&all) == 0)
        for (size_t i = 0; i < all.n; i++)
            if (all.items[i].parent == self)
                CB_PUSH(children, *ret_n, cap) = all.items[i].pid;
    free(all.items);
    return children;
}
