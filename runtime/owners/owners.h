/* Owners and ids for who has only one: a supervisor answers those system calls of a RUN that name or show an owner, so that
 * `chown`, `USER`, `su` and package managers work as with ids of their own (architecture.md "Owners without ids").
 *
 * The job makes the supervisor before the sandbox; the sandbox's first process hands it the notifications; when the
 * sandbox is gone it says which symlinks and FIFOs have owners, since no attribute can hold those. */
#ifndef RT_OWNERS_H
#define RT_OWNERS_H

#include "base/error.h"
#include "base/owner.h"
#include "runtime/owners/user.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rt_owners {
    pid_t pid; /* of the supervisor; 0: there is none */
    int sock;  /* to it, for the sandbox's first process */
    int report;
};
#define RT_OWNERS_INIT ((struct rt_owners){0, -1, -1})

/* What the supervisor works with besides what it is sent: all borrowed, found again under the same numbers in a fork. */
struct rt_owners_world {
    int root;                           /* of the sandbox */
    int upper;                          /* directory of what it changes */
    const struct cb_link_owners *below; /* owners of symlinks and FIFOs in the layers */
    uint64_t bounding;                  /* capabilities that a program can have */
};

/* In the job. 1: it runs. 0: this machine cannot have it; *ret_why says what is missing (static). -1: err. */
int rt_owners_start(const struct rt_owners_world *w, struct rt_owners *ret, const char **ret_why, struct cb_error *err);
/* In the sandbox's first process, in its root and with all capabilities: from here on it is `user`, and the kernel asks the
 * supervisor. `mounts`: its mount namespace (/proc/self/ns/mnt, opened where /proc was the host's). 0: done. 1: the kernel
 * refuses, *ret_why says what (static). -1: err. */
int rt_owners_enter(const struct rt_owners *o, int mounts, int root, const struct rt_user *user, const char **ret_why,
                    struct cb_error *err);
/* In the job, when the sandbox is gone. Ends the supervisor, and gives what it leaves (*ret; one allocation, in ret->items, that
 * the caller frees). -1: it ended before its time, or had to refuse something at a bound. */
int rt_owners_finish(struct rt_owners *o, struct cb_link_owners *ret, struct cb_error *err);
/* Whatever has become of it. */
void rt_owners_done(struct rt_owners *o);

/* So many symlinks, FIFOs and sockets can get an owner in one RUN; the next chown of one says ENOSPC. */
#define RT_OWNERS_MAX_LINKS 1000000

#endif
