/* An ordinary user with subordinate ids, which newuidmap and newgidmap map: uid 0 inside is the user, 1 and up are the ids of
 * /etc/subuid and /etc/subgid. */
#include "runtime/rung/privilege.h"
#include "runtime/rung/subids.h"
#include "runtime/rung/userns.h"

#include <errno.h>
#include <sched.h>

static bool probe(struct rt_privilege *p, char **ret_why)
{
    /* Ids that do not exist where we are cannot be mapped; where we only lack the right to them, the error is EPERM. */
    if (rt_userns_try_owner() == -EINVAL) {
        *ret_why =
            cb_strdup("the user namespace that cbuild was started in has one id only, as 'unshare -r' makes it: start cbuild "
                      "outside of it, or make it with 'unshare --map-root-user --map-auto'");
        return false;
    }
    rt_subids_read(p);
    *ret_why = rt_subids_why_not(p);
    return !*ret_why;
}

static int map(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t helper, struct cb_error *err)
{
    (void)kind; /* one helper does both */
    return rt_userns_map_ranges(helper, p, err);
}

static int enter(const struct rt_privilege *p)
{
    (void)p;
    return rt_userns_become_root();
}

static uint32_t last_id(const struct rt_id_range *ranges, size_t n)
{
    return ranges[n - 1].inside + ranges[n - 1].count - 1;
}

static char *why_no_id(const struct rt_privilege *p)
{
    CB_AUTO(free) char *more = rt_subids_advice(p, RT_SUBUID | RT_SUBGID);
    return cb_printf(
        "only uids up to %u and gids up to %u exist here: larger ranges in /etc/subuid and /etc/subgid give more: %s",
        last_id(p->uids, p->n_uids), last_id(p->gids, p->n_gids), more);
}

const struct rt_rung_ops rt_rung_range = {
    .name = "subordinate ids",
    .probe = probe,
    .namespaces = {[RT_HELPER_FILES] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
                   [RT_HELPER_COMMANDS] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID},
    .map = map,
    .enter = enter,
    .runs = true,
    .many_ids = true,
    .foreign_files = true,
    .why_no_id = why_no_id,
};
