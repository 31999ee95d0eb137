/* Real root where no user namespace can be made (switched off, in a chroot, refused by a filter). Layers are as on the rung
 * above. Commands run in all the other namespaces: their uid 0 is the machine's, with Docker's capabilities only. */
#include "runtime/rung/privilege.h"
#include "runtime/rung/userns.h"

#include <sched.h>

static bool probe(struct rt_privilege *p, char **ret_why)
{
    return rt_rung_root.probe(p, ret_why);
}

static char *why_no_id(const struct rt_privilege *p)
{
    (void)p;
    return rt_userns_why_no_id();
}

const struct rt_rung_ops rt_rung_root_plain = {
    .name = "root without user namespaces",
    .probe = probe,
    .namespaces = {[RT_HELPER_FILES] = CLONE_NEWNS | CLONE_NEWPID, [RT_HELPER_COMMANDS] = CLONE_NEWNS | CLONE_NEWPID},
    .runs = true,
    .two_helpers = true,
    .many_ids = true,
    .owns_network = true,
    .why_no_id = why_no_id,
    .below_commands = &rt_rung_chroot,
    .below = &rt_rung_chroot,
};
