/* What this machine lets us do, found by trying, never by guessing from versions (architecture.md "Rungs of privilege"). */
#ifndef RT_PRIVILEGE_H
#define RT_PRIVILEGE_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum rt_rung {
    RT_ROOT,   /* real root: owners are the disk's owners; RUN gets an identity-mapped user namespace */
    RT_RANGE,  /* ordinary user with subordinate ids (newuidmap, newgidmap) */
    RT_SINGLE, /* ordinary user, only uid 0 mapped */
    RT_NONE,   /* no user namespace: everything but RUN */
};

struct rt_id_range {
    uint32_t inside, outside, count;
};
struct rt_privilege {
    enum rt_rung rung;
    uid_t uid;
    gid_t gid;
    struct rt_id_range *uids, *gids; /* RT_RANGE: as given to newuidmap and newgidmap */
    size_t n_uids, n_gids;
    char *reason; /* why not a better rung, in one sentence with the way out; NULL on RT_ROOT and RT_RANGE */
};
/* Cheap: reads /etc/subuid and ids, looks for the two programs; tries no namespace yet. */
int rt_privilege_probe(struct rt_privilege *ret, struct cb_error *err);
void rt_privilege_done(struct rt_privilege *p);
const char *rt_rung_name(enum rt_rung r); /* "root", "subordinate ids", "single id", "no namespaces" */

#endif
