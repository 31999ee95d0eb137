/* Who a process is taken for: ids, groups and capabilities, and what the system calls that change them make of them
 * (credentials(7), capabilities(7)). Pure: nothing here asks or tells the kernel anything.
 *
 * Sets are interned: a process is known by the number of its set (target.c says where that is kept). */
#ifndef RT_OWNERS_CREDENTIAL_H
#define RT_OWNERS_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum rt_which { RT_REAL, RT_EFFECTIVE, RT_SAVED, RT_FS, RT_WHICH };

struct rt_cred {
    uint32_t uid[RT_WHICH], gid[RT_WHICH];
    uint64_t permitted, effective, inheritable;
    bool keep; /* PR_SET_KEEPCAPS */
    uint32_t n_groups;
    const uint32_t *groups; /* sorted; of the table that it was interned in */
};

#define RT_CRED_SAME ((uint32_t)-1) /* "do not change" */

bool rt_cred_can(const struct rt_cred *c, unsigned capability);
bool rt_cred_in_group(const struct rt_cred *c, uint32_t gid);
/* But for the groups, which no execve changes. */
bool rt_cred_same(const struct rt_cred *a, const struct rt_cred *b);

/* Each changes *c, or leaves it as it is and gives -errno. */
int rt_cred_setuid(struct rt_cred *c, uint32_t id);
int rt_cred_setreuid(struct rt_cred *c, uint32_t real, uint32_t effective);
int rt_cred_setresuid(struct rt_cred *c, uint32_t real, uint32_t effective, uint32_t saved);
int rt_cred_setgid(struct rt_cred *c, uint32_t id);
int rt_cred_setregid(struct rt_cred *c, uint32_t real, uint32_t effective);
int rt_cred_setresgid(struct rt_cred *c, uint32_t real, uint32_t effective, uint32_t saved);
/* These two give the id that was there before, whatever happens. */
uint32_t rt_cred_setfsuid(struct rt_cred *c, uint32_t id);
uint32_t rt_cred_setfsgid(struct rt_cred *c, uint32_t id);
int rt_cred_capset(struct rt_cred *c, uint64_t bounding, uint64_t permitted, uint64_t effective, uint64_t inheritable);

/* What is executed, as far as it matters for the ids. */
struct rt_executed {
    uint32_t uid, gid;
    mode_t mode;
    bool ignore_bits;    /* mounted nosuid, or no_new_privs */
    bool has_capability; /* security.capability */
    bool capability_effective;
    uint64_t file_permitted, file_inheritable;
};
void rt_cred_exec(struct rt_cred *c, uint64_t bounding, const struct rt_executed *f);

/* ---- interned sets -------------------------------------------------------------------------- */

#define RT_CRED_SETS       65536              /* numbers that are given out */
#define RT_CRED_MAX_GROUPS 65536              /* NGROUPS_MAX */
#define RT_CRED_MAX_BYTES  ((size_t)64 << 20) /* of all groups together */

struct rt_creds;
struct rt_creds *rt_creds_new(void);
/* The number of this set, or -EAGAIN when the table is full. Groups are copied. */
int rt_creds_intern(struct rt_creds *t, const struct rt_cred *c);
/* NULL: no such number. */
const struct rt_cred *rt_creds_get(const struct rt_creds *t, uint64_t number);

#endif
