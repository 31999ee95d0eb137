/* Our own capabilities. */
#ifndef RT_CAPABILITY_H
#define RT_CAPABILITY_H

#include <linux/capability.h>
#include <stdint.h>

#define RT_CAP(name) (UINT64_C(1) << CAP_##name)

/* What it takes to give files to others and to become them. */
#define RT_CAPS_OF_OWNERS (RT_CAP(SETUID) | RT_CAP(SETGID) | RT_CAP(CHOWN) | RT_CAP(DAC_OVERRIDE))

/* What Docker gives a container by default, and BuildKit a RUN (runtime.md §6). */
#define RT_CAPS_OF_DOCKER                                                                                                        \
    (RT_CAP(CHOWN) | RT_CAP(DAC_OVERRIDE) | RT_CAP(FSETID) | RT_CAP(FOWNER) | RT_CAP(MKNOD) | RT_CAP(NET_RAW) | RT_CAP(SETGID) | \
     RT_CAP(SETUID) | RT_CAP(SETFCAP) | RT_CAP(SETPCAP) | RT_CAP(NET_BIND_SERVICE) | RT_CAP(SYS_CHROOT) | RT_CAP(KILL) |         \
     RT_CAP(AUDIT_WRITE))

/* Those in effect, a bit each. */
uint64_t rt_capabilities(void);
/* Those that can be put in effect. */
uint64_t rt_capabilities_permitted(void);
/* Those that this kernel has. */
uint64_t rt_capabilities_known(void);
/* The names of these, as in "SETUID,SETGID"; caller frees. */
char *rt_capability_names(uint64_t set);
/* Its bit: "SETUID", in letters of any size; 0: there is no such capability. */
uint64_t rt_capability_find(const char *name);

#endif
