#include "runtime/sandbox-internal.h"
#include "base/mem.h"
#include "runtime/seccomp-internal.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Made by seccomp_gen when cbuild is built. */
static const struct sock_filter filter[] = {
#include "seccomp-filter.inc"
};

const struct sock_filter *rt_seccomp_filter(size_t *n)
{
    *n = CB_LEN(filter);
    return filter;
}

int rt_seccomp_install(void)
{
    struct sock_fprog program = {CB_LEN(filter), (struct sock_filter *)filter}; /* the kernel only reads it */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
