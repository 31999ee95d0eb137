/* Docker's default seccomp profile (moby/profiles, runtime.md §7), as the generator, what writes the filter, and the test
 * read it.
 *   not named here, but older than the newest name: EPERM
 *   newer than that: ENOSYS, so that a C library falls back to what it knows */
#ifndef RT_SECCOMP_PROFILE_H
#define RT_SECCOMP_PROFILE_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names that an architecture does not have are skipped. */
// clang-format off
static const char *const profile_allow[] = {
    "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat", "capget", "capset", "chdir", "chmod",
    "chown", "chown32", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range", "connect", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
    "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat",
    "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork",
    "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64",
    "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "getcpu", "getcwd",
    "getdents", "getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
    "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
    "getresgid32", "getresuid", "getresuid32", "getrlimit", "get_robust_list", "getrusage", "getsid", "getsockname",
    "getsockopt", "get_thread_area", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "ioctl", "io_destroy",
    "io_getevents", "io_pgetevents", "io_pgetevents_time64", "ioprio_get", "ioprio_set", "io_setup", "io_submit", "ipc", "kill",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link",
    "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr",
    "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir",
    "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mq_getsetattr", "mq_notify",
    "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap",
    "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "name_to_handle_at",
    "nanosleep", "newfstatat", "_newselect", "open", "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe",
    "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv",
    "preadv2", "prlimit64", "process_mrelease", "pselect6", "pselect6_time64", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg",
    "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat", "renameat2", "restart_syscall", "riscv_hwprobe",
    "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
    "seccomp", "select", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64",
    "sendmmsg", "sendmsg", "sendto", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups",
    "setgroups32", "setitimer", "setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
    "setresuid32", "setreuid", "setreuid32", "setrlimit", "set_robust_list", "setsid", "setsockopt", "set_thread_area",
    "set_tid_address", "setuid", "setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
    "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketcall", "socketpair", "splice", "stat", "stat64",
    "statfs", "statfs64", "statmount", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee",
    "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
    "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
    "times", "tkill", "truncate", "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat", "uretprobe", "utime",
    "utimensat", "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
    /* kernel 4.8 and later: since then seccomp checks again what a tracer has changed */
    "process_vm_readv", "process_vm_writev", "ptrace",
    /* CAP_SYS_CHROOT: without it the call fails by itself */
    "chroot",
};

/* Allowed to whoever has the capability. */
static const struct profile_cap_rule {
    const char *name;
    int cap;
} profile_cap_allow[] = {
    {"open_by_handle_at", CAP_DAC_READ_SEARCH},
    {"bpf", CAP_SYS_ADMIN}, {"clone", CAP_SYS_ADMIN}, {"clone3", CAP_SYS_ADMIN}, {"fanotify_init", CAP_SYS_ADMIN},
    {"fsconfig", CAP_SYS_ADMIN}, {"fsmount", CAP_SYS_ADMIN}, {"fsopen", CAP_SYS_ADMIN}, {"fspick", CAP_SYS_ADMIN},
    {"lookup_dcookie", CAP_SYS_ADMIN}, {"lsm_get_self_attr", CAP_SYS_ADMIN}, {"lsm_list_modules", CAP_SYS_ADMIN},
    {"lsm_set_self_attr", CAP_SYS_ADMIN}, {"mount", CAP_SYS_ADMIN}, {"mount_setattr", CAP_SYS_ADMIN},
    {"move_mount", CAP_SYS_ADMIN}, {"open_tree", CAP_SYS_ADMIN}, {"perf_event_open", CAP_SYS_ADMIN},
    {"quotactl", CAP_SYS_ADMIN}, {"quotactl_fd", CAP_SYS_ADMIN}, {"setdomainname", CAP_SYS_ADMIN},
    {"sethostname", CAP_SYS_ADMIN}, {"setns", CAP_SYS_ADMIN}, {"syslog", CAP_SYS_ADMIN}, {"umount", CAP_SYS_ADMIN},
    {"umount2", CAP_SYS_ADMIN}, {"unshare", CAP_SYS_ADMIN},
    {"reboot", CAP_SYS_BOOT},
    {"delete_module", CAP_SYS_MODULE}, {"init_module", CAP_SYS_MODULE}, {"finit_module", CAP_SYS_MODULE},
    {"acct", CAP_SYS_PACCT},
    {"kcmp", CAP_SYS_PTRACE}, {"pidfd_getfd", CAP_SYS_PTRACE}, {"process_madvise", CAP_SYS_PTRACE},
    {"iopl", CAP_SYS_RAWIO}, {"ioperm", CAP_SYS_RAWIO},
    {"settimeofday", CAP_SYS_TIME}, {"stime", CAP_SYS_TIME}, {"clock_settime", CAP_SYS_TIME},
    {"clock_settime64", CAP_SYS_TIME},
    {"vhangup", CAP_SYS_TTY_CONFIG},
    {"get_mempolicy", CAP_SYS_NICE}, {"mbind", CAP_SYS_NICE}, {"set_mempolicy", CAP_SYS_NICE},
    {"set_mempolicy_home_node", CAP_SYS_NICE},
    {"syslog", CAP_SYSLOG},
    {"bpf", CAP_BPF},
    {"perf_event_open", CAP_PERFMON},
};
// clang-format on

