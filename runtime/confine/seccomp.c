#include "runtime/confine/seccomp.h"
#include "base/mem.h"
#include "runtime/confine/seccomp-code.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Made by seccomp_gen when cbuild is built. */
#include "seccomp-filter.inc"

const struct sock_filter *rt_seccomp_filter(size_t *n)
{
    *n = CB_LEN(filter);
    return filter;
}

size_t rt_seccomp_filter_for(uint64_t caps, bool shares, struct sock_filter **ret)
{
    const uint64_t bit = UINT64_C(1) << RT_SECCOMP_SHARES;
    return rt_seccomp_code(tables, CB_LEN(tables), shares ? caps | bit : caps & ~bit, ret);
}

int rt_seccomp_install(const struct rt_filter *own)
{
    struct sock_fprog program = {CB_LEN(filter), (struct sock_filter *)filter}; /* the kernel only reads it */
    if (own && own->n)
        program = (struct sock_fprog){(unsigned short)own->n, own->code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
        return 0;
    /* The older call for the same, which a filter may have forgotten. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
