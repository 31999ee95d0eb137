/* A seccomp profile in Docker's JSON form (runtime.md §7 "Profile JSON keys"). Internal to runtime/. */
#ifndef RT_PROFILE_H
#define RT_PROFILE_H

#include "runtime/confine/confinement.h"
#include <stdint.h>

struct rt_profile_arg { /* libseccomp's scmp_arg_cmp */
    unsigned index;
    int op;
    uint64_t value, second;
};
#define RT_PROFILE_ARGS 6
struct rt_profile_rule {
    size_t entry; /* which of "syscalls", for messages */
    struct cb_strv names;
    uint32_t action; /* SECCOMP_RET_… */
    struct rt_profile_arg args[RT_PROFILE_ARGS];
    size_t n_args;
};
struct rt_profile {
    uint32_t action;    /* of calls that have no rule */
    uint32_t arches[8]; /* AUDIT_ARCH_… beside this machine's */
    size_t n_arches;
    struct rt_profile_rule *rules; /* those that hold here: for these capabilities, this architecture and kernel */
    size_t n_rules, cap_rules;
    struct cb_strv names; /* of all rules, those that do not hold included */
};

/* For a RUN with these capabilities. -1: the message names the entry ("syscalls[3].action: …"). */
int rt_profile_parse(const char *text, size_t n, uint64_t caps, struct rt_profile **ret, struct cb_error *err);
/* As instructions; ret->code is the caller's. Loads libseccomp. */
int rt_profile_load(const struct rt_profile *p, struct rt_filter *ret, struct cb_error *err);
void rt_profile_free(struct rt_profile *p); /* NULL is fine */

#endif
