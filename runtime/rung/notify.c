#include "runtime/rung/notify.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *rt_notify_why_not(void)
{
    const uint32_t action = SECCOMP_RET_USER_NOTIF;
    struct rlimit limit;
    if (!RT_MACHINE)
        return "the system calls of this kind of machine are not known to it";
    if (getrlimit(RLIMIT_RTTIME, &limit) < 0 || limit.rlim_max != RLIM_INFINITY)
        return "the limit on real-time CPU use (RLIMIT_RTTIME) is set, which carries the ids: start cbuild without it";
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
        return "the kernel has no seccomp notifications (Linux 5.0), or a filter around cbuild refuses them";
    return NULL;
}
