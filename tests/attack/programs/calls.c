/* Every system call that leads out of a sandbox, by its 64-bit number and, on x86, as a 32-bit call from 64-bit code
 * (int 0x80) and as an x32 call: a filter that knows one table only is passed by the others. */
#include "attack.h"

#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char page[4096] __attribute__((aligned(4096)));

/* Arguments with which the call gets far enough to show that it was let in. NR_32: the number on i386. */
static const struct attempt {
    const char *name;
    long nr, nr_32;
    unsigned long a, b, c, d;
} attempts[] = {
    {"unshare user", SYS_unshare, 310, CLONE_NEWUSER, 0, 0, 0},
    {"unshare mount", SYS_unshare, 310, CLONE_NEWNS, 0, 0, 0},
    {"unshare net", SYS_unshare, 310, CLONE_NEWNET, 0, 0, 0},
    {"unshare cgroup", SYS_unshare, 310, CLONE_NEWCGROUP, 0, 0, 0},
    {"unshare user and mount", SYS_unshare, 310, CLONE_NEWUSER | CLONE_NEWNS, 0, 0, 0},
    {"clone user", SYS_clone, 120, CLONE_NEWUSER | SIGCHLD, 0, 0, 0},
    {"clone pid", SYS_clone, 120, CLONE_NEWPID | SIGCHLD, 0, 0, 0},
    {"clone3", SYS_clone3, 435, 0, 88, 0, 0},
    {"setns", SYS_setns, 346, 0, 0, 0, 0},
    {"mount", SYS_mount, 21, 0, 0, 0, 0},
    {"umount", SYS_umount2, 52, 0, 0, 0, 0},
    {"pivot_root", SYS_pivot_root, 217, 0, 0, 0, 0},
    {"open_tree", SYS_open_tree, 428, 0, 0, 1, 0},
    {"move_mount", SYS_move_mount, 429, 0, 0, 0, 0},
    {"fsopen", SYS_fsopen, 430, 0, 0, 0, 0},
    {"fsconfig", SYS_fsconfig, 431, 0, 0, 0, 0},
    {"fsmount", SYS_fsmount, 432, 0, 0, 0, 0},
    {"fspick", SYS_fspick, 433, 0, 0, 0, 0},
    {"mount_setattr", 442, 442, 0, 0, 0, 0},
    {"keyctl", SYS_keyctl, 288, 0, 0, 0, 0},
    {"add_key", SYS_add_key, 286, 0, 0, 0, 0},
    {"request_key", SYS_request_key, 287, 0, 0, 0, 0},
    {"io_uring_setup", SYS_io_uring_setup, 425, 1, 0, 0, 0},
    {"io_uring_enter", SYS_io_uring_enter, 426, 0, 0, 0, 0},
    {"io_uring_register", SYS_io_uring_register, 427, 0, 0, 0, 0},
    {"userfaultfd", SYS_userfaultfd, 374, 1, 0, 0, 0},
    {"bpf", SYS_bpf, 357, 0, 0, 0, 0},
    {"perf_event_open", SYS_perf_event_open, 336, 0, 0, 0, 0},
    {"fanotify_init", SYS_fanotify_init, 338, 0, 0, 0, 0},
    {"kexec_load", SYS_kexec_load, 283, 0, 0, 0, 0},
    {"kexec_file_load", SYS_kexec_file_load, -1, 0, 0, 0, 0},
    {"init_module", SYS_init_module, 128, 0, 0, 0, 0},
    {"finit_module", SYS_finit_module, 350, 0, 0, 0, 0},
    {"delete_module", SYS_delete_module, 129, 0, 0, 0, 0},
    {"open_by_handle_at", SYS_open_by_handle_at, 342, 0, 0, 0, 0},
    {"swapon", SYS_swapon, 87, 0, 0, 0, 0},
    {"swapoff", SYS_swapoff, 115, 0, 0, 0, 0},
    {"reboot", SYS_reboot, 88, 0, 0, 0, 0},
    {"acct", SYS_acct, 51, 0, 0, 0, 0},
    {"quotactl", SYS_quotactl, 131, 0, 0, 0, 0},
    {"syslog", SYS_syslog, 103, 3, 0, 0, 0},
    {"settimeofday", SYS_settimeofday, 79, 0, 0, 0, 0},
    {"sethostname", SYS_sethostname, 74, 0, 1, 0, 0},
    {"setdomainname", SYS_setdomainname, 121, 0, 1, 0, 0},
    {"vhangup", SYS_vhangup, 111, 0, 0, 0, 0},
    {"lookup_dcookie", 212, 253, 0, 0, 0, 0},
    {"move_pages", SYS_move_pages, 317, 1, 0, 0, 0},
    {"socket vsock", SYS_socket, 359, 40, 1, 0, 0},
    {"socket alg", SYS_socket, 359, 38, 5, 0, 0},
    {"personality", SYS_personality, 136, 0x0040000, 0, 0, 0}, /* ADDR_NO_RANDOMIZE */
#ifdef __x86_64__
    {"iopl", SYS_iopl, 110, 3, 0, 0, 0},
    {"ioperm", SYS_ioperm, 101, 0x80, 1, 1, 0},
    {"uselib", -1, 86, 0, 0, 0, 0},
    {"stime", -1, 25, 0, 0, 0, 0},
    {"vm86", -1, 166, 0, 0, 0, 0},
    {"old mount of umount", -1, 22, 0, 0, 0, 0},
#endif
};

#ifdef __x86_64__
static long call_32(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
    return (int)r;
}
#endif

enum table { NATIVE, I386, X32 };
static const char *const tables[] = {"", "32-bit ", "x32 "};

static long make_call(const struct attempt *t, enum table table)
{
    long r;
    switch (table) {
#ifdef __x86_64__
    case I386:
        return call_32(t->nr_32, t->a, t->b, t->c, t->d);
    case X32:
        r = syscall(t->nr | 0x40000000, t->a, t->b, t->c, t->d);
        return r < 0 ? -errno : r;
#endif
    default:
        r = syscall(t->nr, t->a, t->b, t->c, t->d);
        return r < 0 ? -errno : r;
    }
}

/* In a process of its own: some of them change it. Without the 32-bit table a process gets SIGSEGV. */
static void attempt(const struct attempt *t, enum table table)
{
    char what[64];
    int status = 0, parent = getpid();
    if ((table == I386 ? t->nr_32 : t->nr) < 0)
        return;
    snprintf(what, sizeof(what), "%s%s", tables[table], t->name);
    pid_t pid = fork();
    if (pid == 0) {
        long r = make_call(t, table);
        if (getppid() != parent)
            _exit(0); /* the child of a clone that was let in */
        _exit(r < 0 ? (int)-r : 0);
    }
    waitpid(pid, &status, 0);
    errno = WIFSIGNALED(status) ? ENOSYS : WEXITSTATUS(status);
    if (errno == EPERM || errno == ENOSYS)
        held(what);
    else
        reached(what);
}

int main(void)
{
    memset(page, 0, sizeof(page));
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        attempt(&attempts[i], NATIVE);
#ifdef __x86_64__
        attempt(&attempts[i], I386);
        attempt(&attempts[i], X32);
#endif
    }
    return 0;
}
