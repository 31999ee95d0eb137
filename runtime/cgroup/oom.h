/* Whether the kernel killed for want of memory, seen from outside: for a command that has no group of its own. */
#ifndef RT_OOM_H
#define RT_OOM_H

#include <stdint.h>

/* Finds where the kernel counts the processes that it killed: in our group, or on the machine where no group counts. Jobs that
 * are forked afterwards need not look for it again. */
void rt_oom_prepare(void);
/* How many there were so far; 0: nobody counts. */
uint64_t rt_oom_kills(void);

#endif
