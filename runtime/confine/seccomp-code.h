/* The seccomp filter of a RUN as instructions: the program that makes the default one when cbuild is built, and cbuild where
 * a RUN is given other capabilities, share this. Internal to runtime/. */
#ifndef RT_SECCOMP_CODE_H
#define RT_SECCOMP_CODE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

enum rt_seccomp_answer { RT_SECCOMP_ALLOW, RT_SECCOMP_DENY, RT_SECCOMP_NOT_THERE, RT_SECCOMP_ASK };

/* What happens to the system call `nr`. */
struct rt_seccomp_rule {
    uint32_t nr;
    uint8_t answer; /* enum rt_seccomp_answer */
    uint8_t ask;    /* ASK: which of profile_args */
    int8_t cap;     /* -1, or the rule is for those who have this capability, and then goes before the other */
};
#define RT_SECCOMP_SHARES    63   /* as a capability: the rules for those who share their process ids with the builder */
#define RT_SECCOMP_MAX_RULES 2048 /* of one table; enough for every architecture there is */

struct rt_seccomp_table { /* the calls of an architecture that are not simply refused, in any order */
    uint32_t arch;        /* AUDIT_ARCH_… */
    const struct rt_seccomp_rule *rules;
    size_t n;
};

/* A filter for whoever has these capabilities (bits): its length, *ret_code to be freed. 0: there is no memory, or it would be
 * longer than the kernel takes. */
size_t rt_seccomp_code(const struct rt_seccomp_table *tables, size_t n, uint64_t caps, struct sock_filter **ret_code);

#endif
