/* An ordinary user with only one id mapped, as uid 0. Other owners are kept beside the files (base/owner.h), and a command is
 * told of them by a supervisor (owners/). */
#include "runtime/rung/privilege.h"
#include "runtime/rung/userns.h"

#include <sched.h>

static bool probe(struct rt_privilege *p, char **ret_why)
{
    (void)p;
    (void)ret_why;
    return true; /* only trying it tells */
}

static int enter(const struct rt_privilege *p)
{
    int r = rt_userns_map_self(p->uid, p->gid);
    return r < 0 ? r : rt_userns_become_root();
}

static char *why_no_id(const struct rt_privilege *p)
{
    return cb_printf("only uid 0 and gid 0 exist here: %s", p->reason);
}

const struct rt_rung_ops rt_rung_single = {
    .name = "single id",
    .probe = probe,
    .namespaces = {[RT_HELPER_FILES] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
                   [RT_HELPER_COMMANDS] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID},
    .enter = enter,
    .runs = true,
    .emulates = true,
    .why_no_id = why_no_id,
};
