/* Root of a container that has no right to mount there but may make a user namespace: every id is itself in it, as for real
 * root, and inside it we have all rights that a sandbox takes. Owners are those on the disk; devices cannot be made, so they
 * are kept in the index. */
#include "runtime/rung/capability.h"
#include "runtime/rung/privilege.h"
#include "runtime/rung/userns.h"

#include <errno.h>
#include <sched.h>

static bool probe(struct rt_privilege *p, char **ret_why)
{
    if (p->uid != 0 || rt_userns_try_owner() == -EINVAL)
        return false;
    uint64_t lacks = RT_CAPS_OF_OWNERS & ~rt_capabilities();
    if (!lacks)
        return rt_userns_owns_ids(ret_why);
    CB_AUTO(free) char *names = rt_capability_names(lacks);
    *ret_why = cb_printf("root lacks capabilities here, so it can neither give files to other users nor become them: start the "
                         "surrounding container with '--cap-add %s'",
                         names);
    return false;
}

static int map(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t helper, struct cb_error *err)
{
    (void)p, (void)kind;
    int r = rt_userns_map_identity(helper);
    if (r == -EPERM && !(rt_capabilities() & RT_CAP(SETFCAP)))
        return cb_fail(err, CB_E_UNSUPPORTED,
                       "root lacks the capability to have itself in a user namespace (since Linux 5.12): start the surrounding "
                       "container with '--cap-add SETFCAP'");
    return r < 0 ? cb_fail_sys(err, r, "map the ids of a user namespace") : 0;
}

static char *why_no_id(const struct rt_privilege *p)
{
    (void)p;
    return rt_userns_why_no_id();
}

const struct rt_rung_ops rt_rung_identity = {
    .name = "root of a container",
    .probe = probe,
    .namespaces = {[RT_HELPER_FILES] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
                   [RT_HELPER_COMMANDS] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID},
    .map = map,
    .runs = true,
    .many_ids = true,
    .why_no_id = why_no_id,
    .below = &rt_rung_chroot, /* who may not make this namespace may not make one with fewer ids either */
};
