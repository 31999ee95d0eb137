/* Descendants are found by the parents that /proc names: since this process adopts what loses its own parent, all that a command
 * has started, however it has detached itself, hangs from here. They are killed from the top, where the kernel lists them at
 * once: a process that is never the same for long is met in the moment in which it becomes our child. Now and then all are
 * killed, for those below may start others faster than the top goes. Who is dead is not waited for while there are many: so long
 * it counts, and a bomb with a limit has no room for another. */
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

#define MAX_CHILDREN (16u << 20) /* bytes of the list of them; pids have seven digits at most */
#define MAX_STOPS    100         /* looks for what was started before its parent stopped */
#define FEW          64
#define ALL_EVERY    8      /* looks at our children, one of them at all descendants */
#define PATIENCE     300000 /* looks, each a fifth of a millisecond and more, at none but killed ones: these hang in the kernel */

struct process {
    pid_t pid, parent;
    bool ours;  /* a descendant that is to end */
    bool child; /* ours, and not waited for: the number is still its own */
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

static bool knows(const struct processes *list, const struct process *p)
{
    return list->n && bsearch(p, list->items, list->n, sizeof(*p), by_pid);
}

/* Those that hang from us. 0 or -errno. */
static int look_below(struct processes *all, const pid_t *keep, size_t n_keep)
{
    int r = look(all);
    mark(all, keep, n_keep);
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].ours)
            all->items[n++] = all->items[i];
    all->n = n;
    return r;
}

/* Our children, dead ones too. 0 or -errno. */
static int look_at_children(struct processes *all, const pid_t *keep, size_t n_keep)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    pid_t self = getpid();
    if (cb_read_file(AT_FDCWD, "/proc/thread-self/children", MAX_CHILDREN, &list) < 0) { /* not every kernel has it */
        int r = look_below(all, keep, n_keep);
        size_t n = 0;
        for (size_t i = 0; i < all->n; i++)
            if (all->items[i].parent == self)
                all->items[n++] = all->items[i];
        all->n = n;
        return r;
    }
    all->n = 0;
    static const char digits[] = "0123456789";
    for (const char *p = list.data + strcspn(list.data, digits); *p; p += strcspn(p, digits)) {
        pid_t pid = 0;
        for (; isdigit((unsigned char)*p); p++)
            pid = 10 * pid + (*p - '0');
        if (!is_in(pid, keep, n_keep))
            CB_PUSH(all->items, all->n, all->cap) = (struct process){pid, self, true, true};
    }
    if (all->n)
        qsort(all->items, all->n, sizeof(*all->items), by_pid);
    return 0;
}

/* ---- ending ------------------------------------------------------------------------------------ */

/* The number may have become another's since we looked: the descriptor is taken first, and its parent looked at again. */
static void send_to(const struct process *p, int sig)
{
    char number[16];
    struct process now;
    if (p->child) {
        (void)kill(p->pid, sig);
        return;
    }
    CB_AUTO(close) int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    CB_AUTO(close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(number, sizeof(number), "%d", (int)p->pid);
    if (fd >= 0 && proc >= 0 && read_process(proc, number, &now) && (now.parent == p->parent || now.parent == getpid()))
        (void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0); /* gone: so much the better */
}

/* How many are not among those `before`. */
static size_t send_to_all(const struct processes *all, const struct processes *before, int sig)
{
    size_t fresh = 0;
    for (size_t i = 0; i < all->n; i++) {
        fresh += !knows(before, &all->items[i]);
        send_to(&all->items[i], sig);
    }
    return fresh;
}

static void reap(const struct processes *all)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].parent == getpid())
            (void)waitpid(all->items[i].pid, NULL, WNOHANG | __WALL);
}

static bool have_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static void swap(struct processes *a, struct processes *b)
{
    struct processes c = *a;
    *a = *b;
    *b = c;
}

static int end_all(const pid_t *keep, size_t n_keep)
{
    struct processes all = {0}, before = {0};
    unsigned idle = 0;
    int r = 0;
    for (unsigned looks = 1; r == 0; looks++) {
        bool deep = looks % ALL_EVERY == 0;
        r = deep ? look_below(&all, keep, n_keep) : look_at_children(&all, keep, n_keep);
        if (r < 0 || (!all.n && !deep))
            break;
        size_t fresh = send_to_all(&all, &before, SIGKILL);
        if (fresh <= FEW)
            reap(&all);
        idle = fresh ? 0 : idle + 1;
        if (!fresh)
            usleep(200); /* they are on their way */
        if (!deep)
            swap(&all, &before);
        if (idle > PATIENCE)
            r = -ETIMEDOUT;
    }
    free(all.items);
    free(before.items);
    return r;
}

int rt_stragglers_end(const pid_t *keep, size_t n_keep)
{
    struct sigaction was;
    const struct sigaction dfl = {.sa_handler = SIG_DFL};
    if (!have_children())
        return 0;
    sigaction(SIGCHLD, &dfl, &was); /* ignored, the dead would give back their numbers at once */
    int r = end_all(keep, n_keep);
    sigaction(SIGCHLD, &was, NULL);
    return r;
}

void rt_stragglers_signal(int sig)
{
    struct processes all = {0}, before = {0};
    for (int looks = 0; looks < MAX_STOPS && look_below(&all, NULL, 0) == 0; looks++) {
        size_t fresh = send_to_all(&all, &before, sig);
        if (sig != SIGSTOP || !fresh)
            break;
        swap(&all, &before);
    }
    free(all.items);
    free(before.items);
}

pid_t *rt_stragglers_children(size_t *ret_n)
{
    struct processes all = {0};
    pid_t *children = NULL;
    size_t cap = 0;
    *ret_n = 0;
    if (have_children() && look_at_children(&all, NULL, 0) == 0)
        for (size_t i = 0; i < all.n; i++)
            CB_PUSH(children, *ret_n, cap) = all.items[i].pid;
    free(all.items);
    return children;
}
