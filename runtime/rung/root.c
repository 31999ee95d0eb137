/* Real root: owners are those on the disk, and layers can hold devices. Commands run in a user namespace in which every id
 * is itself. */
#include "runtime/rung/privilege.h"
#include "runtime/rung/capability.h"
#include "runtime/rung/userns.h"

#include <sched.h>

/* uid 0 of a container is not enough: namespaces, owners and id maps need these. Whoever made a user namespace has all
 * capabilities in it, whatever these are worth there. */
static bool probe(struct rt_privilege *p, char **ret_why)
{
    const uint64_t need = RT_CAP(SYS_ADMIN) | RT_CAPS_OF_OWNERS;
    return p->uid == 0 && (rt_capabilities() & need) == need && rt_userns_owns_ids(ret_why);
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
    return rt_userns_why_no_id();
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
    .below_commands = &rt_rung_root_plain,
    .below = &rt_rung_none, /* with only one id, files that it gave to others could no longer be read */
};
