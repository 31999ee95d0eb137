/* Which calls are notified, and who answers them. A 64-bit kernel has two sets of numbers that are known here: its own and
 * that of i386. x32 has a third, which the filter refuses: hardly any kernel has it. */
#include "runtime/owners/call.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* What newer machines do not have. */
#ifndef SYS_chown
#define SYS_chown  -1
#define SYS_lchown -1
#endif
#ifndef SYS_stat
#define SYS_stat  -1
#define SYS_lstat -1
#endif
#ifndef SYS_open
#define SYS_open    -1
#define SYS_creat   -1
#define SYS_mkdir   -1
#define SYS_symlink -1
#define SYS_mknod   -1
#endif
#ifndef SYS_getrlimit
#define SYS_getrlimit -1
#define SYS_setrlimit -1
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat -1
#endif
#ifndef SYS_fstat
#define SYS_fstat -1
#endif

#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)

#define MAKES(n)                                                                                                                 \
    {                                                                                                                            \
        {                                                                                                                        \
            RT_BITS, n,                                                                                                          \
            {                                                                                                                    \
                O_CREAT | TMPFILE                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }
#define IS(n, ...)                                                                                                               \
    {                                                                                                                            \
        RT_ONE_OF, n,                                                                                                            \
        {                                                                                                                        \
            __VA_ARGS__                                                                                                          \
        }                                                                                                                        \
    }

// clang-format off
static const struct rt_row rows[] = {
    {SYS_getuid, 199, rt_on_getuid},             {-1, 24, rt_on_getuid, .short_ids = true},
    {SYS_geteuid, 201, rt_on_geteuid},           {-1, 49, rt_on_geteuid, .short_ids = true},
    {SYS_getgid, 200, rt_on_getgid},             {-1, 47, rt_on_getgid, .short_ids = true},
    {SYS_getegid, 202, rt_on_getegid},           {-1, 50, rt_on_getegid, .short_ids = true},
    {SYS_getresuid, 209, rt_on_getresuid},       {-1, 165, rt_on_getresuid, .short_ids = true},
    {SYS_getresgid, 211, rt_on_getresgid},       {-1, 171, rt_on_getresgid, .short_ids = true},
    {SYS_getgroups, 205, rt_on_getgroups},       {-1, 80, rt_on_getgroups, .short_ids = true},
    {SYS_setuid, 213, rt_on_setuid},             {-1, 23, rt_on_setuid, .short_ids = true},
    {SYS_setgid, 214, rt_on_setgid},             {-1, 46, rt_on_setgid, .short_ids = true},
    {SYS_setreuid, 203, rt_on_setreuid},         {-1, 70, rt_on_setreuid, .short_ids = true},
    {SYS_setregid, 204, rt_on_setregid},         {-1, 71, rt_on_setregid, .short_ids = true},
    {SYS_setresuid, 208, rt_on_setresuid},       {-1, 164, rt_on_setresuid, .short_ids = true},
    {SYS_setresgid, 210, rt_on_setresgid},       {-1, 170, rt_on_setresgid, .short_ids = true},
    {SYS_setfsuid, 215, rt_on_setfsuid},         {-1, 138, rt_on_setfsuid, .short_ids = true},
    {SYS_setfsgid, 216, rt_on_setfsgid},         {-1, 139, rt_on_setfsgid, .short_ids = true},
    {SYS_setgroups, 206, rt_on_setgroups},       {-1, 81, rt_on_setgroups, .short_ids = true},
    {SYS_prctl, 172, rt_on_prctl, .test = {IS(0, PR_SET_KEEPCAPS, PR_GET_KEEPCAPS, PR_SET_MM)}},
    {SYS_capget, 184, rt_on_capget},
    {SYS_capset, 185, rt_on_capset},
    {SYS_setrlimit, 75, NULL, .test = {IS(0, RLIMIT_RTTIME)}},
    {SYS_getrlimit, 76, rt_on_getrlimit, .test = {IS(0, RLIMIT_RTTIME)}},
    {-1, 191, rt_on_getrlimit, .test = {IS(0, RLIMIT_RTTIME)}},
    {SYS_prlimit64, 340, rt_on_prlimit, .test = {IS(1, RLIMIT_RTTIME)}},
    {SYS_getsockopt, 365, rt_on_getsockopt, .test = {IS(1, SOL_SOCKET), IS(2, SO_PEERCRED)}},

    {SYS_chown, 212, rt_on_chown},               {-1, 182, rt_on_chown, .short_ids = true},
    {SYS_lchown, 198, rt_on_chown, RT_LINK},     {-1, 16, rt_on_chown, RT_LINK, .short_ids = true},
    {SYS_fchown, 207, rt_on_chown, RT_FD},       {-1, 95, rt_on_chown, RT_FD, .short_ids = true},
    {SYS_fchownat, 298, rt_on_fchownat},

    {SYS_stat, 106, rt_on_stat},                 {-1, 195, rt_on_stat64},
    {SYS_lstat, 107, rt_on_stat, RT_LINK},       {-1, 196, rt_on_stat64, RT_LINK},
    {SYS_fstat, 108, rt_on_stat, RT_FD},         {-1, 197, rt_on_stat64, RT_FD},
    {SYS_newfstatat, 300, rt_on_fstatat},
    {SYS_statx, 383, rt_on_statx},

    {SYS_open, 5, rt_on_open, .test = MAKES(1)},
    {SYS_openat, 295, rt_on_openat, .test = MAKES(2)},
    {SYS_openat2, 437, rt_on_openat2},
    {SYS_creat, 8, rt_on_creat},
    {SYS_mkdir, 39, rt_on_mkdir},
    {SYS_mkdirat, 296, rt_on_mkdirat},
    {SYS_symlink, 83, rt_on_symlink},
    {SYS_symlinkat, 304, rt_on_symlinkat},
    {SYS_mknod, 14, rt_on_mknod},
    {SYS_mknodat, 297, rt_on_mknodat},

    {SYS_execve, 11, rt_on_execve},
    {SYS_execveat, 358, rt_on_execveat},
    {SYS_chroot, 61, rt_on_chroot},

    {SYS_listxattr, 232, rt_on_listxattr},
    {SYS_llistxattr, 233, rt_on_listxattr, RT_LINK},
    {SYS_flistxattr, 234, rt_on_listxattr, RT_FD},
    {SYS_getxattr, 229, rt_on_getxattr},
    {SYS_lgetxattr, 230, rt_on_getxattr},
    {SYS_fgetxattr, 231, rt_on_getxattr},
    {SYS_setxattr, 226, rt_on_setxattr},
    {SYS_lsetxattr, 227, rt_on_setxattr, RT_LINK},
    {SYS_fsetxattr, 228, rt_on_setxattr, RT_FD},
    {SYS_removexattr, 235, rt_on_removexattr},
    {SYS_lremovexattr, 236, rt_on_removexattr, RT_LINK},
    {SYS_fremovexattr, 237, rt_on_removexattr, RT_FD},
    /* setxattrat, getxattrat, listxattrat, removexattrat: a C library then takes those above */
    {463, 463, NULL, .refuse = ENOSYS}, {464, 464, NULL, .refuse = ENOSYS}, {465, 465, NULL, .refuse = ENOSYS},
    {466, 466, NULL, .refuse = ENOSYS},
    /* io_uring_setup: its requests are no calls that a filter sees */
    {425, 425, NULL, .refuse = ENOSYS},
};
// clang-format on
_Static_assert(CB_LEN(rows) <= RT_MAX_ROWS, "rows of the filter");

const struct rt_row *rt_rows(size_t *n)
{
    *n = CB_LEN(rows);
    return rows;
}
