/* Root of a container that allows no namespace at all and no mount (Docker's defaults): owners are the disk's, and a command has
 * a tree of real files as its root, by chroot(2) alone (place.c, stragglers.c). */
#include "runtime/rung/capability.h"
#include "runtime/rung/privilege.h"
#include "runtime/rung/userns.h"

/* SETPCAP: to take rights from commands for good. KILL: to end what runs as another user. */
#define NEEDED (RT_CAPS_OF_OWNERS | RT_CAP(FOWNER) | RT_CAP(SYS_CHROOT) | RT_CAP(SETPCAP) | RT_CAP(KILL))

static bool probe(struct rt_privilege *p, char **ret_why)
{
    if (p->uid != 0 || rt_userns_try_owner() < 0)
        return false;
    uint64_t lacks = NEEDED & ~rt_capabilities();
    if (!lacks)
        return true;
    CB_AUTO(free) char *names = rt_capability_names(lacks);
    *ret_why = cb_printf("root lacks capabilities here that commands in a chroot need: start the surrounding container with "
                         "'--cap-add %s'",
                         names);
    return false;
}

static char *why_no_id(const struct rt_privilege *p)
{
    (void)p;
    return rt_userns_why_no_id();
}

const struct rt_rung_ops rt_rung_chroot = {
    .name = "chroot",
    .probe = probe,
    .runs = true,
    .chroots = true,
    .many_ids = true,
    .owns_network = true,
    .withholds = RT_CAP(SYS_CHROOT) | RT_CAP(MKNOD),
    .why_no_id = why_no_id,
};
