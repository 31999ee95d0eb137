/* What this machine lets us do, found by trying, never by guessing from versions (architecture.md "Rungs of privilege").
 *
 * The ladder: a rung is a file runtime/rung/<name>.c with its entry, and its line in privilege.c, the best first. Callers
 * ask what a rung can do, never which one it is. */
#ifndef RT_PRIVILEGE_H
#define RT_PRIVILEGE_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rt_id_range {
    uint32_t inside, outside, count;
};
struct rt_privilege {
    const struct rt_rung_ops *rung;
    uid_t uid;
    gid_t gid;
    struct rt_id_range *uids, *gids; /* of a rung with ranges: as given to newuidmap and newgidmap */
    size_t n_uids, n_gids;
    char *reason; /* why not a better rung, in one sentence with the way out; NULL when nothing is lost by it */
};

/* Where layers are written and where commands run may be two helpers (`two_helpers`). */
enum rt_helper_kind { RT_HELPER_FILES, RT_HELPER_COMMANDS, RT_HELPER_KINDS };

struct rt_rung_ops {
    const char *name;
    /* Can this process stand on it, as far as can be told before a namespace is made? Keeps in `p` what it finds; if it
     * cannot, *ret_why may be set to what is missing and the way out (caller frees). */
    bool (*probe)(struct rt_privilege *p, char **ret_why);
    unsigned long namespaces[RT_HELPER_KINDS]; /* CLONE_NEW… of the helper; 0: a plain child */
    /* Writes the maps of the new `helper`; NULL: nothing to write. 0, or -1 with `err` set. */
    int (*map)(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t helper, struct cb_error *err);
    /* In the helper, once its ids are mapped: becomes root there; NULL: it is root already. 0 or -errno. */
    int (*enter)(const struct rt_privilege *p);
    bool runs;          /* commands can be run */
    bool chroots;       /* there are neither namespaces nor mounts for them: a chroot has to do */
    uint64_t withholds; /* of Docker's capabilities, those that a command must not have here: a bit each */
    bool two_helpers;   /* layers are written where owners are the disk's and devices can be made; commands run elsewhere */
    bool many_ids;      /* ids other than 0 exist, and setgroups(2) is allowed */
    bool emulates;      /* commands are told that they exist (owners/), where the machine lets us */
    bool foreign_files; /* what layers hold belongs to ids that are not ours outside the helper */
    bool owns_network;  /* commands have the rights over the host's network that root has */
    /* Why an id may not exist in a command, with the way out; caller frees. NULL: every id does. */
    char *(*why_no_id)(const struct rt_privilege *p);
    /* Where to go when the helper cannot be started; NULL: the next in the list that says it can. */
    const struct rt_rung_ops *below;
    /* The same when layers have been written on this rung already and only its second helper cannot be started: there they have
     * the same form. NULL: nowhere. */
    const struct rt_rung_ops *below_commands;
};
extern const struct rt_rung_ops rt_rung_root, rt_rung_root_plain, rt_rung_identity, rt_rung_range, rt_rung_single, rt_rung_chroot,
    rt_rung_none;

/* Are we in a user namespace that does not have our own id? Nothing can be made there. */
bool rt_is_nobody(void);
/* Cheap: asks for our ids and rights, and an ordinary user's ranges; tries no namespace yet. */
void rt_privilege_probe(struct rt_privilege *ret);
/* For a helper of this kind that could not be started: p->rung becomes a lower rung, and p->reason becomes `why` (taken).
 * False: there is none. */
bool rt_privilege_lower(struct rt_privilege *p, enum rt_helper_kind kind, char *why);
void rt_privilege_done(struct rt_privilege *p);

#endif
