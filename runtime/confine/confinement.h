/* What a RUN may ask of the kernel: a value, decided on the command line. Without options it is Docker's: 14 capabilities and
 * the default seccomp profile. */
#ifndef RT_CONFINEMENT_H
#define RT_CONFINEMENT_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct rt_profile;  /* runtime/confine/profile.h */
struct sock_filter; /* linux/filter.h */

struct rt_confinement { /* zero: Docker's */
    uint64_t add, drop; /* capabilities, a bit each; RT_EVERY_CAPABILITY: ALL */
    bool unconfined;    /* no filter of system calls */
    bool no_new_privs;
    char *profile_file; /* a profile of the user's own; NULL: Docker's */
    char *profile_text;
    size_t profile_len;
    struct rt_profile *profile;  /* what it says */
    char *apparmor;              /* a profile to change to; NULL: none */
    char *selinux[4];            /* user, role, type, level; NULL: as cbuild's own */
    struct cb_strv mask, unmask; /* paths; `unmask` may hold patterns */
};
#define RT_EVERY_CAPABILITY UINT64_MAX

/* A filter of system calls; none: the one that cbuild carries. */
struct rt_filter {
    struct sock_filter *code;
    size_t n;
};

/* Values of --cap-add, --cap-drop ("NET_ADMIN", "cap_net_admin", "ALL") and --security-opt. 0, or -1 with CB_E_USAGE. */
int rt_confinement_capability(uint64_t *set, const char *name, struct cb_error *err);
int rt_confinement_option(struct rt_confinement *c, const char *option, struct cb_error *err);
/* When all options are known: takes the profile apart. Loads no library. */
int rt_confinement_check(struct rt_confinement *c, struct cb_error *err);
/* Before the first RUN: makes the filter, unless the one that cbuild carries will do; ret->code is the caller's. Loads
 * libseccomp for a profile of the user's own. */
int rt_confinement_filter(const struct rt_confinement *c, struct rt_filter *ret, struct cb_error *err);
void rt_confinement_done(struct rt_confinement *c);

uint64_t rt_confinement_caps(const struct rt_confinement *c); /* those of the bounding set */
/* Has it rights over what the namespace's other commands use: their mounts, files and memory? */
bool rt_confinement_reaches_others(const struct rt_confinement *c);
/* Is it what a RUN gets without any option? What labels say does not count: they change no result. */
bool rt_confinement_is_default(const struct rt_confinement *c);
/* Two that give a RUN the same have the same bytes here. */
void rt_confinement_key(const struct rt_confinement *c, struct cb_buf *out);

#endif
