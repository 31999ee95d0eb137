#include "runtime/rung/capability.h"
#include "base/buf.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By number; a kernel that knows more is newer than this list. */
static const char names[] =
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST "
    "NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE "
    "SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE ";

static void get(struct __user_cap_data_struct ret[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    if (syscall(SYS_capget, &header, ret) < 0)
        memset(ret, 0, 2 * sizeof(*ret));
}

uint64_t rt_capabilities(void)
{
    struct __user_cap_data_struct data[2];
    get(data);
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

uint64_t rt_capabilities_permitted(void)
{
    struct __user_cap_data_struct data[2];
    get(data);
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

uint64_t rt_capabilities_known(void)
{
    int n = 0;
    while (n < 63 && prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0)
        n++;
    return (UINT64_C(1) << n) - 1;
}

char *rt_capability_names(uint64_t set)
{
    struct cb_buf b = CB_BUF_INIT;
    for (const char *name = names; *name; set >>= 1) {
        size_t n = strcspn(name, " ");
        if (set & 1)
            cb_buf_printf(&b, "%s%.*s", b.len ? "," : "", (int)n, name);
        name += n + 1;
    }
    return cb_buf_detach(&b);
}

uint64_t rt_capability_find(const char *name)
{
    uint64_t bit = 1;
    for (const char *known = names; *known; bit <<= 1) {
        size_t n = strcspn(known, " ");
        if (strlen(name) == n && strncasecmp(known, name, n) == 0)
            return bit;
        known += n + 1;
    }
    return 0;
}
