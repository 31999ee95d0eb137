/* Our own capabilities. */
#ifndef RT_CAPABILITY_H
#define RT_CAPABILITY_H

#include <linux/capability.h>
#include <stdint.h>

#define RT_CAP(name) (UINT64_C(1) << CAP_##name)

/* What it takes to give files to others and to become them. */
#define RT_CAPS_OF_OWNERS (RT_CAP(SETUID) | RT_CAP(SETGID) | RT_CAP(CHOWN) | RT_CAP(DAC_OVERRIDE))

/* Those in effect, a bit each. */
uint64_t rt_capabilities(void);
/* The names of these, as in "SETUID,SETGID"; caller frees. */
char *rt_capability_names(uint64_t set);

#endif