/* Of some architectures only. `arches` as the generator names them. */
static const struct profile_arch_rule {
    const char *name, *arches;
} profile_arch_allow[] = {
    {"sync_file_range2", "ppc64le arm aarch64"},
    {"swapcontext", "ppc64le"},
    {"arm_fadvise64_64", "arm aarch64"},
    {"arm_sync_file_range", "arm aarch64"},
    {"breakpoint", "arm aarch64"},
    {"cacheflush", "arm aarch64"},
    {"set_tls", "arm aarch64"},
    {"arch_prctl", "x86_64"},
    {"modify_ldt", "x86_64 x86"},
    {"s390_pci_mmio_read", "s390 s390x"},
    {"s390_pci_mmio_write", "s390 s390x"},
    {"s390_runtime_instr", "s390 s390x"},
    {"riscv_flush_icache", "riscv64"},
};

/* Decided by the low word of one argument: these arguments are 32 bits wide for the kernel, and what is
 * in the upper half must not change the answer. */
enum profile_kind {
    PROFILE_ARG_IN,     /* allowed when it is one of the values */
    PROFILE_ARG_NOT_IN, /* allowed unless it is one of the values */
    PROFILE_ARG_NO_BIT, /* allowed when it has no bit of values[0] */
};
static const struct profile_arg_rule {
    const char *name;
    enum profile_kind kind;
    unsigned arg, arg_s390;
    unsigned n_values;
    uint32_t values[5];
    bool shared; /* only where a command has the builder's processes beside it, in a chroot */
} profile_args[] = {
    {"socket", PROFILE_ARG_NOT_IN, 0, 0, 2, {38 /* AF_ALG */, 40 /* AF_VSOCK */}, false},
    {"personality", PROFILE_ARG_IN, 0, 0, 5, {0, 0x8, 0x20000, 0x20008, 0xffffffff}, false},
    {"clone", PROFILE_ARG_NO_BIT, 0, 1, 1, {0x7e020000 /* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} */}, false},
    {"prlimit64", PROFILE_ARG_IN, 0, 0, 1, {0 /* itself: a limit of processor time would end another */}, true},
};

/* Flags behind a pointer cannot be looked at, so libc is made to use clone. The family of a socket that 32-bit programs make
 * by socketcall cannot be looked at either, but C libraries of today know no other way (Debian's i386 does not): it stays
 * allowed, as with Docker. */
static const char *const profile_enosys[] = {"clone3"};

/* For names that the build machine's libseccomp does not know yet. `arch` NULL: since Linux 5.1 new calls have
 * one number everywhere. */
static const struct profile_number {
    const char *name;
    int nr;
    const char *arch;
} profile_numbers[] = {
    {"uretprobe", 335, "x86_64"}, {"riscv_hwprobe", 258, "riscv64"},
    {"memfd_secret", 447, NULL},  {"process_mrelease", 448, NULL},
    {"futex_waitv", 449, NULL},   {"cachestat", 451, NULL},
    {"fchmodat2", 452, NULL},     {"map_shadow_stack", 453, NULL},
    {"futex_wake", 454, NULL},    {"futex_wait", 455, NULL},
    {"futex_requeue", 456, NULL}, {"statmount", 457, NULL},
    {"listmount", 458, NULL},     {"mseal", 462, NULL},
    {"setxattrat", 463, NULL},    {"getxattrat", 464, NULL},
    {"listxattrat", 465, NULL},   {"removexattrat", 466, NULL},
};
#define PROFILE_NEWEST 466 /* the highest number that the profile knows about */

#endif
