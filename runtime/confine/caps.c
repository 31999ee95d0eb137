#include "runtime/confine/caps.h"
#include "runtime/rung/capability.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int rt_caps_bound(uint64_t set)
{
    /* A kernel newer than our headers has more: it says EINVAL after its last one. */
    for (int cap = 0; cap < 64; cap++) {
        if (set & UINT64_C(1) << cap)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return errno == EINVAL && cap > 0 ? 0 : -errno;
    }
    return 0;
}

int rt_caps_set(uint64_t set)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0}; /* nothing is inheritable, which also empties the ambient set */
    uint64_t keep = rt_capabilities_permitted() & set;
    for (int i = 0; i < 2; i++)
        data[i].permitted = data[i].effective = (uint32_t)(keep >> (32 * i));
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
