/* System calls of a command that a process of ours answers (seccomp user notification): whether this machine can have that, and
 * which numbers of calls are known. Who answers them, and how, is in runtime/owners/. */
#ifndef RT_NOTIFY_H
#define RT_NOTIFY_H

#include <linux/audit.h>

/* RT_MACHINE: whose numbers are the machine's own. 0: they and their layouts are not known. RT_MACHINE_COMPAT: its 32-bit
 * programs'; 0: not known. RT_MACHINE_X32: the bit that numbers of another kind have; 0: there is none. */
#if defined(__x86_64__) && defined(__LP64__)
#define RT_MACHINE        AUDIT_ARCH_X86_64
#define RT_MACHINE_COMPAT AUDIT_ARCH_I386
#define RT_MACHINE_X32    0x40000000u
#elif defined(__aarch64__)
#define RT_MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define RT_MACHINE AUDIT_ARCH_RISCV64
#else
#define RT_MACHINE 0
#endif
#ifndef RT_MACHINE_COMPAT
#define RT_MACHINE_COMPAT 0
#endif
#ifndef RT_MACHINE_X32
#define RT_MACHINE_X32 0
#endif

/* Why it cannot be here (static); NULL: nothing that can be known beforehand speaks against it. */
const char *rt_notify_why_not(void);

#endif
