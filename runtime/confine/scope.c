/* A Landlock domain of the step's own (Linux 6.12, ABI 6). It keeps the step from abstract sockets,
 * which belong to the network namespace and so, with the host's network, to the host, and from signalling what does not
 * belong to the step. Nor can what is in a domain trace what lies outside it. */
#include "runtime/confine/scope.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/landlock.h, whose Debian 12 form does not know them. */
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};
struct rule {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)
#define ABI_SCOPES                 6

/* All that can be restricted of files, by what the kernel knows. Before the second, moving a file to another directory could not
 * be allowed. */
static uint64_t file_rights(int abi)
{
    static const int bits[] = {0, 0, 14, 15, 15}; /* + moving, + truncating; from the fifth on: + ioctl on devices */
    return abi < 0 ? 0 : (UINT64_C(1) << (abi < (int)CB_LEN(bits) ? bits[abi] : 16)) - 1;
}

/* -1: a kernel without Landlock says ENOSYS or EOPNOTSUPP, a container's filter EPERM. */
static int abi_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static int allow_root(int ruleset, uint64_t rights)
{
    CB_AUTO(close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct rule rule = {rights, root};
    return root < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

bool rt_scope_is_sure(const char *user)
{
    size_t n = user ? strcspn(user, ":") : 0;
    return (n == 0 || (n == 1 && *user == '0')) && abi_version() >= ABI_SCOPES;
}

int rt_scope_enter(bool files, bool *ret_walled)
{
    int abi = abi_version();
    const struct ruleset r = {.handled_access_fs = files ? file_rights(abi) : 0,
                              .scoped = abi >= ABI_SCOPES ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0};
    if (!r.handled_access_fs && !r.scoped)
        return 0;
    CB_AUTO(close) int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
    int e = r.handled_access_fs ? allow_root(fd, r.handled_access_fs) : 0;
    if (e < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return e < 0 ? e : -errno;
    *ret_walled = r.handled_access_fs != 0;
    return r.scoped != 0;
}
