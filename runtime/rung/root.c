/* Real root: owners are those on the disk, and layers can hold devices. Commands run in a user namespace in which every id
 * is itself. */
#include "runtime/rung/privilege.h"
#include "base/mem.h"
#include "runtime/rung/userns.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* uid 0 of a container is not enough: namespaces, owners and id maps need these. */
static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    const uint32_t need = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE;
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & need) == need;
}

/* Sets the groups that we have. In a user namespace this may be refused for ever (/proc/self/setgroups). */
static int try_groups(void)
{
    int n = getgroups(0, NULL);
    CB_AUTO(free) gid_t *groups = cb_alloc((size_t)(n + 1) * sizeof(*groups));
    n = getgroups(n, groups);
    return n < 0 || syscall(SYS_setgroups, n, groups) < 0 ? -errno : 0;
}

/* Whoever made a user namespace has all capabilities in it, whatever these are worth there. */
static bool probe(struct rt_privilege *p, char **ret_why)
{
    if (p->uid != 0 || !has_capabilities() || rt_userns_try_owner() < 0)
        return false;
    if (try_groups() < 0)
        *ret_why =
            cb_strdup("the user namespace that cbuild was started in forbids setgroups(2): make it with 'unshare --map-auto' "
                      "or start cbuild outside of it");
    return !*ret_why;
}

static int map(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t helper, struct cb_error *err)
{
    (void)p;
    int r = kind == RT_HELPER_COMMANDS ? rt_userns_map_identity(helper) : 0;
    return r < 0 ? cb_fail_sys(err, r, "map the ids of a user namespace") : 0;
}

static char *why_no_id(const struct rt_privilege *p)
{
    (void)p;
    return NULL;
}

const struct rt_rung_ops rt_rung_root = {
    .name = "root",
    .probe = probe,
    .namespaces =
        {[RT_HELPER_FILES] = CLONE_NEWNS | CLONE_NEWPID, [RT_HELPER_COMMANDS] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID},
    .map = map,
    .runs = true,
    .two_helpers = true,
    .many_ids = true,
    .why_no_id = why_no_id,
    .below = &rt_rung_none, /* with only one id, files that it gave to others could no longer be read */
};
