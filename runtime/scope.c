/* A Landlock domain of the step's own (Linux 6.12, ABI 6). It restricts no file; it keeps the step from abstract sockets,
 * which belong to the network namespace and so, with the host's network, to the host, and from signalling what does not
 * belong to the step. Nor can what is in a domain trace what lies outside it. */
#include "runtime/sandbox-internal.h"
#include "base/fd.h"

#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/landlock.h, whose Debian 12 form does not know them. */
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)

int rt_scope_enter(void)
{
    const struct ruleset r = {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    CB_AUTO(close) int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
    if (fd < 0) /* an older kernel says E2BIG, one without Landlock ENOSYS or EOPNOTSUPP, a container's filter EPERM */
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 1;
}
