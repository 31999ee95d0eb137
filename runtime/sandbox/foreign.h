/* Programs of other architectures in a RUN, by qemu-user: the kernel executes them through an interpreter that is
 * registered with binfmt_misc. For runtime/, and for who looks what works (builder/execute/health.c). */
#ifndef RT_FOREIGN_H
#define RT_FOREIGN_H

#include "runtime/rung/privilege.h"

/* In a job, before it runs commands whose programs are for `arch` ("arm64"), which is not this machine's. If the machine
 * executes them already, by itself or as its administrator registered, nothing happens. Else an interpreter is registered
 * in the user namespace of our own, where later jobs find it; nothing outside of it changes.
 * NULL, or why they cannot be executed, with the way out; caller frees. */
char *rt_foreign_enable(const struct rt_privilege *p, const char *arch);

/* Why the kernel did not know how to execute `program` of the root (ENOEXEC): what it is, and `why_not` (may be NULL), what
 * rt_foreign_enable said. Into `out`; "" when nothing can be said. */
void rt_foreign_explain(int root, const char *program, const char *why_not, char *out, size_t size);

#endif
